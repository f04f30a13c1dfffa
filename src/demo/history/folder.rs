//! The files of an operation of the past, as the runner would have left them.

use std::{fs, io, path::Path, time::Duration};

use serde_json::json;

use crate::{
    demo::seed::Seed,
    release::{
        operation::Outcome,
        plan::{Again, Basis, FORMAT, Intent, OnFailure, OnStepFailure, Plan, Step},
        record::Record,
    },
};

/// Makes the directories that an environment's operations lie in.
pub fn prepare(project: &Path, directory: &Path) -> io::Result<()> {
    for part in ["claims", "operations", "releases"] {
        fs::create_dir_all(directory.join(part))?;
    }
    fs::write(project.join(".flightdeck/.gitignore"), "*\n")
}

/// Writes an operation: its claim, plan, journal, output and end, and its line of the ledger.
pub fn write(directory: &Path, record: &Record, seed: Seed) -> io::Result<()> {
    let id = record.operation.to_string();
    let folder = directory.join("operations").join(&id);
    fs::create_dir(&folder)?;
    let claim = json!({
        "v": FORMAT, "kind": record.kind, "operator": record.operator, "origin": record.origin,
        "reason": record.reason,
        "nonce": seed.hex(record.environment.as_str(), record.operation.0, 32),
        "pid": 0, "pid_start": 0, "supervisor": 0, "supervisor_start": 0,
        "boot": "before this world", "namespace": "", "over": 0, "at": record.started,
    });
    fs::write(folder.join("claim"), format!("{claim}\n"))?;
    fs::hard_link(folder.join("claim"), directory.join("claims").join(&id))?;
    fs::write(folder.join("plan.json"), serde_json::to_vec(&plan(record))?)?;
    journal(&folder, record)?;
    let mut end = json!({
        "v": FORMAT, "operation": record.operation, "outcome": record.outcome, "changed": true,
        "started": record.started, "ended": record.ended,
    });
    if let Some(step) = &record.step {
        end["step"] = step.as_str().into();
        end["exit"] = 1.into();
    }
    fs::write(folder.join("end.json"), format!("{end}\n"))?;
    let ledger = directory.join("ledger.jsonl");
    let mut lines = fs::read_to_string(&ledger).unwrap_or_default();
    lines.push_str(&serde_json::to_string(record)?);
    lines.push('\n');
    fs::write(ledger, lines)
}

/// Steps with their seconds, in order.
type Steps<'a> = Vec<(&'a str, i64)>;

/// The steps: forward, then those of the way back.
fn steps(record: &Record) -> (Steps<'_>, Steps<'_>) {
    const ORDER: [&str; 8] = [
        "snapshot", "pull-", "keep-", "migrate", "pin", "switch", "restart", "verify",
    ];
    let place = |step: &str| {
        ORDER
            .iter()
            .position(|o| step.starts_with(o))
            .unwrap_or(ORDER.len())
    };
    let mut forward = Vec::new();
    let mut back = Vec::new();
    for (step, seconds) in &record.times {
        match step.strip_prefix("back/") {
            Some(step) => back.push((step, *seconds)),
            None => forward.push((step.as_str(), *seconds)),
        }
    }
    // `verify-health` comes before the checks.
    let key = |(step, _): &(&str, i64)| (place(step), *step != "verify-health");
    forward.sort_by_key(key);
    back.sort_by_key(key);
    (forward, back)
}

fn journal(folder: &Path, record: &Record) -> io::Result<()> {
    let (forward, back) = steps(record);
    let mut lines = String::new();
    let mut output = String::new();
    let mut at = record.started;
    let mut line = |value: serde_json::Value| {
        lines.push_str(&value.to_string());
        lines.push('\n');
    };
    for (direction, steps) in [("forward", forward), ("back", back)] {
        if steps.is_empty() {
            continue;
        }
        line(json!({ "v": FORMAT, "at": at, "event": "begin", "direction": direction }));
        for (step, seconds) in steps {
            line(json!({
                "v": FORMAT, "at": at, "event": "step_start", "direction": direction, "step": step,
                "group": 0, "group_start": 0, "offset": output.len(),
            }));
            at += seconds;
            let failed = direction == "forward" && record.step.as_deref() == Some(step);
            output.push_str(&said(record, step, failed));
            line(json!({
                "v": FORMAT, "at": at, "event": "step_end", "direction": direction, "step": step,
                "exit": i32::from(failed), "offset": output.len(),
            }));
        }
    }
    let mut end = json!({ "v": FORMAT, "at": at, "event": "end", "outcome": record.outcome, "changed": true });
    if let Some(step) = &record.step {
        end["step"] = step.as_str().into();
    }
    line(end);
    fs::write(folder.join("journal.jsonl"), lines)?;
    fs::write(folder.join("output.log"), output)
}

/// What a step printed.
fn said(record: &Record, step: &str, failed: bool) -> String {
    let environment = &record.environment;
    match (step, failed) {
        ("switch", true) => format!(
            " Container {environment}-backend-1  Recreate\n Container {environment}-backend-1  Started\n\
             container {environment}-backend-1 is unhealthy\n"
        ),
        ("switch", false) => format!(
            " Container {environment}-backend-1  Recreate\n Container {environment}-backend-1  Started\n \
             Container {environment}-backend-1  Healthy\n"
        ),
        ("verify-check-status", true) => {
            "wget: server returned error: HTTP/1.1 503 Service Unavailable\n".to_owned()
        }
        (step, _) if step.starts_with("pull-") => record
            .after
            .services
            .values()
            .filter_map(|service| service.digest.as_ref())
            .take(1)
            .map(|digest| format!("Digest: {digest}\n"))
            .collect(),
        _ => String::new(),
    }
}

/// The plan that it had, as far as a record tells.
fn plan(record: &Record) -> Plan {
    let (forward, back) = steps(record);
    let list = |steps: Steps<'_>| steps.into_iter().map(|(id, _)| step(record, id)).collect();
    Plan {
        v: FORMAT,
        kind: record.kind,
        environment: record.environment.clone(),
        operator: record.operator.clone(),
        origin: record.origin.clone(),
        reason: record.reason.clone(),
        basis: Basis::default(),
        before: record.before.clone(),
        after: record.after.clone(),
        gates: Vec::new(),
        warnings: Vec::new(),
        forward: list(forward),
        back: list(back),
        closing: Vec::new(),
        schema_offers: Vec::new(),
        health_timeout: Duration::from_secs(60),
        on_failure: if record.outcome == Outcome::WentBack {
            OnFailure::GoBack
        } else {
            OnFailure::Stay
        },
        confirm: None,
        attachments: Vec::new(),
    }
}

fn step(record: &Record, id: &str) -> Step {
    let services: Vec<_> = record.after.services.keys().cloned().collect();
    let intent = if id.starts_with("verify") {
        Intent::Health {
            services,
            stable_for: Duration::from_secs(10),
        }
    } else if id == "restart" {
        Intent::Restart { services }
    } else if id == "pin" {
        Intent::Pin { files: Vec::new() }
    } else {
        Intent::Observe {
            services,
            heads: None,
        }
    };
    Step {
        id: id.to_owned(),
        intent,
        limit: Duration::from_secs(60),
        estimate: None,
        again: Again::Safe,
        interruptible: false,
        changes: matches!(id, "pin" | "switch" | "restart" | "migrate"),
        failure: OnStepFailure::Stops,
    }
}
