//! What has to hold before an operation starts.

use serde::{Deserialize, Serialize};

/// The gate that a lock by hand is: closed for a rollback until the environment's name is typed.
pub const LOCK_GATE: &str = "lock";

/// Something that has to hold before a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name: `ci`, `staging healthy`.
    pub name: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why, in words.
    pub detail: String,
    /// Whether the operator passed it all the same; recorded.
    pub overridden: bool,
}

impl Gate {
    /// How it stands, in words.
    pub fn words(&self) -> &'static str {
        match self.verdict {
            Verdict::Passed => "ok",
            _ if self.overridden => "passed all the same",
            Verdict::Failed => "CLOSED",
            Verdict::Unknown => "CLOSED, not known",
        }
    }
}

/// Whether a gate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It cannot be told, and unknown is not passed.
    Unknown,
}
