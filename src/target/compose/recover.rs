//! Recovers an operation on a server: a small operation of its own, which the runner makes from the
//! folder of the one that it recovers. Nothing is planned anew and no step is sent again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    connection::server::Server,
    operate,
    script::{Access, Folder, Place, Unquotable, quote},
    shell::Shell,
};
use crate::release::{
    Fault, FaultKind,
    newer::{Newer, NewerFile},
    operation::{Claim, OperationId, Operator},
    plan::{FORMAT, LOCK_GATE},
    recovery::{RecoveryRequest, StoppedStep},
};

/// What the record says was overridden where nobody could see whether the operation lived, and an operator
/// vouched that it did not.
const SEEN_DEAD: &str = "seen-dead";

/// Starts the recovery that `request` asks for; returns its operation's number as soon as it has claimed
/// the environment.
///
/// # Errors
/// [`Conflict`](FaultKind::Conflict) where it cannot be recovered, or not so, with why; the link's.
pub async fn recover(
    server: &Server,
    place: &Place,
    request: &RecoveryRequest,
    by: &Operator,
) -> Result<OperationId, Fault> {
    let head = head_of(server, place, request.operation).await?;
    let folder = folder(&head, request, by).map_err(|refusal| {
        let operation = request.operation;
        let fault = |kind, message: String| Fault::new(kind, place.environment.as_str(), message);
        match refusal {
            Unfit::Newer => Newer {
                file: Some(NewerFile::Record),
                operation: Some(operation),
                claim: Claim::known(closed(&head).as_bytes()),
            }
            .fault(place.environment.as_str()),
            Unfit::Unreadable(why) => fault(
                FaultKind::Malformed,
                format!("what operation {operation} was to do cannot be read on the server"),
            )
            .remedy("look at record.json in its folder there; where it was seen to be dead, a rollback needs nothing of it")
            .because(why),
        }
    })?;
    operate::start(server, place, &folder).await
}

/// Why no recovery can be made from an operation's folder.
#[derive(Debug)]
enum Unfit {
    /// Its record is of a newer format.
    Newer,
    /// Its record is no record.
    Unreadable(serde_json::Error),
}

/// The ledger line's first part, as the operation that is recovered has it. What is not named here is
/// kept as it is, a newer flightdeck's fields too.
#[derive(Debug, Deserialize, Serialize)]
struct Head {
    v: u32,
    kind: Value,
    #[serde(default)]
    recovers: Option<OperationId>,
    operator: String,
    origin: String,
    reason: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// The claim's record, as far as it is known before there is a process.
#[derive(Serialize)]
struct Who<'a> {
    v: u32,
    kind: &'a Value,
    recovers: OperationId,
    operator: &'a str,
    origin: &'a str,
    reason: &'a str,
}

/// The record's first part as an object.
fn closed(head: &str) -> String {
    format!("{}}}", head.trim_end())
}

fn folder(head: &str, request: &RecoveryRequest, by: &Operator) -> Result<Folder, Unfit> {
    /// Of which format it is, whatever else a newer one has changed.
    #[derive(Deserialize)]
    struct Format {
        v: u32,
    }
    let whole = closed(head);
    let format: Format = serde_json::from_str(&whole).map_err(Unfit::Unreadable)?;
    if format.v > FORMAT {
        return Err(Unfit::Newer);
    }
    let dead: Head = serde_json::from_str(&whole).map_err(Unfit::Unreadable)?;
    let who = Who {
        v: FORMAT,
        kind: &dead.kind,
        recovers: request.operation,
        operator: &by.name,
        origin: &by.origin,
        reason: &request.reason,
    };
    let mut folder = Folder::new();
    folder.add("who.json", Access::Shared, unclosed(&who)?);
    let dead_overrode: Vec<String> = dead
        .other
        .get("overridden")
        .and_then(|gates| serde_json::from_value(gates.clone()).ok())
        .unwrap_or_default();
    let mut other = dead.other;
    // What somebody vouched for was that one's: nobody has said it of this.
    if let Some(overridden) = other.get_mut("overridden").and_then(Value::as_array_mut) {
        overridden.retain(|name| name != SEEN_DEAD);
    }
    if request.seen_dead {
        let overridden = other.entry("overridden").or_insert_with(|| json!([]));
        if let Some(overridden) = overridden.as_array_mut() {
            overridden.push(json!(SEEN_DEAD));
        }
    }
    let record = Head {
        v: FORMAT,
        recovers: Some(request.operation),
        operator: by.name.clone(),
        origin: by.origin.clone(),
        reason: request.reason.clone(),
        kind: dead.kind,
        other,
    };
    folder.add("record.json", Access::Shared, unclosed(&record)?);
    // The lock that the operation was confirmed to pass must not keep it from being brought to its end.
    let passes_lock = dead_overrode.iter().any(|gate| gate == LOCK_GATE);
    let passes = [(passes_lock, "lock\n"), (request.seen_dead, "unknown\n")];
    let passes: String = passes
        .iter()
        .filter_map(|(is_passed, word)| is_passed.then_some(*word))
        .collect();
    if !passes.is_empty() {
        folder.add("passes", Access::Shared, passes);
    }
    let stopped_step: StoppedStep = request.stopped_step;
    let wish = format!(
        "{} {} {}\n",
        request.operation,
        request.recovery.word(),
        stopped_step.word()
    );
    folder.add("recovers", Access::Shared, wish);
    Ok(folder)
}

/// A JSON object on one line without its closing brace: the runner adds the rest.
fn unclosed(object: &impl Serialize) -> Result<Vec<u8>, Unfit> {
    let mut text = serde_json::to_string(object).map_err(Unfit::Unreadable)?;
    text.pop();
    text.push('\n');
    Ok(text.into_bytes())
}

/// The first part of the ledger line of `operation`, as its folder has it.
async fn head_of(server: &Server, place: &Place, operation: OperationId) -> Result<String, Fault> {
    let subject = place.environment.as_str();
    let script = script(place, operation).map_err(|error| {
        Fault::new(FaultKind::Invalid, subject, "its files cannot be named")
            .remedy("correct directory and project in the configuration")
            .because(error)
    })?;
    let output = server.connected().await?.channels.run(script).await?;
    if output.status != 0 {
        return Err(Fault::new(
            FaultKind::Missing,
            subject,
            format!("there is no operation {operation} to recover on the server"),
        )
        .remedy("look at its history")
        .because(String::from_utf8_lossy(&output.stderr).trim()));
    }
    // A server's start-up files may print before it.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rfind(|line| line.starts_with('{'));
    Ok(line.unwrap_or_default().to_owned())
}

/// One function called on its last line, as all that travels.
fn script(place: &Place, operation: OperationId) -> Result<Vec<u8>, Unquotable> {
    let directory = quote(&place.directory)?;
    let project = quote(&place.project)?;
    Ok(format!(
        "head_of() {{\n\
         case $1 in '~' | '~/'*) set -- \"$HOME${{1#?}}\" \"$2\" ;; esac\n\
         cd -- \"$1\" || return 1\n\
         cat \".flightdeck/$2/operations/{operation}/record.json\"\n\
         }}\n\
         head_of {directory} {project}\n"
    )
    .into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{plan::PlanKind, record::Record, recovery::Recovery};

    fn request(recovery: Recovery) -> RecoveryRequest {
        RecoveryRequest {
            seen_dead: false,
            operation: OperationId(42),
            recovery,
            stopped_step: StoppedStep::Skip,
            reason: "the \"hook\" was done by hand".to_owned(),
        }
    }

    fn jonas() -> Operator {
        Operator {
            name: "jonas".to_owned(),
            origin: "desk".to_owned(),
        }
    }

    fn head(v: u32) -> String {
        let head = json!({
            "v": v, "environment": "production", "kind": "promote", "operator": "mira",
            "origin": "laptop", "reason": "hotfix", "before": {"services": {}},
            "after": {"services": {}}, "gates": [], "overridden": ["ci", "lock"], "weather": "fair",
        });
        head.to_string().trim_end_matches('}').to_owned() + "\n"
    }

    fn line(folder: &Folder, path: &str) -> String {
        let script = super::super::script::upload(
            folder,
            &super::super::script::Nonce::random(),
            &Place {
                environment: "production".parse().unwrap(),
                directory: "/srv/shop".into(),
                project: "shop".into(),
            },
        );
        assert!(String::from_utf8(script.unwrap()).unwrap().contains(path));
        String::from_utf8(folder.bytes(path).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_recovery_is_its_operators_and_keeps_what_the_dead_operation_recorded() {
        let folder = folder(&head(1), &request(Recovery::Resume), &jonas()).unwrap();
        assert_eq!(line(&folder, "recovers"), "000042 resume skip\n");
        let record = line(&folder, "record.json").trim_end().to_owned()
            + r#","operation":43,"started":5,"ended":6,"outcome":"succeeded"}"#;
        assert!(record.starts_with("{\"v\":1,"), "{record}");
        let record: Record = serde_json::from_str(&record).unwrap();
        assert_eq!(
            (record.kind, record.recovers, record.operator.as_str()),
            (PlanKind::Promote, Some(OperationId(42)), "jonas")
        );
        assert_eq!(record.overridden, ["ci", "lock"]);
        assert_eq!(line(&folder, "passes"), "lock\n");
        assert_eq!(
            record.other["weather"], "fair",
            "a field that is not known is kept"
        );
        let seen_dead = RecoveryRequest {
            seen_dead: true,
            ..request(Recovery::Resume)
        };
        let vouched = super::folder(&head(1), &seen_dead, &jonas()).unwrap();
        assert_eq!(line(&vouched, "passes"), "lock\nunknown\n");
        let overridden = r#""overridden":["ci","lock","seen-dead"]"#;
        let vouched = line(&vouched, "record.json");
        assert!(vouched.contains(overridden));
        let again = super::folder(&vouched, &request(Recovery::Resume), &jonas()).unwrap();
        assert!(line(&again, "record.json").contains(r#""overridden":["ci","lock"]"#));
        let who = line(&folder, "who.json").trim_end().to_owned() + "}";
        let who: Value = serde_json::from_str(&who).unwrap();
        assert_eq!(
            (&who["kind"], &who["recovers"]),
            (&json!("promote"), &json!(42))
        );
    }

    #[test]
    fn a_newer_format_is_refused() {
        let refused = folder(&head(2), &request(Recovery::Back), &jonas());
        assert!(matches!(refused, Err(Unfit::Newer)), "{refused:?}");
        let refused = folder("", &request(Recovery::Back), &jonas());
        assert!(matches!(refused, Err(Unfit::Unreadable(_))), "{refused:?}");
    }
}
