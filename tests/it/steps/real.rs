//! In the real world: Docker, Compose, a registry, and the files of a real server.

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::server::Server;
use crate::support::{
    project::{Application, version},
    real_world::{Compose, RealWorld},
};

#[test]
fn a_version_that_does_not_hold_goes_back_and_leaves_its_last_words() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let server = Server::up(&world, Compose::V240, Application::Plain);
    let before = server.project.variable("BACKEND_IMAGE_TAG");
    let image = server.image_of(&server.backend());
    let mut last = None;
    for (tag, failed, words) in [
        (version::UNHEALTHY, "switch", "cannot read the price list"),
        (version::CRASHING, "verify-health", "out of handles"),
    ] {
        let to = server.reference(tag);
        let ended = server.operate(&server.plan(PlanKind::Promote, &to, last));
        last = Some(ended.operation);
        assert_eq!(ended.record.outcome, Outcome::WentBack, "{}", ended.output);
        assert_eq!(ended.record.step.as_deref(), Some(failed));
        let kept = server.kept(ended.operation, "kept/backend.log");
        assert!(kept.contains(words), "{kept}");
        assert_eq!(server.image_of(&server.backend()), image);
        assert_eq!(server.project.container("backend").health, "healthy");
        assert_eq!(server.project.variable("BACKEND_IMAGE_TAG"), before);
    }
}

#[test]
fn a_migration_runs_with_the_candidate_and_tells_where_the_schema_is() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let server = Server::up(&world, Compose::V500, Application::Migrating);
    let to = server.reference(version::CANDIDATE);
    let ended = server.operate(&server.plan(PlanKind::Promote, &to, None));
    assert_eq!(ended.record.outcome, Outcome::Succeeded, "{}", ended.output);
    let results = &ended.record.results;
    assert_eq!(results["schema_heads_before"], "a1f30c5d7e21");
    assert_eq!(results["schema_heads"], "c9e2b4a86f13");
    let left = server.docker(&["ps", "-aq", "--filter", "name=fd-"]);
    assert_eq!(left, "", "{}", ended.output);

    // The image before does not know that revision: nothing changes.
    let backend = server.project.container("backend").id;
    let older = server.reference(version::FORMER);
    let plan = server.plan(PlanKind::Promote, &older, Some(ended.operation));
    let ended = server.operate(&plan);
    assert_eq!(
        ended.record.step.as_deref(),
        Some("schema"),
        "{}",
        ended.output
    );
    assert_eq!(ended.record.outcome, Outcome::WentBack);
    let words = "ahead of v20260122.1: it is at c9e2b4a86f13";
    assert!(ended.output.contains(words), "{}", ended.output);
    assert_eq!(server.project.container("backend").id, backend);
}

#[test]
fn names_that_a_killed_recreation_left_are_set_right() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for compose in [Compose::V226, Compose::V500] {
        let server = Server::up(&world, compose, Application::Plain);
        let backend = server.backend();
        let label = |name: &str, value: &str| format!("com.docker.compose.{name}={value}");
        let labels = [
            label("project", server.project.name()),
            label("service", "backend"),
            label("container-number", "1"),
            label("oneoff", "False"),
            label("config-hash", "of the version that never came up"),
        ];
        // Killed before the old one was stopped: the new one was never started.
        let prefixed = format!(
            "{}_{backend}",
            &server.project.container("backend").id[..12]
        );
        let image = server.image_of(&backend);
        let mut create = vec!["create", "--name", &prefixed];
        for label in &labels {
            create.extend(["--label", label]);
        }
        create.push(image.as_str());
        server.docker(&create);
        let to = server.reference(version::CANDIDATE);
        let mut plan = server.plan(PlanKind::Promote, &to, None);
        plan.basis.images.clear();
        let first = server.operate(&plan);
        assert_eq!(first.record.outcome, Outcome::Succeeded, "{}", first.output);
        // Killed later, and healed by an `up` that kept the name.
        server.docker(&["rename", &backend, &prefixed]);
        plan.basis = server.basis_of_files(Some(first.operation));
        let second = server.operate(&plan);
        assert_eq!(
            second.record.outcome,
            Outcome::Succeeded,
            "{}",
            second.output
        );
        let container = server.project.container("backend");
        assert_eq!(container.reference, to.to_string());
        assert_eq!(container.health, "healthy");
        let all = server.docker(&[
            "ps",
            "-a",
            "--filter",
            &format!("label={}", labels[0]),
            "--filter",
            &format!("label={}", labels[1]),
            "--format",
            "{{.Names}}",
        ]);
        assert_eq!(all, backend);
    }
}
