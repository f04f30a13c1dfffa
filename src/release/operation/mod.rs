//! Operations: their identity, their journal, how they stand and how they end.

mod claim;
mod journal;
mod outcome;

pub use claim::Claim;
pub use journal::{Direction, Event, JournalLine, StepState, has_held, step_state};
pub use outcome::{End, Outcome, ended_parts, ended_words};

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan::Plan;

/// An operation's number in its environment: the server's claims directory gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OperationId(pub u64);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl FromStr for OperationId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Who sits at a cockpit, as records name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The login, such as `mira`.
    pub name: String,
    /// The machine's name.
    pub origin: String,
}

/// Whether the processes behind a claim live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liveness {
    /// Seen alive.
    Alive,
    /// Nobody runs it any more, and the step that it had begun still does: it goes on no further.
    Orphaned,
    /// Proven dead: another boot, or all its processes are gone.
    Dead,
    /// Cannot be seen from here, and unknown is not dead.
    Unknown,
}

impl Liveness {
    /// Whether nobody runs it any more, so that it does not go on by itself.
    pub fn is_interrupted(self) -> bool {
        matches!(self, Self::Orphaned | Self::Dead)
    }
}

/// An operation as the server's files tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationState {
    /// Its number.
    pub id: OperationId,
    /// Who claimed it.
    pub claim: Claim,
    /// Its plan, once its folder has been read; `None` for a lock by hand.
    pub plan: Option<Box<Plan>>,
    /// Its journal so far.
    pub journal: Vec<JournalLine>,
    /// Whether its runner lives.
    pub liveness: Liveness,
    /// Whether somebody asked to cancel it.
    pub cancelling: bool,
    /// How it ended, once it has.
    pub end: Option<End>,
}

impl OperationState {
    /// Whether it is a lock by hand: a claim without any process.
    pub fn is_lock(&self) -> bool {
        self.claim.kind == "lock"
    }
}

/// What following an operation tells, from its first line on.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The plan that it runs; first.
    Plan(Box<Plan>),
    /// The next journal line.
    Journal(JournalLine),
    /// More of what the steps printed; not cleaned, not cut at lines.
    Output(bytes::Bytes),
    /// The operation has ended; nothing follows.
    End(End),
    /// Following broke off; the operation itself goes on. Followed again from its first line: the
    /// receiver starts over.
    Lost(super::Fault),
    /// There is nothing to follow, and trying again would not help; nothing follows.
    Gone(super::Fault),
}

/// The server's seconds as a time.
pub fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
