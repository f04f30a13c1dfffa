//! GitHub's JSON of runs and jobs, read into ours. Pure.
//!
//! octocrab's models are not used: their words for states are a closed set, and they miss the attempt,
//! the actor and the start. Here a word that is new is [`RunState::Other`], a run that cannot be read
//! is left out, and all text is cleaned and bounded.

use jiff::Timestamp;
use serde::Deserialize;

use crate::release::{
    text,
    workflow::{Job, RunState, WorkflowRun},
};

/// Longer titles and names than this are cut off.
const LONGEST: usize = 300;

#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "workflow_runs", alias = "jobs")]
    items: Vec<T>,
}

#[derive(Deserialize)]
struct RunDocument {
    id: u64,
    run_number: u64,
    run_attempt: Option<u64>,
    name: Option<String>,
    display_title: Option<String>,
    head_branch: Option<String>,
    head_sha: String,
    event: String,
    status: Option<String>,
    conclusion: Option<String>,
    created_at: Timestamp,
    run_started_at: Option<Timestamp>,
    updated_at: Timestamp,
    html_url: String,
    actor: Option<Person>,
    triggering_actor: Option<Person>,
}

#[derive(Deserialize)]
struct Person {
    login: String,
}

#[derive(Deserialize)]
struct JobDocument {
    id: u64,
    name: String,
    status: Option<String>,
    conclusion: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    html_url: Option<String>,
}

/// A page of runs, as GitHub orders them: newest first.
///
/// # Errors
/// What is no page at all.
pub fn runs(body: &[u8]) -> Result<Vec<WorkflowRun>, serde_json::Error> {
    Ok(items(body)?.map(run).collect())
}

/// A page of one run's jobs.
///
/// # Errors
/// What is no page at all.
pub fn jobs(body: &[u8]) -> Result<Vec<Job>, serde_json::Error> {
    Ok(items(body)?.map(job).collect())
}

/// One item that is not as expected does not hide the others.
fn items<T: for<'a> Deserialize<'a>>(
    body: &[u8],
) -> Result<impl Iterator<Item = T>, serde_json::Error> {
    let page: Page<serde_json::Value> = serde_json::from_slice(body)?;
    Ok(page.items.into_iter().filter_map(|item| {
        serde_json::from_value(item)
            .inspect_err(|error| tracing::warn!(%error, "leaving out what GitHub sent"))
            .ok()
    }))
}

fn run(document: RunDocument) -> WorkflowRun {
    let actor = document.triggering_actor.or(document.actor);
    WorkflowRun {
        id: document.id,
        number: document.run_number,
        attempt: document.run_attempt.unwrap_or(1),
        workflow: bounded(&document.name.unwrap_or_default()),
        title: bounded(&document.display_title.unwrap_or_default()),
        branch: bounded(&document.head_branch.unwrap_or_default()),
        revision: bounded(&document.head_sha),
        event: bounded(&document.event),
        actor: actor.map(|a| bounded(&a.login)).unwrap_or_default(),
        state: state(document.status.as_deref(), document.conclusion.as_deref()),
        started: document.run_started_at.unwrap_or(document.created_at),
        updated: document.updated_at,
        url: address(&document.html_url),
        jobs: Vec::new(),
    }
}

fn job(document: JobDocument) -> Job {
    let state = state(document.status.as_deref(), document.conclusion.as_deref());
    // GitHub gives a job that waits its creation as its start.
    let has_begun = !matches!(state, RunState::Queued | RunState::Waiting);
    let started = document.started_at.filter(|_| has_begun);
    // A skipped job can end before it begins.
    let ended = document
        .completed_at
        .max(started.filter(|_| document.completed_at.is_some()));
    Job {
        id: document.id,
        name: bounded(&document.name),
        state,
        started,
        ended,
        url: address(&document.html_url.unwrap_or_default()),
    }
}

fn state(status: Option<&str>, conclusion: Option<&str>) -> RunState {
    match (status, conclusion) {
        (Some("queued" | "requested" | "pending"), _) => RunState::Queued,
        (Some("waiting"), _) => RunState::Waiting,
        (Some("in_progress"), _) => RunState::InProgress,
        (_, Some("success")) => RunState::Succeeded,
        (_, Some("failure" | "startup_failure")) => RunState::Failed,
        (_, Some("timed_out")) => RunState::TimedOut,
        (_, Some("cancelled")) => RunState::Cancelled,
        (_, Some("skipped")) => RunState::Skipped,
        _ => RunState::Other,
    }
}

fn bounded(dirty: &str) -> String {
    let start: String = dirty.chars().take(LONGEST).collect();
    text::clean(&start)
}

/// A page that a browser may be sent to; empty for anything else.
fn address(text: &str) -> String {
    url::Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(String::from)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_githubs_words_in_one() {
        for (status, conclusion, expected) in [
            ("queued", None, RunState::Queued),
            ("requested", None, RunState::Queued),
            ("pending", None, RunState::Queued),
            ("waiting", None, RunState::Waiting),
            ("in_progress", None, RunState::InProgress),
            ("completed", Some("success"), RunState::Succeeded),
            ("completed", Some("failure"), RunState::Failed),
            ("completed", Some("startup_failure"), RunState::Failed),
            ("completed", Some("timed_out"), RunState::TimedOut),
            ("completed", Some("cancelled"), RunState::Cancelled),
            ("completed", Some("skipped"), RunState::Skipped),
            ("completed", Some("neutral"), RunState::Other),
            ("completed", Some("a word of next year"), RunState::Other),
            ("a word of next year", None, RunState::Other),
        ] {
            assert_eq!(
                state(Some(status), conclusion),
                expected,
                "{status} {conclusion:?}"
            );
        }
    }

    #[test]
    fn titles_and_addresses_cannot_draw_or_lead_astray() {
        let body = json!({"workflow_runs": [
            {"id": "no number"},
            {"id": 1, "run_number": 2, "name": null, "display_title": "\u{1b}]0;x\u{7}Fix it\n",
             "head_branch": null, "head_sha": "abc", "event": "push", "status": "completed",
             "conclusion": null, "created_at": "2026-01-24T14:00:00Z",
             "updated_at": "2026-01-24T14:05:00Z", "html_url": "javascript:alert(1)"},
        ]});
        let runs = runs(body.to_string().as_bytes()).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(
            (runs[0].title.as_str(), runs[0].url.as_str()),
            ("Fix it ", "")
        );
        assert_eq!((runs[0].attempt, runs[0].branch.as_str()), (1, ""));
    }

    #[test]
    fn a_job_that_waits_has_not_begun_and_none_ends_before_it_begins() {
        let body = json!({"jobs": [
            {"id": 1, "name": "test", "status": "queued", "started_at": "2026-01-24T14:00:00Z"},
            {"id": 2, "name": "skip", "status": "completed", "conclusion": "skipped",
             "started_at": "2026-01-24T14:00:09Z", "completed_at": "2026-01-24T14:00:00Z"},
            {"id": 3, "name": "e2e", "status": "in_progress", "started_at": "2026-01-24T14:00:00Z"},
        ]});
        let jobs = jobs(body.to_string().as_bytes()).unwrap();
        assert_eq!((jobs[0].started, jobs[0].ended), (None, None));
        assert_eq!(jobs[1].started, jobs[1].ended);
        assert!(jobs[2].started.is_some() && jobs[2].ended.is_none());
    }
}
