//! Versions of Compose: each on its own, and one that finds what another has made.

use crate::{
    journeys::{
        real::Real,
        world::{Container, Which, World},
    },
    support::{
        project::Application,
        real_world::{Compose, run},
    },
};

/// What is promoted and rolled back stays as it is when somebody brings the project up by hand.
#[track_caller]
fn stays(compose: Compose) {
    let Some(world) = Real::adopted(compose, Application::Plain) else {
        return;
    };
    for (deed, which) in [
        (
            vec!["promote", "production", "v20260123.1", "--yes"],
            Which::Candidate,
        ),
        (vec!["rollback", "production", "--yes"], Which::Former),
    ] {
        world.command(&deed);
        world.runs(&world.version(which));
        let before = world.containers();
        run(&mut world.docker(&["compose", "up", "-d"]));
        let ids = |containers: &[Container]| {
            containers
                .iter()
                .map(|container| container.id.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&world.containers()),
            ids(&before),
            "{compose:?}: {deed:?}"
        );
    }
}

#[test]
fn a_plain_up_recreates_nothing_with_compose_2_26() {
    stays(Compose::V226);
}

#[test]
fn a_plain_up_recreates_nothing_with_compose_2_40() {
    stays(Compose::V240);
}

#[test]
fn a_plain_up_recreates_nothing_with_compose_5_0() {
    stays(Compose::V500);
}

#[test]
fn what_another_compose_has_made_is_released_and_what_it_would_recreate_is_named() {
    // Made by 2.26, released by 2.40.
    let Some(world) = Real::made_by(Compose::V226, Compose::V240) else {
        return;
    };
    let (database, proxy) = (world.container("database").id, world.container("proxy").id);
    let plan = world.command(&["promote", "production", "v20260123.1", "--dry-run"]);
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plan.contains("a plain `docker compose up -d` would touch proxy: its container was made by Compose 2.26"),
        "{plan}"
    );
    world.command(&["promote", "production", "v20260123.1", "--yes"]);
    world.runs(&world.version(Which::Candidate));
    assert_eq!(
        world.container("database").id,
        database,
        "the database was recreated"
    );
    assert_eq!(
        world.container("proxy").id,
        proxy,
        "the proxy was recreated"
    );
    world.command(&["rollback", "production", "--yes"]);
    world.runs(&world.version(Which::Former));
    assert_eq!(
        world.container("database").id,
        database,
        "the database was recreated"
    );
}
