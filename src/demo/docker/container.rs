//! `docker inspect`, `ps`, `exec`, `logs`, `wait`, `rm`, `rename`, `start`, `stop`, `kill`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    console::{Complaint, Console, Ended},
    image::print_inspected,
    options::{Options, flag, value},
    programs::{self, Printer},
    template,
};
use crate::demo::{
    engine::{
        filters::Filters,
        json as engine_json,
        logs::{Reader, Wanted},
    },
    shared::Shared,
    world::{
        container::{Container, State},
        logs::Stream,
    },
};

fn no_such(name: &str) -> Complaint {
    Complaint::of_engine(format!("No such container: {name}"))
}

/// `docker inspect` (containers, then images) and `docker container inspect`.
pub async fn inspect(
    shared: &Shared,
    console: &Console,
    words: &[String],
    containers_only: bool,
) -> Ended {
    let known = [
        value(&["--format", "-f"]),
        value(&["--type"]),
        flag(&["-s", "--size"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let kind = if containers_only {
        Some("container")
    } else {
        options.get("--type")
    };
    let find = |name: &str| {
        shared.with(|world, _| {
            let container = || world.engine.container(name).map(engine_json::container);
            let image = || world.engine.image(name).map(engine_json::image);
            match kind {
                Some("container") => container(),
                Some("image") => image(),
                _ => container().or_else(image),
            }
        })
    };
    print_inspected(console, &options, find, kind.unwrap_or("object")).await
}

/// What `docker ps` knows of a container.
fn row(c: &Container, now: jiff::Timestamp, whole_ids: bool) -> Value {
    let labels: Vec<String> = c
        .recipe
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    json!({
        "ID": if whole_ids { &c.id } else { &c.id[..12] },
        "Names": c.recipe.name,
        "Image": c.recipe.reference,
        "Command": c.recipe.command.join(" "),
        "CreatedAt": c.created.to_string(),
        "Labels": labels.join(","),
        "State": c.state.word(),
        "Status": engine_json::status_text(c, now),
    })
}

/// `docker ps`.
pub async fn list(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [
        flag(&["-a", "--all"]),
        flag(&["-q", "--quiet"]),
        flag(&["--no-trunc"]),
        value(&["--filter", "-f"]),
        value(&["--format"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let filters = Filters::from_pairs(options.all("--filter")).map_err(Complaint::new)?;
    let all = options.has("-a") || filters.names("status");
    let whole_ids = options.has("--no-trunc");
    let rows: Vec<Value> = shared.with(|world, now| {
        world
            .engine
            .containers
            .iter()
            .rev()
            .filter(|c| all || matches!(c.state, State::Running | State::Restarting))
            .filter(|c| filters.take_container(c))
            .map(|c| row(c, now, whole_ids))
            .collect()
    });
    if !options.has("-q") && options.get("--format").is_none() {
        console.out("CONTAINER ID   IMAGE   STATUS   NAMES").await;
    }
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let line = match options.get("--format") {
            Some("json") => row.to_string(),
            Some(template) => {
                template::render(template, row).map_err(|e| Complaint::with_code(e, 64))?
            }
            None if options.has("-q") => text("ID"),
            None => ["ID", "Image", "Status", "Names"].map(text).join("   "),
        };
        console.out(line).await;
    }
    Ok(0)
}

/// `docker exec NAME COMMAND…`.
pub async fn exec(
    shared: &Arc<Shared>,
    console: &Console,
    words: &[String],
    input: Option<&str>,
) -> Ended {
    let known = [
        flag(&["-i", "--interactive"]),
        flag(&["-t", "--tty"]),
        flag(&["-T", "--no-TTY"]),
        flag(&["--privileged"]),
        value(&["-e", "--env"]),
        value(&["-u", "--user"]),
        value(&["-w", "--workdir"]),
    ];
    let options = Options::parse(words, &known, true)?;
    let Some((name, command)) = options
        .arguments
        .split_first()
        .filter(|(_, rest)| !rest.is_empty())
    else {
        return Err(Complaint::new(
            "\"docker exec\" requires at least 2 arguments.",
        ));
    };
    run_in(shared, console, name, command, input).await
}

/// Runs a command in a running container, with what it may read, and prints what it prints.
pub async fn run_in(
    shared: &Arc<Shared>,
    console: &Console,
    name: &str,
    command: &[String],
    input: Option<&str>,
) -> Ended {
    let (id, program) = shared.with(|world, _| {
        let container = world.engine.container(name).ok_or_else(|| no_such(name))?;
        if container.state != State::Running {
            return Err(Complaint::of_engine(format!("container {} is not running", container.id)));
        }
        let program = programs::reader(container, command, input)
            .or_else(|| programs::program(world, container, command))
            .ok_or_else(|| {
            let text = format!(
                "OCI runtime exec failed: exec failed: unable to start container process: exec: \"{}\": executable file not found in $PATH: unknown",
                command[0]
            );
            Complaint::with_code(text, 127)
        })?;
        Ok((container.id.clone(), program))
    })?;
    let code = programs::perform(shared, &id, program, Printer::Console(console)).await;
    Ok(u8::try_from(code).unwrap_or(1))
}

/// `docker logs NAME`.
pub async fn logs(shared: &Arc<Shared>, console: &Console, words: &[String]) -> Ended {
    let known = [
        flag(&["-f", "--follow"]),
        flag(&["-t", "--timestamps"]),
        flag(&["--details"]),
        value(&["-n", "--tail"]),
        value(&["--since"]),
        value(&["--until"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let [name] = options.arguments.as_slice() else {
        return Err(Complaint::new(
            "\"docker logs\" requires exactly 1 argument.",
        ));
    };
    let time = |name: &str| options.get(name).and_then(|text| text.parse().ok());
    let wanted = Wanted {
        out: true,
        err: true,
        follow: options.has("-f"),
        timestamps: options.has("-t"),
        tail: options.get("-n").and_then(|tail| tail.parse().ok()),
        since: time("--since"),
        until: time("--until"),
    };
    print_log(shared, console, name, wanted).await
}

/// Prints a container's log as it is wanted, until its end.
pub async fn print_log(
    shared: &Arc<Shared>,
    console: &Console,
    name: &str,
    wanted: Wanted,
) -> Ended {
    let mut reader = Reader::open(shared, name, wanted).ok_or_else(|| no_such(name))?;
    while let Some(lines) = reader.next().await {
        for (stream, text) in lines {
            let text = text.trim_end_matches('\n');
            match stream {
                Stream::Out => console.out(text).await,
                Stream::Err => console.err(text).await,
            }
        }
    }
    Ok(0)
}

/// Waits until a container has ended; its exit code, or `None` if it was removed.
pub async fn ended(shared: &Shared, id: &str) -> Option<i64> {
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        let state = shared.with(|world, _| {
            let container = world.engine.container(id)?;
            Some((container.state, container.exit_code))
        });
        match state {
            None => return None,
            Some((State::Exited, code)) => return Some(code),
            Some(_) => changes.changed().await.ok()?,
        }
    }
}

/// `docker wait NAME…`.
pub async fn wait(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let options = Options::parse(words, &[], false)?;
    for name in &options.arguments {
        let id = shared.with(|world, _| world.engine.container(name).map(|c| c.id.clone()));
        let id = id.ok_or_else(|| no_such(name))?;
        let code = ended(shared, &id).await.unwrap_or(137);
        console.out(code.to_string()).await;
    }
    Ok(0)
}

/// `docker rm [-f] NAME…`.
pub async fn remove(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [flag(&["-f", "--force"]), flag(&["-v", "--volumes"])];
    let options = Options::parse(words, &known, false)?;
    let mut code = 0;
    for name in &options.arguments {
        let done = shared.change(|world, now| {
            let Some(container) = world.engine.container(name) else {
                return if options.has("-f") {
                    Ok(())
                } else {
                    Err(no_such(name))
                };
            };
            let id = container.id.clone();
            if matches!(container.state, State::Running | State::Restarting) {
                if !options.has("-f") {
                    return Err(Complaint::of_engine(format!(
                        "cannot remove container \"/{}\": container is running: stop the container before removing or force remove",
                        container.recipe.name
                    )));
                }
                world.engine.end(&id, now, 137);
            }
            world.engine.remove(&id, now);
            Ok(())
        });
        match done {
            Ok(()) => console.out(name).await,
            Err(complaint) => {
                console.err(complaint.text).await;
                code = complaint.code;
            }
        }
    }
    Ok(code)
}

/// `docker rename OLD NEW`.
pub fn rename(shared: &Shared, words: &[String]) -> Ended {
    let options = Options::parse(words, &[], false)?;
    let [old, new] = options.arguments.as_slice() else {
        return Err(Complaint::new(
            "\"docker rename\" requires exactly 2 arguments.",
        ));
    };
    shared.change(|world, now| {
        let id = world.engine.container(old).map(|c| c.id.clone());
        let id = id.ok_or_else(|| no_such(old))?;
        if let Some(other) = world.engine.containers.iter().find(|c| c.recipe.name == *new) {
            return Err(Complaint::of_engine(format!(
                "Error when allocating new name: Conflict. The container name \"/{new}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                other.id
            )));
        }
        world.engine.rename(&id, new, now);
        Ok(0)
    })
}

/// How long a container takes to stop.
pub const STOP: Duration = Duration::from_millis(500);

/// `docker start`, `stop`, `restart` and `kill`.
pub async fn power(shared: &Shared, console: &Console, what: &str, words: &[String]) -> Ended {
    let known = [
        value(&["-t", "--time", "--timeout"]),
        value(&["-s", "--signal"]),
    ];
    let options = Options::parse(words, &known, false)?;
    for name in &options.arguments {
        let id = shared.with(|world, _| world.engine.container(name).map(|c| c.id.clone()));
        let id = id.ok_or_else(|| no_such(name))?;
        if matches!(what, "stop" | "restart") {
            shared.pause(STOP).await;
            shared.change(|world, now| world.engine.stop(&id, now));
        }
        if what == "kill" {
            shared.change(|world, now| world.engine.end(&id, now, 137));
        }
        if matches!(what, "start" | "restart") {
            shared.change(|world, now| world.engine.start(&id, now));
        }
        console.out(name).await;
    }
    Ok(0)
}
