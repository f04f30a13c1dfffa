//! The schema in words and commands: what a migration tool is asked, what its heads mean.

use crate::{
    config::{Migration, MigrationTool},
    release::{record::Record, survey::Survey},
};

/// The word that a ledger has for a schema without any revision.
const BASE: &str = "base";

/// The command that prints the heads, one a line; empty where the tool cannot tell.
pub fn heads_command(migration: &Migration) -> Vec<String> {
    match &migration.tool {
        MigrationTool::Alembic { command } => with(command, &["current"]),
        MigrationTool::Command { .. } => Vec::new(),
    }
}

/// The command that prints the revisions between two: `from` the older, `to` the newer; `current` is
/// where the database is. Empty where the tool cannot tell.
pub fn path_command(migration: &Migration, from: &str, to: &str) -> Vec<String> {
    match &migration.tool {
        MigrationTool::Alembic { command } => {
            with(command, &["history", "-r", &format!("{from}:{to}")])
        }
        MigrationTool::Command { .. } => Vec::new(),
    }
}

/// The command that migrates to the newest revision.
pub(super) fn up(migration: &Migration) -> Vec<String> {
    match &migration.tool {
        // Plural: the same with one head, and right with several.
        MigrationTool::Alembic { command } => with(command, &["upgrade", "heads"]),
        MigrationTool::Command { up } => up.clone(),
    }
}

/// The command that migrates up or down to one revision; `None` where the tool cannot.
pub(super) fn to(migration: &Migration, revision: &str, down: bool) -> Option<Vec<String>> {
    match &migration.tool {
        MigrationTool::Alembic { command } => {
            let verb = if down { "downgrade" } else { "upgrade" };
            Some(with(command, &[verb, revision]))
        }
        MigrationTool::Command { .. } => None,
    }
}

/// Whether a text can be a revision: nothing that a tool would read as an option or a relative step.
pub fn is_revision(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !text.starts_with('-')
        && !text.starts_with('.')
}

/// The heads that a step wrote down as one line: revisions with blanks between, or `base`.
pub fn heads_of_result(line: &str) -> Vec<String> {
    line.split([' ', ','])
        .filter(|head| !head.is_empty() && *head != BASE)
        .map(str::to_owned)
        .collect()
}

/// The heads in what a tool printed of them: each stands alone on its line or before a bracket; what a
/// program may print beside them does not.
pub fn heads_of_output(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let (head, rest) = line
                .trim()
                .split_once([' ', '\t'])
                .unwrap_or((line.trim(), ""));
            let rest = rest.trim_start();
            (is_revision(head) && (rest.is_empty() || rest.starts_with('(')))
                .then(|| head.to_owned())
        })
        .collect()
}

/// Heads in words: `a1f3`, `a1f3, b2c4`, `base`.
pub(super) fn words(heads: &[String]) -> String {
    if heads.is_empty() {
        BASE.to_owned()
    } else {
        heads.join(", ")
    }
}

/// The schema's heads: as read now, else as last recorded. With whether they are only recorded.
pub(super) fn heads_now(survey: &Survey) -> Option<(Vec<String>, bool)> {
    if let Some(heads) = &survey.schema_heads {
        return Some((heads.clone(), false));
    }
    survey
        .records
        .iter()
        .rev()
        .find_map(recorded_heads)
        .map(|heads| (heads, true))
}

/// Says so where the database is at a revision that the image which runs does not know.
pub(super) fn trouble(survey: &Survey) -> Option<String> {
    let trouble = survey.schema_trouble.as_ref()?;
    Some(if trouble.contains("Can't locate revision") {
        format!("the database is ahead of the image that runs: {trouble}")
    } else {
        format!("where the schema is could not be read now: {trouble}")
    })
}

fn recorded_heads(record: &Record) -> Option<Vec<String>> {
    let result = record.results.get("schema_heads");
    result
        .map(|line| heads_of_result(line))
        .or_else(|| record.runs().and_then(|r| r.schema_heads.clone()))
}

/// Whether both name the same heads, in any order.
pub(super) fn is_same(a: &[String], b: &[String]) -> bool {
    let sorted = |heads: &[String]| {
        let mut heads = heads.to_vec();
        heads.sort();
        heads
    };
    sorted(a) == sorted(b)
}

fn with(command: &[String], more: &[&str]) -> Vec<String> {
    command
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect()
}
