//! What a plan has to know of an image that does not lie on the server: from the list of versions, from what
//! was kept, from the registry; and where nobody tells.

use std::sync::Arc;

use flightdeck::{
    demo::{Demo, requests::Door, world::catalogue::Version},
    fleet::Fleet,
    operation,
    release::plan::{ChosenVersion, Deed, Plan, Request},
};

use super::{
    deeds::{clients_with, known, name},
    world,
};

/// Whether the plan says that it does not know how long a start may take.
fn is_untold(plan: &Plan) -> bool {
    let words = "how long frontend may take to start cannot be told before its image is pulled";
    plan.warnings.iter().any(|warning| warning.contains(words))
}

/// How often the registry was asked for what the version's image says of itself.
fn asked(demo: &Demo, version: &Version) -> usize {
    let blob = format!("blobs/{}", version.image_id);
    let asked = demo.requests().asked();
    asked
        .iter()
        .filter(|asked| asked.door == Door::Registry && asked.what.contains(&blob))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_asked_only_for_what_nobody_knows_and_stops_no_plan() {
    let demo = world().await;
    let version = demo.look(|world| {
        let mut versions = world.catalogue.frontend.iter();
        let is_here = |id| world.engine.images.contains_key(id);
        let unseen = versions.find(|version| !is_here(&version.image_id));
        Arc::clone(unseen.unwrap())
    });
    let request = Request {
        environment: name("staging"),
        deed: Deed::Promote {
            versions: [(
                "frontend".parse().unwrap(),
                ChosenVersion {
                    tag: version.tag.clone(),
                    digest: version.digest.clone(),
                    revision: Some(version.revision.clone()),
                },
            )]
            .into(),
            migrate: true,
        },
        reason: String::new(),
        overrides: Vec::new(),
    };

    // The list of versions has it.
    let keeping = tempfile::tempdir().unwrap();
    let clients = clients_with(&demo, keeping.path().to_owned());
    let is_listed = |fleet: &Fleet| {
        let versions = fleet.versions(&version.repository).and_then(|v| v.value());
        let mut listed = versions.into_iter().flat_map(|v| &v.versions);
        listed.any(|v| v.tag == version.tag && v.details.value().is_some())
    };
    let fleet = known(&clients, is_listed).await;
    assert_eq!(asked(&demo, &version), 1);
    let plan = operation::plan(&clients, &fleet, request.clone());
    assert!(!is_untold(&plan.await.unwrap()));
    assert_eq!(asked(&demo, &version), 1);

    // Nobody has looked at it: it is asked for, and kept.
    let nothing = Fleet::new(Arc::clone(&clients.config));
    let elsewhere = tempfile::tempdir().unwrap();
    let clients = clients_with(&demo, elsewhere.path().to_owned());
    for _ in 0..2 {
        let plan = operation::plan(&clients, &nothing, request.clone());
        assert!(!is_untold(&plan.await.unwrap()));
        assert_eq!(asked(&demo, &version), 2);
    }

    // The registry is gone: the server may reach it all the same.
    demo.close(Door::Registry);
    let nowhere = tempfile::tempdir().unwrap();
    let clients = clients_with(&demo, nowhere.path().to_owned());
    let plan = operation::plan(&clients, &nothing, request).await.unwrap();
    assert!(is_untold(&plan), "{:?}", plan.warnings);
}
