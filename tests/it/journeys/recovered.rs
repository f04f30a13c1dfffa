//! Runner and supervisor die in the middle of the switch: every cockpit says so, and one key leads to
//! going on, going back, or giving up.

use std::fs;

use flightdeck::release::{
    operation::{Event, OperationId, Outcome},
    record::Record,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{
    project::Application,
    real_world::{Compose, run},
    terminal::ENTER,
};

/// Where each choice stands below "leave it".
const BACK: usize = 1;
const RESUME: usize = 2;
const ABANDON: usize = 4;

/// A promotion of [`Which::Candidate`] that died in its switch, seen by a cockpit that was opened after.
fn interrupted<W: World>(world: &W) -> (Cockpit<'_, W>, OperationId) {
    let operation = dies_in(world, "switch");
    let second = Cockpit::open(world);
    second.terminal.wait_for_words("INTERRUPTED at switch");
    (second, operation)
}

/// A promotion of [`Which::Candidate`] that died in that step, and nothing of it runs any more.
pub(super) fn dies_in(world: &impl World, step: &str) -> OperationId {
    let mut first = Cockpit::open(world);
    first.healthy();
    first.promote(&world.version(Which::Candidate));
    first.in_step(step);
    let operation = world.newest_claim();
    let (supervisor, runner) = (world.supervisor(operation), world.runner(operation));
    kill_process(supervisor, Signal::KILL).expect("the supervisor lives");
    kill_process(runner, Signal::KILL).expect("the runner lives");
    let gone = "the end of the step that outlived its runner";
    first.terminal.wait_until(gone, |screen| {
        let text = screen.text();
        text.contains(&format!("INTERRUPTED at {step}")) && !text.contains("which still runs")
    });
    first.quit();
    operation
}

/// The dead operation's line, and its recovery's.
fn recovered(world: &impl World, dead: OperationId) -> Record {
    let ledger = world.ledger();
    let line = ledger.iter().find(|record| record.operation == dead);
    let line = line.expect("the dead operation has a line");
    assert_eq!(line.outcome, Outcome::Interrupted);
    assert_eq!(line.step.as_deref(), Some("switch"));
    let recovery = world.last_record();
    assert_eq!(recovery.recovers, Some(dead));
    recovery
}

fn resumed(world: &impl World) {
    let candidate = world.version(Which::Candidate);
    let (mut cockpit, dead) = interrupted(world);
    cockpit.recover(RESUME);
    cockpit.done(&candidate);
    world.runs(&candidate);
    world.pins(&candidate);
    assert_eq!(recovered(world, dead).outcome, Outcome::Succeeded);
    cockpit.terminal.press("1");
    cockpit.healthy();
    cockpit.quit();
}

fn taken_back(world: &impl World) {
    let former = world.version(Which::Former);
    let pin = world.pin();
    let (mut cockpit, dead) = interrupted(world);
    cockpit.recover(BACK);
    cockpit.went_back("switch", &former);
    world.runs(&former);
    assert_eq!(world.pin(), pin);
    assert_eq!(recovered(world, dead).outcome, Outcome::WentBack);
    cockpit.quit();
}

fn abandoned(world: &impl World) {
    let pin = world.pin();
    let (mut cockpit, dead) = interrupted(world);
    let ahead = world.pin();
    assert_ne!(ahead, pin, "the pin is written before the switch");
    cockpit.recover(ABANDON);
    cockpit.terminal.wait_for_words("abandoned: left as it was");
    assert_eq!(world.pin(), ahead);
    let record = recovered(world, dead);
    assert_eq!(record.outcome, Outcome::Abandoned);
    assert_eq!(record.proves_healthy(), None);
    // Somebody has decided: what comes next is not kept waiting, and finds what is pinned.
    cockpit.terminal.press("1");
    cockpit.plan("!");
    cockpit.confirm();
    cockpit.terminal.wait_for_words("done: ");
    assert_eq!(world.last_record().outcome, Outcome::Succeeded);
    cockpit.quit();
}

#[test]
fn resumed_in_the_embedded_world() {
    resumed(&Embedded::production());
}

#[test]
fn resumed_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Plain) {
        resumed(&world);
    }
}

#[test]
fn taken_back_in_the_embedded_world() {
    taken_back(&Embedded::production());
}

#[test]
fn taken_back_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        taken_back(&world);
    }
}

#[test]
fn abandoned_in_the_embedded_world() {
    abandoned(&Embedded::production());
}

#[test]
fn what_still_runs_is_ended_first() {
    let world = Embedded::production();
    let mut cockpit = Cockpit::open(&world);
    cockpit.healthy();
    cockpit.promote(&world.version(Which::Candidate));
    cockpit.in_step("switch");
    let dead = world.newest_claim();
    let step = step_group(&world, dead);
    // So that it does not end by itself in between.
    kill_process_group(step, Signal::STOP).expect("the step runs");
    let (supervisor, runner) = (world.supervisor(dead), world.runner(dead));
    kill_process(supervisor, Signal::KILL).expect("the supervisor lives");
    kill_process(runner, Signal::KILL).expect("the runner lives");
    cockpit.terminal.wait_for_words("INTERRUPTED at switch");
    cockpit.quit();
    let status = world.ends_with(&["status", "production"], 5);
    assert!(
        status.contains("INTERRUPTED at switch, which still runs"),
        "{status}"
    );
    let said = world.command(&["recover", "production", "back", "--yes"]);
    assert!(said.contains("went back"), "{said}");
    assert!(test_kill_process_group(step).is_err(), "it still runs");
    world.runs(&world.version(Which::Former));
}

/// The process group of the step that began last.
pub(super) fn step_group(world: &impl World, operation: OperationId) -> Pid {
    let mut lines = world.journal(operation).into_iter().rev();
    let group = lines.find_map(|line| match line.event {
        Event::StepStart { group, .. } => Pid::from_raw(i32::try_from(group).ok()?),
        _ => None,
    });
    group.expect("a step")
}

#[test]
fn the_command_line_says_what_it_would_run_and_recovers_too() {
    let world = Embedded::production();
    let (cockpit, dead) = interrupted(&world);
    cockpit.quit();
    let told = world.ends_with(&["recover", "production", "resume"], 2);
    for words in [
        "stopped at switch, going forward",
        "resume runs: switch",
        "--yes",
    ] {
        assert!(told.contains(words), "{words:?} is missing: {told}");
    }
    let planned = world.command(&["recover", "production", "resume", "--dry-run"]);
    for words in ["up -d --wait", "on failure: back to", "stopped at switch"] {
        assert!(planned.contains(words), "{words:?} is missing: {planned}");
    }
    let planned = world.command(&["recover", "production", "back", "--dry-run", "--json"]);
    let planned: serde_json::Value = serde_json::from_str(&planned).expect("JSON");
    assert_eq!(planned["stopped"]["step"], "switch");
    let steps = planned["steps"].as_array().expect("steps");
    let commands = |step: &str| {
        let found = steps.iter().find(|found| found["step"] == step);
        found
            .map(|found| found["commands"].to_string())
            .unwrap_or_default()
    };
    assert!(commands("switch").contains("up -d --wait"), "{planned}");
    assert_eq!(world.newest_claim(), dead, "a dry run claims nothing");
    let said = world.command(&[
        "recover",
        "production",
        "back",
        "--yes",
        "--reason",
        "no time",
    ]);
    assert!(said.contains("went back"), "{said}");
    world.runs(&world.version(Which::Former));
    let record = recovered(&world, dead);
    assert_eq!(record.reason, "no time");
    let history = world.command(&["history", "production"]);
    assert!(history.contains(&format!("recovers {dead}")), "{history}");
    // Taken up again from where it went back to, and left to itself.
    let said = world.command(&["recover", "production", "resume", "--yes", "--detach"]);
    assert!(said.contains("goes on by itself"), "{said}");
    let resumed = world.newest_claim();
    world.command(&["logs", "production", "--operation", &resumed.to_string()]);
    assert_eq!(world.last_record().outcome, Outcome::Succeeded);
    world.runs(&world.version(Which::Candidate));
    let nothing = world.ends_with(&["recover", "production", "cancel", "--yes"], 2);
    assert!(nothing.contains("no operation is under way"), "{nothing}");
}

#[test]
fn what_died_before_its_journal_is_said_and_taken_back() {
    let world = Embedded::production();
    let environment_file = world.directory().join(".env");
    let before = fs::read(&environment_file).expect("the project's .env");
    let dead = dies_in(&world, "switch");
    // As if it had died between its claim and its first line: nothing has been changed by then.
    fs::remove_file(world.operation(dead).join("journal.jsonl")).expect("the journal");
    fs::write(&environment_file, before).expect("the project's .env");
    run(&mut world.docker(&["compose", "up", "-d", "backend"]));
    let status = world.ends_with(&["status", "production"], 5);
    assert!(
        status.contains("INTERRUPTED before its first step"),
        "{status}"
    );
    let version = format!("backend={}", world.version(Which::Other).tag);
    let refused = world.ends_with(&["promote", "production", &version, "--yes"], 3);
    assert!(
        refused.contains("flightdeck recover production"),
        "{refused}"
    );
    let planned = world.command(&["recover", "production", "resume", "--dry-run"]);
    assert!(
        planned.contains("stopped before its first step"),
        "{planned}"
    );

    let mut cockpit = Cockpit::open(&world);
    cockpit
        .terminal
        .wait_for_words("INTERRUPTED before its first step");
    // Of the schema that went up meanwhile it knows nothing: to go on is another's test.
    cockpit.recover(BACK);
    let former = world.version(Which::Former);
    let words = format!("went back; nothing had changed: {} runs", former.tag);
    cockpit.terminal.wait_for_words(&words);
    world.runs(&former);
    let ledger = world.ledger();
    let line = ledger.iter().find(|record| record.operation == dead);
    let line = line.expect("the dead operation has a line");
    assert_eq!(
        (line.outcome, line.step.as_deref()),
        (Outcome::Interrupted, None)
    );
    cockpit.quit();
}

#[test]
fn what_cannot_be_seen_is_taken_back_on_the_operators_word() {
    let world = Embedded::production();
    let dead = dies_in(&world, "switch");
    // As if it had been started in a container that is not there any more.
    let claim = world.state().join("claims").join(dead.to_string());
    let record = fs::read_to_string(&claim).expect("the claim");
    let (before, namespace) = record.split_once("\"namespace\":\"").expect("a namespace");
    let (_, after) = namespace.split_once('"').expect("its end");
    let record = format!("{before}\"namespace\":\"pid:[1]\"{after}");
    fs::write(&claim, record).expect("the claim");

    let status = world.command(&["status", "production"]);
    assert!(status.contains("cannot be seen"), "{status}");
    let version = format!("backend={}", world.version(Which::Other).tag);
    for deed in [
        &["promote", "production", &version, "--yes"][..],
        &["recover", "production", "back", "--yes"],
    ] {
        let refused = world.ends_with(deed, 3);
        assert!(refused.contains("--seen-dead"), "{deed:?}: {refused}");
    }
    let dry = ["recover", "production", "back", "--seen-dead", "--dry-run"];
    let planned = world.command(&dry);
    assert!(planned.contains("says that you have looked"), "{planned}");

    let mut cockpit = Cockpit::open(&world);
    cockpit.terminal.wait_for_words("under way, not seen");
    cockpit.terminal.press("u");
    cockpit.terminal.wait_for_words("Unknown is not dead");
    cockpit.terminal.press("jj");
    cockpit.terminal.wait_for_words("You vouch for it");
    cockpit.terminal.press(ENTER);
    cockpit
        .terminal
        .wait_for_words("You vouch that nothing of it runs");
    cockpit.terminal.press("j");
    cockpit.terminal.press(ENTER);
    cockpit.terminal.wait_for("and press Enter");
    cockpit.terminal.press("\tthe runner's machine is gone");
    cockpit.terminal.press(ENTER);
    cockpit.terminal.press("prod");
    cockpit.terminal.press(ENTER);
    let former = world.version(Which::Former);
    cockpit.went_back("switch", &former);
    world.runs(&former);
    let recovery = recovered(&world, dead);
    assert_eq!(recovery.reason, "the runner's machine is gone");
    assert_eq!(recovery.overridden, ["seen-dead"]);
    cockpit.quit();
}
