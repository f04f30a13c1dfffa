//! How operations end.

use serde::{Deserialize, Serialize};

use crate::release::text::clean;

/// How an operation ended. A closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of forward held.
    Succeeded,
    /// Forward failed and back held: the release before runs.
    WentBack,
    /// Failed and neither release is known to hold: an operator has to look.
    Stuck,
    /// Refused under the claim, before anything changed.
    Refused,
    /// Cancelled by somebody, and back held where anything had changed.
    Cancelled,
    /// The server or the runner died under it. Written by whoever recovers it.
    Interrupted,
    /// Given up by an operator; what was observed then is in the record.
    Abandoned,
    /// An outcome of a newer format: nobody here knows what runs after it.
    #[serde(other)]
    Unknown,
}

impl Outcome {
    /// The words for it, as screens write them.
    pub fn words(self) -> &'static str {
        match self {
            Self::Succeeded => "ok",
            Self::WentBack => "went back",
            Self::Stuck => "STUCK",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "INTERRUPTED",
            Self::Abandoned => "abandoned",
            Self::Unknown => "ended as only a newer flightdeck knows",
        }
    }
}

/// How an operation ended, in words, with the step that decided it: `STUCK at switch`. One that failed
/// before anything had changed did not go back: it stopped.
pub fn ended_words(outcome: Outcome, changed: bool, step: Option<&str>) -> String {
    let (word, more) = ended_parts(outcome, changed, step);
    format!("{word}{more}")
}

/// The same in two: the word for it, and what follows.
pub fn ended_parts(outcome: Outcome, changed: bool, step: Option<&str>) -> (&'static str, String) {
    let at = step.map_or_else(String::new, |step| format!(" at {}", clean(step)));
    match (outcome, changed, step) {
        (Outcome::WentBack, false, Some(_)) => ("stopped", format!("{at} before anything changed")),
        // An operator took it back.
        (Outcome::WentBack, false, None) => (outcome.words(), ": nothing had changed".to_owned()),
        _ => (outcome.words(), at),
    }
}

/// `end.json`: how an operation ended. Its being there releases the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// The step that decided it, if it was not all of them.
    #[serde(default)]
    pub step: Option<String>,
    /// That step's exit code.
    #[serde(default)]
    pub exit: Option<i64>,
    /// `limit`, `cancel` or `signal`, where that step did not end by itself.
    #[serde(default)]
    pub why: Option<String>,
    /// The step that failed on the way back, if one did.
    #[serde(default)]
    pub back_step: Option<String>,
    /// Whether anything was changed at all.
    #[serde(default)]
    pub changed: bool,
    /// In seconds since 1970 by the server's clock.
    pub started: i64,
    /// In seconds since 1970 by the server's clock.
    pub ended: i64,
}
