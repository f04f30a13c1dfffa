//! What an operation writes while it runs, and how its steps stand by that.

use serde::{Deserialize, Serialize};

use super::{OperationId, Outcome};

/// Which of a plan's lists is being run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Doing it.
    Forward,
    /// Going back to the recorded release.
    Back,
    /// What is done once the outcome is known: it changes nothing of that.
    Closing,
}

impl Direction {
    /// All of them, in the order in which they may run.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Back, Self::Closing];

    /// Its word in journals and in an operation's folder.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Back => "back",
            Self::Closing => "closing",
        }
    }
}

/// One line of `journal.jsonl`. Only numbers and words of the runner's own choosing; an event that a
/// newer format adds is kept as [`Event::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// The format's version.
    pub v: u32,
    /// The server's clock, in seconds since 1970.
    pub at: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What a journal line tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// One of the lists begins.
    Begin {
        /// Which.
        direction: Direction,
        /// Of the closing one: the outcome that it is told of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<Outcome>,
    },
    /// A step begins: its process group is journaled before it runs.
    StepStart {
        /// In which list.
        direction: Direction,
        /// The step's id in the plan.
        step: String,
        /// Its process group.
        group: u64,
        /// The output's length when it began, in bytes.
        offset: u64,
    },
    /// A step has ended.
    StepEnd {
        /// In which list.
        direction: Direction,
        /// The step's id in the plan.
        step: String,
        /// Its exit code, 128 + n for a signal; `None` if it is not known.
        exit: Option<i64>,
        /// The output's length when it ended, in bytes.
        offset: u64,
        /// `limit`, `cancel` or `signal`, where the step did not end by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A recovery begins: the journal's first line.
    Recovers {
        /// The operation that it recovers.
        operation: OperationId,
        /// In which list it goes on.
        list: Direction,
        /// The outcome that steps of the closing list were told of in that operation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        told: Option<Outcome>,
    },
    /// A step has held in an operation that this one recovers, or was skipped at an operator's wish.
    Held {
        /// In which list.
        direction: Direction,
        /// The step's id in the plan.
        step: String,
        /// Whether nobody ran it.
        #[serde(default)]
        skipped: bool,
    },
    /// Somebody asked to cancel, and the runner has seen it.
    Cancel,
    /// The runner was killed; its supervisor goes on.
    RunnerLost,
    /// The operation has ended.
    End {
        /// How.
        outcome: Outcome,
        /// The step that decided it, if it was not all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// An event of a newer format.
    #[serde(other)]
    Unknown,
}

/// How one step stands, derived from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Running since that second of the server's clock.
    Running { since: i64 },
    /// Ended with exit code 0.
    Done { seconds: i64 },
    /// Held in an operation before, which this one recovers; or skipped at an operator's wish.
    Held { skipped: bool },
    /// Ended otherwise; the exit code is `None` where it is not known.
    Failed { seconds: i64, exit: Option<i64> },
}

/// How the step `id` of the list `direction` stands, from the journal. The last start counts.
pub fn step_state(journal: &[JournalLine], direction: Direction, id: &str) -> StepState {
    let mut state = StepState::Waiting;
    for line in journal {
        match &line.event {
            Event::StepStart {
                direction: d, step, ..
            } if *d == direction && step == id => {
                state = StepState::Running { since: line.at };
            }
            Event::Held {
                direction: d,
                step,
                skipped,
            } if *d == direction && step == id => state = StepState::Held { skipped: *skipped },
            Event::StepEnd {
                direction: d,
                step,
                exit,
                ..
            } if *d == direction && step == id => {
                let since = if let StepState::Running { since } = state {
                    since
                } else {
                    line.at
                };
                let seconds = (line.at - since).max(0);
                state = match exit {
                    Some(0) => StepState::Done { seconds },
                    exit => StepState::Failed {
                        seconds,
                        exit: *exit,
                    },
                };
            }
            _ => {}
        }
    }
    state
}

/// Whether the step `id` of the list `direction` has ended well, whatever came of it later.
pub fn has_held(journal: &[JournalLine], direction: Direction, id: &str) -> bool {
    journal.iter().any(|line| {
        matches!(&line.event,
            Event::StepEnd { direction: d, step, exit: Some(0), .. } | Event::Held { direction: d, step, .. }
                if *d == direction && step == id)
    })
}
