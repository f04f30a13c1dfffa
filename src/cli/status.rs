//! `flightdeck status`: what runs in each environment, how it is, and what does not agree.

use serde_json::{Value, json};

use crate::{
    config::Environment,
    fleet::{
        EnvironmentFacts, Fleet,
        drift::Drift,
        join::{Condition, ServiceRow},
    },
    release::{
        Fault, Now,
        newer::{Newer, REMEDY},
        observed::{Freshness, Link, Policy},
        operation::{Claim, Liveness, OperationState, Outcome, ended_words, timestamp},
        plan::PlanKind,
        record::{Record, damaged_words},
        recovery,
        time::short_age,
    },
};

use super::{Attendant, Exit, Failure, Session};

/// Show what runs in each environment, how it is, and what does not agree.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Only these environments
    #[arg(value_name = "ENVIRONMENT")]
    environments: Vec<String>,
}

impl Status {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let names = session.environments(&self.environments)?;
        let attendant = Attendant::start(&session.world, &names, session.interactive)?;
        let mut fleet = Fleet::new(session.world.config.clone());
        attendant.settle(&mut fleet, &names, &session.clock).await;

        let config = session.world.config.clone();
        let now = session.clock.now();
        let chosen: Vec<&Environment> =
            names.iter().filter_map(|n| config.environment(n)).collect();
        if session.output.json {
            let environments: Vec<Value> = chosen.iter().map(|e| value(&fleet, e, now)).collect();
            session
                .output
                .value(&json!({ "environments": environments }))?;
        } else {
            for (at, environment) in chosen.iter().enumerate() {
                if at > 0 {
                    session.output.line("")?;
                }
                print(session, &fleet, environment, now)?;
            }
        }
        Ok(exit(&fleet, &chosen, now))
    }
}

/// The worst of them: what cannot be seen, what needs an operator, what is unwell.
fn exit(fleet: &Fleet, environments: &[&Environment], now: Now) -> Exit {
    let policy = Policy::default();
    let conditions: Vec<Condition> = environments
        .iter()
        .map(|e| fleet.condition(&e.name, now, &policy))
        .collect();
    let interrupted = environments.iter().any(|e| {
        fleet.environment(&e.name).is_some_and(|facts| {
            facts.operation().is_some_and(needs_operator) || facts.left_stuck().is_some()
        })
    });
    if interrupted {
        Exit::Stuck
    } else if conditions
        .iter()
        .any(|c| matches!(c, Condition::Unseen | Condition::Unknown))
    {
        Exit::Unreachable
    } else if conditions.contains(&Condition::Unwell) {
        Exit::Failed
    } else {
        Exit::Ok
    }
}

/// The word for a condition, as text and JSON write it.
fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::Unwell => "unwell",
        Condition::Unseen => "unreachable",
        Condition::Changing => "changing",
        Condition::Unknown => "unknown",
        Condition::Well => "well",
    }
}

/// What keeps the environment from being seen whole, if anything does.
fn faults(fleet: &Fleet, environment: &Environment) -> Vec<Fault> {
    let Some(facts) = fleet.environment(&environment.name) else {
        return Vec::new();
    };
    let mut faults: Vec<Fault> = [&facts.containers.link, &facts.files.link]
        .into_iter()
        .filter_map(|link| match link {
            Link::Lost { fault, .. } => Some(fault.clone()),
            _ => None,
        })
        .collect();
    faults.dedup();
    faults
}

fn print(
    session: &mut Session,
    fleet: &Fleet,
    environment: &Environment,
    now: Now,
) -> Result<(), Failure> {
    let condition = word(fleet.condition(&environment.name, now, &Policy::default()));
    let output = &mut session.output;
    output.line(format!("{}  {condition}", environment.name))?;
    for fault in faults(fleet, environment) {
        output.line(format!("  {}: {}", fault.subject, fault.message))?;
        if !fault.source.is_empty() {
            output.line(format!("    because: {}", fault.source))?;
        }
        if !fault.remedy.is_empty() {
            output.line(format!("    next: {}", fault.remedy))?;
        }
    }
    let Some(facts) = fleet.environment(&environment.name) else {
        return Ok(());
    };
    let newer = facts.newer();
    if let Some(newer) = newer {
        output.line(format!("  {}", newer.words()))?;
        output.line(format!("    next: {REMEDY}"))?;
    }
    if let Some(lock) = facts.lock() {
        output.line(format!("  {}", lock_words(lock)))?;
    }
    // Of one that a newer flightdeck has written all is said that is known.
    if let Some(operation) = facts.operation().filter(|held| !facts.is_newer(held.id)) {
        output.line(format!("  {}", operation_words(operation)))?;
    }
    if let Some(left) = facts.left_stuck().filter(|_| facts.operation().is_none()) {
        output.line(format!(
            "  {} waits for somebody: flightdeck recover {} resume, back or abandon; or roll back",
            left.operation, environment.name
        ))?;
    }
    if let Some(record) = last(facts) {
        let words = record_words(record, now);
        output.line(match newer {
            None => format!("  last: {words}"),
            Some(_) => format!("  last that can be read here: {words}"),
        })?;
    }
    let files = facts.files.value();
    if let Some(words) = files.and_then(|files| damaged_words(files.damaged, &files.damaged_at)) {
        output.line(format!("  ledger: {words}"))?;
    }
    let rows = fleet.services(environment);
    if facts.containers.last.is_some() {
        let cells: Vec<[String; 6]> = rows.iter().map(|row| cells(row, now)).collect();
        let head = [
            "  SERVICE",
            "VERSION",
            "DIGEST",
            "HEALTH",
            "SINCE",
            "RESTARTS",
        ];
        output.table(head, &cells)?;
    }
    for row in &rows {
        for drift in &row.drift {
            output.line(format!("  drift: {}: {}", row.service, drift.words()))?;
        }
    }
    for drift in fleet.file_drift(environment) {
        output.line(format!("  drift: {}", drift.words()))?;
    }
    if let Some(proven) = fleet.last_healthy(environment) {
        output.line(format!(
            "  rollback goes to {} ({})",
            proven.release.label(),
            proven.words()
        ))?;
    }
    Ok(())
}

fn cells(row: &ServiceRow, now: Now) -> [String; 6] {
    [
        format!("  {}", row.service),
        row.label.clone().unwrap_or_else(|| "-".to_owned()),
        match &row.digest {
            Some(digest) => digest.short().to_owned(),
            None => "-".to_owned(),
        },
        match row.crashing(now) {
            Some(_) => "crashing".to_owned(),
            None => row.health.word().to_owned(),
        },
        match row.since {
            Some(since) => short_age(now.age(since), false).0,
            None => "-".to_owned(),
        },
        row.restarts.to_string(),
    ]
}

/// Whether an operation will not go on by itself: its runner is dead, or it ended where nothing is known
/// to hold.
fn needs_operator(operation: &OperationState) -> bool {
    match &operation.end {
        None => operation.liveness.is_interrupted(),
        Some(end) => is_left(end.outcome),
    }
}

/// Whether nobody knows what an operation has left behind.
fn is_left(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Stuck | Outcome::Interrupted)
}

/// The last operation that has ended. A lock by hand is none: whoever holds it is told beside.
fn last(facts: &EnvironmentFacts) -> Option<&Record> {
    let mut newest = facts.records().iter().rev();
    newest.find(|record| record.kind != PlanKind::Lock)
}

/// What was done last and how it ended, in one line.
fn record_words(record: &Record, now: Now) -> String {
    let what = format!("{} {}", record.kind.verb(), record.brings());
    format!(
        "{} {} {}  {} ago by {}",
        record.operation,
        what.trim_end(),
        record.ended_words(),
        short_age(now.age(timestamp(record.ended)), true).0,
        record.operator,
    )
}

/// Who locked the environment by hand, since when and why, in one line.
fn lock_words(lock: &OperationState) -> String {
    let claim = &lock.claim;
    format!(
        "LOCKED by {}{}: {}",
        claim.who(),
        since(claim),
        claim.reason
    )
}

/// ` since …`, where it is known since when an environment is held, by the server's clock.
fn since(claim: &Claim) -> String {
    claim.at.map_or_else(String::new, |at| {
        format!(" since {}", timestamp(at).strftime("%Y-%m-%d %H:%MZ"))
    })
}

/// Who holds the environment since when and how that stands, in one line.
fn operation_words(operation: &OperationState) -> String {
    let claim = &operation.claim;
    let what = match (&operation.plan, claim.reason.is_empty()) {
        (Some(plan), _) => plan.title(),
        (None, true) => claim.kind.clone(),
        (None, false) => format!("{}: {}", claim.kind, claim.reason),
    };
    let state = match &operation.end {
        Some(end) => ended_words(end.outcome, end.changed, end.step.as_deref()),
        None if needs_operator(operation) => recovery::interrupted(operation),
        None if operation.liveness == Liveness::Unknown => {
            "held, and whether it still runs cannot be seen".to_owned()
        }
        None if operation.cancelling => "cancelling".to_owned(),
        None => "running".to_owned(),
    };
    format!(
        "operation {} {state}: {what}  by {}{}",
        operation.id,
        claim.who(),
        since(claim)
    )
}

fn value(fleet: &Fleet, environment: &Environment, now: Now) -> Value {
    let facts = fleet.environment(&environment.name);
    let policy = Policy::default();
    let seconds = facts.and_then(|facts| match facts.freshness(now, &policy) {
        Freshness::Stale { age, .. } => Some(age.as_secs()),
        _ => None,
    });
    let seen = facts.is_some_and(|facts| facts.containers.last.is_some());
    json!({
        "environment": environment.name,
        "condition": word(fleet.condition(&environment.name, now, &policy)),
        "faults": faults(fleet, environment),
        "stale_seconds": seconds,
        "services": seen.then(|| fleet.services(environment).iter().map(|row| service(row, now)).collect::<Vec<_>>()),
        "files": fleet.file_drift(environment).iter().map(|drift| json!({
            "file": drift.file,
            "gone": drift.is_gone,
            "since": drift.since,
            "left_by": drift.left_by.as_ref().map(|by| by.operation),
            "words": drift.words(),
        })).collect::<Vec<_>>(),
        "newer": facts.and_then(|facts| facts.newer()).map(newer),
        "operation": facts.and_then(|facts| facts.operation()).map(|operation| json!({
            "operation": operation.id,
            "kind": operation.claim.kind,
            "operator": operation.claim.operator,
            "origin": operation.claim.origin,
            "reason": operation.claim.reason,
            "started": operation.claim.at,
            "cancelling": operation.cancelling,
            "interrupted": needs_operator(operation),
            "outcome": operation.end.as_ref().map(|end| end.outcome),
        })),
        "lock": facts.and_then(|facts| facts.lock()).map(|lock| json!({
            "operation": lock.id,
            "operator": lock.claim.operator,
            "origin": lock.claim.origin,
            "message": lock.claim.reason,
            "since": lock.claim.at,
        })),
        "last": facts.and_then(last).map(|record| json!({
            "operation": record.operation,
            "kind": record.kind,
            "release": record.after,
            "outcome": record.outcome,
            "step": record.step,
            "operator": record.operator,
            "ended": record.ended,
        })),
        "ledger": facts.and_then(|facts| facts.files.value()).map(|files| json!({
            "damaged": files.damaged,
            "damaged_at": files.damaged_at,
        })),
        "rollback": fleet.last_healthy(environment).map(|proven| json!({
            "operation": proven.operation,
            "seen_healthy": proven.seen,
            "release": proven.release,
        })),
    })
}

/// What a newer flightdeck has written; what of it cannot be told is null.
fn newer(newer: &Newer) -> Value {
    let claim = newer.claim.as_ref();
    let told = |text: &str, unknown: &str| (text != unknown).then(|| text.to_owned());
    json!({
        "file": newer.file,
        "operation": newer.operation,
        "kind": claim.and_then(|claim| told(&claim.kind, Claim::UNKNOWN_KIND)),
        "operator": claim.and_then(|claim| told(&claim.operator, Claim::SOMEBODY)),
        "origin": claim.and_then(|claim| told(&claim.origin, "")),
        "reason": claim.and_then(|claim| told(&claim.reason, "")),
        "since": claim.and_then(|claim| claim.at),
        "words": newer.words(),
        "remedy": REMEDY,
    })
}

fn service(row: &ServiceRow, now: Now) -> Value {
    json!({
        "service": row.service,
        "released": row.released,
        "reference": row.reference,
        "tag": row.tag,
        "digest": row.digest,
        "health": row.health,
        "crashing": row.crashing(now).is_some(),
        "since": row.since,
        "restarts": row.restarts,
        "containers": row.containers,
        "drift": row.drift.iter().map(drift).collect::<Vec<_>>(),
    })
}

fn drift(drift: &Drift) -> Value {
    json!({
        "kind": drift.word(),
        "left_by": drift.left_by().map(|by| by.operation),
        "words": drift.words(),
    })
}
