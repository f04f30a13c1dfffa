//! A backup before a migration, and what it brings back: all of the database, or nothing of it.

use std::{os::unix::fs::MetadataExt as _, process::Command};

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::{
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose, real_world::run};

/// Asks the project's database.
fn sql(world: &Real, statement: &str) -> String {
    let database = world.canonical("database");
    let words = [
        "exec", &database, "psql", "-h", "/tmp", "-U", "shop", "-d", "shop", "-Atc", statement,
    ];
    run(&mut world.docker(&words)).trim().to_owned()
}

/// Runs flightdeck without caring how it ends.
fn attempt(world: &impl World, arguments: &[&str]) -> String {
    let program = world.program(arguments);
    let output = Command::new(&program.file)
        .args(&program.arguments)
        .env_clear()
        .envs(program.environment)
        .current_dir(&program.directory)
        .output()
        .expect("flightdeck starts");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn embedded_world() {
    let world = Embedded::production();
    let (former, candidate) = (
        world.version(Which::Former),
        world.version(Which::Candidate),
    );
    let before = world.schema();
    let promote = ["promote", "production", &candidate.tag];
    world.command(&[&promote[..], &["--override", "ci", "--yes"]].concat());
    let saved = world.last_record().results["backup"].clone();
    assert!(world.directory().join(saved).is_file());
    assert_ne!(world.schema(), before);

    world.command(&["rollback", "production", "--schema", "restore", "--yes"]);
    world.runs(&former);
    assert_eq!(world.schema(), before);
    assert_eq!(world.last_record().results["schema_heads"], before);

    let clean_up = [
        "clean-up",
        "production",
        "--keep",
        "1",
        "--older-than",
        "0s",
    ];
    world.command(&[&clean_up[..], &["--yes"]].concat());
    let record = world.last_record();
    assert_eq!(
        (record.kind, record.outcome),
        (PlanKind::CleanUp, Outcome::Succeeded)
    );
    world.runs(&former);
    // Nothing is left to remove, and nothing that runs was missed.
    let said = attempt(&world, &[&clean_up[..], &["--dry-run"]].concat());
    assert!(said.contains("nothing to clean up"), "{said}");
}

#[test]
fn real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Migrating) {
        journey(&world);
    }
}

fn journey(world: &Real) {
    let (former, candidate) = (
        world.version(Which::Former),
        world.version(Which::Candidate),
    );
    let before = world.schema();
    sql(world, "CREATE TABLE kept AS SELECT 1 AS n");
    world.command(&["promote", "production", &candidate.tag, "--yes"]);
    let promoted = world.last_record();
    assert_eq!(promoted.outcome, Outcome::Succeeded);
    let handle = &promoted.results["backup"];
    let file = std::fs::metadata(world.directory().join(handle)).expect("the backup");
    assert_eq!(file.mode() & 0o777, 0o600);
    assert_eq!(promoted.results["backup_size"], file.len().to_string());
    let migrated = world.schema();
    assert_ne!(migrated, before);
    sql(world, "CREATE TABLE since AS SELECT 1 AS n");
    let tables = || {
        sql(
            world,
            "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables \
             WHERE schemaname = 'public' AND tablename IN ('kept', 'since')",
        )
    };

    // The image that runs needs the newer schema: it does not hold, and all is as it was.
    let said = attempt(world, &["restore", "production", "--yes"]);
    let record = world.last_record();
    assert_eq!(
        (record.kind, record.outcome),
        (PlanKind::Restore, Outcome::WentBack),
        "{said}"
    );
    // The proxy, which asks the backend, may be the first to notice.
    let noticed = ["restart", "verify-health", "verify-check-1"];
    assert!(
        noticed
            .iter()
            .any(|step| record.step.as_deref() == Some(step)),
        "{said}"
    );
    assert_eq!(tables(), "kept since");
    assert_eq!(world.schema(), migrated);
    world.runs(&candidate);

    // What is broken brings nothing back, and takes nothing away.
    let path = world.directory().join(handle);
    let whole = std::fs::read(&path).expect("the backup");
    std::fs::write(&path, &whole[..whole.len() - 40]).expect("a shorter backup");
    let said = attempt(world, &["restore", "production", "2", "--yes"]);
    assert!(said.contains("is not what was recorded"), "{said}");
    let mut broken = whole.clone();
    let middle = whole.len() - 400;
    broken[middle..middle + 200].fill(0);
    std::fs::write(&path, &broken).expect("a broken backup");
    let said = attempt(world, &["restore", "production", "2", "--yes"]);
    let record = world.last_record();
    assert_eq!(record.outcome, Outcome::WentBack, "{said}");
    assert_eq!(record.step.as_deref(), Some("restore"), "{said}");
    assert_eq!(tables(), "kept since");
    world.runs(&candidate);
    std::fs::write(&path, &whole).expect("the backup");

    world.command(&["rollback", "production", "--schema", "image-only", "--yes"]);
    world.runs(&former);
    // The older image cannot tell where that is: the database itself can.
    assert_eq!(
        sql(world, "SELECT version_num FROM alembic_version"),
        migrated
    );
    world.command(&["restore", "production", "2", "--yes"]);
    let record = world.last_record();
    assert_eq!(record.outcome, Outcome::Succeeded);
    assert_eq!(record.results["schema_heads"], before);
    assert_eq!(tables(), "kept");
    assert_eq!(world.schema(), before);
    world.runs(&former);
    // Up again from there: nothing of the newer schema was in the way.
    world.command(&["promote", "production", &candidate.tag, "--yes"]);
    assert_eq!(world.schema(), migrated);
    // And back with the backup of that.
    sql(world, "CREATE TABLE since AS SELECT 1 AS n");
    world.command(&["rollback", "production", "--schema", "restore", "--yes"]);
    world.runs(&former);
    assert_eq!((tables(), world.schema()), ("kept".to_owned(), before));

    let leftover = run(&mut world.docker(&[
        "exec",
        &world.canonical("database"),
        "sh",
        "-c",
        "cat /proc/[0-9]*/cmdline | tr '\\0' ' '",
    ]));
    for program in ["pg_dump", "pg_restore"] {
        assert!(!leftover.contains(program), "{leftover}");
    }
}
