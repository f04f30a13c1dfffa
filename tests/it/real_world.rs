//! The real world itself: what the journeys take for granted.

use crate::support::{
    project::version,
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
