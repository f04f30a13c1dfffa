//! The real world itself: what the journeys take for granted.

use crate::support::{
    project::{Application, Project, version},
    real_world::{Compose, RealWorld, run},
};

#[test]
fn each_host_has_its_version_of_compose() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for compose in Compose::ALL {
        let said = run(&mut world.ssh(compose, "docker compose version --short"));
        assert!(
            said.trim_start_matches('v').starts_with(compose.series()),
            "{compose:?}: {said}"
        );
    }
}

#[test]
fn the_registry_wants_its_password() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let tags = format!("http://{}/v2/acme/shop-backend/tags/list", world.registry());
    let refused = run(std::process::Command::new("curl").args(["-s", &tags]));
    assert!(refused.contains("UNAUTHORIZED"), "{refused}");
    let (user, password) = world.registry_login();
    let listed = run(std::process::Command::new("curl").args([
        "-fs",
        "-u",
        &format!("{user}:{password}"),
        &tags,
    ]));
    for tag in [
        version::FORMER,
        version::CANDIDATE,
        version::UNHEALTHY,
        version::CRASHING,
    ] {
        assert!(listed.contains(tag), "{tag} is not in {listed}");
    }
}

#[test]
fn a_project_comes_up_healthy_and_a_second_up_changes_nothing() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for compose in Compose::ALL {
        let project = Project::up(&world, compose, Application::Plain, version::FORMER);
        let before = project.container("backend");
        assert_eq!(before.health, "healthy");
        assert_eq!(
            before.reference,
            format!("{}/acme/shop-backend:{}", world.registry(), version::FORMER)
        );
        assert_eq!(
            project.variable("BACKEND_IMAGE_TAG").as_deref(),
            Some(version::FORMER)
        );
        run(&mut project.compose(&["up", "-d"]));
        for service in ["database", "backend", "proxy"] {
            assert_eq!(project.container(service).health, "healthy", "{service}");
        }
        assert_eq!(project.container("backend").id, before.id);
    }
}

#[test]
fn a_version_that_brings_a_revision_is_sick_until_the_schema_has_it() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let project = Project::up(
        &world,
        Compose::V240,
        Application::Migrating,
        version::FORMER,
    );
    let environment = project.directory().join(".env");
    let text = std::fs::read_to_string(&environment).expect("the project's .env");
    std::fs::write(
        &environment,
        text.replace(version::FORMER, version::CANDIDATE),
    )
    .expect("a new pin");

    let up = ["up", "-d", "--wait", "backend"];
    let refused = project
        .compose(&up)
        .output()
        .expect("docker compose starts");
    assert!(
        !refused.status.success(),
        "the schema is behind, and up succeeds"
    );
    run(&mut project.compose(&[
        "run",
        "--rm",
        "--no-deps",
        "-T",
        "backend",
        "alembic",
        "upgrade",
        "head",
    ]));
    run(&mut project.compose(&up));
    let heads = run(&mut project.compose(&["exec", "-T", "backend", "alembic", "current"]));
    assert!(heads.starts_with("c9e2b4a86f13"), "{heads}");
}
