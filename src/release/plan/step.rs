//! One step of a plan, and how it behaves: how long it may take, what a second run means, and what its
//! failure means for its list.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Intent;

/// One step of a plan: an intent, and how it behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in its list, `[a-z0-9-]+`, used in file names and journals: `pull-backend`.
    pub id: String,
    /// What it does.
    pub intent: Intent,
    /// How long it may take.
    pub limit: Duration,
    /// How long it took before, where the ledger tells.
    pub estimate: Option<Duration>,
    /// What a second run of it means.
    pub again: Again,
    /// Whether it may be ended in the middle when somebody cancels.
    pub interruptible: bool,
    /// Whether the environment is another after it than before; forward's first such step is where
    /// going back begins to mean something.
    pub changes: bool,
    /// What its failure means for its list.
    #[serde(default, skip_serializing_if = "OnStepFailure::is_stops")]
    pub failure: OnStepFailure,
}

/// What a step's failure means for the list that it is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStepFailure {
    /// The list has failed.
    #[default]
    Stops,
    /// It is journaled and recorded among the results as `reported`, and the list goes on.
    Reported,
}

impl OnStepFailure {
    fn is_stops(&self) -> bool {
        *self == Self::Stops
    }
}

/// What a second run of a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// The same as one run.
    Safe,
    /// The step looks first whether it was done, or still runs.
    Probe,
    /// Nobody knows: an operator's own command. Ask.
    Ask,
}
