//! A server that flightdeck has never seen: adopt what runs, then promote a version. What somebody does
//! by hand afterwards finds everything in its place.

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::real_world::{Compose, run};

fn journey(world: &impl World) {
    let (former, candidate) = (
        world.version(Which::Former),
        world.version(Which::Candidate),
    );
    assert!(!world.directory().join(".flightdeck").exists());
    let mut cockpit = Cockpit::open(world);
    cockpit.healthy();
    let before = world.container("backend");

    cockpit.adopt();
    assert_eq!(
        world.container("backend"),
        before,
        "adopting recreates nothing"
    );

    cockpit.promote(&candidate);
    cockpit.done(&candidate);
    world.runs(&candidate);
    world.pins(&candidate);

    let ledger = world.ledger();
    let kinds: Vec<_> = ledger.iter().map(|r| (r.kind, r.outcome)).collect();
    assert_eq!(
        kinds,
        [
            (PlanKind::Adopt, Outcome::Succeeded),
            (PlanKind::Promote, Outcome::Succeeded)
        ]
    );
    let last = &ledger[1];
    assert_eq!(last.operator, "mira");
    let backend = |release: &flightdeck::release::record::Release| {
        let service = release
            .services
            .iter()
            .find(|(name, _)| name.as_str() == "backend");
        let digest = service.and_then(|(_, service)| service.digest.clone());
        digest.expect("the backend's digest").to_string()
    };
    assert_eq!(backend(&last.before), former.digest);
    assert_eq!(backend(&last.after), candidate.digest);
    cockpit.quit();

    let after = world.containers();
    run(&mut world.docker(&["compose", "up", "-d"]));
    assert_eq!(world.containers(), after, "nothing is recreated by hand");
}

#[test]
fn embedded_world() {
    journey(&Embedded::never_seen());
}

#[test]
fn real_world_with_compose_2_26() {
    if let Some(world) = Real::never_seen(Compose::V226) {
        journey(&world);
    }
}

#[test]
fn real_world_with_compose_2_40() {
    if let Some(world) = Real::never_seen(Compose::V240) {
        journey(&world);
    }
}
