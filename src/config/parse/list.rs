//! Lists of tables, such as checks and hooks: each with a name of its own and of one kind, some of which
//! run a command.

use toml::de::DeValue;

use super::reader::{self, Fields, Value};
use crate::{config::problem::Problems, release::ServiceName};

/// What `read` makes of a list of tables, each with a name (`name_of`) of its own.
pub(super) fn named<'t, T>(
    fields: &Fields<'t>,
    key: &str,
    example: &str,
    p: &mut Problems,
    read: impl Fn(&'t Value<'t>, &Fields<'t>, &mut Problems) -> Option<T>,
    name_of: impl Fn(&T) -> &str,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for value in items(fields, key, example, p) {
        let Some(one) = read(value, fields, p) else {
            continue;
        };
        if all.iter().any(|earlier| name_of(earlier) == name_of(&one)) {
            p.add(
                value.span(),
                format!("there are two {key} called {:?}", name_of(&one)),
                "give each a \"name\" of its own",
            );
        }
        all.push(one);
    }
    all
}

/// The items of a list of tables.
pub(super) fn items<'t>(
    fields: &Fields<'t>,
    key: &str,
    example: &str,
    p: &mut Problems,
) -> Vec<&'t Value<'t>> {
    match fields.get(key) {
        None => Vec::new(),
        Some(value) => match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => {
                reader::wrong_type(value, &format!("{key:?} is a list such as {example}"), p);
                Vec::new()
            }
        },
    }
}

/// The one of `kinds` that a table has a key of; with other than one it is said what is `meant`, and what
/// to do (`remedy`).
pub(super) fn one_of<'k, const N: usize>(
    fields: &Fields<'_>,
    kinds: [&'k str; N],
    meant: &str,
    remedy: &str,
    p: &mut Problems,
) -> Option<&'k str> {
    let mut there = kinds.into_iter().filter(|kind| fields.get(kind).is_some());
    match (there.next(), there.next()) {
        (Some(kind), None) => Some(kind),
        _ => {
            p.disagree(fields.span(), meant, remedy);
            None
        }
    }
}

/// Says of each key that a table of this kind does not have.
pub(super) fn refuse_foreign(fields: &Fields<'_>, kind: &str, keys: &[&str], p: &mut Problems) {
    for key in keys {
        if let Some(span) = fields.key_span(key) {
            p.add(span, format!("{kind} has no {key:?}"), "");
        }
    }
}

/// A command for a shell on the server, and its first word.
pub(super) fn command(fields: &Fields<'_>, p: &mut Problems) -> Option<(String, String)> {
    let command = fields.text("command", p)?;
    let first = command.get_ref().split_whitespace().next()?;
    Some(((*command.get_ref()).to_owned(), first.to_owned()))
}

/// A command in a container: the service, the command, and its first word.
pub(super) fn exec(
    fields: &Fields<'_>,
    p: &mut Problems,
) -> Option<(ServiceName, Vec<String>, String)> {
    let command = fields.words("exec", p);
    let service = fields
        .required("inside", "inside = \"backend\"", p)
        .and_then(|value| reader::text(value, "inside", p))
        .and_then(|name| reader::parse::<ServiceName>(&name, p));
    let command = command?;
    let first = command.first()?.clone();
    Some((service?, command, first))
}
