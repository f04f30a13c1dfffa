//! `docker compose config`, `ps`, `images` and `logs`: what only looks.

use std::sync::Arc;

use serde_json::json;

use super::containers;
use crate::demo::{
    docker::{
        console::{Complaint, Console, Ended},
        container,
        options::{Options, flag, value},
        project::{Project, Service},
        template,
    },
    engine::{json as engine_json, logs::Wanted},
    shared::Shared,
    world::container::State,
};

pub(super) async fn config(console: &Console, project: &Project, words: &[String]) -> Ended {
    let known = [
        value(&["--format"]),
        value(&["--hash"]),
        flag(&["--images"]),
        flag(&["--services"]),
        flag(&["-q", "--quiet"]),
        flag(&["--no-interpolate"]),
        flag(&["--no-consistency"]),
        flag(&["--no-env-resolution"]),
        flag(&["--resolve-image-digests"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let wanted = &options.arguments;
    let chosen: Vec<&Service> = if wanted.is_empty() {
        project.services.values().collect()
    } else {
        project.in_order(wanted, true)?
    };
    if let Some(which) = options.get("--hash") {
        let named: Vec<&str> = which.split(',').collect();
        for service in project.services.values() {
            if which == "*" || named.contains(&service.name.as_str()) {
                console
                    .out(format!("{} {}", service.name, service.hash()))
                    .await;
            }
        }
    } else if options.has("--images") {
        for service in chosen {
            console.out(&service.image).await;
        }
    } else if options.has("--services") {
        for service in chosen {
            console.out(&service.name).await;
        }
    } else if !options.has("-q") {
        // The YAML that the real one prints by default is read by people alone; JSON is YAML too.
        let mut all = project.json();
        all["services"] = chosen
            .iter()
            .map(|service| (service.name.clone(), service.json.clone()))
            .collect();
        console.out(format!("{all:#}")).await;
    }
    Ok(0)
}

pub(super) async fn ps(
    shared: &Shared,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["-a", "--all"]),
        flag(&["-q", "--quiet"]),
        flag(&["--no-trunc"]),
        flag(&["--services"]),
        flag(&["--orphans"]),
        value(&["--format"]),
        value(&["--status"]),
        value(&["--filter"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let wanted = &options.arguments;
    if let Some(unknown) = wanted.iter().find(|w| !project.services.contains_key(*w)) {
        return Err(Complaint::new(format!("no such service: {unknown}")));
    }
    let rows: Vec<serde_json::Value> = shared.with(|world, now| {
        let mut rows = Vec::new();
        for service in project.services.keys() {
            if !wanted.is_empty() && !wanted.contains(service) {
                continue;
            }
            for c in containers(world, project, service) {
                let runs = matches!(c.state, State::Running | State::Restarting);
                if !runs && !options.has("-a") && options.get("--status").is_none() {
                    continue;
                }
                if options
                    .get("--status")
                    .is_some_and(|status| status != c.state.word())
                {
                    continue;
                }
                rows.push(json!({
                    "ID": if options.has("--no-trunc") { &c.id } else { &c.id[..12] },
                    "FullID": c.id,
                    "Name": c.recipe.name,
                    "Names": c.recipe.name,
                    "Image": c.recipe.reference,
                    "Project": c.recipe.project,
                    "Service": c.recipe.service,
                    "State": c.state.word(),
                    "Status": engine_json::status_text(c, now),
                    "Health": c.health.map_or("", |health| health.word()),
                    "ExitCode": c.exit_code,
                }));
            }
        }
        rows
    });
    let text =
        |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    for row in &rows {
        let line = match options.get("--format") {
            Some("json") => row.to_string(),
            Some(template) if template != "table" => {
                template::render(template, row).map_err(|e| Complaint::with_code(e, 64))?
            }
            _ if options.has("-q") => text(row, "FullID"),
            _ if options.has("--services") => text(row, "Service"),
            _ => ["Name", "Image", "Service", "Status"]
                .map(|name| text(row, name))
                .join("   "),
        };
        console.out(line).await;
    }
    Ok(0)
}

pub(super) async fn images(shared: &Shared, console: &Console, project: &Project) -> Ended {
    let lines: Vec<String> = shared.with(|world, _| {
        project
            .services
            .keys()
            .flat_map(|service| containers(world, project, service))
            .map(|c| {
                let v = &c.recipe.version;
                format!(
                    "{}   {}   {}   {}",
                    c.recipe.name,
                    v.repository,
                    v.tag,
                    v.image_id.short()
                )
            })
            .collect()
    });
    for line in lines {
        console.out(line).await;
    }
    Ok(0)
}

pub(super) async fn logs(
    shared: &Arc<Shared>,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["-f", "--follow"]),
        flag(&["-t", "--timestamps"]),
        flag(&["--no-color"]),
        flag(&["--no-log-prefix"]),
        value(&["-n", "--tail"]),
        value(&["--since"]),
        value(&["--until"]),
    ];
    let options = Options::parse(words, &known, false)?;
    if options.has("-f") {
        return Err(Complaint::new(
            "the embedded world follows one container: docker logs -f NAME",
        ));
    }
    let wanted = Wanted {
        out: true,
        err: true,
        follow: false,
        timestamps: options.has("-t"),
        tail: options.get("-n").and_then(|tail| tail.parse().ok()),
        since: options.get("--since").and_then(|since| since.parse().ok()),
        until: options.get("--until").and_then(|until| until.parse().ok()),
    };
    for service in project.in_order(&options.arguments, false)? {
        let ids: Vec<String> = shared.with(|world, _| {
            let found = containers(world, project, &service.name);
            found.iter().map(|c| c.id.clone()).collect()
        });
        for id in ids {
            container::print_log(shared, console, &id, wanted).await?;
        }
    }
    Ok(0)
}
