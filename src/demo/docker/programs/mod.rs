//! What can be run inside a container: the few programs that health checks, checks and migrations use.

mod jq;
mod postgres;
mod shell;
mod web;

use std::{sync::Arc, time::Duration};

use super::{
    alembic::{alembic, scripts},
    console::Console,
};
use crate::demo::{
    shared::Shared,
    world::{
        World,
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
        "sh" => shell::shell(world, container, arguments),
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
        "wget" if has("wget") => Some(web::wget(world, container, arguments)),
        "pg_isready" if has("pg_isready") => Some(Program::prints([
            "/var/run/postgresql:5432 - accepting connections".to_owned(),
        ])),
        "pg_dump" | "pg_restore" | "psql" if has(name) => {
            Some(postgres::postgres(world, container, name, arguments))
        }
        _ => None,
    }
}

/// Whether a container's image has a program.
fn has(container: &Container, program: &str) -> bool {
    let own: &[&str] = match container.recipe.program {
        Prints::Database => &["pg_isready", "pg_dump", "pg_restore", "psql"],
        Prints::Backend => &["alembic", "python", "jq"],
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

/// What a program does with what it reads: a dump is brought back, an answer's field is looked at; `None`
/// where `words` do something else.
pub fn reader(container: &Container, words: &[String], input: Option<&str>) -> Option<Program> {
    postgres::restore(container, words, input).or_else(|| jq::jq(container, words, input))
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
