//! A schema that cannot simply go back: a database ahead of what is promoted, and a revision that refuses
//! to be undone.

use std::process::Command;

use super::{real::Real, world::World};
use crate::support::{
    project::{Application, version},
    real_world::{Compose, run},
};

/// The version whose newest revision cannot be undone.
const LAST: &str = "v20260125.1";
/// That revision.
const FOR_GOOD: &str = "e5c81d20b9f6";

#[test]
fn what_the_schema_allows_is_said_before_anything_changes() {
    let Some(world) = Real::adopted(Compose::V240, Application::Migrating) else {
        return;
    };
    let production = world.environment();
    world.command(&["promote", production, version::CANDIDATE, "--yes"]);
    let migrated = world.schema();

    // An older version, which lies on the server and can be asked.
    let ahead = world.refused(&["promote", production, version::FORMER, "--dry-run"]);
    let words = format!("ahead of {}: it is at {migrated}", version::FORMER);
    assert!(ahead.contains(&words), "{ahead}");
    let plan = world.command(&[
        "promote",
        production,
        version::FORMER,
        "--no-migrate",
        "--dry-run",
    ]);
    assert!(plan.contains(&words), "{plan}");
    let unknown = [
        "migrate",
        production,
        version::FORMER,
        "--to",
        &migrated,
        "--dry-run",
    ];
    let refused = world.refused(&unknown);
    let words = format!("{} has no revision {migrated}", version::FORMER);
    assert!(refused.contains(&words), "{refused}");

    // As if a migration that cannot be undone had run.
    let statement = format!("UPDATE alembic_version SET version_num = '{FOR_GOOD}'");
    let psql = ["compose", "exec", "-T", "database", "psql", "-h", "/tmp"];
    let mut stamp: Command = world.docker(&psql);
    run(stamp.args(["-U", "shop", "-d", "shop", "-c", &statement]));
    world.command(&["promote", production, LAST, "--no-migrate", "--yes"]);
    assert_eq!(world.schema(), FOR_GOOD);

    let why = format!("{FOR_GOOD} prices are required: its downgrade() is: raise");
    let refused = world.refused(&["rollback", production, "--schema", "downgrade", "--dry-run"]);
    assert!(refused.contains(&why), "{refused}");
    let asked = world.refused(&["rollback", production, "--dry-run"]);
    assert!(asked.contains(&why), "{asked}");
    assert!(
        asked.contains("--schema image-only: the schema stays"),
        "{asked}"
    );
    let refused = world.refused(&["migrate", production, "--to", &migrated, "--dry-run"]);
    assert!(refused.contains(&why), "{refused}");
    let plan = world.command(&[
        "rollback",
        production,
        "--schema",
        "image-only",
        "--dry-run",
    ]);
    assert!(plan.contains("1 revision between"), "{plan}");
}
