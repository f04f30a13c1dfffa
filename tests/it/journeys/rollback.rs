//! The emergency: from a cold start to the release before, with the registry and GitHub gone.

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::real_world::{Compose, run};

/// The last release recorded healthy before the one that runs is [`Which::Other`].
fn journey(world: &impl World) {
    let other = world.version(Which::Other);
    world.cut_off();

    let mut cockpit = Cockpit::open(world);
    cockpit.plan("!");
    cockpit.confirm();
    cockpit.done(&other);
    world.runs(&other);
    world.pins(&other);
    let record = world.last_record();
    assert_eq!(
        (record.kind, record.outcome),
        (PlanKind::Rollback, Outcome::Succeeded)
    );
    cockpit.quit();
}

#[test]
fn embedded_world() {
    journey(&Embedded::production());
}

#[test]
fn real_world_after_a_prune() {
    let Some(world) = Real::with_own_registry(Compose::V240) else {
        return;
    };
    for which in [Which::Other, Which::Candidate] {
        let version = format!("backend={}", world.version(which).tag);
        world.command(&["promote", "production", &version, "--yes"]);
    }
    // Only this journey's: others go on side by side, and may have pulled what they have not kept yet.
    let label = format!(
        "label=org.opencontainers.image.version={}",
        world.version(Which::Other).tag
    );
    run(&mut world.docker(&["image", "prune", "-f", "--filter", &label]));
    journey(&world);
}
