//! What a promotion does, what it leaves alone and what it is refused for.

use super::*;

#[test]
fn a_promotion_pulls_keeps_pins_switches_verifies_and_knows_the_way_back() {
    let plan = World::new().plan(promote(2)).unwrap();
    assert_eq!(plan.title(), "promote production: backend v1 → v2");
    assert_eq!(
        ids(&plan.forward),
        [
            "snapshot",
            "pull-backend",
            "keep-backend",
            "pin",
            "switch",
            "restart",
            "verify-health",
            "observe"
        ]
    );
    assert_eq!(
        ids(&plan.back),
        [
            "last-words",
            "pin",
            "switch",
            "restart",
            "verify-health",
            "observe"
        ]
    );
    assert_eq!(plan.on_failure, OnFailure::GoBack);
    assert_eq!(plan.warnings, [""; 0]);
    assert!(plan.confirm.unwrap().matches("prod"));
}

#[test]
fn a_promotion_migrates_with_the_candidate_before_the_pin() {
    let mut world = World::with(MIGRATION);
    world.survey.schema_heads = Some(vec!["a1f3".to_owned()]);
    let plan = world.plan(promote(2)).unwrap();
    let order = ids(&plan.forward);
    let at = |id| order.iter().position(|known| *known == id);
    assert!(at("keep-backend") < at("migrate") && at("migrate") < at("pin"));
    let (image, command) = migration(&plan).unwrap();
    assert_eq!(command, "alembic upgrade heads");
    assert!(image.to_string().contains(digest(2).as_str()));
    assert_eq!(plan.basis.schema_heads, Some(vec!["a1f3".to_owned()]));
    assert!(plan.on_failure_words().contains("the schema stays"));
}

#[test]
fn what_is_unhealthy_and_was_never_recorded_healthy_is_no_place_to_go_back_to() {
    let mut world = World::new();
    world.container("backend").health = Health::Unhealthy;
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(plan.on_failure, OnFailure::Stay);
    assert!(warns(&plan, "stays as it is"));

    world.records(vec![promoted(1, 3, 1)]);
    assert_eq!(
        world.plan(promote(2)).unwrap().on_failure,
        OnFailure::GoBack
    );
}

#[test]
fn what_crashes_again_and_again_is_no_place_to_go_back_to_and_may_be_promoted_anew() {
    let mut world = World::new();
    world.runs(2);
    let container = world.container("backend");
    container.restarts = 12;
    let started = container.started.unwrap();
    world.survey.taken = started + jiff::SignedDuration::from_secs(2);
    assert!(world.plan(promote(2)).is_ok());
    let plan = world.plan(promote(3)).unwrap();
    assert_eq!(plan.on_failure, OnFailure::Stay);
    // It has held since.
    world.survey.taken = started + jiff::SignedDuration::from_hours(1);
    assert!(world.plan(promote(2)).is_err());
    let plan = world.plan(promote(3)).unwrap();
    assert_eq!(plan.on_failure, OnFailure::GoBack);
}

#[test]
fn where_nothing_runs_there_is_no_way_back() {
    let mut world = World::new();
    world.survey.containers.containers.remove(0);
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!((plan.on_failure, plan.back.len()), (OnFailure::Stay, 0));
}

#[test]
fn what_runs_and_is_pinned_is_not_promoted_again() {
    let mut world = World::new();
    world.runs(2);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("nothing to promote"), "{fault}");
    world.container("backend").health = Health::Unhealthy;
    assert!(world.plan(promote(2)).is_ok());
}

#[test]
fn a_compose_file_that_does_not_use_the_pin_is_refused() {
    let mut world = World::new();
    world.resolved = Some(world.survey.services.clone());
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("would still run"), "{fault}");
}

#[test]
fn a_service_that_shares_the_pin_is_switched_and_named() {
    let mut world = World::new();
    let mut services = world.survey.services.clone();
    let image = format!("{REPOSITORY}:v2@{}", digest(2));
    for name in ["backend", "database"] {
        services
            .get_mut(&of::<ServiceName>(name))
            .unwrap()
            .image
            .clone_from(&image);
    }
    world.resolved = Some(services);
    let plan = world.plan(promote(2)).unwrap();
    let order = ids(&plan.forward);
    assert!(order.contains(&"switch-2"), "the database first: {order:?}");
    assert_eq!(switch(&plan).0, &[of("database")]);
    assert!(warns(&plan, "database is recreated too"));
}

#[test]
fn a_service_that_the_pin_moves_to_what_nobody_chose_is_refused() {
    let mut world = World::new();
    let mut services = world.survey.services.clone();
    services
        .get_mut(&of::<ServiceName>("backend"))
        .unwrap()
        .image = format!("{REPOSITORY}:v2@{}", digest(2));
    services.get_mut(&of::<ServiceName>("proxy")).unwrap().image = "nginx:v2".to_owned();
    world.resolved = Some(services);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("would also move proxy"), "{fault}");
}

#[test]
fn a_database_is_never_recreated_by_surprise() {
    let mut world = World::new();
    assert!(switch(&world.plan(promote(2)).unwrap()).1);

    world.container("database").config_hash = "another".to_owned();
    let plan = world.plan(promote(2)).unwrap();
    assert!(!switch(&plan).1, "--no-deps");
    assert!(warns(
        &plan,
        "left alone, but a plain `docker compose up -d` would touch database"
    ));

    // There, --no-deps would have the next `up` by hand recreate what hangs on it.
    world.survey.compose_version = "2.26.1-4".to_owned();
    let plan = world.plan(promote(2)).unwrap();
    assert!(switch(&plan).1);
    assert!(warns(&plan, "database is touched too"));
}

#[test]
fn a_service_that_reads_the_pin_file_itself_counts_as_changed() {
    let mut world = World::new();
    let mut services = world.survey.services.clone();
    services
        .get_mut(&of::<ServiceName>("backend"))
        .unwrap()
        .image = format!("{REPOSITORY}:v2@{}", digest(2));
    services
        .get_mut(&of::<ServiceName>("database"))
        .unwrap()
        .config_hash
        .clear();
    world.resolved = Some(services);
    assert!(!switch(&world.plan(promote(2)).unwrap()).1);
}

#[test]
fn a_service_of_another_environment_is_refused_by_name() {
    let mut world = World::new();
    let deed = Deed::Promote {
        versions: [(of("worker"), version(2))].into(),
        migrate: true,
    };
    let fault = world.plan(deed).unwrap_err();
    assert!(fault.message.contains("worker"), "{fault}");
    assert!(fault.remedy.contains("backend"), "{fault}");
}

#[test]
fn a_check_inside_a_service_that_is_not_there_is_refused_while_it_is_only_a_plan() {
    for probe in ["exec = [\"true\"]", "http = \"http://localhost/\""] {
        let check = format!(
            "[[environments.production.checks]]\nname = \"self\"\ninside = \"bakend\"\n{probe}\n"
        );
        let mut world = World::with(&check);
        let fault = world.plan(promote(2)).unwrap_err();
        assert!(
            fault.message.contains("asked inside bakend")
                && fault.message.contains("no such service"),
            "{fault}"
        );
    }
}

#[test]
fn a_check_without_means_is_refused_while_it_is_only_a_plan() {
    let check =
        "[[environments.production.checks]]\nname = \"status\"\nhttp = \"http://localhost/\"\n";
    let mut world = World::with(check);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("neither curl nor wget"), "{fault}");
    world.survey.means.wget = true;
    let plan = world.plan(promote(2)).unwrap();
    assert!(ids(&plan.forward).contains(&"verify-check-status"));
    assert!(ids(&plan.back).contains(&"verify-check-status"));
}

#[test]
fn estimates_are_the_medians_of_what_the_ledger_tells() {
    let mut world = World::new();
    world.records(
        [5, 90, 7]
            .iter()
            .enumerate()
            .map(|(index, seconds)| {
                let number = index as u64 + 1;
                let mut record = record(number, PlanKind::Promote, 3, 1, Outcome::Succeeded);
                record.times.insert("switch".to_owned(), *seconds);
                record
            })
            .collect(),
    );
    let plan = world.plan(promote(2)).unwrap();
    let step = plan
        .forward
        .iter()
        .find(|step| step.id == "switch")
        .unwrap();
    assert_eq!(step.estimate.unwrap().as_secs(), 7);
}
