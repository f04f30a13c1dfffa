//! The shell in a container: as much of it as health checks and steps ask for.

use super::{Act, Program, found, has, program};
use crate::demo::world::{World, container::Container, logs::Stream};

/// `sh -c SCRIPT`: commands with `&&`, `||` and `;` between, and `command -v`.
pub(super) fn shell(world: &World, container: &Container, arguments: &[String]) -> Option<Program> {
    let [flag, script, ..] = arguments else {
        return Some(Program::ends(0));
    };
    if flag != "-c" {
        return Some(Program::ends(2));
    }
    // A script that only prepares the way for its arguments: `sh -c 'export …; exec "$@"' NAME WORD…`; or
    // watches over them: `"$@" &`.
    if let [_, script, _, words @ ..] = arguments
        && (script.trim_end().ends_with("exec \"$@\"") || script.contains("\"$@\" &"))
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
