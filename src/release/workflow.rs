//! Workflow runs and their jobs, as GitHub Actions has them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a run, a job or a step stands. GitHub's `status` and `conclusion` in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// `queued`, `requested`, `pending`.
    Queued,
    /// `waiting`: for an approval or a timer.
    Waiting,
    /// `in_progress`.
    InProgress,
    /// `completed` with `success`.
    Succeeded,
    /// `completed` with `failure` or `startup_failure`.
    Failed,
    /// `completed` with `timed_out`.
    TimedOut,
    /// `completed` with `cancelled`.
    Cancelled,
    /// `completed` with `skipped`.
    Skipped,
    /// `completed` with `action_required`, `neutral`, `stale`, or a word that is not known here.
    Other,
}

impl RunState {
    /// Whether nothing more will happen to it by itself.
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Waiting | Self::InProgress)
    }

    /// The word for it, as screens and JSON write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::InProgress => "running",
            Self::Succeeded => "ok",
            Self::Failed => "FAIL",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Other => "other",
        }
    }
}

/// One workflow run with its jobs. A row of the pipelines pane, its jobs the lanes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// GitHub's ID.
    pub id: u64,
    /// The number that people say: `#482`.
    pub number: u64,
    /// Which attempt this is, from 1.
    pub attempt: u64,
    /// The workflow's name.
    pub workflow: String,
    /// The run's title: usually the commit's first line.
    pub title: String,
    /// The branch or tag it runs for.
    pub branch: String,
    /// The commit's full hash.
    pub revision: String,
    /// What started it: `push`, `workflow_dispatch`, …
    pub event: String,
    /// Who started it.
    pub actor: String,
    /// How it stands.
    pub state: RunState,
    /// When this attempt began.
    pub started: Timestamp,
    /// When it was last touched; its end, once it has ended.
    pub updated: Timestamp,
    /// Its page.
    pub url: String,
    /// Its jobs in GitHub's order; empty until they were read.
    pub jobs: Vec<Job>,
}

/// One job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// GitHub's ID.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: RunState,
    /// When it began, once it has.
    pub started: Option<Timestamp>,
    /// When it ended, once it has.
    pub ended: Option<Timestamp>,
    /// Its page.
    pub url: String,
}

/// What GitHub lets us ask still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests left in this hour.
    pub remaining: u64,
    /// Requests allowed in an hour.
    pub limit: u64,
    /// When the hour ends.
    pub reset: Timestamp,
}

/// What the pipelines pane is drawn from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runs {
    /// Newest first.
    pub runs: Vec<WorkflowRun>,
    /// The last limit that GitHub told.
    pub limit: Option<RateLimit>,
}
