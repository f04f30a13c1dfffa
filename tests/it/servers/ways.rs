//! Ways to an Engine and shells to get there: adopt, promote and roll back work by each.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use super::site::{Layout, Site};
use crate::support::{
    project::version,
    real_world::{RealWorld, run},
};

#[track_caller]
fn works(layout: &Layout<'_>) {
    if let Some(site) = Site::lay(layout) {
        site.goes_there_and_back();
    }
}

#[test]
fn sudo_without_a_password() {
    works(&Layout {
        login: "sudo",
        docker: "sudo -n docker",
        lines: "docker = [\"sudo\", \"-n\", \"docker\"]",
        ..Layout::default()
    });
}

#[test]
fn sudo_with_a_socket_that_its_environment_does_not_name() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let socket = world.docker_socket();
    let Some(site) = Site::lay(&Layout {
        login: "sudo",
        docker: "sudo -n docker",
        lines: &format!("docker = [\"sudo\", \"-n\", \"docker\"]\nsocket = \"{socket}\""),
        ..Layout::default()
    }) else {
        return;
    };
    let planned = site.does(&["promote", "production", version::CANDIDATE, "--dry-run"]);
    planned.says(&[&format!("sudo -n docker -H unix://{socket} compose")]);
    site.does(&["adopt", "production", "--yes"]);
    // Its files are the login's own.
    let ledger = site
        .directory()
        .join(".flightdeck")
        .join(site.name())
        .join("ledger.jsonl");
    let owner = fs::metadata(ledger).expect("the ledger").uid();
    let login = run(Command::new("id").args(["-u", "flightdeck-sudo"]));
    assert_eq!(owner.to_string(), login.trim());
    site.does(&["status", "production"]).says(&["healthy"]);
}

#[test]
fn an_engine_without_root_whose_socket_nothing_names() {
    works(&Layout {
        login: "rootless",
        docker: "docker -H unix://$XDG_RUNTIME_DIR/docker.sock",
        ..Layout::default()
    });
}

#[test]
fn a_docker_context() {
    works(&Layout {
        login: "context",
        ..Layout::default()
    });
}

#[test]
fn a_start_up_file_that_prints_and_alone_names_the_engine() {
    works(&Layout {
        login: "noisy",
        ..Layout::default()
    });
}

#[test]
fn fish_for_a_login_shell() {
    works(&Layout {
        login: "fish",
        ..Layout::default()
    });
}

#[test]
fn tcsh_for_a_login_shell() {
    works(&Layout {
        login: "tcsh",
        ..Layout::default()
    });
}

#[test]
fn no_sha256sum() {
    works(&Layout {
        login: "plain",
        ..Layout::default()
    });
}

#[test]
fn nothing_can_be_executed_where_the_project_and_temporary_files_lie() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let above = world.servers().join("noexec/projects");
    assert!(fs::metadata(&above).is_ok_and(|found| found.is_dir()));
    let Some(site) = Site::lay(&Layout {
        login: "noexec",
        above: Some(above),
        ..Layout::default()
    }) else {
        return;
    };
    // It is a small disk, too.
    site.does(&["promote", "production", version::CANDIDATE, "--dry-run"])
        .says(&["is nearly full", "MiB left"]);
    site.goes_there_and_back();
}
