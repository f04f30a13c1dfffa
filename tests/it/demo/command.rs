//! The `docker` command: what it does to the world, and what it says.

use std::{fs, path::PathBuf, process::Stdio};

use flightdeck::demo::{Demo, world::catalogue::recent};

use super::world;

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        self.code == 0
    }
}

/// Runs the world's `docker` in a project's directory.
pub async fn docker(demo: &Demo, project: &str, arguments: &[&str]) -> Answer {
    let output = command(demo, project, arguments).output().await.unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(demo: &Demo, project: &str, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(demo.directory().join("bin/docker"));
    command
        .args(arguments)
        .current_dir(demo.directory().join(project))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A recent version: its repository with digest, and what pins it.
fn version(demo: &Demo, position: usize) -> (String, String) {
    demo.look(|world| {
        let version = world.catalogue.recent(position);
        let name = format!("{}@{}", version.repository, version.digest);
        (name, version.pin())
    })
}

fn pin(demo: &Demo, project: &str, pin: &str) -> String {
    let path: PathBuf = demo.directory().join(project).join(".env");
    let before = fs::read_to_string(&path).unwrap();
    let after: Vec<String> = before
        .lines()
        .map(|line| match line.strip_prefix("BACKEND_IMAGE_TAG=") {
            Some(_) => format!("BACKEND_IMAGE_TAG={pin}"),
            None => line.to_owned(),
        })
        .collect();
    fs::write(path, after.join("\n") + "\n").unwrap();
    before
}

async fn id_of(demo: &Demo, container: &str) -> String {
    let answer = docker(
        demo,
        "staging",
        &["inspect", "--format", "{{.Id}}", container],
    )
    .await;
    assert!(answer.is_good(), "{answer:?}");
    answer.out.trim().to_owned()
}

const UP: [&str; 8] = [
    "compose",
    "up",
    "-d",
    "--wait",
    "--pull",
    "never",
    "--no-build",
    "backend",
];

#[tokio::test]
async fn what_is_pinned_runs_already_and_up_recreates_nothing() {
    let demo = world().await;
    let hashes = docker(&demo, "production", &["compose", "config", "--hash", "*"]).await;
    assert_eq!(hashes.out.lines().count(), 4, "{hashes:?}");
    let backend = "production-backend-1";
    let before = id_of(&demo, backend).await;
    let answer = docker(&demo, "production", &["compose", "up", "-d", "--wait"]).await;
    assert!(answer.is_good(), "{answer:?}");
    assert!(!answer.err.contains("Recreate"), "{answer:?}");
    assert_eq!(id_of(&demo, backend).await, before);
}

#[tokio::test]
async fn a_version_is_pulled_pinned_and_switched_to() {
    let demo = world().await;
    let (name, tag) = version(&demo, recent::NEWEST);
    pin(&demo, "staging", &tag);
    let missing = docker(&demo, "staging", &UP).await;
    assert_eq!(missing.code, 1);
    assert!(missing.err.contains("No such image"), "{missing:?}");

    let pulled = docker(&demo, "staging", &["pull", &name]).await;
    assert!(pulled.out.contains("Pull complete"), "{pulled:?}");
    let answer = docker(&demo, "staging", &UP).await;
    assert!(answer.is_good(), "{answer:?}");
    assert!(
        answer.err.contains("staging-backend-1  Recreated"),
        "{answer:?}"
    );
    assert!(!answer.err.contains("staging-frontend-1"), "{answer:?}");
    let format = "{{.State.Health.Status}} {{.Config.Image}}";
    let seen = docker(
        &demo,
        "staging",
        &["inspect", "--format", format, "staging-backend-1"],
    )
    .await;
    assert!(
        seen.out.starts_with("healthy ") && seen.out.trim().ends_with(&tag),
        "{seen:?}"
    );
    let again = docker(&demo, "staging", &["compose", "up", "-d", "--wait"]).await;
    assert!(!again.err.contains("Recreate"), "{again:?}");
}

#[tokio::test]
async fn sick_versions_are_sick_each_in_its_own_way() {
    let demo = world().await;
    let check = [
        "exec",
        "staging-backend-1",
        "wget",
        "-S",
        "-T",
        "10",
        "-O",
        "-",
        "http://127.0.0.1:8000/api/v1/status/",
    ];
    let good = docker(&demo, "staging", &check).await;
    assert!(good.is_good() && good.out.contains("\"ok\""), "{good:?}");
    assert!(good.err.contains("HTTP/1.1 200"), "{good:?}");

    let switch = async |position| {
        let (name, tag) = version(&demo, position);
        docker(&demo, "staging", &["pull", "-q", &name]).await;
        pin(&demo, "staging", &tag);
        docker(&demo, "staging", &UP).await
    };
    let unhealthy = switch(recent::UNHEALTHY).await;
    assert_eq!(unhealthy.code, 1);
    assert!(
        unhealthy
            .err
            .contains("container staging-backend-1 is unhealthy"),
        "{unhealthy:?}"
    );

    assert!(switch(recent::FAILS_CHECK).await.is_good());
    let bad = docker(&demo, "staging", &check).await;
    assert_eq!(bad.code, 1);
    assert!(bad.err.contains("HTTP/1.1 503"), "{bad:?}");
    let log = docker(
        &demo,
        "staging",
        &["logs", "--tail", "5", "staging-backend-1"],
    )
    .await;
    assert!(log.err.contains("ERROR GET /api/v1/status/ 503"), "{log:?}");

    assert!(switch(recent::CRASHES).await.is_good());
    let mut changes = 0;
    while changes == 0 {
        let format = [
            "inspect",
            "--format",
            "{{.RestartCount}}",
            "staging-backend-1",
        ];
        changes = docker(&demo, "staging", &format)
            .await
            .out
            .trim()
            .parse()
            .unwrap();
    }
}

#[tokio::test]
async fn a_migration_outlives_whoever_waits_for_it() {
    let demo = world().await;
    let (name, _) = version(&demo, recent::NEWEST);
    docker(&demo, "production", &["pull", "-q", &name]).await;
    let current = ["compose", "exec", "-T", "backend", "alembic", "current"];
    let before = docker(&demo, "production", &current).await;
    assert!(before.out.starts_with("b4e8d2917c60"), "{before:?}");

    let override_file = demo.directory().join("migrate.yml");
    let text = format!(
        "{{\"services\":{{\"backend\":{{\"image\":\"{name}\",\"pull_policy\":\"never\"}}}}}}"
    );
    fs::write(&override_file, text).unwrap();
    let run = [
        "compose",
        "-f",
        "docker-compose.yml",
        "-f",
        override_file.to_str().unwrap(),
        "run",
        "--no-deps",
        "-T",
        "--name",
        "fd-9-migrate",
        "backend",
        "alembic",
        "upgrade",
        "heads",
    ];
    let mut client = command(&demo, "production", &run).spawn().unwrap();
    let mut exists = false;
    while !exists {
        exists = docker(&demo, "production", &["inspect", "fd-9-migrate"])
            .await
            .is_good();
    }
    client.kill().await.unwrap();
    let waited = docker(&demo, "production", &["wait", "fd-9-migrate"]).await;
    assert_eq!(waited.out.trim(), "0", "{waited:?}");
    let log = docker(&demo, "production", &["logs", "fd-9-migrate"]).await;
    assert!(
        log.err
            .contains("Running upgrade b4e8d2917c60 -> c9e2b4a86f13"),
        "{log:?}"
    );
    let taken = docker(&demo, "production", &run).await;
    assert!(taken.err.contains("already in use"), "{taken:?}");
    assert!(
        docker(&demo, "production", &["rm", "fd-9-migrate"])
            .await
            .is_good()
    );

    // The image that runs does not know the revision that the newer one brought.
    let after = docker(&demo, "production", &current).await;
    assert_eq!(after.code, 255);
    assert!(
        after
            .out
            .contains("Can't locate revision identified by 'c9e2b4a86f13'"),
        "{after:?}"
    );
}

#[tokio::test]
async fn what_is_not_known_is_refused_as_docker_does() {
    let demo = world().await;
    for (arguments, code, words) in [
        (&["bogus"][..], 1, "'bogus' is not a docker command"),
        (&["compose", "up", "--bogus"], 125, "unknown flag: --bogus"),
        (&["inspect", "nothing"], 1, "No such object: nothing"),
        (
            &["exec", "production-backend-1", "curl", "x"],
            127,
            "executable file not found",
        ),
        (
            &["compose", "run", "--no-deps", "nothing", "true"],
            1,
            "no such service: nothing",
        ),
    ] {
        let answer = docker(&demo, "production", arguments).await;
        assert_eq!(answer.code, code, "{answer:?}");
        assert!(answer.err.contains(words), "{answer:?}");
    }
}

#[tokio::test]
async fn without_its_world_it_says_that_nobody_answers() {
    let demo = world().await;
    let orphan = tempfile::tempdir().unwrap();
    fs::create_dir(orphan.path().join("bin")).unwrap();
    let program = orphan.path().join("bin/docker");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_flightdeck"), &program).unwrap();
    drop(demo);
    let output = tokio::process::Command::new(program)
        .arg("ps")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("Cannot connect to the Docker daemon"),
        "{said}"
    );
}
