//! Watch mode: keys that would change something say so, and nothing is started.

use super::{cockpit::Cockpit, embedded::Embedded, real::Real, world::World};
use crate::support::real_world::Compose;

fn journey(world: &impl World) {
    let before = world.containers();
    let mut cockpit = Cockpit::with(world, &["watch"]);
    cockpit.healthy();
    for key in ["p", "m", "r", "!", "A"] {
        cockpit.terminal.press(key);
        cockpit.terminal.wait_for("read-only: watch mode");
        cockpit.terminal.press("R");
        cockpit.terminal.wait_for("asking everything anew");
    }
    cockpit.quit();
    assert_eq!(world.containers(), before);
    assert!(!world.directory().join(".flightdeck").exists());
}

#[test]
fn embedded_world() {
    let world = Embedded::never_seen();
    journey(&world);
    assert_eq!(world.changes(), []);
}

#[test]
fn real_world() {
    if let Some(world) = Real::never_seen(Compose::V240) {
        journey(&world);
    }
}
