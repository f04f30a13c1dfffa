//! A version that does not hold: the release before comes back by itself.

use std::fs;

use flightdeck::release::operation::Outcome;

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose};

/// `step`: the one that finds out.
fn journey(world: &impl World, which: Which, step: &str) {
    let (former, failing) = (world.version(Which::Former), world.version(which));
    let pin = world.pin();
    let mut cockpit = Cockpit::open(world);
    cockpit.healthy();

    cockpit.promote(&failing);
    cockpit.went_back(step, &former);
    world.runs(&former);
    assert_eq!(world.pin(), pin);

    let record = world.last_record();
    assert_eq!(record.outcome, Outcome::WentBack);
    assert_eq!(record.step.as_deref(), Some(step));
    let kept = fs::read_dir(world.operation(record.operation)).expect("the operation's folder");
    let said = world.last_words(which);
    assert!(
        kept.filter_map(|entry| fs::read(entry.ok()?.path()).ok())
            .any(|bytes| String::from_utf8_lossy(&bytes).contains(said)),
        "{said:?} is in none of the operation's files"
    );
    cockpit.quit();
}

#[test]
fn a_check_that_fails_in_the_embedded_world() {
    journey(
        &Embedded::staging(),
        Which::FailsCheck,
        "verify-check-status",
    );
}

#[test]
fn a_check_that_fails_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Plain) {
        journey(&world, Which::FailsCheck, "switch");
    }
}

#[test]
fn a_crash_after_it_was_healthy_in_the_embedded_world() {
    journey(&Embedded::staging(), Which::Crashes, "verify-health");
}

#[test]
fn a_crash_after_it_was_healthy_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        journey(&world, Which::Crashes, "verify-health");
    }
}
