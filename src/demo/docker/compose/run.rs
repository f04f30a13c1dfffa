//! `docker compose run`: a one-off container. It outlives the command that started it.

use std::{sync::Arc, time::Duration};

use super::{bring, recipe};
use crate::demo::{
    docker::{
        console::{Complaint, Console, Ended},
        container::{ended, print_log},
        options::{Options, flag, value},
        programs::{self, Printer},
        project::Project,
    },
    engine::logs::Wanted,
    shared::Shared,
    world::logs::Program,
};

/// `docker compose run --no-deps -T …`.
pub async fn run(
    shared: &Arc<Shared>,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["--no-deps"]),
        flag(&["-T", "--no-TTY", "--no-tty"]),
        flag(&["-d", "--detach"]),
        flag(&["-i", "--interactive"]),
        flag(&["--rm"]),
        flag(&["-q", "--quiet"]),
        flag(&["--quiet-pull"]),
        value(&["--name"]),
        value(&["--pull"]),
        value(&["--entrypoint"]),
        value(&["-e", "--env"]),
        value(&["-l", "--label"]),
        value(&["-u", "--user"]),
        value(&["-v", "--volume"]),
        value(&["-w", "--workdir"]),
    ];
    let options = Options::parse(words, &known, true)?;
    let Some((name, command)) = options.arguments.split_first() else {
        return Err(Complaint::new(
            "requires at least 1 arg(s), only received 0",
        ));
    };
    if !options.has("--no-deps") {
        return Err(Complaint::new(
            "the embedded world recreates nothing by surprise: add --no-deps",
        ));
    }
    let service = project
        .services
        .get(name)
        .ok_or_else(|| Complaint::new(format!("no such service: {name}")))?;
    let command: Vec<String> = options
        .get("--entrypoint")
        .into_iter()
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .chain(command.iter().cloned())
        .collect();
    let find = || {
        shared.with(|world, _| {
            world
                .engine
                .image(&service.image)
                .map(|i| Arc::clone(&i.version))
        })
    };
    if find().is_none() && service.pull_policy.as_deref() != Some("never") {
        bring(shared, console, service).await?;
    }
    let version =
        find().ok_or_else(|| Complaint::of_engine(format!("No such image: {}", service.image)))?;
    let container_name = options.get("--name").map_or_else(
        || format!("{}-{name}-run-{}", project.name, &service.hash()[..12]),
        str::to_owned,
    );
    shared.pause(Duration::from_millis(250)).await;
    let (id, program) = shared.change(|world, now| {
        let taken = |c: &&crate::demo::world::container::Container| c.recipe.name == container_name;
        if let Some(other) = world.engine.containers.iter().find(taken) {
            return Err(Complaint::of_engine(format!(
                "Conflict. The container name \"/{container_name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            )));
        }
        let mut recipe = recipe(project, service, &version, container_name.clone(), 1);
        recipe.one_off = true;
        recipe.labels.insert("com.docker.compose.oneoff".to_owned(), "True".to_owned());
        for label in options.all("-l") {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            recipe.labels.insert(key.to_owned(), value.to_owned());
        }
        recipe.command = command.clone();
        recipe.health_check = Vec::new();
        recipe.restarts = false;
        recipe.program = Program::Silent;
        let id = world.engine.create(recipe, now);
        world.engine.start(&id, now);
        let container = world.engine.container(&id);
        let program = container.and_then(|c| programs::program(world, c, &command));
        if program.is_none() {
            world.engine.end(&id, now, 127);
        }
        Ok((id, program))
    })?;
    let Some(program) = program else {
        let first = command.first().map_or("", String::as_str);
        return Err(Complaint::with_code(
            format!("exec: \"{first}\": executable file not found in $PATH"),
            127,
        ));
    };
    perform(shared, &id, program);
    if options.has("-d") {
        console.out(&container_name).await;
        return Ok(0);
    }
    let wanted = Wanted {
        out: true,
        err: true,
        follow: true,
        timestamps: false,
        tail: None,
        since: None,
        until: None,
    };
    print_log(shared, console, &id, wanted).await?;
    let code = ended(shared, &id).await.unwrap_or(137);
    if options.has("--rm") {
        shared.change(|world, now| world.engine.remove(&id, now));
    }
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Lets the program run in its container, whoever watches or does not.
fn perform(shared: &Arc<Shared>, id: &str, program: programs::Program) {
    let (world, id) = (Arc::clone(shared), id.to_owned());
    shared.spawn(async move {
        let code = programs::perform(&world, &id, program, Printer::Log).await;
        world.change(|world, now| world.engine.end(&id, now, code));
    });
}
