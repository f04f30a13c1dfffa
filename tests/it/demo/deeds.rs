//! The four deeds of the guidance, by the real clients and the real runner on the embedded world.

use std::{path::PathBuf, sync::Arc, time::Duration};

use flightdeck::{
    clock::Clock,
    demo::{Demo, world::catalogue::recent},
    fleet::{
        Fleet, feeds,
        inbox::Inbox,
        world::{Operator, Settings, World},
    },
    operation,
    release::{
        EnvironmentName, Permit,
        confirm::Answer,
        observation::Health,
        operation::{Outcome, Progress},
        plan::{ChosenVersion, Deed, Request, RollbackTo, SchemaChoice},
        record::Record,
        version::Known,
    },
};
use futures::StreamExt;

use super::world;

pub fn name(environment: &str) -> EnvironmentName {
    environment.parse().unwrap()
}

/// The clients of a demonstration, as `main` makes them.
fn clients(demo: &Demo) -> Arc<World> {
    clients_with(demo, demo.cache_directory())
}

/// The same, with what they keep elsewhere.
pub fn clients_with(demo: &Demo, cache_directory: PathBuf) -> Arc<World> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        asking: false,
        cache_directory,
        operator: Operator {
            name: "mira".to_owned(),
            origin: "desk-3".to_owned(),
        },
        clock: Clock::system(),
    };
    Arc::new(World::new(Arc::new(demo.config.clone()), settings).unwrap())
}

/// What the clients know once `is_enough`.
pub async fn known(world: &Arc<World>, is_enough: impl Fn(&Fleet) -> bool) -> Fleet {
    let inbox = Inbox::default();
    let _feeds = feeds::start(world, &inbox);
    let mut fleet = Fleet::new(Arc::clone(&world.config));
    let wait = async {
        while !is_enough(&fleet) {
            for fact in inbox.take().await {
                fleet.apply(fact, world.clock.moment());
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .is_err()
    {
        panic!("never known: {fleet:#?}");
    }
    fleet
}

fn is_whole(fleet: &Fleet) -> bool {
    let environments = ["production", "staging"].iter().all(|environment| {
        let facts = fleet.environment(&name(environment)).unwrap();
        facts.containers.value().is_some() && facts.files.value().is_some()
    });
    let versions = fleet.config.repositories().iter().all(|(repository, _)| {
        let versions = fleet.versions(repository).and_then(|v| v.value());
        versions.is_some_and(|v| v.complete)
    });
    environments
        && versions
        && fleet
            .runs
            .value()
            .is_some_and(|r| r.runs.iter().all(|r| !r.jobs.is_empty()))
}

fn chosen(demo: &Demo, position: usize) -> ChosenVersion {
    demo.look(|world| {
        let version = world.catalogue.recent(position);
        ChosenVersion {
            tag: version.tag.clone(),
            digest: version.digest.clone(),
            revision: Some(version.revision.clone()),
        }
    })
}

fn promotion(demo: &Demo, environment: &str, position: usize) -> Request {
    Request {
        environment: name(environment),
        deed: Deed::Promote {
            versions: [("backend".parse().unwrap(), chosen(demo, position))].into(),
            migrate: true,
        },
        reason: "to see it".to_owned(),
        overrides: Vec::new(),
    }
}

/// Plans, confirms and runs a request to its end; its record, and what its steps printed.
async fn done(world: &Arc<World>, request: Request) -> (Record, String) {
    let fleet = known(world, is_whole).await;
    let environment = request.environment.clone();
    let plan = operation::plan(world, &fleet, request).await.unwrap();
    let word = plan.confirm.as_ref().map(|words| words.name.clone());
    let answer = word.as_deref().map_or(Answer::Button, Answer::Typed);
    let confirmed = plan.confirm(Permit::mint(), answer).unwrap();
    let id = operation::start(world, confirmed).await.unwrap();
    let mut output = Vec::new();
    let mut steps = operation::follow(world, &environment, id).unwrap();
    while let Some(progress) = steps.next().await {
        match progress {
            Progress::Output(bytes) => output.extend(bytes),
            Progress::End(_) => break,
            _ => {}
        }
    }
    let records = world
        .target(&environment)
        .unwrap()
        .history(20)
        .await
        .unwrap();
    let record = records
        .records
        .into_iter()
        .find(|r| r.operation == id)
        .unwrap();
    (record, String::from_utf8_lossy(&output).into_owned())
}

/// Waits until the guidance says something with `words`.
async fn guided(demo: &Demo, words: &str) {
    let mut guidance = demo.guidance.clone();
    let waited = tokio::time::timeout(
        Duration::from_secs(20),
        guidance.wait_for(|line| line.contains(words)),
    )
    .await;
    if waited.is_err() {
        panic!("{words:?} is not in {:?}", *demo.guidance.borrow());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_is_full() {
    let demo = world().await;
    let world = clients(&demo);
    let fleet = known(&world, is_whole).await;
    for environment in ["production", "staging"] {
        let facts = fleet.environment(&name(environment)).unwrap();
        let containers = facts.containers.value().unwrap();
        for service in ["backend", "frontend"] {
            let service = service.parse().unwrap();
            assert_eq!(containers.health(&service), Health::Healthy);
        }
        let files = facts.files.value().unwrap();
        assert!(files.records.len() >= 5 && files.damaged == 0, "{files:?}");
        assert!(files.operation.is_none(), "{:?}", files.operation);
        assert_eq!(files.pins.len(), 2);
    }
    let (backend, _) = fleet.config.repositories()[0];
    let versions = fleet.versions(backend).unwrap().value().unwrap();
    assert_eq!(versions.versions.len(), 40);
    assert!(
        versions
            .versions
            .iter()
            .take(10)
            .all(|v| !matches!(v.digest, Known::Failed(_)))
    );
    // Whoever only looks asks for no change, at any door.
    let asked = demo.requests().asked();
    assert!(asked.len() > 20);
    assert!(asked.iter().all(|asked| !asked.changes), "{asked:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_deeds_are_led_through_and_leave_their_marks() {
    let demo = world().await;
    let world = clients(&demo);
    guided(&demo, "1/4").await;

    let (record, output) = done(&world, promotion(&demo, "production", recent::STAGING)).await;
    assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
    guided(&demo, "2/4").await;

    let (record, output) = done(&world, promotion(&demo, "staging", recent::FAILS_CHECK)).await;
    assert_eq!(record.outcome, Outcome::WentBack, "{output}");
    assert_eq!(
        record.step.as_deref(),
        Some("verify-check-status"),
        "{output}"
    );
    let failed = record.operation;
    let back = demo.look(|world| {
        let running = world.engine.container("staging-backend-1").unwrap();
        let before = world.catalogue.recent(recent::STAGING);
        running.recipe.version.image_id == before.image_id
    });
    assert!(back, "{output}");
    guided(&demo, "3/4").await;

    let request = Request {
        environment: name("production"),
        deed: Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema: SchemaChoice::ImageOnly,
            files: false,
        },
        reason: String::new(),
        overrides: Vec::new(),
    };
    let (record, output) = done(&world, request).await;
    assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
    guided(&demo, "4/4").await;

    let past = operation::follow(&world, &name("staging"), failed).unwrap();
    assert!(past.count().await > 10);
    guided(&demo, "all four").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_crashes_once_it_was_healthy_comes_back() {
    let demo = world().await;
    let world = clients(&demo);
    let (record, output) = done(&world, promotion(&demo, "staging", recent::CRASHES)).await;
    assert_eq!(record.outcome, Outcome::WentBack, "{output}");
    assert_eq!(record.step.as_deref(), Some("verify-health"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_are_one_release_and_come_back_together() {
    let demo = world().await;
    let world = clients(&demo);
    let both = |position: usize| {
        let mut request = promotion(&demo, "staging", position);
        let frontend = demo.look(|world| {
            let version = &world.catalogue.frontend[1];
            ChosenVersion {
                tag: version.tag.clone(),
                digest: version.digest.clone(),
                revision: Some(version.revision.clone()),
            }
        });
        let Deed::Promote { versions, .. } = &mut request.deed else {
            panic!("{request:?}");
        };
        versions.insert("frontend".parse().unwrap(), frontend);
        // No workflow run is known for so old a frontend.
        request.overrides = vec!["ci".to_owned()];
        request
    };
    let frontends = || {
        demo.look(|world| {
            let containers = world.engine.containers.iter();
            containers
                .filter(|c| c.recipe.project == "staging" && c.recipe.service == "frontend")
                .map(|c| c.recipe.version.image_id.clone())
                .collect::<Vec<_>>()
        })
    };
    let before = frontends();
    // The backend's check fails when both are switched: both go back.
    let (record, output) = done(&world, both(recent::FAILS_CHECK)).await;
    assert_eq!(record.outcome, Outcome::WentBack, "{output}");
    assert_eq!(
        record.step.as_deref(),
        Some("verify-check-status"),
        "{output}"
    );
    assert_eq!(frontends(), before, "{output}");

    let (record, output) = done(&world, both(recent::NEWEST)).await;
    assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
    // The frontend depends on the backend, and is rolled: for a while there were two.
    let steps: Vec<&str> = record.times.keys().map(String::as_str).collect();
    assert!(
        steps.contains(&"switch-1") && steps.contains(&"roll-frontend"),
        "{steps:?}"
    );
    assert!(
        output.contains("the old frontend") && output.contains("the new one serves"),
        "{output}"
    );
    let after = frontends();
    assert_eq!(after.len(), 1, "{output}");
    assert_ne!(after, before);

    let request = Request {
        environment: name("staging"),
        deed: Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema: SchemaChoice::ImageOnly,
            files: false,
        },
        reason: String::new(),
        overrides: Vec::new(),
    };
    let (record, output) = done(&world, request).await;
    assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
    assert_eq!(frontends(), before, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_world_that_ends_under_an_operation_leaves_nothing() {
    let demo = world().await;
    let world = clients(&demo);
    let fleet = known(&world, is_whole).await;
    let request = promotion(&demo, "staging", recent::FAILS_CHECK);
    let plan = operation::plan(&world, &fleet, request).await.unwrap();
    let confirmed = plan.confirm(Permit::mint(), Answer::Button).unwrap();
    operation::start(&world, confirmed).await.unwrap();
    let directory = demo.directory().to_owned();
    drop(demo);
    assert!(!directory.exists());
}
