//! A backup before a migration, and what it brings back: all of the database, or nothing of it.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use flightdeck::release::{
    operation::{Event, OperationId, Outcome},
    plan::PlanKind,
    record::Record,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{
    embedded::Embedded,
    real::Real,
    world::{Which, World},
};
use crate::support::{
    project::Application,
    real_world::{Compose, run},
    waiting::eventually,
};

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
    let output = world.program(arguments).command().output();
    let output = output.expect("flightdeck starts");
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
    let noticed = ["restart", "verify-health", "verify-check-status"];
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

/// A promotion of the candidate that has come to the middle of its dump: `pg_dump` waits for a table.
fn dumping(world: &Real) -> (Child, OperationId) {
    let before = world.newest_claim();
    let hold = "BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)";
    let database = world.canonical("database");
    let client = ["exec", "-d", "-e", "PGAPPNAME=holder", &database];
    let psql = ["psql", "-h", "/tmp", "-U", "shop", "-d", "shop", "-c", hold];
    run(&mut world.docker(&[&client[..], &psql].concat()));
    eventually("the table is held", || {
        sql(
            world,
            "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'orders'::regclass",
        ) == "1"
    });
    let candidate = world.version(Which::Candidate);
    let program = world.program(&["promote", "production", &candidate.tag, "--yes"]);
    let child = program
        .command()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("flightdeck starts");
    // Planning asks the database too, and waits for nothing.
    eventually("pg_dump waits", || {
        sql(
            world,
            "SELECT count(*) FROM pg_stat_activity \
             WHERE application_name LIKE 'flightdeck-%' AND wait_event_type = 'Lock'",
        ) == "1"
    });
    (child, OperationId(before.0 + 1))
}

/// How many sessions of ours the database has.
fn dumps(world: &Real) -> String {
    sql(
        world,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'flightdeck-%' AND state = 'active'",
    )
}

/// Lets go of the table.
fn release(world: &Real) {
    sql(
        world,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'",
    );
}

/// Holds that nothing of a backup is left: no file, no program, and nothing has changed.
#[track_caller]
fn nothing_saved(world: &Real, record: &Record, (backend, schema): (&str, &str)) {
    assert_eq!(record.results.get("backup"), None, "{record:?}");
    eventually("pg_dump has ended", || dumps(world) == "0");
    let left: Vec<_> = std::fs::read_dir(world.state().join("backups"))
        .expect("the backups")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(
        sql(world, "SELECT version_num FROM alembic_version"),
        schema
    );
    assert_eq!(world.container("backend").id, backend, "recreated");
}

#[test]
fn in_the_middle_of_a_dump_it_is_cancelled_killed_and_out_of_room() {
    let Some(world) = Real::adopted(Compose::V240, Application::Migrating) else {
        return;
    };
    let world = &world;
    let (backend, schema) = (world.container("backend").id, world.schema());

    let (child, operation) = dumping(world);
    world.command(&["recover", "production", "cancel", "--yes"]);
    let said = said(child);
    release(world);
    let record = world.last_record();
    assert_eq!(
        (record.operation, record.outcome),
        (operation, Outcome::Cancelled),
        "{said}"
    );
    nothing_saved(world, &record, (&backend, &schema));

    // All of it dies, and the program in the container with it.
    let (mut child, operation) = dumping(world);
    for role in ["supervisor", "pid"] {
        kill_process(world.process(operation, role), Signal::KILL).expect("it lives");
    }
    let step = world
        .journal(operation)
        .into_iter()
        .rev()
        .find_map(|line| match line.event {
            Event::StepStart { group, .. } => Pid::from_raw(i32::try_from(group).ok()?),
            _ => None,
        });
    kill_process_group(step.expect("a step"), Signal::KILL).expect("it lives");
    child.kill().expect("it follows");
    child.wait().expect("it has ended");
    eventually("pg_dump has ended", || dumps(world) == "0");
    release(world);
    world.command(&["recover", "production", "back", "--yes"]);
    let record = world.last_record();
    assert_eq!(record.outcome, Outcome::WentBack);
    nothing_saved(world, &record, (&backend, &schema));

    // The room is enough by the look of it, and then it is not.
    sql(
        world,
        "CREATE TABLE noise AS SELECT md5(n::text) || md5((-n)::text) AS text FROM generate_series(1, 200000) n",
    );
    let room = SmallDisk::at(&world.state().join("backups"));
    let candidate = world.version(Which::Candidate);
    let said = world.ends_with(&["promote", "production", &candidate.tag, "--yes"], 1);
    assert!(
        said.contains("No space left") || said.contains("no space left"),
        "{said}"
    );
    let record = world.last_record();
    assert_eq!(record.step.as_deref(), Some("backup"), "{said}");
    nothing_saved(world, &record, (&backend, &schema));
    drop(room);

    world.command(&["promote", "production", &candidate.tag, "--yes"]);
    let record = world.last_record();
    let file = world.directory().join(&record.results["backup"]);
    let size = std::fs::metadata(file).expect("the backup").len();
    assert_eq!(record.results["backup_size"], size.to_string());
    assert_ne!(world.schema(), schema);
    world.runs(&candidate);
}

/// What a program printed, to its end.
fn said(child: Child) -> String {
    let output = child.wait_with_output().expect("flightdeck ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// A file system of four MiB at a directory, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[track_caller]
    fn at(directory: &Path) -> Self {
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "none"])
            .arg(directory));
        Self(directory.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        let _ = Command::new("umount").arg(&self.0).output();
    }
}
