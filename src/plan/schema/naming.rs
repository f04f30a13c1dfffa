//! What a text names to a migration tool: a revision in full, an abbreviation, a word of the tool's own.

use crate::release::survey::{SchemaRevision, Standing};

use super::{BASE, Known};

/// What a text names among the revisions that an image knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named<'a> {
    /// This one.
    One(&'a SchemaRevision),
    /// It abbreviates each of these.
    Several(Vec<&'a SchemaRevision>),
    /// A word of the tool's own, such as `heads`, or a branch: what it means the tool finds out.
    Word,
    /// Nothing that the image knows.
    Nothing,
}

/// For a tool that takes revisions in full.
pub(super) fn in_full<'a>(history: &'a [SchemaRevision], text: &str) -> Named<'a> {
    let mut known = history.iter();
    known
        .find(|known| known.revision == text)
        .map_or(Named::Nothing, Named::One)
}

/// For a tool that takes the beginning of a revision too.
pub(super) fn abbreviated<'a>(history: &'a [SchemaRevision], text: &str) -> Named<'a> {
    if let Named::One(known) = in_full(history, text) {
        return Named::One(known);
    }
    let meant: Vec<&SchemaRevision> = history
        .iter()
        .filter(|known| known.revision.starts_with(text))
        .collect();
    match meant.as_slice() {
        [] => Named::Nothing,
        [known] => Named::One(known),
        _ => Named::Several(meant),
    }
}

/// Whether a revision that is told with its standing lies behind where the database is.
pub(super) fn is_applied_below(known: &Known<'_>, revision: &str) -> bool {
    let is_applied = |standing| matches!(standing, Standing::Applied | Standing::Missing);
    revision == BASE
        || (!known.now.iter().any(|head| head == revision)
            && known
                .history
                .iter()
                .any(|known| known.revision == revision && is_applied(known.standing)))
}
