//! Servers that are refused at planning, in words that say what to do.

use std::{fs, process::Command};

use super::site::{Layout, Site};
use crate::support::{project::version, real_world::run};

const PROMOTE: [&str; 4] = ["promote", "production", version::CANDIDATE, "--dry-run"];

const SUDO: &str = "docker = [\"sudo\", \"-n\", \"docker\"]";

/// A project that is laid out and does not run, on a login with these lines of configuration.
fn idle<'a>(login: &'static str, lines: &'a str) -> Layout<'a> {
    Layout {
        login,
        lines,
        up: false,
        ..Layout::default()
    }
}

/// Promoting to a project on that login is refused in these words, and leaves nothing there.
#[track_caller]
fn is_refused(login: &'static str, lines: &str, words: &[&str]) {
    if let Some(site) = Site::lay(&idle(login, lines)) {
        site.flightdeck(&PROMOTE).refuses(words);
        assert!(!site.directory().join(".flightdeck").exists());
    }
}

#[test]
fn sudo_that_asks_for_a_password() {
    is_refused(
        "password",
        SUDO,
        &["sudo does not let", "without a password", "NOPASSWD"],
    );
}

#[test]
fn who_looks_on_is_told_too_that_sudo_wants_a_password() {
    let Some(site) = Site::lay(&idle("password", SUDO)) else {
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
    site.flightdeck_as("tcsh", &PROMOTE)
        .refuses(&["cannot be entered", "permissions on the server"]);
}

#[test]
fn podman_in_dockers_place() {
    is_refused(
        "podman",
        "",
        &["podman's stand-in", "install Docker Engine"],
    );
}

#[test]
fn no_compose_v2() {
    is_refused(
        "no-compose",
        "",
        &[
            "`docker compose` does not answer",
            "Compose v2 is needed",
            "docker-compose-plugin",
        ],
    );
}

#[test]
fn a_project_that_was_made_elsewhere_or_from_other_files() {
    let Some(site) = Site::lay(&Layout::default()) else {
        return;
    };
    let lines = format!("project = \"{}\"", site.name());
    let copy = tempfile::tempdir().expect("a temporary directory");
    let elsewhere = copy.path().join("copy");
    run(Command::new("cp")
        .arg("-a")
        .arg(site.directory())
        .arg(&elsewhere));
    super::site::open(copy.path(), 0o755);
    site.flightdeck_with("fish", &elsewhere.display().to_string(), &lines, &PROMOTE)
        .refuses(&[
            "runs from",
            "and not from",
            "correct the environment's directory",
        ]);

    let directory = site.directory().display().to_string();
    site.write("compose.more.yml", "services: {}\n", 0o644);
    let more = format!("{lines}\nfiles = [\"docker-compose.yml\", \"compose.more.yml\"]");
    site.flightdeck_with("fish", &directory, &more, &PROMOTE)
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
