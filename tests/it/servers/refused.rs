//! Servers that are refused at planning, in words that say what to do.

use super::site::{Layout, Site};
use crate::support::project::version;

/// What promoting to a project on that login is answered with.
#[track_caller]
fn planned(layout: &Layout<'_>) -> Option<super::site::Said> {
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
