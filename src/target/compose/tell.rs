//! What is told to an operation that is there: a cancel, a verdict, the end of a lock. One script each, and
//! one answer.

use serde_json::json;

use super::{
    connection::server::Server,
    operate::{complaint, unnameable},
    script::{
        self, CancelReply, Place, UnlockReply, Unquotable, VerdictReply, cancel_reply, newer_reply,
        unlock_reply, verdict_reply,
    },
    shell::{Shell, ShellOutput},
};
use crate::release::{
    Fault, FaultKind,
    check::CheckAnswer,
    operation::{OperationId, Operator},
    recovery::{RecoveryRequest, UnlockRequest},
};

const LOOK_AT_STATE: &str = "look at the owner and the free space of .flightdeck on the server";

/// What the server answered.
struct Answer<'a> {
    place: &'a Place,
    output: ShellOutput,
}

impl<'a> Answer<'a> {
    async fn to(
        server: &Server,
        place: &'a Place,
        script: Result<Vec<u8>, Unquotable>,
    ) -> Result<Self, Fault> {
        let script = script.map_err(|error| unnameable(place, error))?;
        let output = server.connected().await?.channels.run(script).await?;
        Ok(Self { place, output })
    }

    fn fault<T>(
        &self,
        kind: FaultKind,
        message: impl AsRef<str>,
        remedy: &str,
    ) -> Result<T, Fault> {
        Err(Fault::new(kind, self.place.environment.as_str(), message)
            .remedy(remedy)
            .because(complaint(&self.output)))
    }
}

/// Refuses over what a newer flightdeck has written.
fn newer<T>(answered: &Answer<'_>, operation: OperationId) -> Result<T, Fault> {
    Err(newer_reply(&answered.output.stdout, operation).fault(answered.place.environment.as_str()))
}

/// Brings an operation a verdict; whether its step waited for it.
///
/// # Errors
/// [`Missing`](FaultKind::Missing) where there is no such operation, else the link's faults.
pub async fn answer_check(
    server: &Server,
    place: &Place,
    answer: &CheckAnswer,
) -> Result<bool, Fault> {
    let answered = Answer::to(server, place, script::verdict(place, answer)).await?;
    match verdict_reply(&answered.output.stdout) {
        Ok(VerdictReply::Noted) => Ok(true),
        Ok(VerdictReply::NotWaiting) => Ok(false),
        Ok(VerdictReply::Missing) => answered.fault(
            FaultKind::Missing,
            format!("there is no operation {} on the server", answer.operation),
            "look at its history",
        ),
        Ok(VerdictReply::Format) => newer(&answered, answer.operation),
        Ok(VerdictReply::Write) => answered.fault(
            FaultKind::Failed,
            format!("the verdict on {} could not be written down", answer.step),
            LOOK_AT_STATE,
        ),
        Err(error) => answered.fault(
            FaultKind::Malformed,
            format!("the server did not say whether it has the verdict: {error}"),
            "look at the operation",
        ),
    }
}

/// Asks the operation of `request` to cancel.
///
/// # Errors
/// [`Missing`](FaultKind::Missing) and [`Conflict`](FaultKind::Conflict) where there is nothing to
/// cancel any more, else the link's faults.
pub async fn cancel(
    server: &Server,
    place: &Place,
    request: &RecoveryRequest,
    by: &Operator,
) -> Result<(), Fault> {
    let operation = request.operation;
    let who = json!({
        "operator": by.name,
        "origin": by.origin,
        "reason": request.reason,
        "at": server.settings().clock.now().wall.as_second(),
    });
    let answered = Answer::to(server, place, script::cancel(place, operation, &who)).await?;
    match cancel_reply(&answered.output.stdout) {
        Ok(CancelReply::Cancelling) => Ok(()),
        Ok(CancelReply::Missing) => answered.fault(
            FaultKind::Missing,
            format!("there is no operation {operation} on the server"),
            "look at its history",
        ),
        Ok(CancelReply::Ended) => answered.fault(
            FaultKind::Conflict,
            format!("operation {operation} has already ended"),
            "roll back instead, if that is what is wanted",
        ),
        Ok(CancelReply::Format) => newer(&answered, operation),
        Ok(CancelReply::Write) => answered.fault(
            FaultKind::Permission,
            "the wish to cancel could not be written down",
            LOOK_AT_STATE,
        ),
        Err(error) => answered.fault(
            FaultKind::Malformed,
            format!("the server did not say whether it cancels: {error}"),
            "look at the operation",
        ),
    }
}

/// Ends the lock that `request` names.
///
/// # Errors
/// [`Conflict`](FaultKind::Conflict) where it has ended already or is no lock; the link's.
pub async fn unlock(
    server: &Server,
    place: &Place,
    request: UnlockRequest,
    by: &Operator,
) -> Result<(), Fault> {
    let operation = request.operation;
    let who = json!({
        "operator": by.name,
        "origin": by.origin,
        "at": server.settings().clock.now().wall.as_second(),
    });
    let answered = Answer::to(server, place, script::unlock(place, operation, &who)).await?;
    match unlock_reply(&answered.output.stdout) {
        Ok(UnlockReply::Unlocked) => Ok(()),
        Ok(UnlockReply::Missing) => answered.fault(
            FaultKind::Missing,
            format!("there is no lock {operation} on the server"),
            "look at its history",
        ),
        Ok(UnlockReply::Ended) => answered.fault(
            FaultKind::Conflict,
            format!("lock {operation} has already ended"),
            "somebody else unlocked it; look at its history",
        ),
        Ok(UnlockReply::NotALock) => answered.fault(
            FaultKind::Conflict,
            format!("operation {operation} is no lock"),
            "cancel it if it runs, recover it if it was interrupted",
        ),
        Ok(UnlockReply::Held) => answered.fault(
            FaultKind::Conflict,
            format!("an operation that passed lock {operation} still runs"),
            "unlock it when that has ended",
        ),
        Ok(UnlockReply::Format) => newer(&answered, operation),
        Ok(UnlockReply::Write) => answered.fault(
            FaultKind::Permission,
            "the end of the lock could not be written down",
            LOOK_AT_STATE,
        ),
        Err(error) => answered.fault(
            FaultKind::Malformed,
            format!("the server did not say whether it is unlocked: {error}"),
            "look at the environment",
        ),
    }
}
