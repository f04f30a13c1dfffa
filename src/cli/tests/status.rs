//! What `status` tells of what does not hold.

use std::sync::Arc;

use super::{
    exit, run,
    server::{Server, V1, V2, at, record, well},
};
use crate::{
    cli::Exit,
    release::{
        observation::Files,
        operation::{Claim, Liveness, OperationId, OperationState, Outcome},
        plan::PlanKind,
    },
    target::Reading,
};

/// A rollback from version 2 to version 1 is stuck, and version 1 runs.
fn stuck(operation: Option<OperationState>) -> Server {
    let mut stuck = record(6, V2);
    stuck.kind = PlanKind::Rollback;
    stuck.outcome = Outcome::Stuck;
    for release in stuck.after.services.values_mut() {
        release.digest = Some(V1.parse().unwrap());
    }
    let files = Files {
        records: vec![record(5, V2), stuck],
        operation,
        ..Files::default()
    };
    let mut server = well(V1);
    server.readings[3] = Reading::Files(Arc::new(files));
    server
}

#[tokio::test]
async fn what_a_stuck_operation_has_left_is_not_somebody_elses_deed() {
    let line = "flightdeck status production";
    let (text, _) = run(well(V1), stuck(None), line).await;
    let left =
        "drift: backend: left so by operation 000006, which is stuck; before it the ledger says v0";
    assert!(text.contains(left), "{text}");
    assert!(!text.contains("somebody else"), "{text}");
    let line = "flightdeck status production --json";
    let (text, _) = run(well(V1), stuck(None), line).await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let drift = &value["environments"][0]["services"][0]["drift"][0];
    assert_eq!(drift["kind"], "left");
    assert_eq!(drift["left_by"], 6);
}

#[tokio::test]
async fn a_damaged_ledger_is_told_and_a_lock_that_ended_hides_no_release() {
    let mut lock = record(6, V2);
    lock.kind = PlanKind::Lock;
    let server = || {
        let mut server = well(V2);
        server.readings[3] = Reading::Files(Arc::new(Files {
            records: vec![record(5, V2), lock.clone()],
            damaged: 2,
            ..Files::default()
        }));
        server
    };
    let (text, _) = run(well(V1), server(), "flightdeck status production").await;
    assert!(text.contains("last: 000005 promote v0"), "{text}");
    let damaged = "ledger: 2 lines damaged, set aside";
    assert!(text.contains(damaged), "{text}");
    let line = "flightdeck status production --json";
    let (text, _) = run(well(V1), server(), line).await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let production = &value["environments"][0];
    assert_eq!(production["ledger"]["damaged"], 2);
    assert_eq!(production["last"]["operation"], 5);
}

#[tokio::test]
async fn an_operation_that_holds_or_died_is_told_with_since_when() {
    let held = OperationState {
        id: OperationId(7),
        claim: Claim {
            operator: "ada".to_owned(),
            origin: "desk".to_owned(),
            reason: String::new(),
            kind: "promote".to_owned(),
            at: Some(1_800_000_000),
            nonce: "n".to_owned(),
        },
        plan: None,
        journal: Vec::new(),
        liveness: Liveness::Dead,
        cancelling: false,
        end: None,
    };
    let line = "flightdeck status production";
    let (text, _) = run(well(V1), stuck(Some(held)), line).await;
    let since = "promote  by ada from desk since 2027-01-15 08:00Z";
    assert!(text.contains(since), "{text}");
}

#[tokio::test]
async fn a_container_that_crashes_again_and_again_is_unwell_however_it_looks_just_now() {
    let crashing = || {
        let mut server = well(V2);
        if let Reading::Containers(containers) = &mut server.readings[1] {
            let container = &mut Arc::make_mut(containers).containers[0];
            container.restarts = 12;
            container.started = Some(at(-20));
        }
        server
    };
    let line = "flightdeck status production";
    let (text, ended) = run(well(V1), crashing(), line).await;
    assert!(text.contains("production  unwell"), "{text}");
    assert!(text.contains("crashing  now    12"), "{text}");
    assert_eq!(exit(ended), Exit::Failed);
    let line = "flightdeck status production --json";
    let (text, _) = run(well(V1), crashing(), line).await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["environments"][0]["services"][0]["crashing"], true);
}
