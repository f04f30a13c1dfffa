//! What a survey tells of the schema: where the database is, what an image knows of it, which way leads
//! down, and what nobody can tell.

use crate::{
    config::Migration,
    release::{
        plan::Deed,
        record::Record,
        survey::{SchemaRevision, Standing, Survey},
    },
};

use super::{
    Known, WayDown, counted, graph, heads_of_result, in_full, is_revision, is_same, listed, tool,
    words,
};

/// The schema's heads: as read now, else as last recorded. With whether they are only recorded. A revision
/// that its tool names while it complains is there now, whatever was recorded.
pub fn heads_now(survey: &Survey) -> Option<(Vec<String>, bool)> {
    if let Some(heads) = &survey.schema_heads {
        return Some((heads.clone(), false));
    }
    let recorded = recorded(&survey.records);
    let named = survey.schema_trouble.as_deref().and_then(named_in);
    match named {
        Some(named) if !recorded.as_ref().is_some_and(|at| at.contains(&named)) => {
            Some((vec![named], false))
        }
        _ => recorded.map(|heads| (heads, true)),
    }
}

/// Where the newest records leave the schema; `None` where nobody knows.
fn recorded(records: &[Record]) -> Option<Vec<String>> {
    for record in records.iter().rev() {
        if let Some(line) = record.results.get("schema_heads") {
            return Some(heads_of_result(line));
        }
        if may_have_moved(record) {
            return None;
        }
        // What a recovery ran with was planned before what it recovers had moved anything.
        let planned = record.runs().filter(|_| record.recovers.is_none());
        if let Some(heads) = planned.and_then(|release| release.schema_heads.clone()) {
            return Some(heads);
        }
    }
    None
}

/// Whether an operation may have changed the schema.
fn may_have_moved(record: &Record) -> bool {
    let steps = record.times.keys().map(String::as_str);
    steps
        .chain(record.step.as_deref())
        .filter_map(|step| step.rsplit('/').next())
        .any(|step| step.starts_with("migrate") || step.starts_with("restore"))
}

/// What a survey says of a revision that the database has and an image does not.
pub const UNKNOWN_HERE: &str = "which that image does not have";

/// Whether a tool's complaint says that the database is at a revision which its image does not have.
fn is_ahead(complaint: &str) -> bool {
    complaint.contains("Can't locate revision") || complaint.contains(UNKNOWN_HERE)
}

/// Says so where the database is at a revision that the image which runs does not know.
pub fn trouble(survey: &Survey) -> Option<String> {
    let trouble = survey.schema_trouble.as_ref()?;
    Some(if is_ahead(trouble) {
        format!("the database is ahead of the image that runs: {trouble}")
    } else {
        format!("where the schema is could not be read now: {trouble}")
    })
}

/// Says so where the database is at a revision that the chosen image does not have, which lies on the
/// server and was asked.
pub fn ahead_of_candidate(survey: &Survey, label: &str) -> Option<String> {
    let candidate = survey.candidate_history.as_ref()?;
    let unknown = match &survey.schema_heads {
        Some(now) => unknown_to(candidate, now),
        // What runs does not know it either, and its tool has named it.
        None => unknown_to(candidate, &[named_in(survey.schema_trouble.as_ref()?)?]),
    };
    (!unknown.is_empty()).then(|| {
        format!(
            "the database is ahead of {label}: it is at {}, which that image does not know",
            words(&unknown)
        )
    })
}

/// The revision that Alembic's complaint says it cannot locate.
fn named_in(complaint: &str) -> Option<String> {
    let (_, rest) = complaint.split_once("Can't locate revision identified by '")?;
    let (revision, _) = rest.split_once('\'')?;
    is_revision(revision).then(|| revision.to_owned())
}

/// Of these heads, those that the image which runs does not know; none where it did not name its
/// revisions.
pub fn unknown_here(survey: &Survey, heads: &[String]) -> Vec<String> {
    match survey.schema_history.as_slice() {
        [] => Vec::new(),
        history => unknown_to(history, heads),
    }
}

/// What a migration to the newest revision does, in words: `a1f3 → c9e2 (2 revisions)` where the
/// candidate lies on the server and could be asked.
pub fn summary_up(survey: &Survey) -> String {
    let now = heads_now(survey).map(|(now, _)| now);
    let from = now.as_deref().map_or_else(|| "unknown".to_owned(), words);
    let pending = survey
        .candidate_history
        .as_ref()
        .zip(now.as_ref())
        .map(|(candidate, now)| pending(candidate, now));
    match pending.as_deref() {
        Some([]) => format!("{from}: nothing to do"),
        Some(pending) => {
            let pending: Vec<SchemaRevision> = pending.iter().copied().cloned().collect();
            format!("{from} → head, {}: {}", counted(&pending), listed(&pending))
        }
        None => format!("{from} → head"),
    }
}

/// The revisions that the image which runs has and the database does not, in words; `None` where there
/// are none, or nobody can tell.
pub fn pending_here(survey: &Survey) -> Option<String> {
    let (history, now) = (&survey.schema_history, survey.schema_heads.as_ref()?);
    let is_told = |known: &SchemaRevision| known.standing != Standing::Untold;
    let pending: Vec<SchemaRevision> = if history.iter().any(is_told) {
        let is_pending = |known: &&SchemaRevision| known.standing == Standing::Pending;
        history.iter().filter(is_pending).cloned().collect()
    } else if unknown_to(history, now).is_empty() {
        pending(history, now).into_iter().cloned().collect()
    } else {
        // It is the database that is ahead, and the graph does not say from where.
        Vec::new()
    };
    (!pending.is_empty()).then(|| format!("{}: {}", counted(&pending), listed(&pending)))
}

/// The way that a request would take the schema down, and where to: what a survey has to ask about.
/// `recorded` are the heads of the release that a rollback returns to.
pub fn way_of(
    migration: &Migration,
    deed: &Deed,
    recorded: Option<&[String]>,
    survey: &Survey,
) -> Option<WayDown> {
    let (now, _) = heads_now(survey)?;
    let known = Known {
        history: history_for(deed, survey),
        now: &now,
    };
    let tool = tool(migration);
    match deed {
        Deed::Rollback { .. } => {
            let goal = recorded?;
            (!is_same(&now, goal))
                .then(|| tool.way_down(&known, goal).ok())
                .flatten()
        }
        Deed::Migrate { to: Some(to), .. } => {
            let to = in_full(&*tool, known.history, to);
            tool.is_behind(&known, &to)
                .then(|| tool.down_to(&known, &to).ok())
                .flatten()
        }
        _ => None,
    }
}

/// The revisions known to the image that a deed's migration would run with.
pub fn history_for<'a>(deed: &Deed, survey: &'a Survey) -> &'a [SchemaRevision] {
    match (deed, &survey.candidate_history) {
        (Deed::Migrate { .. }, Some(candidate)) => candidate,
        _ => &survey.schema_history,
    }
}

/// The revisions of the very image that a deed's migration would run with, or why nobody can tell them.
pub fn asked<'a>(
    migration: &Migration,
    deed: &Deed,
    survey: &'a Survey,
) -> Result<&'a [SchemaRevision], &'static str> {
    let tool = tool(migration);
    if tool.history().is_none() {
        return Err("its migration tool names no revisions");
    }
    let chosen = match deed {
        Deed::Migrate { versions, .. } => versions.contains_key(&migration.service),
        _ => false,
    };
    match (chosen, &survey.candidate_history) {
        (true, Some(candidate)) => Ok(candidate),
        (true, None) if !tool.history_needs_no_database() => {
            Err("its migration tool names revisions only in a container that runs")
        }
        (true, None) => Err("its image does not lie on the server yet, or did not answer"),
        (false, _) if survey.schema_history.is_empty() => Err("it did not name its revisions"),
        (false, _) => Ok(&survey.schema_history),
    }
}

/// Says that nobody can tell whether an image has a revision.
pub fn untold(label: &str, revision: &str, why: &str) -> String {
    format!(
        "whether {label} has the revision {revision} cannot be told ({why}): if it has not, the migration \
         fails"
    )
}

/// The revisions that an image knows and a database at `now` does not have.
fn pending<'a>(candidate: &'a [SchemaRevision], now: &[String]) -> Vec<&'a SchemaRevision> {
    let there = graph::in_place(candidate, now);
    candidate
        .iter()
        .filter(|known| !there.contains(known.revision.as_str()))
        .collect()
}

/// The heads that an image does not know.
fn unknown_to(candidate: &[SchemaRevision], now: &[String]) -> Vec<String> {
    now.iter()
        .filter(|head| !candidate.iter().any(|known| known.revision == **head))
        .cloned()
        .collect()
}
