//! `docker compose`: finds the project and says what each command does with it.

mod look;
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
        "config" => look::config(console, &project, words).await,
        "ps" => look::ps(shared, console, &project, words).await,
        "images" => look::images(shared, console, &project).await,
        "up" => up::up(shared, console, &project, words).await,
        "pull" => pull(shared, console, &project, words).await,
        "run" => run::run(shared, console, &project, words).await,
        "restart" | "stop" | "start" => {
            restart::power(shared, console, &project, command, words).await
        }
        "exec" => exec(shared, console, &project, words).await,
        "logs" => look::logs(shared, console, &project, words).await,
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
    container::run_in(shared, console, &id, command, None).await
}

/// What a service's container is created from: as Compose labels it.
pub fn recipe(
    project: &Project,
    service: &Service,
    version: &Arc<Version>,
    name: String,
    number: u32,
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
        ("container-number", number.to_string()),
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
