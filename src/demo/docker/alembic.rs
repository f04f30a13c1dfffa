//! Alembic, as it is asked in the backend's container.

use std::time::Duration;

use super::programs::{Act, Program};
use crate::demo::world::{
    logs::Stream,
    schema::{REVISIONS, position},
};

/// How long one revision takes.
const ONE_REVISION: Duration = Duration::from_millis(900);
/// How long it takes to import the application and connect.
const BEGIN: Duration = Duration::from_millis(400);

/// What `alembic WORDS…` does in an image that knows the revisions up to `known`, on a database at `at`.
pub fn alembic(words: &[String], known: usize, at: Option<usize>) -> Program {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    while matches!(
        words.first(),
        Some(&"-c" | &"--config" | &"-n" | &"--name" | &"-x")
    ) {
        words.drain(..words.len().min(2));
    }
    match words.as_slice() {
        ["heads", ..] => Program::prints([format!("{} (head)", REVISIONS[known].0)]),
        ["history", options @ ..] => history(options, known, at),
        ["current", ..] => match at {
            None => connected(Vec::new(), 0),
            Some(at) if at > known => cannot_locate(at),
            Some(at) => {
                let mark = if at == known { " (head)" } else { "" };
                let line = format!("{}{mark}", REVISIONS[at].0);
                connected(vec![Act::Say(Stream::Out, line)], 0)
            }
        },
        ["upgrade" | "downgrade", ..] if at.is_some_and(|at| at > known) => {
            cannot_locate(at.unwrap_or_default())
        }
        ["upgrade", to] => match target(to, known) {
            Ok(Some(to)) => connected(up(at, to), 0),
            Ok(None) => connected(Vec::new(), 0),
            Err(unknown) => failed(&format!("Can't locate revision identified by '{unknown}'")),
        },
        ["downgrade", to] => match target(to, known) {
            Ok(to) => connected(down(at, to), 0),
            Err(unknown) => failed(&format!("Can't locate revision identified by '{unknown}'")),
        },
        [command, ..] => Program {
            acts: vec![Act::Say(
                Stream::Err,
                format!(
                    "alembic: error: argument {{upgrade,downgrade,current,heads,history}}: invalid choice: '{command}'"
                ),
            )],
            code: 2,
        },
        [] => Program {
            acts: vec![Act::Say(
                Stream::Err,
                "alembic: error: too few arguments".to_owned(),
            )],
            code: 2,
        },
    }
}

/// The position that a word means; `None` for base.
fn target(word: &str, known: usize) -> Result<Option<usize>, &str> {
    match word {
        "head" | "heads" => Ok(Some(known)),
        "base" => Ok(None),
        word => position(word)
            .filter(|at| *at <= known)
            .map(Some)
            .ok_or(word),
    }
}

fn info(text: impl AsRef<str>) -> Act {
    Act::Say(
        Stream::Err,
        format!("INFO  [alembic.runtime.migration] {}", text.as_ref()),
    )
}

fn connected(acts: Vec<Act>, code: i64) -> Program {
    let mut all = vec![
        Act::Pause(BEGIN),
        info("Context impl PostgresqlImpl."),
        info("Will assume transactional DDL."),
    ];
    all.extend(acts);
    Program { acts: all, code }
}

fn failed(text: &str) -> Program {
    connected(
        vec![
            Act::Say(
                Stream::Err,
                format!("ERROR [alembic.util.messaging] {text}"),
            ),
            Act::Say(Stream::Out, format!("FAILED: {text}")),
        ],
        255,
    )
}

fn cannot_locate(at: usize) -> Program {
    failed(&format!(
        "Can't locate revision identified by '{}'",
        REVISIONS[at].0
    ))
}

fn up(from: Option<usize>, to: usize) -> Vec<Act> {
    let first = from.map_or(0, |from| from + 1);
    let mut acts = Vec::new();
    let passed = REVISIONS.iter().enumerate().take(to + 1).skip(first);
    for (at, (revision, message)) in passed {
        let below = at.checked_sub(1).map_or("", |below| REVISIONS[below].0);
        acts.push(info(format!(
            "Running upgrade {below} -> {revision}, {message}"
        )));
        acts.push(Act::Pause(ONE_REVISION));
        acts.push(Act::Schema(Some(at)));
    }
    acts
}

fn down(from: Option<usize>, to: Option<usize>) -> Vec<Act> {
    let Some(from) = from else {
        return Vec::new();
    };
    let last = to.map_or(0, |to| to + 1);
    let mut acts = Vec::new();
    for at in (last..=from).rev() {
        let below = at.checked_sub(1);
        let name = below.map_or("", |below| REVISIONS[below].0);
        let (revision, message) = REVISIONS[at];
        acts.push(info(format!(
            "Running downgrade {revision} -> {name}, {message}"
        )));
        acts.push(Act::Pause(ONE_REVISION));
        acts.push(Act::Schema(below));
    }
    acts
}

/// Where a revision's script lies in the image.
fn script(at: usize) -> String {
    let (revision, message) = REVISIONS[at];
    let name = message.replace(' ', "_");
    format!("/app/migrations/versions/{revision}_{name}.py")
}

/// `grep -Hn '' -- FILE…`: the scripts of revisions, line by line.
pub fn scripts(words: &[String], known: usize) -> Program {
    let mut lines = Vec::new();
    let mut code = 0;
    for file in words.iter().filter(|word| word.starts_with('/')) {
        let Some(at) = (0..=known).find(|at| script(*at) == *file) else {
            lines.push(Act::Say(
                Stream::Err,
                format!("grep: {file}: No such file or directory"),
            ));
            code = 2;
            continue;
        };
        let (revision, message) = REVISIONS[at];
        let text = [
            format!("\"\"\"{message}\"\"\""),
            format!("revision = \"{revision}\""),
            "def upgrade():".to_owned(),
            format!("    op.execute(\"-- {message}\")"),
            "def downgrade():".to_owned(),
            format!("    op.execute(\"-- not any more: {message}\")"),
        ];
        for (number, line) in text.iter().enumerate() {
            let line = format!("{file}:{}:{line}", number + 1);
            lines.push(Act::Say(Stream::Out, line));
        }
    }
    Program { acts: lines, code }
}

/// `history [-r FROM:TO] [-i] [-v]`: newest first.
fn history(options: &[&str], known: usize, at: Option<usize>) -> Program {
    let is_range = |w: &&[&str]| matches!(w[0], "-r" | "--rev-range");
    let range = options
        .windows(2)
        .find(is_range)
        .map(|w| w[1])
        .or_else(|| options.iter().find_map(|o| o.strip_prefix("--rev-range=")));
    let (from, to) = range
        .and_then(|range| range.split_once(':'))
        .unwrap_or(("", ""));
    let place = |word: &str, otherwise: Option<usize>| match word {
        "" => Ok(otherwise),
        "current" => Ok(at),
        word => target(word, known).map_err(str::to_owned),
    };
    let (from, to) = match (place(from, None), place(to, Some(known))) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(unknown), _) | (_, Err(unknown)) => {
            return failed(&format!("Can't locate revision identified by '{unknown}'"));
        }
    };
    let Some(to) = to else {
        return Program::prints([]);
    };
    let verbose = options.contains(&"-v") || options.contains(&"--verbose");
    let lines = (from.unwrap_or(0)..=to).rev().flat_map(|n| {
        let below = n
            .checked_sub(1)
            .map_or("<base>", |below| REVISIONS[below].0);
        let (revision, message) = REVISIONS[n];
        if verbose {
            let mark = if n == known { " (head)" } else { "" };
            return vec![
                format!("Rev: {revision}{mark}"),
                format!("Parent: {below}"),
                format!("Path: {}", script(n)),
                String::new(),
                format!("    {message}"),
                String::new(),
            ];
        }
        let mark = match (n == known, options.contains(&"-i") && at == Some(n)) {
            (true, true) => " (head) (current)",
            (true, false) => " (head)",
            (false, true) => " (current)",
            (false, false) => "",
        };
        vec![format!("{below} -> {revision}{mark}, {message}")]
    });
    Program::prints(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(
        line: &str,
        known: usize,
        at: Option<usize>,
    ) -> (Vec<String>, Option<Option<usize>>, i64) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let program = alembic(&words, known, at);
        let mut lines = Vec::new();
        let mut schema = None;
        for act in program.acts {
            match act {
                Act::Say(_, line) if !line.contains("Context") && !line.contains("Will assume") => {
                    lines.push(line);
                }
                Act::Schema(at) => schema = Some(at),
                _ => {}
            }
        }
        (lines, schema, program.code)
    }

    #[test]
    fn a_schema_goes_up_and_down_one_revision_at_a_time() {
        let (lines, schema, code) = said("-c db/alembic.ini upgrade heads", 3, Some(1));
        assert_eq!(lines.len(), 2);
        assert!(
            lines[1].ends_with("Running upgrade b4e8d2917c60 -> c9e2b4a86f13, orders have a price")
        );
        assert_eq!((schema, code), (Some(Some(3)), 0));
        let (_, schema, _) = said("downgrade a1f3", 3, Some(3));
        assert_eq!(schema, Some(Some(1)));
        assert_eq!(said("upgrade heads", 3, Some(3)).1, None);
    }

    #[test]
    fn an_older_image_does_not_know_a_newer_schema() {
        for line in ["current", "downgrade a1f3", "upgrade heads"] {
            let (lines, schema, code) = said(line, 1, Some(3));
            assert!(lines[0].contains("Can't locate revision identified by 'c9e2b4a86f13'"));
            assert_eq!((schema, code), (None, 255));
        }
    }

    #[test]
    fn history_tells_a_range_newest_first() {
        let (lines, _, _) = said("history -r a1f30c5d7e21:c9e2b4a86f13", 3, Some(1));
        assert_eq!(
            lines,
            [
                "b4e8d2917c60 -> c9e2b4a86f13 (head), orders have a price",
                "a1f30c5d7e21 -> b4e8d2917c60, customers have an address",
                "7d1c0a2b9e44 -> a1f30c5d7e21, orders have a customer",
            ]
        );
        assert_eq!(said("current", 3, Some(3)).0, ["c9e2b4a86f13 (head)"]);
        assert_eq!(said("heads", 2, None).0, ["b4e8d2917c60 (head)"]);
    }
}
