//! Revisions as a graph: which are in place, which a way undoes.

use std::collections::{BTreeMap, BTreeSet};

use crate::release::survey::SchemaRevision;

/// The revisions in place of a database at `heads`: these, and all that they follow or need. A head
/// that the history does not know is in place too.
pub fn in_place<'a>(history: &'a [SchemaRevision], heads: &'a [String]) -> BTreeSet<&'a str> {
    let known: BTreeMap<&str, &SchemaRevision> = history
        .iter()
        .map(|known| (known.revision.as_str(), known))
        .collect();
    let mut found = BTreeSet::new();
    let mut next: Vec<&str> = heads.iter().map(String::as_str).collect();
    while let Some(revision) = next.pop() {
        if found.insert(revision)
            && let Some(known) = known.get(revision)
        {
            let before = known.parents.iter().chain(&known.depends_on);
            next.extend(before.map(String::as_str));
        }
    }
    found
}

/// The revisions that are in place at `now` and not at `goal`, the newest first.
///
/// # Errors
/// In words: a head that the history does not know, or a goal that the database is not above.
pub fn undone(
    history: &[SchemaRevision],
    now: &[String],
    goal: &[String],
) -> Result<Vec<SchemaRevision>, String> {
    let is_known = |head: &&String| history.iter().any(|known| known.revision == **head);
    if let Some(unknown) = now.iter().find(|head| !is_known(head)) {
        return Err(format!(
            "the database is at {unknown}, which the image that runs does not know"
        ));
    }
    if let Some(unknown) = goal.iter().find(|head| !is_known(head)) {
        return Err(format!(
            "{unknown} is no revision that the image that runs knows"
        ));
    }
    let there = in_place(history, now);
    if let Some(elsewhere) = goal.iter().find(|head| !there.contains(head.as_str())) {
        return Err(format!(
            "{elsewhere} does not lie below where the database is: it would have to go up, or the history \
             was changed"
        ));
    }
    let kept = in_place(history, goal);
    Ok(history
        .iter()
        .filter(|known| {
            let revision = known.revision.as_str();
            there.contains(revision) && !kept.contains(revision)
        })
        .cloned()
        .collect())
}

/// The lowest of these revisions: those that follow and need none of the others.
pub fn lowest(undone: &[SchemaRevision]) -> impl Iterator<Item = &SchemaRevision> {
    undone.iter().filter(move |known| {
        !known
            .parents
            .iter()
            .chain(&known.depends_on)
            .any(|before| undone.iter().any(|other| other.revision == *before))
    })
}
