//! Somebody else deploys between the plan and its confirmation: refused, and the difference is shown.

use flightdeck::release::operation::Outcome;

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose};

/// `others`: the command that brings [`Which::Other`].
fn journey(world: &impl World, others: &[&str]) {
    let (candidate, other) = (world.version(Which::Candidate), world.version(Which::Other));
    let mut cockpit = Cockpit::open(world);
    cockpit.healthy();
    cockpit.choose(&candidate);
    cockpit.plan("p");
    let before = world.last_record().operation;

    world.command(others);
    world.runs(&other);
    let deployed = world.containers();

    let operation = world.last_record().operation;
    cockpit.confirm();
    cockpit
        .terminal
        .wait_for_words("refused before anything changed");
    let expected = format!("last operation: expected {}, ", before.0);
    let screen = cockpit.terminal.wait_for(&expected);
    assert!(screen.says(&format!("found {}", operation.0)), "{screen:?}");
    for difference in ["image of backend: expected ", "/.env: expected "] {
        assert!(screen.says(difference), "{screen:?}");
    }
    assert_eq!(world.containers(), deployed);
    world.pins(&other);
    assert_eq!(world.last_record().outcome, Outcome::Refused);
    cockpit.quit();
}

#[test]
fn embedded_world() {
    journey(
        &Embedded::production(),
        &["rollback", "production", "--yes"],
    );
}

#[test]
fn real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        let version = format!("backend={}", world.version(Which::Other).tag);
        journey(&world, &["promote", "production", &version, "--yes"]);
    }
}
