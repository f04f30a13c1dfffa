//! What can be run inside a container: the few programs that health checks, checks and migrations use.

use std::{sync::Arc, time::Duration};

use super::{
    alembic::{alembic, scripts},
    console::Console,
};
use crate::demo::{
    shared::Shared,
    world::{
        World,
        catalogue::Behaviour,
        container::Container,
        logs::{Program as Prints, Stream},
    },
};

/// What a program does, one thing after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Prints a line.
    Say(Stream, String),
    /// Takes its time.
    Pause(Duration),
    /// Leaves the project's schema there.
    Schema(Option<usize>),
    /// Makes the container's own program print a line.
    Log(Stream, String),
}

/// A program's doings and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What it does.
    pub acts: Vec<Act>,
    /// What it ends with.
    pub code: i64,
}

impl Program {
    /// One that prints lines and succeeds.
    pub fn prints(lines: impl IntoIterator<Item = String>) -> Self {
        Self {
            acts: lines
                .into_iter()
                .map(|line| Act::Say(Stream::Out, line))
                .collect(),
            code: 0,
        }
    }

    fn ends(code: i64) -> Self {
        Self {
            acts: Vec::new(),
            code,
        }
    }
}

/// The program that `words` start in a container; `None` if its image has no such program.
pub fn program(world: &World, container: &Container, words: &[String]) -> Option<Program> {
    let (name, arguments) = words.split_first()?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let has = |program: &str| has(container, program);
    match name {
        "true" => Some(Program::ends(0)),
        "false" => Some(Program::ends(1)),
        "sh" => shell(world, container, arguments),
        "echo" => Some(Program::prints([arguments.join(" ")])),
        "which" => Some(found(
            arguments.first().is_some_and(|name| has(name)),
            arguments,
        )),
        "alembic" if has("alembic") => {
            let at = world
                .schemas
                .get(&container.recipe.project)
                .copied()
                .flatten();
            Some(alembic(arguments, container.recipe.version.schema, at))
        }
        "grep" if has("alembic") => Some(scripts(arguments, container.recipe.version.schema)),
        "wget" if has("wget") => Some(wget(world, container, arguments)),
        "pg_isready" if has("pg_isready") => Some(Program::prints([
            "/var/run/postgresql:5432 - accepting connections".to_owned(),
        ])),
        "pg_dump" | "pg_restore" | "psql" if has(name) => {
            Some(postgres(world, container, name, arguments))
        }
        _ => None,
    }
}

/// Whether a container's image has a program.
fn has(container: &Container, program: &str) -> bool {
    let own: &[&str] = match container.recipe.program {
        Prints::Database => &["pg_isready", "pg_dump", "pg_restore", "psql"],
        Prints::Backend => &["alembic", "python"],
        Prints::Web => &["nginx"],
        Prints::Silent => return has_by_image(container, program),
    };
    matches!(program, "sh" | "wget" | "true" | "false" | "echo" | "which") || own.contains(&program)
}

/// For a container of `docker compose run`, which prints only what it is told to.
fn has_by_image(container: &Container, program: &str) -> bool {
    let is_backend = !container.recipe.version.revision.is_empty();
    matches!(program, "sh" | "wget" | "true" | "false" | "echo" | "which")
        || (is_backend && matches!(program, "alembic" | "python"))
}

fn found(is_there: bool, arguments: &[String]) -> Program {
    match arguments.first() {
        Some(name) if is_there => Program::prints([format!("/usr/bin/{name}")]),
        _ => Program::ends(1),
    }
}

/// `sh -c SCRIPT`: commands with `&&`, `||` and `;` between, and `command -v`.
fn shell(world: &World, container: &Container, arguments: &[String]) -> Option<Program> {
    let [flag, script, ..] = arguments else {
        return Some(Program::ends(0));
    };
    if flag != "-c" {
        return Some(Program::ends(2));
    }
    // A script that only prepares the way for its arguments: `sh -c 'export …; exec "$@"' NAME WORD…`.
    if let [_, script, _, words @ ..] = arguments
        && script.trim_end().ends_with("exec \"$@\"")
        && !words.is_empty()
    {
        return program(world, container, words);
    }
    let mut all = Program::ends(0);
    let mut rest = script.as_str();
    let mut wanted = true;
    loop {
        let next = ["&&", "||", ";", "\n"]
            .iter()
            .filter_map(|separator| rest.find(separator).map(|at| (at, *separator)))
            .min();
        let (command, separator) =
            next.map_or((rest, ""), |(at, separator)| (&rest[..at], separator));
        if wanted {
            let done = simple(world, container, command.trim());
            all.acts.extend(done.acts);
            all.code = done.code;
        }
        let Some((at, _)) = next else {
            return Some(all);
        };
        wanted = match separator {
            "&&" => all.code == 0,
            "||" => all.code != 0,
            _ => true,
        };
        rest = &rest[at + separator.len()..];
    }
}

/// One command of a script, whose output may be thrown away.
fn simple(world: &World, container: &Container, command: &str) -> Program {
    let quiet_out = command.contains(">/dev/null") || command.contains("> /dev/null");
    let command = command.split('>').next().unwrap_or_default();
    let command = command.strip_suffix(" 2").unwrap_or(command).trim();
    let words: Vec<String> = shell_words::split(command).unwrap_or_default();
    let words = match words.first().map(String::as_str) {
        Some("exec") => &words[1..],
        _ => &words[..],
    };
    let mut done = match words {
        [] => Program::ends(0),
        [command, flag, names @ ..] if command == "command" && flag == "-v" => {
            found(names.iter().any(|name| has(container, name)), names)
        }
        [command, code, ..] if command == "exit" => Program::ends(code.parse().unwrap_or(0)),
        words => program(world, container, words).unwrap_or_else(|| Program {
            acts: vec![Act::Say(
                Stream::Err,
                format!("sh: {}: not found", words[0]),
            )],
            code: 127,
        }),
    };
    if quiet_out {
        done.acts
            .retain(|act| !matches!(act, Act::Say(Stream::Out, _)));
    }
    done
}

/// What a dump of this world begins with; the schema's state is all that it holds.
const DUMP: &str = "PGDMP of the embedded world";

/// PostgreSQL's own programs, as far as backups use them.
fn postgres(world: &World, container: &Container, name: &str, arguments: &[String]) -> Program {
    let asks = |text: &str| arguments.iter().any(|argument| argument.contains(text));
    if asks("--version") {
        return Program::prints([format!("{name} (PostgreSQL) 16.4")]);
    }
    match name {
        "pg_dump" => {
            let at = world.schemas.get(&container.recipe.project);
            let at = at.copied().flatten();
            let at = at.map_or_else(|| "base".to_owned(), |at| at.to_string());
            let mut dump = Program::prints([DUMP.to_owned(), at]);
            dump.acts.insert(0, Act::Pause(Duration::from_millis(900)));
            dump
        }
        "psql" if asks("pg_database_size") => Program::prints(["48234496".to_owned()]),
        _ => Program::ends(0),
    }
}

/// A dump brought back by `pg_restore` and `psql`, where `words` do that with what they read; `None` where
/// they do something else.
pub fn restore(container: &Container, words: &[String], input: Option<&str>) -> Option<Program> {
    let is_restore = words.iter().any(|word| word.contains("pg_restore --clean"));
    if !is_restore || !has(container, "pg_restore") {
        return None;
    }
    let mut lines = input.unwrap_or_default().lines();
    let at = match (lines.next(), lines.next()) {
        (Some(DUMP), Some("base")) => Some(None),
        (Some(DUMP), Some(at)) => at.parse().ok().map(Some),
        _ => None,
    };
    Some(match at {
        Some(at) => Program {
            acts: vec![
                Act::Pause(Duration::from_millis(1500)),
                Act::Schema(at),
                Act::Say(Stream::Out, "restored".to_owned()),
            ],
            code: 0,
        },
        None => Program {
            acts: vec![Act::Say(
                Stream::Err,
                "pg_restore: error: input file does not appear to be a valid archive".to_owned(),
            )],
            code: 1,
        },
    })
}

/// How the service in a container answers a path.
fn answer(container: &Container, path: &str) -> (u16, &'static str, String) {
    let version = &container.recipe.version;
    match version.behaviour {
        Behaviour::Unhealthy => (500, "Internal Server Error", String::new()),
        Behaviour::FailsCheck if path.contains("status") => {
            (503, "Service Unavailable", String::new())
        }
        _ => {
            let body = format!("{{\"status\":\"ok\",\"version\":\"{}\"}}", version.tag);
            (200, "OK", body)
        }
    }
}

/// Busybox's `wget`, asking the service in its own container, or another of the same project.
fn wget(world: &World, container: &Container, arguments: &[String]) -> Program {
    let Some(url) = arguments.iter().find(|a| a.starts_with("http://")) else {
        return Program {
            acts: vec![Act::Say(Stream::Err, "wget: missing URL".to_owned())],
            code: 1,
        };
    };
    let rest = &url["http://".len()..];
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = host.split(':').next().unwrap_or(host);
    let asked =
        match name {
            "localhost" | "127.0.0.1" => Some(container),
            service => world.engine.containers.iter().find(|c| {
                c.recipe.project == container.recipe.project && c.recipe.service == service
            }),
        };
    let Some(asked) = asked else {
        let text = format!("wget: bad address '{name}'");
        return Program {
            acts: vec![Act::Say(Stream::Err, text)],
            code: 1,
        };
    };
    let (status, reason, body) = answer(asked, path);
    let mut acts = vec![Act::Pause(Duration::from_millis(30))];
    let short = |letter: char| {
        arguments
            .iter()
            .any(|a| a.starts_with('-') && !a.starts_with("--") && a.contains(letter))
    };
    let level = if status < 400 { "INFO " } else { "ERROR" };
    let stream = if status < 400 {
        Stream::Out
    } else {
        Stream::Err
    };
    let cause = if status == 503 {
        ": column orders.price does not exist"
    } else {
        ""
    };
    acts.push(Act::Log(
        stream,
        format!("{level} GET /{path} {status} 2ms{cause}"),
    ));
    if short('S') || arguments.iter().any(|a| a == "--server-response") {
        acts.push(Act::Say(
            Stream::Err,
            format!("  HTTP/1.1 {status} {reason}"),
        ));
    }
    if status >= 400 {
        let text = format!("wget: server returned error: HTTP/1.1 {status} {reason}");
        acts.push(Act::Say(Stream::Err, text));
        return Program { acts, code: 1 };
    }
    let to_nowhere = arguments
        .iter()
        .any(|a| a == "/dev/null" || a == "-O/dev/null" || a == "--spider");
    if !to_nowhere {
        acts.push(Act::Say(Stream::Out, body));
    }
    Program { acts, code: 0 }
}

/// Where a program prints.
#[derive(Clone, Copy)]
pub enum Printer<'a> {
    /// To whoever started it with `docker exec`.
    Console(&'a Console),
    /// To its container's log: it is the container's own program.
    Log,
}

/// Does what a program does in the container `id`; returns its exit code.
pub async fn perform(
    shared: &Arc<Shared>,
    id: &str,
    program: Program,
    printer: Printer<'_>,
) -> i64 {
    for act in program.acts {
        match act {
            Act::Say(stream, line) => match (printer, stream) {
                (Printer::Console(console), Stream::Out) => console.out(line).await,
                (Printer::Console(console), Stream::Err) => console.err(line).await,
                (Printer::Log, stream) => log(shared, id, stream, line),
            },
            Act::Pause(duration) => shared.pause(duration).await,
            Act::Schema(at) => shared.change(|world, _| {
                if let Some(container) = world.engine.container(id) {
                    let project = container.recipe.project.clone();
                    world.schemas.insert(project, at);
                }
            }),
            Act::Log(stream, line) => log(shared, id, stream, line),
        }
    }
    program.code
}

fn log(shared: &Shared, id: &str, stream: Stream, line: String) {
    shared.change(|world, now| {
        if let Some(container) = world.engine.container_mut(id) {
            container.log.say(now, stream, line);
        }
    });
}
