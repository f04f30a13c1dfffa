use super::fixture::*;
use crate::config::Protection;
use crate::release::{
    Permit, ServiceName,
    confirm::Answer,
    observation::{Containers, Health},
    operation::{Claim, Liveness, OperationId, OperationState, Outcome},
    plan::{
        Deed, ImageName, Intent, MarkedRelease, OnFailure, OnStepFailure, Plan, PlanKind,
        RollbackTo, SchemaChoice, Step, Verdict,
    },
};

const MIGRATION: &str =
    "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

fn rollback() -> Deed {
    Deed::Rollback {
        to: RollbackTo::LastHealthy,
        schema: SchemaChoice::ImageOnly,
        files: false,
    }
}

fn warns(plan: &Plan, words: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(words))
}

fn switch(plan: &Plan) -> (&Vec<ServiceName>, bool) {
    plan.forward
        .iter()
        .find_map(|step| match &step.intent {
            Intent::Switch {
                services,
                dependencies,
                ..
            } => Some((services, *dependencies)),
            _ => None,
        })
        .unwrap()
}

fn migration(plan: &Plan) -> Option<(&ImageName, String)> {
    plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { image, command, .. } => Some((image, command.join(" "))),
        _ => None,
    })
}

fn held(kind: &str, liveness: Liveness) -> OperationState {
    OperationState {
        id: OperationId(7),
        claim: Claim {
            operator: "jo".to_owned(),
            origin: "desk".to_owned(),
            reason: "database maintenance".to_owned(),
            kind: kind.to_owned(),
            at: 0,
            nonce: String::new(),
        },
        plan: None,
        journal: Vec::new(),
        liveness,
        cancelling: false,
        end: None,
    }
}

// --- promote ---

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
    assert!(warns(&plan, "the schema stays"));
}

#[test]
fn what_is_unhealthy_and_was_never_recorded_healthy_is_no_place_to_go_back_to() {
    let mut world = World::new();
    world.container("backend").health = Health::Unhealthy;
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(plan.on_failure, OnFailure::Stay);
    assert!(warns(&plan, "stays as it is"));

    world.records(vec![record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded)]);
    assert_eq!(
        world.plan(promote(2)).unwrap().on_failure,
        OnFailure::GoBack
    );
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
fn a_check_without_means_is_refused_while_it_is_only_a_plan() {
    let check =
        "[[environments.production.checks]]\nname = \"status\"\nhttp = \"http://localhost/\"\n";
    let mut world = World::with(check);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("neither curl nor wget"), "{fault}");
    world.survey.means.wget = true;
    let plan = world.plan(promote(2)).unwrap();
    assert!(ids(&plan.forward).contains(&"verify-check-1"));
    assert!(ids(&plan.back).contains(&"verify-check-1"));
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

// --- gates ---

#[test]
fn a_gate_that_cannot_be_told_is_closed_and_can_be_passed_by_name() {
    let mut world = World::with("gates = [\"ci\"]\n");
    world.gates.runs = Err("GitHub is unreachable".to_owned());
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(plan.gates[0].verdict, Verdict::Unknown);
    assert_eq!(plan.closed_gates().count(), 1);

    let mut request = world.request(promote(2));
    request.overrides = vec!["ci".to_owned()];
    let plan = world.plan_for(&request).unwrap();
    assert_eq!(plan.closed_gates().count(), 0);
    assert!(plan.gates[0].overridden);
}

#[test]
fn a_version_has_to_run_long_enough_elsewhere() {
    let staging = "gates = [{ healthy_in = \"staging\", for = \"1h\" }]\n\
                   [environments.staging]\nhost = \"staging\"\ndirectory = \"/srv/shop\"\nservices = [\"backend\"]\n";
    let mut world = World::with(staging);
    let mut there = World::new();
    there.runs(2);
    let containers = |world: &World| -> Containers { world.survey.containers.clone() };
    world.gates.environments = [(of("staging"), containers(&there))].into();
    let verdict = |world: &mut World| world.plan(promote(2)).unwrap().gates[0].verdict;
    assert_eq!(verdict(&mut world), Verdict::Passed);

    there.container("backend").started = Some(world.gates.now);
    world.gates.environments = [(of("staging"), containers(&there))].into();
    assert_eq!(verdict(&mut world), Verdict::Failed);

    world.gates.environments.clear();
    assert_eq!(verdict(&mut world), Verdict::Unknown);
}

// --- roll back ---

#[test]
fn a_rollback_needs_no_registry_and_no_gate_and_stays_if_it_fails() {
    let mut world = World::with("gates = [\"ci\"]\n");
    world.runs(2);
    world.records(vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
    ]);
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.title(), "roll back production: backend v2 → v1");
    assert!(!ids(&plan.forward).iter().any(|id| id.starts_with("pull")));
    assert_eq!(plan.gates, []);
    assert_eq!(plan.on_failure, OnFailure::Stay);
    assert_eq!(ids(&plan.back)[..3], ["last-words", "pin", "switch"]);
}

#[test]
fn a_second_rollback_does_not_bounce_back_to_what_was_left() {
    let mut world = World::new();
    world.runs(1);
    world.records(vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
        record(3, PlanKind::Rollback, 2, 1, Outcome::Succeeded),
    ]);
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault
            .message
            .contains("no other release is recorded healthy"),
        "{fault}"
    );
    assert!(fault.remedy.contains("v2 (image"), "{fault}");
    assert!(fault.remedy.contains("rolled back from"), "{fault}");
}

#[test]
fn a_lock_is_passed_by_the_name_where_a_dialog_is_enough_otherwise() {
    let mut world = World::new();
    world.config.environments[0].protection = Protection::Open;
    world.runs(2);
    world.records(vec![record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded)]);
    assert_eq!(world.plan(rollback()).unwrap().confirm, None);
    world.survey.operation = Some(held("lock", Liveness::Alive));
    let plan = world.plan(rollback()).unwrap();
    let words = plan.confirm.as_ref().unwrap();
    assert_eq!((&*words.name, &words.short), ("production", &None));
    let permit = Permit::mint();
    assert!(plan.confirm(permit, Answer::Button).is_err());
    assert!(plan.confirm(permit, Answer::Typed("production")).is_ok());
}

#[test]
fn a_release_that_was_marked_bad_is_no_default_until_it_is_healthy_anew() {
    let mut world = World::new();
    world.runs(2);
    let mut records = vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
    ];
    world.records(records.clone());
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v1");

    let mark = Deed::MarkBad {
        release: MarkedRelease::Operation(OperationId(1)),
    };
    let plan = world.plan(mark).unwrap();
    assert_eq!(
        (plan.kind, plan.after.label()),
        (PlanKind::MarkBad, "v1".to_owned())
    );
    assert!(plan.forward.iter().all(|step| !step.changes));

    let mut marked = record(3, PlanKind::MarkBad, 2, 1, Outcome::Succeeded);
    marked.reason = "it loses mails".to_owned();
    records.push(marked);
    world.records(records.clone());
    assert!(world.plan(rollback()).is_err(), "v1 is offered again");
    let explicit = Deed::Rollback {
        to: RollbackTo::Operation(OperationId(1)),
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world.plan(explicit).unwrap();
    assert!(
        warns(&plan, "marked bad by mira (it loses mails)"),
        "{:?}",
        plan.warnings
    );

    records.push(record(4, PlanKind::Promote, 2, 1, Outcome::Succeeded));
    records.push(record(5, PlanKind::Promote, 1, 2, Outcome::Succeeded));
    world.records(records);
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v1");
}

#[test]
fn what_was_killed_or_cancelled_says_nothing_of_its_release() {
    let mut world = World::new();
    world.runs(1);
    let mut killed = record(3, PlanKind::Promote, 1, 2, Outcome::WentBack);
    killed.other.insert("why".to_owned(), "signal".into());
    world.records(vec![
        record(1, PlanKind::Promote, 3, 2, Outcome::Succeeded),
        record(2, PlanKind::Promote, 2, 1, Outcome::Succeeded),
        killed,
    ]);
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v2");
}

#[test]
fn a_version_that_came_back_is_never_the_default() {
    let mut world = World::new();
    world.runs(1);
    world.records(vec![
        record(1, PlanKind::Promote, 1, 3, Outcome::Succeeded),
        record(2, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(3, PlanKind::Promote, 1, 2, Outcome::WentBack),
    ]);
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.after.label(), "v3");
}

#[test]
fn what_ran_healthy_before_the_first_promotion_is_a_place_to_go_back_to() {
    let mut world = World::new();
    world.runs(2);
    let mut first = record(1, PlanKind::Promote, 1, 2, Outcome::Succeeded);
    world.records(vec![first.clone()]);
    assert!(world.plan(rollback()).is_err());
    first
        .results
        .insert("before_healthy".to_owned(), "yes".to_owned());
    world.records(vec![first]);
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v1");
}

#[test]
fn a_pin_that_ran_ahead_of_the_containers_is_rolled_back_too() {
    let mut world = World::new();
    world.runs(1);
    world.service("backend").image = format!("{REPOSITORY}:v2@{}", digest(2));
    world.records(vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Stuck),
    ]);
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.after.label(), "v1");
    assert!(warns(&plan, "000002, is stuck at switch"));
}

#[test]
fn an_image_that_is_gone_is_refused_with_what_is_there() {
    let mut world = World::new();
    world.runs(1);
    world.survey.images.retain(|image| image.id != image_id(2));
    world.records(vec![
        record(1, PlanKind::Promote, 1, 3, Outcome::Succeeded),
        record(2, PlanKind::Promote, 3, 2, Outcome::Succeeded),
        record(3, PlanKind::Promote, 2, 1, Outcome::Succeeded),
    ]);
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault
            .message
            .contains("no longer lies on the server: backend v2"),
        "{fault}"
    );
    assert!(fault.remedy.contains("v3 (operation 000001)"), "{fault}");
}

#[test]
fn first_contact_offers_what_lies_on_the_server() {
    let mut world = World::new();
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault.remedy.contains("never recorded healthy here"),
        "{fault}"
    );
    let deed = Deed::Rollback {
        to: RollbackTo::Image {
            service: of("backend"),
            image: image_id(3),
        },
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world.plan(deed).unwrap();
    assert_eq!(plan.after.label(), "v3");
    assert!(warns(&plan, "never recorded healthy here"));
}

// --- adopt ---

#[test]
fn adopting_changes_nothing_and_asks_for_no_word() {
    let plan = World::new().plan(Deed::Adopt).unwrap();
    assert_eq!(ids(&plan.forward), ["snapshot", "keep-backend", "observe"]);
    assert!(plan.forward.iter().all(|step| !step.changes));
    assert_eq!(plan.confirm, None);
}

// --- who holds the environment ---

#[test]
fn an_environment_that_somebody_holds_is_refused_with_who_and_why() {
    let mut world = World::new();
    world.survey.operation = Some(held("promote", Liveness::Alive));
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(fault.message.contains("promote by jo from desk"), "{fault}");
    world.survey.operation = Some(held("promote", Liveness::Unknown));
    assert!(world.plan(rollback()).is_err(), "unknown is not dead");
}

#[test]
fn only_a_rollback_goes_over_an_interrupted_operation_or_a_lock() {
    let mut world = World::new();
    world.runs(2);
    world.records(vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
    ]);
    world.survey.operation = Some(held("promote", Liveness::Dead));
    assert!(world.plan(promote(3)).is_err());
    assert!(warns(&world.plan(rollback()).unwrap(), "was interrupted"));

    world.survey.operation = Some(held("lock", Liveness::Alive));
    let fault = world.plan(promote(3)).unwrap_err();
    assert!(fault.message.contains("database maintenance"), "{fault}");
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.closed_gates().count(), 1);
    let permit = Permit::mint();
    for not_enough in [Answer::Button, Answer::YesFlag, Answer::Typed("prod")] {
        assert!(plan.confirm(permit, not_enough).is_err(), "{not_enough:?}");
    }
    let confirmed = plan.confirm(permit, Answer::Typed("production")).unwrap();
    assert!(confirmed.get().gates[0].overridden, "it is recorded");
    let mut request = world.request(rollback());
    request.overrides = vec!["lock".to_owned()];
    assert_eq!(world.plan_for(&request).unwrap().closed_gates().count(), 0);
}

// --- several services, layers, rolling ---

const FRONTEND: &str = "ghcr.io/acme/shop-frontend";

/// A frontend beside the backend, on which it depends, pinned by a variable of its own.
fn two_services(environment: &str) -> World {
    let mut world = World::with(environment);
    let name: ServiceName = of("frontend");
    let mut service = world.config.services[&of::<ServiceName>("backend")].clone();
    service.name = name.clone();
    service.repository = of(FRONTEND);
    world.config.services.insert(name.clone(), service);
    // Before what it depends on: the configuration's order alone does not decide.
    world.config.environments[0]
        .services
        .insert(0, name.clone());
    let mut container = world.container("backend").clone();
    container.service = name.clone();
    container.id = "f".repeat(64);
    container.reference = format!("{FRONTEND}:v1");
    container.image_id = image_id(11);
    container.config_hash = "hash-frontend".to_owned();
    world.survey.containers.containers.push(container);
    let mut compose = world.service("backend").clone();
    compose.image = format!("{FRONTEND}:v1");
    compose.config_hash = "hash-frontend".to_owned();
    compose.depends_on = [of("backend")].into();
    world.survey.services.insert(name, compose);
    for n in [11, 12] {
        let mut image = image(n);
        image.repository_digests = vec![of(&format!("{FRONTEND}@{}", digest(n)))];
        image.tags = vec![of(&format!("{FRONTEND}:v{}", n - 10))];
        world.survey.images.push(image);
    }
    world
}

fn promote_both() -> Deed {
    Deed::Promote {
        versions: [(of("backend"), version(2)), (of("frontend"), version(12))].into(),
        migrate: true,
    }
}

fn rolls(world: &mut World, service: &str) {
    let service = world.config.services.get_mut(&of::<ServiceName>(service));
    service.unwrap().strategy = crate::config::Strategy::Rolling;
}

#[test]
fn services_are_switched_after_what_they_depend_on_and_each_layer_has_to_hold() {
    let plan = two_services("").plan(promote_both()).unwrap();
    let tail: Vec<&str> = ids(&plan.forward)
        .into_iter()
        .skip_while(|id| *id != "pin")
        .collect();
    assert_eq!(
        tail,
        [
            "pin",
            "switch-1",
            "verify-layer-1",
            "switch-2",
            "restart",
            "verify-health",
            "observe"
        ]
    );
    let switched: Vec<&Vec<ServiceName>> = plan
        .forward
        .iter()
        .filter_map(|step| match &step.intent {
            Intent::Switch { services, .. } => Some(services),
            _ => None,
        })
        .collect();
    assert_eq!(switched, [&[of("backend")], &[of("frontend")]]);
    // Back, all of them, whatever forward had reached; and nobody waits there longer than needed.
    let back = ids(&plan.back);
    assert_eq!(back[..4], ["last-words", "pin", "switch-1", "switch-2"]);
    assert_eq!(back.iter().filter(|id| **id == "pin").count(), 1);
}

#[test]
fn services_that_do_not_depend_on_each_other_are_one_layer_unless_the_configuration_says_more() {
    let independent = |environment: &str| {
        let mut world = two_services(environment);
        world.service("frontend").depends_on.clear();
        world
    };
    let plan = independent("").plan(promote_both()).unwrap();
    assert_eq!(switch(&plan).0, &[of("frontend"), of("backend")]);
    let mut world = independent("");
    world.config.environments[0].layers = vec![vec![of("backend")], vec![of("frontend")]];
    let plan = world.plan(promote_both()).unwrap();
    assert_eq!(switch(&plan).0, &[of("backend")]);
    assert!(ids(&plan.forward).contains(&"switch-2"));
}

#[test]
fn layers_against_what_services_depend_on_are_refused_with_what_to_change() {
    let mut world = two_services("");
    world.config.environments[0].layers = vec![vec![of("frontend")], vec![of("backend")]];
    let fault = world.plan(promote_both()).unwrap_err();
    assert!(
        fault.message.contains("switch frontend before backend"),
        "{fault}"
    );
    // One of them alone has nothing to come before.
    assert!(world.plan(promote(2)).is_ok());
}

#[test]
fn a_service_that_may_be_rolled_is_and_back_it_is_rolled_too() {
    let mut world = two_services("");
    rolls(&mut world, "backend");
    let plan = world.plan(promote_both()).unwrap();
    let rolled = |steps: &[Step]| {
        steps.iter().find_map(|step| match &step.intent {
            Intent::Roll {
                service,
                expected,
                replicas,
                ..
            } => Some((service.to_string(), expected.clone(), *replicas)),
            _ => None,
        })
    };
    let (service, expected, replicas) = rolled(&plan.forward).unwrap();
    assert_eq!((service.as_str(), replicas), ("backend", 1));
    assert!(expected.to_string().contains(digest(2).as_str()));
    assert_eq!(rolled(&plan.back).unwrap().1, ImageName::Id(image_id(1)));
    assert!(
        ids(&plan.forward).contains(&"switch-2"),
        "the frontend is not"
    );
    assert!(warns(&plan, "proxy is restarted after the switch"));
}

#[test]
fn a_container_that_takes_long_to_stop_is_not_cut_short() {
    let limit = |world: &mut World, id: &str| {
        let plan = world.plan(promote(2)).unwrap();
        let step = plan.forward.into_iter().find(|step| step.id == id);
        step.unwrap().limit
    };
    let grace = std::time::Duration::from_secs(600);
    let mut world = two_services("");
    for id in ["switch", "roll-backend"] {
        let usual = limit(&mut world, id);
        world.service("backend").stop_grace_period = Some(grace);
        assert_eq!(limit(&mut world, id), usual + grace);
        world.service("backend").stop_grace_period = None;
        rolls(&mut world, "backend");
    }
}

#[test]
fn a_slow_start_is_waited_for_whoever_says_so() {
    use std::time::Duration;
    let period = Some(Duration::from_secs(300));
    let patience = |world: &mut World| {
        let plan = world.plan(promote(2)).unwrap();
        let switch = plan.forward.iter().find(|step| step.id == "switch");
        let warned = plan
            .warnings
            .iter()
            .any(|w| w.contains("may take 300 s to start"));
        (plan.health_timeout, switch.unwrap().limit, warned)
    };
    let usual = patience(&mut World::new());
    assert!(!usual.2 && usual.0 < Duration::from_secs(300));
    let longer = Duration::from_secs(330);
    let slow = (longer, usual.1 + longer - usual.0, true);
    // The compose file.
    let mut world = World::new();
    world.service("backend").start_period = period;
    assert_eq!(patience(&mut world), slow);
    // The image that shall run.
    let mut world = World::new();
    let image = world
        .survey
        .images
        .iter_mut()
        .find(|image| image.id == image_id(2));
    image.unwrap().start_period = period;
    assert_eq!(patience(&mut world), slow);
    // What runs, where that image is not there yet.
    world.survey.images.retain(|image| image.id != image_id(2));
    assert_eq!(patience(&mut world), usual);
    world.survey.containers.containers[0].start_period = period;
    assert_eq!(patience(&mut world), slow);
}

#[test]
fn what_only_one_container_can_have_keeps_a_service_from_being_rolled_and_the_plan_says_what() {
    use crate::release::survey::Exclusive;
    let plan = |change: &dyn Fn(&mut World)| {
        let mut world = World::new();
        rolls(&mut world, "backend");
        change(&mut world);
        world.plan(promote(2)).unwrap()
    };
    let exclusive = |exclusive: Exclusive| {
        plan(&move |world| world.service("backend").exclusive = vec![exclusive.clone()])
    };
    for (plan, words) in [
        (
            exclusive(Exclusive::HostPort("8000".to_owned())),
            "recreated and not rolled: it publishes host port 8000",
        ),
        (
            exclusive(Exclusive::Name("shop-backend".to_owned())),
            "fixed container name shop-backend",
        ),
        (
            plan(&|world| world.survey.anonymous_volumes = [of("backend")].into()),
            "a volume without a name",
        ),
        (
            plan(&|world| {
                world.survey.containers.containers.remove(0);
            }),
            "nothing of it runs yet",
        ),
    ] {
        assert!(warns(&plan, words), "{:?}", plan.warnings);
        assert_eq!(switch(&plan).0, &[of("backend")]);
    }
    let plan = plan(&|world| {
        world.service("backend").has_health_check = false;
        world.container("backend").health = Health::Running;
    });
    assert!(warns(&plan, "has no health check"), "{:?}", plan.warnings);
    assert!(ids(&plan.forward).contains(&"roll-backend"));
}

const HOOKS: &str = "[[environments.production.hooks]]\nname = \"freeze\"\nwhen = \"before\"\n\
                     command = \"./freeze\"\n\
                     [[environments.production.hooks]]\nwhen = \"after\"\nwebhook = { env = \"HOOK\" }\n";

#[test]
fn hooks_run_before_anything_changes_and_once_it_is_over() {
    let mut world = World::with(HOOKS);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(
        fault.message.contains("neither curl nor GNU wget"),
        "{fault}"
    );
    world.survey.means.curl = true;
    let plan = world.plan(promote(2)).unwrap();
    let at = |id: &str| ids(&plan.forward).iter().position(|other| *other == id);
    assert!(
        at("pull-backend") < at("hook-1"),
        "{:?}",
        ids(&plan.forward)
    );
    assert_eq!(at("hook-1").map(|at| at + 1), at("pin"));
    assert_eq!(ids(&plan.closing), ["hook-2"]);
    assert!(!ids(&plan.back).iter().any(|id| id.starts_with("hook")));
    let failure = |step: Option<&Step>| step.map(|step| step.failure);
    let before = plan.forward.iter().find(|step| step.id == "hook-1");
    assert_eq!(failure(before), Some(OnStepFailure::Stops));
    assert_eq!(failure(plan.closing.first()), Some(OnStepFailure::Reported));
    // Adopting changes nothing, and is no deed that hooks are tied to unless they say so.
    let adoption = world.plan(Deed::Adopt).unwrap();
    assert_eq!(adoption.closing.len(), 0);
}

#[test]
fn no_hook_and_no_check_stops_a_rollback() {
    let check =
        "[[environments.production.checks]]\nname = \"status\"\nhttp = \"http://localhost/\"\n";
    let mut world = World::with(&format!("{HOOKS}{check}"));
    world.runs(2);
    world.records(vec![
        record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
    ]);
    let plan = world.plan(rollback()).unwrap();
    let before = plan.forward.iter().find(|step| step.id == "hook-1");
    assert_eq!(
        before.map(|step| step.failure),
        Some(OnStepFailure::Reported)
    );
    // What cannot be asked or told is left out, and the plan says so.
    assert!(!ids(&plan.forward).contains(&"verify-check-1"));
    assert_eq!(plan.closing.len(), 0);
    for left_out in ["\"status\"", "\"webhook\""] {
        let said = |warning: &String| warning.contains("left out") && warning.contains(left_out);
        assert!(plan.warnings.iter().any(said), "{:?}", plan.warnings);
    }
}
