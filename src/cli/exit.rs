//! How a command ends: exit codes, and failures in words that say what to do next.

use std::{io, process::ExitCode};

use serde_json::{Value, json};

use crate::{
    config::locate::LoadError,
    release::{Fault, FaultKind, confirm::NotConfirmed, operation::Outcome},
};

/// What a command's exit code means. The numbers are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; or everything asked about is well.
    Ok = 0,
    /// It failed, and the environment is as it was before: went back, or was cancelled. For `status`:
    /// something is unwell.
    Failed = 1,
    /// The command or the configuration is wrong.
    Usage = 2,
    /// Refused before anything changed: a closed gate, somebody holds the environment, it changed
    /// since the plan was made, or nobody confirmed.
    Refused = 3,
    /// A server, a registry or GitHub could not be reached, or did not let us in.
    Unreachable = 4,
    /// An operation is stuck or interrupted: an operator has to look.
    Stuck = 5,
    /// Ctrl-C ended the command. An operation that it followed goes on.
    Interrupted = 130,
}

/// What `--help` says about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; for status: all is well
  1  failed, and the environment runs what it ran before; for status: something is unwell
  2  the command or the configuration is wrong
  3  refused before anything changed: a closed gate, somebody else's operation, a changed server
  4  a server, registry or GitHub could not be reached, or did not let us in
  5  an operation is stuck or interrupted: an operator has to look
  130  Ctrl-C; an operation that was followed goes on";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Ok,
            Outcome::WentBack | Outcome::Cancelled => Self::Failed,
            Outcome::Refused => Self::Refused,
            Outcome::Stuck | Outcome::Interrupted | Outcome::Abandoned | Outcome::Unknown => {
                Self::Stuck
            }
        }
    }
}

/// Why a command ended without doing what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something outside.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] LoadError),
    /// The command itself, in words.
    #[error("{0}")]
    Usage(String),
    /// Nobody confirmed, or a gate is closed.
    #[error(transparent)]
    NotConfirmed(#[from] NotConfirmed),
    /// What was printed had no reader or no room.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code that tells it to a script. A reader that went away, such as `head`, is no failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Output(_) => Exit::Failed,
            Self::Usage(_) | Self::Configuration(_) => Exit::Usage,
            Self::NotConfirmed(_) => Exit::Refused,
            Self::Fault(fault) => match fault.kind {
                FaultKind::Unreachable
                | FaultKind::Authentication
                | FaultKind::HostKey
                | FaultKind::Permission
                | FaultKind::RateLimited
                | FaultKind::TimedOut => Exit::Unreachable,
                FaultKind::Conflict => Exit::Refused,
                FaultKind::Invalid | FaultKind::Missing => Exit::Usage,
                FaultKind::Unsupported | FaultKind::Malformed | FaultKind::Failed => Exit::Failed,
            },
        }
    }

    /// What the operator reads, or nothing where nothing went wrong.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Configuration(LoadError::Wrong(error)) => Some(error.to_string()),
            Self::Fault(fault) => {
                let mut words = format!("error: {}: {}", fault.subject, fault.message);
                if !fault.source.is_empty() {
                    words.push_str(&format!("\n  because: {}", fault.source));
                }
                if !fault.remedy.is_empty() {
                    words.push_str(&format!("\n  next: {}", fault.remedy));
                }
                Some(words)
            }
            Self::NotConfirmed(NotConfirmed::Gates { gates }) => {
                let names: Vec<String> = gates
                    .iter()
                    .map(|gate| format!("--override {:?}", gate.name))
                    .collect();
                Some(format!(
                    "error: {self}\n  next: wait until they hold, or pass them all the same: {}",
                    names.join(" ")
                ))
            }
            other => Some(format!("error: {other}")),
        }
    }

    /// The same for programs, where anything went wrong: what `--json` prints in place of an answer.
    pub fn value(&self) -> Option<Value> {
        let words = self.words()?;
        let error = match self {
            Self::Fault(fault) => json!(fault),
            Self::NotConfirmed(NotConfirmed::Gates { gates }) => {
                json!({ "message": self.to_string(), "gates": gates })
            }
            Self::Configuration(_) => json!({ "message": words }),
            other => json!({ "message": other.to_string() }),
        };
        Some(json!({ "error": error, "exit": self.exit() as u8 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::{Gate, Verdict};

    #[test]
    fn a_fault_says_what_to_do_next_and_has_a_code_of_its_own() {
        let failure = Failure::from(
            Fault::new(FaultKind::HostKey, "shop", "the host key is not known")
                .because("No ED25519 host key is known")
                .remedy("connect once by hand: ssh shop"),
        );
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert_eq!(
            failure.words().unwrap(),
            "error: shop: the host key is not known\n  because: No ED25519 host key is known\n  \
             next: connect once by hand: ssh shop"
        );
    }

    #[test]
    fn a_closed_gate_says_why_and_how_it_is_passed_to_people_and_to_programs() {
        let gate = Gate {
            name: "lock".to_owned(),
            verdict: Verdict::Failed,
            detail: "by mira since 14:02 (moving)".to_owned(),
            overridden: false,
        };
        let failure = Failure::from(NotConfirmed::Gates { gates: vec![gate] });
        assert_eq!(
            failure.words().unwrap(),
            "error: closed gates: lock (by mira since 14:02 (moving))\n  \
             next: wait until they hold, or pass them all the same: --override \"lock\""
        );
        let value = failure.value().unwrap();
        assert_eq!(value["exit"], 3);
        assert_eq!(
            value["error"]["gates"][0]["detail"],
            "by mira since 14:02 (moving)"
        );
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit(), Exit::Ok);
        assert_eq!((failure.words(), failure.value()), (None, None));
    }
}
