//! Operations on it: started, followed, recovered, locked out.

use super::*;
use crate::release::{
    FaultKind, Permit,
    check::Check,
    confirm::Answer,
    operation::Outcome,
    plan::{Again, FORMAT, Intent, OnFailure, OnStepFailure, PlanKind, Step},
    recovery::StoppedStep,
};

/// A plan of one step, a command on the server.
fn plan(command: &str) -> Plan {
    let step = Step {
        id: "check".into(),
        intent: Intent::Check {
            name: "it works".into(),
            check: Check::Command {
                command: command.into(),
            },
            attempts: 1,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
        },
        limit: Duration::from_secs(60),
        estimate: None,
        again: Again::Safe,
        interruptible: true,
        changes: false,
        failure: OnStepFailure::Stops,
    };
    Plan {
        v: FORMAT,
        kind: PlanKind::Promote,
        environment: "production".parse().unwrap(),
        operator: "mira".into(),
        origin: "laptop".into(),
        reason: String::new(),
        basis: Default::default(),
        before: Default::default(),
        after: Default::default(),
        gates: Vec::new(),
        warnings: Vec::new(),
        forward: vec![step],
        back: Vec::new(),
        closing: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        health_timeout: Duration::ZERO,
        confirm: None,
        attachments: Vec::new(),
    }
}

fn confirmed(plan: &Plan) -> Confirmed<Plan> {
    plan.confirm(Permit::mint(), Answer::Button).unwrap()
}

fn mira() -> Operator {
    Operator {
        name: "mira".into(),
        origin: "laptop".into(),
    }
}

fn cancel(operation: OperationId) -> Confirmed<RecoveryRequest> {
    wish(operation, Recovery::Cancel, StoppedStep::Ask)
}

fn wish(
    operation: OperationId,
    recovery: Recovery,
    stopped_step: StoppedStep,
) -> Confirmed<RecoveryRequest> {
    Permit::mint().confirm(RecoveryRequest {
        seen_dead: false,
        operation,
        recovery,
        stopped_step,
        reason: "by hand".into(),
    })
}

/// How an operation ended, once it has.
async fn end_of(target: &ComposeTarget, operation: OperationId) -> crate::release::operation::End {
    let told = followed(target, operation).await;
    let Some(Progress::End(end)) = told.last() else {
        panic!("no end: {told:?}");
    };
    end.clone()
}

/// All that following tells, to its end.
async fn followed(target: &ComposeTarget, operation: OperationId) -> Vec<Progress> {
    within(target.follow(operation).collect()).await
}

#[tokio::test]
async fn an_operation_is_started_followed_and_remembered() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    let plan = plan("echo it answers");
    let operation = within(target.start(confirmed(&plan))).await.unwrap();
    assert_eq!(operation, OperationId(1));

    let told = followed(&target, operation).await;
    assert_eq!(told.first(), Some(&Progress::Plan(Box::new(plan))));
    let output: Vec<u8> = told
        .iter()
        .filter_map(|progress| match progress {
            Progress::Output(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
        .flatten()
        .collect();
    let output = String::from_utf8_lossy(&output);
    assert!(output.contains("it answers"), "{output}");
    let Some(Progress::End(end)) = told.last() else {
        panic!("no end: {told:?}");
    };
    assert_eq!(end.outcome, Outcome::Succeeded);

    let history = within(target.history(5)).await.unwrap().records;
    assert_eq!(history.len(), 1);
    assert_eq!(
        (history[0].operation, &*history[0].operator),
        (operation, "mira")
    );
}

#[tokio::test]
async fn what_is_under_way_is_shown_refuses_others_and_can_be_cancelled() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    let mut readings = target.readings();
    let operation = within(target.start(confirmed(&plan("exec sleep 600"))))
        .await
        .unwrap();
    let shown = next(&mut readings, |reading| match reading {
        Reading::Files(files) => files.operation.clone(),
        _ => None,
    })
    .await;
    assert_eq!((shown.id, &*shown.claim.operator), (operation, "mira"));

    let refused = within(target.start(confirmed(&plan("true"))))
        .await
        .unwrap_err();
    assert_eq!(refused.kind, FaultKind::Conflict);
    assert!(refused.message.contains("mira from laptop"), "{refused}");

    let wish = cancel(operation);
    within(target.recover(wish, &mira())).await.unwrap();
    let told = followed(&target, operation).await;
    let Some(Progress::End(end)) = told.last() else {
        panic!("no end: {told:?}");
    };
    assert_eq!(end.outcome, Outcome::Cancelled);
    next(&mut readings, |reading| match reading {
        Reading::Files(files) => {
            (files.operation.is_none() && !files.records.is_empty()).then_some(())
        }
        _ => None,
    })
    .await;

    let again = cancel(operation);
    let fault = within(target.recover(again, &mira())).await.unwrap_err();
    assert!(fault.message.contains("already ended"), "{fault}");
}

#[tokio::test]
async fn a_stuck_operation_is_recovered_by_another_operator_once_its_step_is_decided() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    let mut plan = plan("[ -e .flightdeck/done ]");
    plan.forward[0].again = Again::Ask;
    plan.forward[0].changes = true;
    let stuck = within(target.start(confirmed(&plan))).await.unwrap();
    assert_eq!(end_of(&target, stuck).await.outcome, Outcome::Stuck);

    let jonas = Operator {
        name: "jonas".into(),
        ..mira()
    };
    let resume = |stopped_step| wish(stuck, Recovery::Resume, stopped_step);
    let asked = within(target.recover(resume(StoppedStep::Ask), &jonas))
        .await
        .unwrap_err();
    assert!(asked.message.contains("only you can tell"), "{asked}");
    let back = wish(stuck, Recovery::Back, StoppedStep::Ask);
    let fault = within(target.recover(back, &jonas)).await.unwrap_err();
    assert!(fault.message.contains("no way back"), "{fault}");

    let skipped = within(target.recover(resume(StoppedStep::Skip), &jonas)).await;
    let recovery = skipped.unwrap().expect("another operation");
    assert_eq!(end_of(&target, recovery).await.outcome, Outcome::Succeeded);
    let last = within(target.history(5))
        .await
        .unwrap()
        .records
        .pop()
        .unwrap();
    assert_eq!(
        (
            last.operation,
            last.recovers,
            &*last.operator,
            &*last.reason
        ),
        (recovery, Some(stuck), "jonas", "by hand")
    );

    let fault = within(target.recover(resume(StoppedStep::Again), &jonas))
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert!(fault.message.contains("has been since"), "{fault}");
}

#[tokio::test]
async fn a_lock_refuses_with_its_message() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    let message = "database \"maintenance\" until $(date)";
    let lock = Permit::mint().confirm(LockRequest {
        message: message.into(),
    });
    within(target.lock(lock, &mira())).await.unwrap();
    let refused = within(target.start(confirmed(&plan("true"))))
        .await
        .unwrap_err();
    assert!(refused.message.contains(message), "{refused}");
    let operation = next(&mut target.readings(), |reading| match reading {
        Reading::Files(files) => files.operation.clone(),
        _ => None,
    })
    .await;
    assert!(operation.is_lock());
    assert_eq!(operation.claim.reason, message);

    let unlock = || {
        Permit::mint().confirm(UnlockRequest {
            operation: operation.id,
        })
    };
    within(target.unlock(unlock(), &mira())).await.unwrap();
    let twice = within(target.unlock(unlock(), &mira())).await.unwrap_err();
    assert!(twice.message.contains("already ended"), "{twice}");
    let mut since = plan("true");
    since.basis.last_operation = Some(operation.id);
    let next = within(target.start(confirmed(&since))).await.unwrap();
    assert_eq!(end_of(&target, next).await.outcome, Outcome::Succeeded);
    let history = within(target.history(5)).await.unwrap().records;
    assert_eq!(history[0].kind, PlanKind::Lock);
}

#[tokio::test]
async fn an_operation_that_is_not_there_is_said_once() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let told = followed(&target(&targets, &engine), OperationId(7)).await;
    assert!(
        matches!(&told[..], [Progress::Gone(fault)] if fault.kind == FaultKind::Missing),
        "{told:?}"
    );
}
