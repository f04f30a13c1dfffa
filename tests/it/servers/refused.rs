//! Servers that are refused at planning, in words that say what to do.

use std::{fs, process::Command};

use super::site::{Layout, Said, Site};
use crate::support::{project::version, real_world::run};

/// What promoting to a project on that login is answered with.
#[track_caller]
fn planned(layout: &Layout<'_>) -> Option<Said> {
    let site = Site::lay(layout)?;
    let said = site.flightdeck(&["promote", "production", version::CANDIDATE, "--dry-run"]);
    assert!(!site.directory().join(".flightdeck").exists());
    Some(said)
}

#[test]
fn sudo_that_asks_for_a_password() {
    let Some(said) = planned(&Layout {
        login: "password",
        lines: "docker = [\"sudo\", \"-n\", \"docker\"]",
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    said.refuses(&["sudo does not let", "without a password", "NOPASSWD"]);
}

#[test]
fn who_looks_on_is_told_too_that_sudo_wants_a_password() {
    let Some(site) = Site::lay(&Layout {
        login: "password",
        lines: "docker = [\"sudo\", \"-n\", \"docker\"]",
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    site.flightdeck(&["status", "production"])
        .says(&["sudo does not let this user run `sudo -n docker`"]);
}

#[test]
fn who_has_no_part_in_a_shared_directory() {
    let Some(site) = Site::lay(&Layout::default()) else {
        return;
    };
    site.does(&["adopt", "production", "--yes"]);
    super::site::open(site.directory(), 0o700);
    let promote = ["promote", "production", version::CANDIDATE, "--dry-run"];
    site.flightdeck_as("tcsh", &promote)
        .refuses(&["cannot be entered", "permissions on the server"]);
}

#[test]
fn podman_in_dockers_place() {
    let Some(said) = planned(&Layout {
        login: "podman",
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    said.refuses(&["podman's stand-in", "install Docker Engine"]);
}

#[test]
fn no_compose_v2() {
    let Some(said) = planned(&Layout {
        login: "no-compose",
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    said.refuses(&[
        "`docker compose` does not answer",
        "Compose v2 is needed",
        "docker-compose-plugin",
    ]);
}

#[test]
fn a_project_that_was_made_elsewhere_or_from_other_files() {
    let Some(site) = Site::lay(&Layout::default()) else {
        return;
    };
    let lines = format!("project = \"{}\"", site.name());
    let promote = ["promote", "production", version::CANDIDATE, "--dry-run"];
    let copy = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = copy.path().join("copy");
    run(Command::new("cp")
        .arg("-a")
        .arg(site.directory())
        .arg(&elsewhere));
    super::site::open(copy.path(), 0o755);
    site.flightdeck_with("fish", &elsewhere.display().to_string(), &lines, &promote)
        .refuses(&[
            "runs from",
            "and not from",
            "correct the environment's directory",
        ]);

    let directory = site.directory().display().to_string();
    site.write("compose.more.yml", "services: {}\n", 0o644);
    let more = format!("{lines}\nfiles = [\"docker-compose.yml\", \"compose.more.yml\"]");
    site.flightdeck_with("fish", &directory, &more, &promote)
        .refuses(&[
            "runs from the compose files",
            "name all its compose files in the environment",
        ]);
    assert!(!site.directory().join(".flightdeck").exists());
}

#[test]
fn a_project_that_somebody_makes_elsewhere_while_the_plan_is_read() {
    let Some(site) = Site::lay(&Layout::default()) else {
        return;
    };
    site.does(&["adopt", "production", "--yes"]);
    // What the runner is given is from before; what it finds is from after.
    let copy = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = copy.path().join("copy");
    run(Command::new("cp")
        .arg("-a")
        .arg(site.directory())
        .arg(&elsewhere));
    super::site::open(copy.path(), 0o755);
    let up = format!(
        "cd {} && docker compose -p {} up -d --force-recreate --wait </dev/null 2>&1",
        elsewhere.display(),
        site.name()
    );
    let basis = fs::read_to_string(
        site.directory()
            .join(".flightdeck")
            .join(site.name())
            .join("operations/000001/basis.sh"),
    )
    .expect("the basis of adopting");
    assert!(basis.contains("basis_made_from backend "), "{basis}");
    site.run("fish", &up);
    let differences = site.script(
        "fish",
        &format!(
            "cd .flightdeck/{}/operations/000001 && FD_OPERATION=1 FD_FOLDER=$PWD FD_DIRECTION=forward sh ./basis.sh",
            site.name()
        ),
    );
    let printed = String::from_utf8_lossy(&differences.stdout);
    assert!(!differences.status.success());
    assert!(printed.contains("where backend was made"), "{printed}");
    assert!(
        printed.contains(&elsewhere.display().to_string()),
        "{printed}"
    );
}
