//! Locks by hand: a claim with a message and no process, and its end.

use serde_json::json;

use super::{
    connection::server::Server,
    operate::{self, complaint, unnameable},
    script::{self, Access, Folder, Nonce, Place, UnlockReply, unlock_reply},
    shell::Shell,
};
use crate::release::{
    EnvironmentName, Fault, FaultKind,
    operation::{OperationId, Operator},
    plan::{FORMAT, PlanKind},
    recovery::{LockRequest, UnlockRequest},
};

/// Locks the environment at `place`; returns the lock's number.
///
/// # Errors
/// [`Conflict`](FaultKind::Conflict) where somebody holds it, with the holder in words; the link's.
pub async fn lock(
    server: &Server,
    place: &Place,
    environment: &EnvironmentName,
    request: &LockRequest,
    by: &Operator,
) -> Result<OperationId, Fault> {
    let nonce = Nonce::random();
    let script = script::lock(&folder(environment, request, by), &nonce, place)
        .map_err(|error| unnameable(place, error))?;
    operate::hand_over(server, place, &nonce, script).await
}

fn folder(environment: &EnvironmentName, request: &LockRequest, by: &Operator) -> Folder {
    let unclosed = |value: serde_json::Value| {
        let mut text = value.to_string();
        text.pop();
        // Readers look for the format at the beginning of the line.
        format!("{{\"v\":{FORMAT},{}\n", text.trim_start_matches('{'))
    };
    let mut folder = Folder::new();
    let who = json!({
        "kind": PlanKind::Lock,
        "operator": by.name,
        "origin": by.origin,
        "reason": request.message,
    });
    folder.add("who.json", Access::Shared, unclosed(who));
    let record = json!({
        "environment": environment,
        "kind": PlanKind::Lock,
        "operator": by.name,
        "origin": by.origin,
        "reason": request.message,
        "before": { "services": {} },
        "after": { "services": {} },
    });
    folder.add("record.json", Access::Shared, unclosed(record));
    folder
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
    let script =
        script::unlock(place, operation, &who).map_err(|error| unnameable(place, error))?;
    let output = server.connected().await?.channels.run(script).await?;
    let fault = |kind, message: String, remedy: &str| {
        Err(Fault::new(kind, &place.project, message)
            .remedy(remedy)
            .because(complaint(&output)))
    };
    match unlock_reply(&output.stdout) {
        Ok(UnlockReply::Unlocked) => Ok(()),
        Ok(UnlockReply::Missing) => fault(
            FaultKind::Missing,
            format!("there is no lock {operation} on the server"),
            "look at its history",
        ),
        Ok(UnlockReply::Ended) => fault(
            FaultKind::Conflict,
            format!("lock {operation} has already ended"),
            "somebody else unlocked it; look at its history",
        ),
        Ok(UnlockReply::NotALock) => fault(
            FaultKind::Conflict,
            format!("operation {operation} is no lock"),
            "cancel it if it runs, recover it if it was interrupted",
        ),
        Ok(UnlockReply::Held) => fault(
            FaultKind::Conflict,
            format!("an operation that passed lock {operation} still runs"),
            "unlock it when that has ended",
        ),
        Ok(UnlockReply::Format) => fault(
            FaultKind::Unsupported,
            format!("lock {operation} was written by a newer flightdeck"),
            "unlock it with that one",
        ),
        Ok(UnlockReply::Write) => fault(
            FaultKind::Permission,
            "the end of the lock could not be written down".to_owned(),
            "look at the owner and the free space of .flightdeck on the server",
        ),
        Err(error) => fault(
            FaultKind::Malformed,
            format!("the server did not say whether it is unlocked: {error}"),
            "look at the environment",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{operation::Claim, record::Record};

    #[test]
    fn a_lock_says_who_and_why_and_its_line_can_be_read() {
        let request = LockRequest {
            message: "database \"maintenance\"".to_owned(),
        };
        let mira = Operator {
            name: "mira".to_owned(),
            origin: "laptop".to_owned(),
        };
        let folder = folder(&"production".parse().unwrap(), &request, &mira);
        let text = |path| String::from_utf8(folder.bytes(path).unwrap().to_vec()).unwrap();
        let who = text("who.json").trim_end().to_owned() + r#","nonce":"n","at":5}"#;
        assert!(who.starts_with("{\"v\":1,"), "{who}");
        assert!(who.contains("\"kind\":\"lock\""), "{who}");
        let claim: Claim = serde_json::from_str(&who).unwrap();
        assert_eq!(claim.reason, request.message);
        let line = text("record.json").trim_end().to_owned()
            + r#","operation":42,"started":5,"ended":6,"outcome":"succeeded"}"#;
        let record: Record = serde_json::from_str(&line).unwrap();
        assert_eq!(record.kind, PlanKind::Lock);
        assert_eq!((record.runs(), record.proves_healthy()), (None, None));
    }
}
