//! Containers, images and events as the Engine's API writes them; `docker inspect` prints the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    demo::world::{
        container::{Container, Health, State},
        engine::{API_VERSION, Engine, LocalImage, VERSION},
        events::Event,
    },
    release::time::short_age,
};

/// What the Engine writes for a time that has not come.
const NEVER: &str = "0001-01-01T00:00:00Z";

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), |at| format!("{at:.9}"))
}

/// `GET /version`.
pub fn version() -> Value {
    json!({
        "Platform": { "Name": "flightdeck demo" },
        "Version": VERSION,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24",
        "Os": "linux",
        "Arch": "amd64",
        "GitCommit": "demo",
        "GoVersion": "none",
        "KernelVersion": "demo",
        "BuildTime": "2026-01-01T00:00:00.000000000+00:00",
        "Components": [{ "Name": "Engine", "Version": VERSION, "Details": {} }],
    })
}

/// A container as `GET /containers/{id}/json` tells it.
pub fn container(c: &Container) -> Value {
    let health = c.health.map(|health| {
        let (code, output) = match health {
            Health::Healthy | Health::Starting => (0, "ok\n"),
            Health::Unhealthy => (
                1,
                "wget: server returned error: HTTP/1.1 500 Internal Server Error\n",
            ),
        };
        let log = match (health, c.started) {
            (Health::Starting, _) | (_, None) => Vec::new(),
            (_, Some(at)) => vec![json!({
                "Start": time(Some(at)), "End": time(Some(at)), "ExitCode": code, "Output": output,
            })],
        };
        json!({
            "Status": health.word(),
            "FailingStreak": if health == Health::Unhealthy { 3 } else { 0 },
            "Log": log,
        })
    });
    let mut state = json!({
        "Status": c.state.word(),
        "Running": matches!(c.state, State::Running | State::Restarting),
        "Paused": false,
        "Restarting": c.state == State::Restarting,
        "OOMKilled": false,
        "Dead": false,
        "Pid": if c.state == State::Running { 4000 } else { 0 },
        "ExitCode": c.exit_code,
        "Error": "",
        "StartedAt": time(c.started),
        "FinishedAt": time(c.finished),
    });
    if let Some(health) = health {
        state["Health"] = health;
    }
    let (path, arguments) = match c.recipe.command.split_first() {
        Some((path, arguments)) => (path.clone(), arguments.to_vec()),
        None => ("/entrypoint".to_owned(), Vec::new()),
    };
    let mut config = json!({
        "Hostname": &c.id[..12],
        "Image": c.recipe.reference,
        "Env": c.recipe.environment,
        "Cmd": c.recipe.command,
        "Labels": labels(c),
    });
    if !c.recipe.health_check.is_empty() {
        config["Healthcheck"] = json!({ "Test": c.recipe.health_check });
    }
    json!({
        "Id": c.id,
        "Created": time(Some(c.created)),
        "Path": path,
        "Args": arguments,
        "State": state,
        "Image": c.recipe.version.image_id,
        "Name": format!("/{}", c.recipe.name),
        "RestartCount": c.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "Config": config,
        "HostConfig": {
            "NetworkMode": format!("{}_default", c.recipe.project),
            "RestartPolicy": {
                "Name": if c.recipe.restarts { "unless-stopped" } else { "no" },
                "MaximumRetryCount": 0,
            },
        },
        "Mounts": [],
        "NetworkSettings": {},
    })
}

/// Its labels, and those of its image.
fn labels(c: &Container) -> BTreeMap<String, String> {
    let mut labels = c.recipe.labels.clone();
    for (name, value) in &c.recipe.version.labels {
        if let Some(value) = value.as_str() {
            labels.insert(name.clone(), value.to_owned());
        }
    }
    labels
}

/// `Up 3 hours (healthy)`, in this program's own units.
pub fn status_text(c: &Container, now: Timestamp) -> String {
    let since = |at: Option<Timestamp>| {
        let age = at.map(|at| now.duration_since(at));
        let age = age.and_then(|age| std::time::Duration::try_from(age).ok());
        short_age(age.unwrap_or_default(), true).0
    };
    match (c.state, c.health) {
        (State::Created, _) => "Created".to_owned(),
        (State::Running, None) => format!("Up {}", since(c.started)),
        (State::Running, Some(Health::Starting)) => {
            format!("Up {} (health: starting)", since(c.started))
        }
        (State::Running, Some(health)) => format!("Up {} ({})", since(c.started), health.word()),
        (State::Restarting, _) => format!("Restarting ({}) {} ago", c.exit_code, since(c.finished)),
        (State::Exited, _) => format!("Exited ({}) {} ago", c.exit_code, since(c.finished)),
    }
}

/// A container as `GET /containers/json` lists it.
pub fn container_row(c: &Container, now: Timestamp) -> Value {
    json!({
        "Id": c.id,
        "Names": [format!("/{}", c.recipe.name)],
        "Image": c.recipe.reference,
        "ImageID": c.recipe.version.image_id,
        "Command": c.recipe.command.join(" "),
        "Created": c.created.as_second(),
        "Ports": [],
        "Labels": labels(c),
        "State": c.state.word(),
        "Status": status_text(c, now),
        "HostConfig": { "NetworkMode": format!("{}_default", c.recipe.project) },
        "NetworkSettings": { "Networks": {} },
        "Mounts": [],
    })
}

/// An image as `GET /images/{name}/json` tells it.
pub fn image(image: &LocalImage) -> Value {
    let v = &image.version;
    json!({
        "Id": v.image_id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Created": v.created.to_string(),
        "Architecture": "amd64",
        "Os": "linux",
        "Size": v.size,
        "Config": { "Labels": v.labels },
        "RootFS": { "Type": "layers", "Layers": [] },
    })
}

/// An image as `GET /images/json` lists it.
pub fn image_row(image: &LocalImage, engine: &Engine) -> Value {
    let v = &image.version;
    let containers = engine
        .containers
        .iter()
        .filter(|c| c.recipe.version.image_id == v.image_id)
        .count();
    json!({
        "Id": v.image_id,
        "ParentId": "",
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Created": v.created.as_second(),
        "Size": v.size,
        "SharedSize": -1,
        "Labels": v.labels,
        "Containers": containers,
    })
}

/// An event as `GET /events` streams it.
pub fn event(event: &Event) -> Value {
    let mut value = json!({
        "Type": event.kind,
        "Action": event.action,
        "Actor": { "ID": event.id, "Attributes": event.attributes },
        "scope": "local",
        "time": event.at.as_second(),
        "timeNano": i64::try_from(event.at.as_nanosecond()).unwrap_or(i64::MAX),
    });
    if event.kind == "container" {
        value["status"] = event.action.clone().into();
        value["id"] = event.id.clone().into();
        value["from"] = event.attributes.get("image").cloned().into();
    }
    value
}
