//! `docker run`: a program of an image by itself, which reads the image and nothing else.

use std::time::Duration;

use super::{
    alembic::alembic,
    console::{Complaint, Console, Ended},
    options::{Options, flag, value},
    programs::Act,
};
use crate::demo::{shared::Shared, world::logs::Stream};

/// `docker run --rm --network none IMAGE COMMAND…`. The embedded world runs nothing else this way: what
/// needs a network is its services' and Compose's.
pub async fn run(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [
        flag(&["--rm"]),
        value(&["--network", "--net"]),
        value(&["--pull"]),
    ];
    let options = Options::parse(words, &known, true)?;
    let Some((name, command)) = options.arguments.split_first() else {
        return Err(Complaint::new(
            "\"docker run\" requires at least 1 argument.",
        ));
    };
    if !options.has("--rm") || options.get("--network") != Some("none") {
        return Err(Complaint::new(
            "the embedded world runs an image by itself only with --rm --network none",
        ));
    }
    let version = shared
        .with(|world, _| world.engine.image(name).map(|i| i.version.clone()))
        .ok_or_else(|| Complaint::of_engine(format!("No such image: {name}")))?;
    let program = match command {
        [first, words @ ..] if first == "alembic" && !version.revision.is_empty() => {
            alembic(words, version.schema, None)
        }
        _ => {
            let first = command.first().map_or("", String::as_str);
            return Err(Complaint::with_code(
                format!("exec: \"{first}\": executable file not found in $PATH"),
                127,
            ));
        }
    };
    shared.pause(Duration::from_millis(400)).await;
    for act in program.acts {
        match act {
            Act::Say(Stream::Out, line) => console.out(line).await,
            Act::Say(Stream::Err, line) => console.err(line).await,
            Act::Pause(duration) => shared.pause(duration).await,
            // There is no database that it could reach.
            Act::Schema(_) | Act::Log(..) => {}
        }
    }
    Ok(u8::try_from(program.code).unwrap_or(1))
}
