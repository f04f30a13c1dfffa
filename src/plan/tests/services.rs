//! Several services as one release: layers, and rolling them.

use super::*;

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

/// Version 1 of both runs, version 2 of both was healthy before.
fn both_were_promoted(world: &mut World) {
    let (old, new) = (release_of(2, 12), release_of(1, 11));
    let mut first = promoted(1, 3, 2);
    first.after = old.clone();
    let mut second = promoted(2, 2, 1);
    (second.before, second.after) = (old, new);
    world.records(vec![first, second]);
}

fn release_of(backend: u8, frontend: u8) -> crate::release::record::Release {
    let mut both = release(backend);
    let mut service = both.services[&of::<ServiceName>("backend")].clone();
    service.repository = of(FRONTEND);
    service.digest = Some(digest(frontend));
    service.image_id = Some(image_id(frontend));
    both.services.insert(of("frontend"), service);
    both
}

#[test]
fn a_rollback_is_not_refused_over_its_layers() {
    let mut world = two_services("");
    world.config.environments[0].layers = vec![vec![of("frontend")], vec![of("backend")]];
    both_were_promoted(&mut world);
    let plan = world.plan(rollback()).unwrap();
    assert!(
        warns(&plan, "its layers switch frontend before backend"),
        "{:?}",
        plan.warnings
    );
    assert_eq!(switch(&plan).0, &[of("backend")]);
    assert!(ids(&plan.forward).contains(&"switch-2"));
}

#[test]
fn marking_an_operation_leaves_out_what_of_it_still_runs() {
    let mut world = two_services("");
    both_were_promoted(&mut world);
    // The backend has been replaced since; the frontend that came with it runs.
    let mut third = promoted(3, 1, 3);
    (third.before, third.after) = (release_of(1, 11), release_of(3, 11));
    world.survey.containers.containers[0].image_id = image_id(3);
    world.survey.containers.images = [(image_id(3), image(3))].into();
    world.survey.records.push(third);
    let mark = Deed::MarkBad {
        release: MarkedRelease::Operation(OperationId(2)),
    };
    let plan = world.plan(mark).unwrap();
    let marked: Vec<&str> = plan
        .after
        .services
        .keys()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(marked, ["backend"]);
}

#[test]
fn each_switch_says_which_strategy_and_why() {
    use crate::release::survey::Exclusive;
    let words = |plan: &Plan| -> Vec<String> {
        let steps = plan.forward.iter();
        steps
            .filter_map(|step| step.intent.strategy_words())
            .collect()
    };
    let not_configured = "recreated: no rolling strategy is configured";
    let mut world = two_services("");
    let plan = world.plan(promote_both()).unwrap();
    assert_eq!(words(&plan), [not_configured, not_configured]);
    rolls(&mut world, "backend");
    let plan = world.plan(promote_both()).unwrap();
    let rolling = "rolling: configured, and no container name, host port or address is fixed";
    assert_eq!(words(&plan), [rolling, not_configured]);
    world.service("backend").exclusive = vec![Exclusive::Name("shop-backend".to_owned())];
    let plan = world.plan(promote_both()).unwrap();
    assert_eq!(
        words(&plan)[0],
        "recreated: it has the fixed container name shop-backend"
    );
    // Both in one step.
    world.service("frontend").depends_on.clear();
    let plan = world.plan(promote_both()).unwrap();
    assert_eq!(
        words(&plan),
        [
            "recreated: backend, it has the fixed container name shop-backend; \
          frontend, no rolling strategy is configured"
        ]
    );
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
fn a_slow_start_is_waited_for_before_its_image_lies_on_the_server() {
    use crate::release::{Fault, FaultKind, version::VersionDetails};
    use std::time::Duration;
    let says = |seconds: Option<u64>| {
        Ok(VersionDetails {
            start_period: seconds.map(Duration::from_secs),
            ..VersionDetails::default()
        })
    };
    let patience = |world: &mut World| {
        let plan = world.plan(promote(2)).unwrap();
        (plan.health_timeout.as_secs(), plan.warnings)
    };
    let unseen = |world: &World| {
        let request = world.request(promote(2));
        super::super::unseen_images(&world.config.services, &request, &world.survey)
    };
    let mut world = World::new();
    assert_eq!(unseen(&world), [], "it lies there, and is asked itself");
    world.survey.images.retain(|image| image.id != image_id(2));
    let wanted = unseen(&world);
    assert_eq!(wanted[0].digest, Some(digest(2)));

    world.unseen = [(digest(2), says(Some(300)))].into();
    let (timeout, warnings) = patience(&mut world);
    assert_eq!(timeout, 330);
    let words = "backend may take 300 s to start";
    assert!(warnings.iter().any(|w| w.contains(words)), "{warnings:?}");
    // It says that it needs no longer: what runs now has no say in it.
    world.unseen = [(digest(2), says(None))].into();
    world.survey.containers.containers[0].start_period = Some(Duration::from_secs(300));
    assert_eq!(patience(&mut world), (120, Vec::new()));
    // A registry that does not tell stops nothing: what runs is the next best, and the plan says so.
    let gone = Fault::new(FaultKind::Unreachable, "ghcr.io", "cannot be reached");
    world.unseen = [(digest(2), Err(gone))].into();
    let (timeout, warnings) = patience(&mut world);
    assert_eq!(timeout, 330);
    let words = "how long backend may take to start cannot be told before its image is pulled (ghcr.io: \
                 cannot be reached): what is not healthy is given up after 330 s";
    assert!(warnings.iter().any(|w| w.contains(words)), "{warnings:?}");
    // The compose file decides, and nobody is asked.
    world.service("backend").start_period = Some(Duration::from_secs(10));
    assert_eq!(patience(&mut world), (120, Vec::new()));
    assert_eq!(unseen(&world), []);
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

#[test]
fn what_has_no_migrations_is_promoted_without_a_backup_and_without_a_migration() {
    use crate::release::survey::SchemaRevision;
    const BACKUP: &str =
        "[environments.production.backup]\ntool = \"command\"\ncommand = \"save\"\n";
    let frontend = |history: &[&str], at: &str, migrate: bool| {
        let mut world = two_services(&format!("{MIGRATION}{BACKUP}"));
        world.survey.schema_heads = Some(vec![at.to_owned()]);
        world.survey.schema_history = history
            .windows(2)
            .map(|pair| SchemaRevision {
                parents: vec![pair[1].to_owned()],
                ..SchemaRevision::new(pair[0], "orders")
            })
            .collect();
        let deed = Deed::Promote {
            versions: [(of("frontend"), version(12))].into(),
            migrate,
        };
        world.plan(deed).unwrap()
    };
    for migrate in [true, false] {
        let plan = frontend(&["c9e2", "a1f3", "base"], "c9e2", migrate);
        let steps = ids(&plan.forward);
        for id in ["schema", "backup", "migrate"] {
            assert!(!steps.contains(&id), "{steps:?}");
        }
        assert_eq!(plan.basis.schema_heads, None);
        assert_eq!(plan.warnings, [""; 0]);
    }
    // What runs waits for one: said, not done.
    let plan = frontend(&["c9e2", "a1f3", "base"], "a1f3", true);
    assert_eq!(
        plan.warnings,
        [
            "backend v1 stays and waits for a migration, which is not run: 1 revision: c9e2 orders. \
             `flightdeck migrate production` runs it"
        ]
    );
    // The database was left ahead of it: nothing of that is this promotion's.
    let plan = frontend(&["a1f3", "base"], "c9e2", true);
    assert_eq!(plan.warnings, [""; 0]);
    // Together with the backend, they are there.
    let mut world = two_services(&format!("{MIGRATION}{BACKUP}"));
    let plan = world.plan(promote_both()).unwrap();
    let steps = ids(&plan.forward);
    assert!(
        ["schema", "backup", "migrate"]
            .iter()
            .all(|id| steps.contains(id))
    );
}
