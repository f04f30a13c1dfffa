//! Ways to an Engine and shells to get there: adopt, promote and roll back work by each.

use std::fs;

use super::site::{Layout, Site};

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
    let Some(world) = crate::support::real_world::RealWorld::get() else {
        return;
    };
    let above = world.servers().join("noexec/projects");
    assert!(fs::metadata(&above).is_ok_and(|found| found.is_dir()));
    works(&Layout {
        login: "noexec",
        above: Some(above),
        ..Layout::default()
    });
}
