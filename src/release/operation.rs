//! Operations: their identity, their journal, how they stand and how they end.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{plan::Plan, text::clean};

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

/// Who holds an environment, as the claim's record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who, such as `mira`.
    pub operator: String,
    /// From which machine.
    pub origin: String,
    /// Why, in the operator's words; empty if none were given.
    #[serde(default)]
    pub reason: String,
    /// What it does: a plan's kind, or `lock`.
    pub kind: String,
    /// Since when, in seconds since 1970 by the server's clock; `None` where the record does not tell.
    #[serde(default)]
    pub at: Option<i64>,
    /// Tells our own claim from anybody else's after a lost reply.
    pub nonce: String,
}

impl Claim {
    /// The operator of a claim that does not tell.
    pub const SOMEBODY: &str = "somebody";
    /// The kind of one that does not tell.
    pub const UNKNOWN_KIND: &str = "unknown";

    /// A claim that tells nothing.
    pub fn unknown() -> Self {
        Self {
            operator: Self::SOMEBODY.to_owned(),
            origin: String::new(),
            reason: String::new(),
            kind: Self::UNKNOWN_KIND.to_owned(),
            at: None,
            nonce: String::new(),
        }
    }

    /// What a record's known fields tell, cleaned, whatever else is in it and whoever wrote it: a newer
    /// flightdeck, or a ledger's line, whose beginning counts. `None` for what is no JSON object.
    pub fn known(record: &[u8]) -> Option<Self> {
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(record).ok()?;
        let text = |name: &str| fields.get(name)?.as_str().map(clean);
        let seconds = |name: &str| {
            let seconds = fields.get(name)?.as_i64()?;
            (seconds > 0 && Timestamp::from_second(seconds).is_ok()).then_some(seconds)
        };
        let unknown = Self::unknown();
        Some(Self {
            operator: text("operator").unwrap_or(unknown.operator),
            origin: text("origin").unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            kind: text("kind").unwrap_or(unknown.kind),
            at: seconds("at").or_else(|| seconds("started")),
            nonce: text("nonce").unwrap_or_default(),
        })
    }

    /// Who, in words: `mira from laptop`.
    pub fn who(&self) -> String {
        if self.origin.is_empty() {
            self.operator.clone()
        } else {
            format!("{} from {}", self.operator, self.origin)
        }
    }
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
