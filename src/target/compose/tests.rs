//! A target on this machine against an Engine that is changed by hand: everything is real but that.

use std::{path::Path, time::Duration};

use futures::StreamExt;

use super::{
    fake_engine::{FakeEngine, PROJECT},
    *,
};
use crate::release::{
    FaultKind, Permit, ServiceName,
    check::Check,
    confirm::Answer,
    observation::Health,
    observed::Link,
    operation::Outcome,
    plan::{Again, FORMAT, Intent, OnFailure, OnStepFailure, PlanKind, Step},
    recovery::StoppedStep,
};

/// Long enough for a busy machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it did not happen in time")
}

fn backend() -> ServiceName {
    "backend".parse().unwrap()
}

fn target(targets: &Targets, engine: &FakeEngine) -> ComposeTarget {
    let text = format!(
        "[services.backend]\nimage = \"acme/shop\"\npin = \"TAG\"\n\
         [environments.production]\nhost = \"local\"\ndocker = [\"true\"]\nsocket = {:?}\n\
         directory = {:?}\nproject = {PROJECT:?}\nfiles = [\"compose.yml\"]\n",
        engine.socket(),
        engine.project_directory()
    );
    let config = config::parse(&text, Path::new("flightdeck.toml")).unwrap();
    let environment = &config.environments[0];
    let config::Target::Compose(compose) = &environment.target;
    targets.target(&config, environment, compose)
}

/// The next reading that `pick` takes.
async fn next<T>(
    readings: &mut BoxStream<Reading>,
    mut pick: impl FnMut(Reading) -> Option<T>,
) -> T {
    within(async {
        loop {
            if let Some(picked) = pick(readings.next().await.expect("readings never end")) {
                return picked;
            }
        }
    })
    .await
}

async fn next_health(readings: &mut BoxStream<Reading>) -> Health {
    next(readings, |reading| match reading {
        Reading::Containers(containers) => Some(containers.health(&backend())),
        _ => None,
    })
    .await
}

async fn next_link(readings: &mut BoxStream<Reading>) -> Link {
    next(readings, |reading| match reading {
        Reading::EngineLink(link) => Some(link),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn containers_are_seen_before_the_link_is_live_and_follow_events() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "starting", "create");
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();

    assert!(matches!(
        next_link(&mut readings).await,
        Link::Connecting { .. }
    ));
    assert_eq!(next_health(&mut readings).await, Health::Starting);
    assert_eq!(next_link(&mut readings).await, Link::Live);
    let requests = engine.requests();
    let position = |path: &str| requests.iter().position(|r| r.starts_with(path)).unwrap();
    assert!(position("/events") < position("/containers/json"));

    engine.container("one", "backend", "healthy", "health_status: healthy");
    assert_eq!(next_health(&mut readings).await, Health::Healthy);
    engine.container("one", "backend", "healthy", "destroy");
    assert_eq!(next_health(&mut readings).await, Health::Missing);
}

#[tokio::test]
async fn a_burst_of_events_is_not_a_burst_of_looks() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    assert_eq!(next_health(&mut readings).await, Health::Missing);
    let looks = engine.count("/containers/json");

    for n in 0..50 {
        engine.container(&format!("c{n}"), "backend", "healthy", "start");
    }
    next(&mut readings, |reading| match reading {
        Reading::Containers(containers) => (containers.containers.len() == 50).then_some(()),
        _ => None,
    })
    .await;
    let more = engine.count("/containers/json") - looks;
    assert!(more <= 5, "{more} looks for one burst");
}

#[tokio::test]
async fn a_lost_stream_of_events_is_said_and_taken_up_again() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    assert_eq!(next_health(&mut readings).await, Health::Healthy);

    engine.break_streams();
    let retry = next(&mut readings, |reading| match reading {
        Reading::EngineLink(Link::Lost { retry, .. }) => Some(retry),
        _ => None,
    })
    .await;
    assert!(retry.is_some());
    // The data was not emptied; the same containers come again with a live link.
    assert_eq!(next_health(&mut readings).await, Health::Healthy);
    assert_eq!(next_link(&mut readings).await, Link::Live);
}

#[tokio::test]
async fn without_an_engine_the_files_are_live_all_the_same() {
    let engine = FakeEngine::start();
    let directory = engine.project_directory();
    std::fs::write(format!("{directory}/.env"), "TAG=v1\n").unwrap();
    std::fs::remove_file(engine.socket()).unwrap();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    let (mut engine_fault, mut pin) = (None, None);
    next(&mut readings, |reading| {
        match reading {
            Reading::EngineLink(Link::Lost { fault, .. }) => engine_fault = Some(fault),
            Reading::Files(files) => pin = files.pins.get(&backend()).cloned(),
            _ => {}
        }
        (engine_fault.is_some() && pin.is_some()).then_some(())
    })
    .await;
    assert_eq!(pin.as_deref(), Some("v1"));
    let fault = engine_fault.unwrap();
    assert!(
        fault.message.contains("no Docker Engine listens"),
        "{fault}"
    );
    assert!(
        fault.kind.is_passing(),
        "an Engine that comes back is found"
    );
}

#[tokio::test]
async fn what_changes_in_the_files_is_told() {
    let engine = FakeEngine::start();
    let file = format!("{}/.env", engine.project_directory());
    std::fs::write(&file, "TAG=v1\n").unwrap();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    let mut next_pin = async || {
        next(&mut readings, |reading| match reading {
            Reading::Files(files) => Some(files.pins.get(&backend()).cloned()),
            _ => None,
        })
        .await
    };
    assert_eq!(next_pin().await.as_deref(), Some("v1"));
    std::fs::write(&file, "export TAG=\"v22\"\n").unwrap();
    assert_eq!(next_pin().await.as_deref(), Some("v22"));
}

/// The log's text without timestamps, container names and notes, until `lines` lines have come.
async fn read_log(logs: &mut BoxStream<Chunk>, lines: usize) -> Vec<String> {
    let mut read = Vec::new();
    within(async {
        while read.len() < lines {
            if let Chunk::Lines { bytes, .. } = logs.next().await.expect("logs never end") {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                assert!(text.ends_with('\n'), "only whole lines");
                read.extend(
                    text.lines()
                        .map(|line| line.split_once(' ').unwrap().1.to_owned()),
                );
            }
        }
    })
    .await;
    read
}

#[tokio::test]
async fn a_log_goes_on_over_a_break_without_gap_or_repeat() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    for n in 0..10 {
        engine.log("one", 1, 1000 + n, &format!("old {n}"));
    }
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 2,
    };
    let mut logs = target(&targets, &engine).logs(query);
    assert_eq!(read_log(&mut logs, 2).await, ["old 8", "old 9"]);

    engine.log("one", 1, 1010, "out");
    engine.log("one", 2, 1010, "err");
    assert_eq!(read_log(&mut logs, 2).await, ["out", "err"]);

    engine.break_streams();
    engine.log("one", 2, 1010, "err again");
    engine.log("one", 1, 1011, "after");
    let mut read = read_log(&mut logs, 2).await;
    read.sort();
    assert_eq!(read, ["after", "err again"]);
}

#[tokio::test]
async fn a_terminals_line_that_never_ends_is_shown_and_not_kept() {
    let engine = FakeEngine::start();
    engine.container_with_terminal("one", "backend");
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 2,
    };
    let mut logs = target(&targets, &engine).logs(query);
    within(engine.asked("/containers/one/logs", 1)).await;
    engine.log("one", 1, 1000, "first words");
    engine.write("one", 1, 1001, &"\rprogress".repeat(10_000));
    let read = read_log(&mut logs, 2).await;
    assert_eq!(read[0], "first words");
    assert!(read[1].starts_with("\rprogress") && read[1].len() < 70_000);
}

#[tokio::test]
async fn a_container_to_come_is_read_from_its_first_line() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    engine.container("other", "database", "healthy", "create");
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 0,
    };
    let mut logs = target(&targets, &engine).logs(query);
    within(engine.asked("/containers/one/logs", 1)).await;

    engine.log("two", 1, 1000, "first words");
    engine.container("two", "backend", "starting", "start");
    assert_eq!(read_log(&mut logs, 1).await, ["first words"]);
}

#[tokio::test]
async fn nobody_reading_costs_nothing_and_dropping_ends_it() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    assert_eq!(
        engine.requests().len(),
        0,
        "nothing is asked before it is wanted"
    );
    let mut readings = target.readings();
    assert_eq!(next_health(&mut readings).await, Health::Missing);
    drop(readings);
    let looks = engine.count("/containers/json");
    engine.container("one", "backend", "healthy", "start");
    let mut again = target.readings();
    assert_eq!(next_health(&mut again).await, Health::Healthy);
    assert_eq!(engine.count("/containers/json"), looks + 1);
}

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
