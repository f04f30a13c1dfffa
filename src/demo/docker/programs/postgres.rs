//! PostgreSQL's own programs in the database's container: a dump holds where the schema is.

use std::time::Duration;

use super::{Act, Program, has};
use crate::demo::world::{World, container::Container, logs::Stream};

/// What a dump of this world begins with; the schema's state is all that it holds.
const DUMP: &str = "PGDMP of the embedded world";

/// PostgreSQL's own programs, as far as backups use them.
pub(super) fn postgres(
    world: &World,
    container: &Container,
    name: &str,
    arguments: &[String],
) -> Program {
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
pub(super) fn restore(
    container: &Container,
    words: &[String],
    input: Option<&str>,
) -> Option<Program> {
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
