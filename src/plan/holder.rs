//! Who holds an environment, and whether a plan may be made all the same.

use crate::release::{
    Fault, FaultKind,
    operation::{Liveness, OperationState, Outcome},
    plan::{Gate, LOCK_GATE, PlanKind, Verdict},
};

use super::Making;

/// What stands in the way, as gates and warnings.
///
/// # Errors
/// An operation that runs, or may run, or was interrupted and waits for an operator's decision. Only a
/// rollback may go over an interrupted one: it is that decision.
pub(super) fn clear(
    making: &Making<'_>,
    kind: PlanKind,
) -> Result<(Vec<Gate>, Vec<String>), Fault> {
    let mut gates = Vec::new();
    let mut warnings = Vec::new();
    if let Some(held) = making.survey.holder() {
        let who = holder(held);
        let environment = &making.environment.name;
        let back = if held.claim.plan_kind().has_way_back() {
            ", `back`"
        } else {
            ""
        };
        if held.is_lock() {
            gates.push(lock(making, kind, &who)?);
        } else {
            match held.liveness {
                Liveness::Dead if kind == PlanKind::Rollback => {
                    warnings.push(format!(
                        "operation {} was interrupted: {who}; this goes over it",
                        held.id
                    ));
                }
                Liveness::Orphaned if kind == PlanKind::Rollback => {
                    warnings.push(format!(
                        "operation {} was interrupted, and its step still runs: {who}; this ends that, and goes over it",
                        held.id
                    ));
                }
                Liveness::Dead | Liveness::Orphaned => {
                    return Err(making
                        .fault(
                            FaultKind::Conflict,
                            format!("operation {} was interrupted: {who}", held.id),
                        )
                        .remedy(format!(
                            "recover it first: `flightdeck recover {environment} resume`{back} or `abandon`; or roll back"
                        )));
                }
                Liveness::Alive => {
                    return Err(making
                        .fault(
                            FaultKind::Conflict,
                            format!("operation {} is under way: {who}", held.id),
                        )
                        .remedy(format!(
                            "follow it: `flightdeck logs {environment} --operation {}`, or cancel it: `flightdeck \
                             recover {environment} cancel`",
                            held.id.0
                        )));
                }
                Liveness::Unknown => {
                    return Err(making
                        .fault(
                            FaultKind::Conflict,
                            format!(
                                "operation {} has not ended, and whether it still runs cannot be seen from here: {who}",
                                held.id
                            ),
                        )
                        .remedy(format!(
                            "look on the machine or in the container where it was started; if nothing of it \
                             runs there, `flightdeck recover {environment} resume --seen-dead`{back} or `abandon`"
                        )));
                }
            }
        }
    }
    if let Some(last) = making.survey.records.last()
        && last.outcome == Outcome::Stuck
    {
        warnings.push(format!(
            "the last operation, {}, is stuck{}",
            last.operation,
            last.step
                .as_ref()
                .map_or_else(String::new, |step| format!(" at {step}"))
        ));
    }
    Ok((gates, warnings))
}

fn lock(making: &Making<'_>, kind: PlanKind, who: &str) -> Result<Gate, Fault> {
    if kind != PlanKind::Rollback {
        return Err(making
            .fault(FaultKind::Conflict, format!("locked: {who}"))
            .remedy(format!(
                "ask them; `flightdeck unlock {}` ends it, and a rollback may pass it",
                making.environment.name
            )));
    }
    Ok(Gate {
        name: LOCK_GATE.to_owned(),
        verdict: Verdict::Failed,
        detail: who.to_owned(),
        overridden: making.request.overrides.iter().any(|o| o == LOCK_GATE),
    })
}

fn holder(held: &OperationState) -> String {
    let claim = &held.claim;
    let mut words = format!(
        "{}by {}{}",
        // A lock is told of as one already.
        if held.is_lock() {
            String::new()
        } else {
            format!("{} ", claim.kind)
        },
        claim.who(),
        claim.at.map_or_else(String::new, |at| format!(
            " since {}",
            crate::release::operation::timestamp(at)
        ))
    );
    if !claim.reason.is_empty() {
        words.push_str(&format!(" ({})", claim.reason));
    }
    words
}
