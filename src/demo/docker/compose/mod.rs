//! `docker compose`: finds the project and says what each command does with it.

mod restart;
mod run;
mod up;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::json;

use super::{
    console::{Complaint, Console, Ended},
    container, image,
    options::{Options, flag, value},
    project::{Location, Project, Service},
    wire::Request,
};
use crate::{
    demo::{
        engine::{json as engine_json, logs::Wanted},
        shared::Shared,
        world::{
            World,
            catalogue::{BACKEND, FRONTEND, Version},
            container::{Container, Recipe, State},
            logs::Program,
        },
    },
    release::ImageReference,
};

/// The version of Compose that the world says it has.
pub const VERSION: &str = "2.40.3";

/// `docker compose OPTIONS COMMAND …`.
pub async fn compose(
    shared: &Arc<Shared>,
    console: &Console,
    request: &Request,
    words: &[String],
) -> Ended {
    let known = [
        value(&["-f", "--file"]),
        value(&["-p", "--project-name"]),
        value(&["--project-directory"]),
        value(&["--env-file"]),
        value(&["--progress"]),
        value(&["--ansi"]),
        value(&["--profile"]),
        value(&["--parallel"]),
    ];
    let options = Options::parse(words, &known, true)?;
    let Some((command, words)) = options.arguments.split_first() else {
        return Err(Complaint::new("Usage:  docker compose [OPTIONS] COMMAND"));
    };
    if command == "version" {
        return version(console, words).await;
    }
    let location = Location {
        directory: request.directory.clone(),
        project_directory: options.get("--project-directory").map(PathBuf::from),
        files: options.all("-f").map(PathBuf::from).collect(),
        environment_files: options.all("--env-file").map(PathBuf::from).collect(),
        name: options.get("-p").map(str::to_owned),
        environment: request.environment.clone(),
        input: request.input.clone(),
    };
    let project = Project::load(&location)?;
    match command.as_str() {
        "config" => config(console, &project, words).await,
        "ps" => ps(shared, console, &project, words).await,
        "images" => images(shared, console, &project).await,
        "up" => up::up(shared, console, &project, words).await,
        "pull" => pull(shared, console, &project, words).await,
        "run" => run::run(shared, console, &project, words).await,
        "restart" | "stop" | "start" => {
            restart::power(shared, console, &project, command, words).await
        }
        "exec" => exec(shared, console, &project, words).await,
        "logs" => logs(shared, console, &project, words).await,
        other => Err(Complaint::new(format!(
            "unknown docker command: \"compose {other}\""
        ))),
    }
}

async fn version(console: &Console, words: &[String]) -> Ended {
    let known = [flag(&["--short"]), value(&["--format", "-f"])];
    let options = Options::parse(words, &known, false)?;
    let line = match (options.has("--short"), options.get("--format")) {
        (true, _) => VERSION.to_owned(),
        (false, Some("json")) => json!({ "version": format!("v{VERSION}") }).to_string(),
        (false, _) => format!("Docker Compose version v{VERSION}"),
    };
    console.out(line).await;
    Ok(0)
}

async fn config(console: &Console, project: &Project, words: &[String]) -> Ended {
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

/// The containers of a service that are no one-off, by number.
fn containers<'a>(world: &'a World, project: &Project, service: &str) -> Vec<&'a Container> {
    let mut found: Vec<&Container> = world
        .engine
        .containers
        .iter()
        .filter(|c| c.recipe.project == project.name && c.recipe.service == service)
        .filter(|c| !c.recipe.one_off)
        .collect();
    found.sort_by_key(|c| c.created);
    found
}

async fn ps(shared: &Shared, console: &Console, project: &Project, words: &[String]) -> Ended {
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
                super::template::render(template, row).map_err(|e| Complaint::with_code(e, 64))?
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

async fn images(shared: &Shared, console: &Console, project: &Project) -> Ended {
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

async fn pull(
    shared: &Arc<Shared>,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["-q", "--quiet"]),
        flag(&["--ignore-buildable"]),
        flag(&["--ignore-pull-failures"]),
        flag(&["--include-deps"]),
        value(&["--policy"]),
    ];
    let options = Options::parse(words, &known, false)?;
    for service in project.in_order(&options.arguments, options.has("--include-deps"))? {
        console.err(format!(" {} Pulling", service.name)).await;
        bring(shared, console, service).await?;
        console.err(format!(" {} Pulled", service.name)).await;
    }
    Ok(0)
}

/// Pulls a service's image.
async fn bring(
    shared: &Arc<Shared>,
    console: &Console,
    service: &Service,
) -> Result<(), Complaint> {
    let reference: ImageReference = service
        .image
        .parse()
        .map_err(|_| Complaint::of_engine("invalid reference format"))?;
    image::fetch(shared, &reference, image::Progress::Err(console))
        .await
        .map(|_| ())
        .map_err(Complaint::of_engine)
}

async fn exec(
    shared: &Arc<Shared>,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["-T", "--no-TTY", "--no-tty"]),
        flag(&["-i", "--interactive"]),
        flag(&["-d", "--detach"]),
        flag(&["--privileged"]),
        value(&["--index"]),
        value(&["-e", "--env"]),
        value(&["-u", "--user"]),
        value(&["-w", "--workdir"]),
    ];
    let options = Options::parse(words, &known, true)?;
    let Some((service, command)) = options
        .arguments
        .split_first()
        .filter(|(_, rest)| !rest.is_empty())
    else {
        return Err(Complaint::new(
            "requires at least 2 arg(s), only received 1",
        ));
    };
    if !project.services.contains_key(service) {
        return Err(Complaint::new(format!("no such service: {service}")));
    }
    let id = shared.with(|world, _| {
        let found = containers(world, project, service);
        let running = found.iter().find(|c| c.state == State::Running);
        running.map(|c| c.id.clone())
    });
    let id = id.ok_or_else(|| Complaint::new(format!("service \"{service}\" is not running")))?;
    container::run_in(shared, console, &id, command).await
}

async fn logs(
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

/// What a service's container is created from: as Compose labels it.
pub fn recipe(
    project: &Project,
    service: &Service,
    version: &Arc<Version>,
    name: String,
) -> Recipe {
    let paths = |paths: &[PathBuf]| {
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        paths.join(",")
    };
    let depends_on: Vec<String> = service
        .depends_on
        .iter()
        .map(|(name, condition)| format!("{name}:{condition}:false"))
        .collect();
    let labels: BTreeMap<String, String> = [
        ("config-hash", service.hash()),
        ("container-number", "1".to_owned()),
        ("depends_on", depends_on.join(",")),
        ("image", version.image_id.to_string()),
        ("oneoff", "False".to_owned()),
        ("project", project.name.clone()),
        ("project.config_files", paths(&project.files)),
        (
            "project.environment_file",
            paths(&project.environment_files),
        ),
        (
            "project.working_dir",
            project.directory.display().to_string(),
        ),
        ("service", service.name.clone()),
        ("version", VERSION.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (format!("com.docker.compose.{name}"), value))
    .collect();
    let path = version.repository.path();
    Recipe {
        name,
        project: project.name.clone(),
        service: service.name.clone(),
        one_off: false,
        version: Arc::clone(version),
        reference: service.image.clone(),
        labels,
        environment: service.environment.clone(),
        command: service.command.clone(),
        health_check: service.health_check.clone(),
        restarts: service.restarts,
        program: match path.as_str() {
            BACKEND => Program::Backend,
            FRONTEND | "library/nginx" => Program::Web,
            "library/postgres" => Program::Database,
            _ => Program::Silent,
        },
    }
}
