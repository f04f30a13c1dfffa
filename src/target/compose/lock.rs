//! Locks by hand: a claim with a message and no process.

use serde_json::json;

use super::{
    connection::server::Server,
    operate::{self, unnameable},
    script::{self, Access, Folder, Nonce, Place},
};
use crate::release::{
    EnvironmentName, Fault,
    operation::{OperationId, Operator},
    plan::{FORMAT, PlanKind},
    recovery::LockRequest,
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
