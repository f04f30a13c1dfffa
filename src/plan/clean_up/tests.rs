//! Clean-ups, as an operator reads them.

use super::super::fixture::*;
use super::*;
use crate::release::{
    ImageReference,
    operation::Outcome,
    plan::Deed,
    survey::{Backups, Neighbour, User},
};

const BACKUP: &str = "[environments.production.backup]\ntool = \"pg_dump\"\nservice = \"database\"\n\
     database = \"shop\"\nuser = \"shop\"\nkeep = 1\n";

fn deed(keep: usize) -> Deed {
    Deed::CleanUp {
        keep,
        older_than: Duration::ZERO,
    }
}

fn user(name: &str, image: u8, is_left_over: bool) -> User {
    User {
        id: format!("{name}-id"),
        name: name.to_owned(),
        image_id: image_id(image),
        is_left_over,
    }
}

/// Version 3 runs, 1 and 2 were healthy before, 4 and 5 lie there too.
fn world() -> World {
    let mut world = World::with(BACKUP);
    world.survey.images = (1..=5).map(image).collect();
    world.runs(3);
    world.records(vec![
        record(1, PlanKind::Promote, 1, 1, Outcome::Succeeded),
        record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
        record(3, PlanKind::Promote, 2, 3, Outcome::Succeeded),
    ]);
    world.survey.clean_up = Some(CleanUp {
        keep_tags: [of("flightdeck.keep/shop/backend")].into(),
        containers: vec![user("shop-backend-1", 3, false)],
        unique_sizes: (1..=5)
            .map(|n| (image_id(n).short().to_owned(), 1_000_000))
            .collect(),
        neighbours: Vec::new(),
    });
    world
}

fn clean_up(world: &mut World) -> &mut CleanUp {
    world.survey.clean_up.as_mut().unwrap()
}

fn removed(plan: &Plan) -> Vec<String> {
    plan.removals()
        .map(|removal| match removal {
            Removal::Image { label, .. } => label.clone(),
            Removal::Container { name, .. } => name.clone(),
            Removal::Backup { handle, .. } => handle.clone(),
        })
        .collect()
}

#[test]
fn what_runs_and_the_last_healthy_releases_stay() {
    let plan = world().plan(deed(1)).unwrap();
    // Version 2 is where a rollback goes; 1 is one too many.
    assert_eq!(removed(&plan), ["backend v1", "backend v4", "backend v5"]);
    let plan = world().plan(deed(2)).unwrap();
    assert_eq!(removed(&plan), ["backend v4", "backend v5"]);
    assert!(plan.warnings.iter().any(|w| w.contains("at least 2.0 MB")));
    assert_eq!(plan.title(), "clean up production: 2 images");
    assert!(plan.forward.iter().all(|step| !step.changes));
}

#[test]
fn a_container_or_a_neighbour_keeps_what_it_needs() {
    let mut world = world();
    clean_up(&mut world)
        .containers
        .push(user("by-hand", 4, false));
    let mut other = record(9, PlanKind::Promote, 1, 5, Outcome::Succeeded);
    other.environment = of("staging");
    clean_up(&mut world).neighbours.push(Neighbour {
        environment: of("staging"),
        records: Some(vec![other]),
    });
    let fault = world.plan(deed(2)).unwrap_err();
    assert!(fault.message.contains("nothing to clean up"), "{fault}");
}

#[test]
fn of_an_image_with_another_name_only_our_keep_tags_go() {
    let mut world = world();
    let keep: ImageReference = of("flightdeck.keep/shop/backend:4");
    world.survey.images[3].tags.push(keep.clone());
    world.survey.images[3]
        .tags
        .push(of("flightdeck.keep/other/backend:1"));
    let plan = world.plan(deed(2)).unwrap();
    let Intent::CleanUp { removals } = &plan.forward[0].intent else {
        panic!("{plan:?}")
    };
    assert!(
        removals.iter().any(|removal| matches!(
            removal,
            Removal::Image { references, all: false, frees: None, .. } if *references == [keep.clone()]
        )),
        "{removals:?}"
    );
    // Where all names are ours the keep tags go first.
    world.survey.images[3].tags.pop();
    let plan = world.plan(deed(2)).unwrap();
    let Intent::CleanUp { removals } = &plan.forward[0].intent else {
        panic!("{plan:?}")
    };
    assert!(
        removals.iter().any(|removal| matches!(
            removal,
            Removal::Image { references, all: true, .. } if references[0] == keep && references.len() == 3
        )),
        "{removals:?}"
    );
}

#[test]
fn what_is_young_stays_and_what_is_left_over_goes() {
    let mut world = world();
    clean_up(&mut world)
        .containers
        .push(user("fd-shop-2-migrate", 4, true));
    world.survey.taken = world.survey.images[0].created.unwrap();
    world.survey.backups = Some(Backups {
        files: ["000002.dump", "000003.dump", "000004.dump.part"]
            .map(|handle| BackupFile {
                handle: handle.to_owned(),
                size: 5,
                is_readable: true,
            })
            .into(),
        ..Backups::default()
    });
    let plan = world
        .plan(Deed::CleanUp {
            keep: 2,
            older_than: Duration::from_secs(3600),
        })
        .unwrap();
    assert_eq!(
        removed(&plan),
        ["fd-shop-2-migrate", "000004.dump.part", "000002.dump"]
    );
    assert!(plan.warnings.iter().any(|w| w.contains("younger than 1h")));
}

#[test]
fn a_ledger_that_cannot_be_read_is_said() {
    let mut world = world();
    clean_up(&mut world).neighbours.push(Neighbour {
        environment: of("staging"),
        records: None,
    });
    let plan = world.plan(deed(2)).unwrap();
    assert!(plan.warnings.iter().any(|w| w.contains("staging")));
}
