//! What dies in the middle of a promotion: the cockpit, which the server does not mind; and the runner,
//! after which its supervisor brings the release before back.

use std::fs;

use flightdeck::release::operation::{Event, Outcome};
use rustix::process::{Signal, kill_process};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose};

fn the_cockpit(world: &impl World) {
    let candidate = world.version(Which::Candidate);
    let mut first = Cockpit::open(world);
    first.healthy();
    first.promote(&candidate);
    first.in_step("switch");
    let operation = world.newest_claim();
    first.kill();
    let folder = world.operation(operation);
    assert!(!folder.join("end.json").exists(), "it ended too early");

    let mut second = Cockpit::open(world);
    second.open_promotion(&candidate);
    second.done(&candidate);
    world.runs(&candidate);
    world.pins(&candidate);
    let record = world.last_record();
    assert_eq!(
        (record.operation, record.outcome),
        (operation, Outcome::Succeeded)
    );

    let output = fs::read_to_string(folder.join("output.log")).expect("the output");
    let line = output.lines().find(|line| !line.trim().is_empty());
    let begins: String = line.expect("some output").chars().take(60).collect();
    second.terminal.press("5g");
    second.terminal.wait_for(begins.trim());
    second.quit();
}

fn the_runner(world: &impl World) {
    let (former, candidate) = (
        world.version(Which::Former),
        world.version(Which::Candidate),
    );
    let pin = world.pin();
    let mut cockpit = Cockpit::open(world);
    cockpit.healthy();
    cockpit.promote(&candidate);
    cockpit.in_step("switch");
    let operation = world.newest_claim();
    kill_process(world.runner(operation), Signal::KILL).expect("the runner lives");

    cockpit.went_back("switch", &former);
    world.runs(&former);
    assert_eq!(world.pin(), pin);
    let lost = |line: &flightdeck::release::operation::JournalLine| line.event == Event::RunnerLost;
    assert!(world.journal(operation).iter().any(lost));
    let record = world.last_record();
    assert_eq!(
        (record.operation, record.outcome),
        (operation, Outcome::WentBack)
    );
    cockpit.quit();
}

#[test]
fn the_cockpit_in_the_embedded_world() {
    the_cockpit(&Embedded::production());
}

#[test]
fn the_cockpit_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        the_cockpit(&world);
    }
}

#[test]
fn the_runner_in_the_embedded_world() {
    the_runner(&Embedded::production());
}

#[test]
fn the_runner_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Plain) {
        the_runner(&world);
    }
}
