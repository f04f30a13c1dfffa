//! `flightdeck recover` at a terminal: the cockpit opens where the recovery is to be confirmed, as other
//! commands open it at their plan.

use std::fs;

use flightdeck::release::operation::Outcome;
use rustix::process::{Signal, kill_process_group};
use serde_json::Value;

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    recovered::{dies_in, step_group},
    world::{Which, World},
};
use crate::support::{terminal::ENTER, waiting::eventually};

#[test]
fn a_cancel_is_confirmed_and_its_reason_is_kept_with_the_operation() {
    let world = Embedded::production();
    let mut first = Cockpit::open(&world);
    first.healthy();
    first.promote(&world.version(Which::Candidate));
    first.in_step("switch");
    let operation = world.newest_claim();
    // So that it does not end by itself in between.
    let step = step_group(&world, operation);
    kill_process_group(step, Signal::STOP).expect("the step runs");

    let asked = ["recover", "production", "cancel", "--reason", "the wrong"];
    let mut second = Cockpit::with(&world, &asked);
    let former = world.version(Which::Former);
    let offered = format!("[ cancel it and go back to {} ]", former.tag);
    second.terminal.wait_for(&offered);
    second.terminal.press(ENTER);
    second.terminal.wait_for("reason > the wrong");
    second.terminal.press("\t tag");
    second.terminal.wait_for("for the record > the wrong tag");
    let wish = world.operation(operation).join("cancel");
    assert!(!wish.exists(), "nothing is cancelled before it is meant");
    second.terminal.press(ENTER);
    second.terminal.press(ENTER);
    eventually("the wish to cancel", || wish.exists());
    kill_process_group(step, Signal::CONT).expect("the step runs");
    first.terminal.wait_for_words("cancelled; went back: ");
    let wish = fs::read(wish).expect("the wish");
    let wish: Value = serde_json::from_slice(&wish).expect("JSON");
    assert_eq!(wish["reason"], "the wrong tag");
    assert_eq!(world.last_record().outcome, Outcome::Cancelled);
    world.runs(&former);
    second.quit();
    first.quit();
}

#[test]
fn what_died_is_taken_back_with_the_word_and_the_reason() {
    let world = Embedded::production();
    let dead = dies_in(&world, "switch");
    let asked = ["recover", "production", "back", "--reason", "no time"];
    let mut cockpit = Cockpit::with(&world, &asked);
    cockpit.terminal.wait_for_words("INTERRUPTED at switch");
    cockpit.terminal.wait_for("runs:");
    cockpit.terminal.press(ENTER);
    cockpit.terminal.wait_for("reason > no time");
    assert_eq!(world.newest_claim(), dead, "nothing has begun");
    cockpit.terminal.press("prod");
    cockpit.terminal.press(ENTER);
    let former = world.version(Which::Former);
    cockpit.went_back("switch", &former);
    world.runs(&former);
    let record = world.last_record();
    assert_eq!((record.recovers, &*record.reason), (Some(dead), "no time"));
    cockpit.quit();
}

#[test]
fn what_there_is_not_is_said_in_the_cockpit() {
    let world = Embedded::production();
    let cockpit = Cockpit::with(&world, &["recover", "production", "resume"]);
    cockpit
        .terminal
        .wait_for_words("no operation is under way on production");
    cockpit.quit();
}
