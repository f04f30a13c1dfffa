//! The one line of JSON that a script answers with.

use serde::Deserialize;

use crate::release::{
    newer::{Newer, NewerFile},
    operation::{Claim, Direction, OperationId},
};

/// An answer that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {shown:?}, which is not an answer of flightdeck's scripts")]
pub struct Unreadable {
    /// The beginning of what it said.
    pub shown: String,
}

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartReply {
    /// The operation is claimed and runs.
    Started(OperationId),
    /// Somebody holds the environment, or an operation has to be recovered first. Nothing was started.
    Refused {
        /// Why.
        why: Refusal,
        /// The claim that stands in the way.
        operation: OperationId,
        /// Its record, or the ledger's line that is of a newer format; `None` if that cannot be read.
        claim: Option<Claim>,
        /// What a newer flightdeck has written, if that is why.
        newer: Option<Box<Newer>>,
        /// The step at which an interrupted operation stopped, or about which an operator has to be asked.
        at: Option<(Direction, String)>,
    },
    /// It could not even be asked. Nothing was started, except perhaps after
    /// [`StartFailure::Runner`] and [`StartFailure::Nonce`]: look for the nonce.
    Failed(StartFailure),
}

/// Why a claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its holder lives.
    Held,
    /// Its runner and supervisor are gone, and the step that they started still runs.
    Orphaned,
    /// Whether its holder lives cannot be seen from there, and unknown is not dead.
    Unknown,
    /// An operation died half-way and has to be recovered first.
    Interrupted,
    /// Locked by hand.
    Lock,
    /// Written by a newer flightdeck.
    Format,
    /// Of a recovery: this newer operation has been since.
    Superseded,
    /// Of a recovery: an operator has to say whether the step at which it stopped runs again.
    Ask,
    /// Of a recovery: it ended well, and there is nothing to recover.
    Ended,
    /// Of a recovery: there is no such operation, or not any more.
    Missing,
    /// Of a recovery: its plan has no way back.
    NoWayBack,
    /// Of a recovery: some of its files can be read by another Unix user alone.
    Owner,
}

/// What kept a script from starting an operation. What the system said is on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartFailure {
    /// The directory is not there, or cannot be entered.
    Directory,
    /// There is no `setsid` on the server.
    Setsid,
    /// systemd-logind is set to end whatever a session has started together with the session.
    Logind,
    /// `.flightdeck` cannot be written.
    Write,
    /// The file system cannot link.
    Link,
    /// The folder could not be given its number: an operation of that number lies there without a claim.
    Rename,
    /// Somebody who could not see that it lives took the claim before it had begun.
    Overtaken,
    /// The same upload has been there before.
    Nonce,
    /// The runner ended without a word.
    Runner,
}

const CLAIM: &[u8] = b",\"claim\":";

#[derive(Deserialize)]
struct RawReply {
    started: Option<OperationId>,
    refused: Option<Refusal>,
    operation: Option<OperationId>,
    direction: Option<Direction>,
    step: Option<String>,
    file: Option<NewerFile>,
    failed: Option<StartFailure>,
}

/// Reads what [`upload`](super::upload) or [`lock`](super::lock) printed.
///
/// # Errors
/// Anything that is not such an answer, an empty one too: a lost reply, after which the nonce has to
/// be looked for.
pub fn start_reply(stdout: &[u8]) -> Result<StartReply, Unreadable> {
    let (head, claim) = head_and_claim(last_line(stdout)?);
    let raw: RawReply = serde_json::from_slice(&head).map_err(|_| unreadable(stdout))?;
    match raw {
        RawReply {
            started: Some(operation),
            ..
        } => Ok(StartReply::Started(operation)),
        RawReply {
            refused: Some(why),
            operation: Some(operation),
            direction,
            step,
            file,
            ..
        } => Ok(StartReply::Refused {
            newer: (why == Refusal::Format).then(|| Box::new(newer(file, operation, claim))),
            why,
            operation,
            claim: claim.and_then(Claim::known),
            at: direction.zip(step),
        }),
        RawReply {
            failed: Some(failure),
            ..
        } => Ok(StartReply::Failed(failure)),
        _ => Err(unreadable(stdout)),
    }
}

/// What a newer flightdeck has written of `operation`, or of the ledger, by the answer of a script that
/// leaves it alone.
pub fn newer_reply(stdout: &[u8], operation: OperationId) -> Newer {
    #[derive(Default, Deserialize)]
    struct Raw {
        file: Option<NewerFile>,
    }
    let (head, claim) = last_line(stdout).map(head_and_claim).unwrap_or_default();
    let Raw { file } = serde_json::from_slice(&head).unwrap_or_default();
    newer(file, operation, claim)
}

/// `claim` is the operation's, or the ledger's line.
fn newer(file: Option<NewerFile>, operation: OperationId, claim: Option<&[u8]>) -> Newer {
    if file == Some(NewerFile::Ledger) {
        return Newer::in_ledger(claim.unwrap_or_default());
    }
    Newer {
        file,
        operation: Some(operation),
        claim: claim.and_then(Claim::known),
    }
}

/// An answer without the claim, and that. It comes last, as somebody else has written it: it may be damaged.
fn head_and_claim(line: &[u8]) -> (Vec<u8>, Option<&[u8]>) {
    match line.windows(CLAIM.len()).position(|window| window == CLAIM) {
        Some(at) => (
            [&line[..at], b"}"].concat(),
            line[at + CLAIM.len()..].strip_suffix(b"}"),
        ),
        None => (line.to_vec(), None),
    }
}

/// Reads what [`find`](super::find) printed: the operation of that nonce, if it was claimed.
///
/// # Errors
/// Anything that is not such an answer.
pub fn find_reply(stdout: &[u8]) -> Result<Option<OperationId>, Unreadable> {
    #[derive(Deserialize)]
    struct Found {
        started: Option<OperationId>,
    }
    let found: Found = parsed(stdout)?;
    Ok(found.started)
}

/// What became of the wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReply {
    /// The runner will see it.
    Cancelling,
    /// There is no such operation.
    Missing,
    /// It had ended.
    Ended,
    /// A newer flightdeck has written some of it: see [`newer_reply`].
    Format,
    /// It could not be written down.
    Write,
}

/// Reads what [`cancel`](super::cancel) printed.
///
/// # Errors
/// Anything that is not such an answer.
pub fn cancel_reply(stdout: &[u8]) -> Result<CancelReply, Unreadable> {
    #[derive(Deserialize)]
    struct Raw {
        cancelling: Option<OperationId>,
        failed: Option<Why>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Why {
        Missing,
        Ended,
        Format,
        Write,
    }
    match parsed(stdout)? {
        Raw {
            cancelling: Some(_),
            ..
        } => Ok(CancelReply::Cancelling),
        Raw {
            failed: Some(why), ..
        } => Ok(match why {
            Why::Missing => CancelReply::Missing,
            Why::Ended => CancelReply::Ended,
            Why::Format => CancelReply::Format,
            Why::Write => CancelReply::Write,
        }),
        _ => Err(unreadable(stdout)),
    }
}

/// What became of a verdict on a check that is asked by whoever follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictReply {
    /// The step has it, or one that came earlier.
    #[serde(skip)]
    Noted,
    /// There is no such operation.
    Missing,
    /// The step does not wait for it: not yet, or not any more.
    NotWaiting,
    /// A newer flightdeck has written some of the operation: see [`newer_reply`].
    Format,
    /// It could not be written down.
    Write,
}

/// Reads what [`verdict`](super::verdict) printed.
///
/// # Errors
/// Anything that is not such an answer.
pub fn verdict_reply(stdout: &[u8]) -> Result<VerdictReply, Unreadable> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(default)]
        noted: bool,
        failed: Option<VerdictReply>,
    }
    match parsed(stdout)? {
        Raw { noted: true, .. } => Ok(VerdictReply::Noted),
        Raw {
            failed: Some(why), ..
        } => Ok(why),
        Raw { .. } => Err(unreadable(stdout)),
    }
}

/// What became of the wish to unlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlockReply {
    /// The lock has ended.
    #[serde(skip)]
    Unlocked,
    /// There is no such claim.
    Missing,
    /// It was unlocked before.
    Ended,
    /// It is an operation's claim, not a lock by hand.
    NotALock,
    /// An operation that passed the lock still runs: unlock when it has ended.
    Held,
    /// A newer flightdeck has written some of it, or in the ledger: see [`newer_reply`].
    Format,
    /// It could not be written down.
    Write,
}

/// Reads what [`unlock`](super::unlock) printed.
///
/// # Errors
/// Anything that is not such an answer.
pub fn unlock_reply(stdout: &[u8]) -> Result<UnlockReply, Unreadable> {
    #[derive(Deserialize)]
    struct Raw {
        unlocked: Option<OperationId>,
        failed: Option<UnlockReply>,
    }
    match parsed(stdout)? {
        Raw {
            unlocked: Some(_), ..
        } => Ok(UnlockReply::Unlocked),
        Raw {
            failed: Some(why), ..
        } => Ok(why),
        _ => Err(unreadable(stdout)),
    }
}

fn parsed<T: for<'a> Deserialize<'a>>(stdout: &[u8]) -> Result<T, Unreadable> {
    let (head, _) = head_and_claim(last_line(stdout)?);
    serde_json::from_slice(&head).map_err(|_| unreadable(stdout))
}

/// The last line that looks like an answer: a server's start-up files may print before it.
fn last_line(stdout: &[u8]) -> Result<&[u8], Unreadable> {
    stdout
        .split(|&byte| byte == b'\n')
        .rfind(|line| line.starts_with(b"{"))
        .ok_or_else(|| unreadable(stdout))
}

fn unreadable(stdout: &[u8]) -> Unreadable {
    let shown = String::from_utf8_lossy(&stdout[..stdout.len().min(200)]).into_owned();
    Unreadable { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_started_operation() {
        let reply = start_reply(b"welcome to shop-1\n{\"started\":42}\n").unwrap();
        assert_eq!(reply, StartReply::Started(OperationId(42)));
    }

    #[test]
    fn an_interrupted_operation_names_its_step() {
        let line = br#"{"refused":"interrupted","operation":41,"direction":"forward","step":"switch","claim":{"v":1,"kind":"promote","operator":"mira","origin":"laptop","reason":"","nonce":"n","at":5}}"#;
        let StartReply::Refused { why, claim, at, .. } = start_reply(line).unwrap() else {
            panic!("not refused");
        };
        assert_eq!(why, Refusal::Interrupted);
        assert_eq!(claim.unwrap().operator, "mira");
        assert_eq!(at, Some((Direction::Forward, "switch".to_owned())));
    }

    #[test]
    fn a_claim_that_cannot_be_read_is_still_a_refusal() {
        for line in [
            &br#"{"refused":"unknown","operation":41,"claim":null}"#[..],
            br#"{"refused":"unknown","operation":41,"claim":{"v":1,"kind":"pro}"#,
            b"{\"refused\":\"unknown\",\"operation\":41,\"claim\":\xff}}}",
        ] {
            assert!(matches!(
                start_reply(line).unwrap(),
                StartReply::Refused { claim: None, .. }
            ));
        }
    }

    #[test]
    fn what_a_newer_flightdeck_has_written_is_named_however_much_of_it_can_be_read() {
        let line = br#"{"refused":"format","operation":0,"file":"ledger","claim":{"v":2,"operation":18,"operator":"jo"}}"#;
        let StartReply::Refused { newer, .. } = start_reply(line).unwrap() else {
            panic!("not refused");
        };
        let newer = newer.unwrap();
        assert_eq!(
            (newer.file, newer.operation),
            (Some(NewerFile::Ledger), Some(OperationId(18)))
        );
        assert_eq!(newer.claim.unwrap().operator, "jo");
        for (claim, operator) in [("{\"operator\":\"jo\"}", Some("jo")), ("{\"oper", None)] {
            let line = format!("{{\"failed\":\"format\",\"file\":\"plan\",\"claim\":{claim}}}\n");
            assert_eq!(cancel_reply(line.as_bytes()), Ok(CancelReply::Format));
            assert_eq!(unlock_reply(line.as_bytes()), Ok(UnlockReply::Format));
            assert_eq!(verdict_reply(line.as_bytes()), Ok(VerdictReply::Format));
            let newer = newer_reply(line.as_bytes(), OperationId(9));
            assert_eq!(
                (newer.file, newer.operation),
                (Some(NewerFile::Plan), Some(OperationId(9)))
            );
            assert_eq!(newer.claim.map(|claim| claim.operator).as_deref(), operator);
        }
    }

    #[test]
    fn silence_and_noise_are_not_answers() {
        for noise in [
            &b""[..],
            b"\n",
            b"Permission denied\n",
            b"{}",
            b"{\"started\":",
        ] {
            assert!(start_reply(noise).is_err());
        }
    }

    #[test]
    fn cancelling() {
        assert_eq!(
            cancel_reply(b"{\"cancelling\":42}\n").unwrap(),
            CancelReply::Cancelling
        );
        assert_eq!(
            cancel_reply(b"{\"failed\":\"ended\"}\n").unwrap(),
            CancelReply::Ended
        );
        assert_eq!(find_reply(b"{\"started\":null}\n").unwrap(), None);
    }
}
