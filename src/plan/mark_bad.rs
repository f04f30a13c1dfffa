//! Marking a release bad: no rollback returns to it by default until it is proven healthy anew. Nothing
//! that runs is changed.

use crate::release::{
    Fault, FaultKind,
    operation::{OperationId, Outcome},
    plan::{MarkedRelease, OnFailure, Plan, PlanKind},
    record::{Record, Release},
};

use super::{Draft, Making, holder, running, steps};

pub(super) fn plan(making: &Making<'_>, marked: MarkedRelease) -> Result<Plan, Fault> {
    let (gates, mut warnings) = holder::clear(making, PlanKind::MarkBad)?;
    let release = match marked {
        MarkedRelease::Running => running_release(making),
        MarkedRelease::Operation(operation) => reached(making, operation)?,
    };
    if release.services.is_empty() {
        return Err(making
            .fault(
                FaultKind::Missing,
                "none of its services runs: there is nothing to mark",
            )
            .remedy("name the operation that released it, as the history numbers them"));
    }
    if running::runs_all(&release, &making.running) {
        warnings
            .push("this is what runs now: it goes on running until it is rolled back".to_owned());
    }
    if making.request.reason.trim().is_empty() {
        warnings.push("no reason is given: whoever reads the history will ask".to_owned());
    }
    Ok(making.plan(Draft {
        kind: PlanKind::MarkBad,
        after: release,
        gates,
        warnings,
        forward: vec![steps::observe(making.environment)],
        back: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        depends_on_schema: false,
    }))
}

/// What runs: of several services those that the last change brought, since only they are to blame.
fn running_release(making: &Making<'_>) -> Release {
    let records = making.survey.records.iter().rev();
    records
        .filter(|record| record.brings_release())
        .find(|record| record.outcome == Outcome::Succeeded)
        .filter(|record| record.after.is_same_images(&making.running))
        .map_or_else(|| making.running.clone(), changed)
}

fn changed(record: &Record) -> Release {
    record.after.changed_since(&record.before)
}

/// The release that an operation brought or was to bring: also one that did not hold.
fn reached(making: &Making<'_>, operation: OperationId) -> Result<Release, Fault> {
    let records = &making.survey.records;
    let known = records
        .iter()
        .rev()
        .find(|record| record.operation == operation && record.brings_release());
    let record = known.ok_or_else(|| {
        making
            .fault(
                FaultKind::Missing,
                format!("the ledger has no release of operation {operation}"),
            )
            .remedy("choose another entry of the history")
    })?;
    // Of several services those that still run are not what it is about, unless all of them do: what runs
    // is marked as such.
    Ok(changed(record).changed_since(&making.running))
}
