//! A promotion that migrates the schema, and the way back that takes the schema along.

use flightdeck::release::operation::Outcome;

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose, terminal::ENTER};

/// The Down key.
const DOWN: &str = "\x1b[B";

fn journey(world: &impl World) {
    let (former, candidate) = (
        world.version(Which::Former),
        world.version(Which::Candidate),
    );
    let recorded = world.schema();
    let mut cockpit = Cockpit::open(world);
    cockpit.healthy();

    cockpit.choose(&candidate);
    cockpit.plan("p");
    cockpit.terminal.wait_for("alembic upgrade");
    cockpit.confirm();
    cockpit.done(&candidate);
    world.runs(&candidate);
    let migrated = world.schema();
    assert_ne!(migrated, recorded);

    // Nobody is there to ask, and the environment is protected: what there is to choose from is said.
    let refused = world.refused(&["rollback", world.environment(), "--dry-run"]);
    for words in [
        migrated.as_str(),
        "--schema image-only",
        "--schema downgrade",
    ] {
        assert!(refused.contains(words), "{refused}");
    }

    // Nor is a revision looked for on the server that the image which runs there does not have.
    let unknown = ["migrate", world.environment(), "--to", "ffff00aa", "--yes"];
    let refused = world.refused(&unknown);
    let words = format!("{} has no revision ffff00aa", candidate.tag);
    assert!(
        refused.contains(&words) && refused.contains(&migrated),
        "{refused}"
    );

    cockpit.plan("r");
    cockpit.terminal.wait_for("schema downgrade (e)");
    cockpit.terminal.press("e");
    cockpit.terminal.wait_for("(x) schema image-only");
    cockpit.terminal.press(DOWN);
    cockpit.terminal.press(DOWN);
    cockpit.terminal.press(" ");
    cockpit.terminal.wait_for("(x) schema downgrade");
    cockpit.terminal.press(ENTER);
    cockpit.terminal.wait_for("alembic downgrade");
    cockpit.confirm();
    cockpit.done(&former);
    world.runs(&former);
    assert_eq!(world.schema(), recorded);
    let record = world.last_record();
    assert_eq!(record.outcome, Outcome::Succeeded);
    assert_eq!(record.results.get("schema_heads"), Some(&recorded));
    cockpit.quit();
}

#[test]
fn embedded_world() {
    journey(&Embedded::production());
}

#[test]
fn real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Migrating) {
        journey(&world);
    }
}
