//! What `status` tells of what does not hold.

use std::sync::Arc;

use super::{
    run,
    server::{Server, V1, V2, record, well},
};
use crate::{
    release::{observation::Files, operation::Outcome, plan::PlanKind},
    target::Reading,
};

/// A rollback from version 2 to version 1 is stuck, and version 1 runs.
fn stuck() -> Server {
    let mut stuck = record(6, V2);
    stuck.kind = PlanKind::Rollback;
    stuck.outcome = Outcome::Stuck;
    for release in stuck.after.services.values_mut() {
        release.digest = Some(V1.parse().unwrap());
    }
    let files = Files {
        records: vec![record(5, V2), stuck],
        ..Files::default()
    };
    let mut server = well(V1);
    server.readings[3] = Reading::Files(Arc::new(files));
    server
}

#[tokio::test]
async fn what_a_stuck_operation_has_left_is_not_somebody_elses_deed() {
    let line = "flightdeck status production";
    let (text, _) = run(well(V1), stuck(), line).await;
    let left =
        "drift: backend: left so by operation 000006, which is stuck; before it the ledger says v0";
    assert!(text.contains(left), "{text}");
    assert!(!text.contains("somebody else"), "{text}");
    let line = "flightdeck status production --json";
    let (text, _) = run(well(V1), stuck(), line).await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let drift = &value["environments"][0]["services"][0]["drift"][0];
    assert_eq!(drift["kind"], "left");
    assert_eq!(drift["left_by"], 6);
}
