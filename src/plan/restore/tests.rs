//! Restores, as an operator reads them.

use super::super::fixture::*;
use super::*;
use crate::release::{
    operation::Outcome,
    plan::{Deed, RollbackTo, SchemaChoice},
    record::Record,
    survey::{BackupFile, Backups, SchemaRevision},
};

const PG_DUMP: &str = "[environments.production.backup]\ntool = \"pg_dump\"\nservice = \"database\"\n\
     database = \"shop\"\nuser = \"shop\"\n";

fn saved(number: u64, handle: &str) -> Record {
    let mut saved = record(number, PlanKind::Promote, 1, 2, Outcome::Succeeded);
    saved.results.insert("backup".to_owned(), handle.to_owned());
    saved
        .results
        .insert("backup_size".to_owned(), "1000".to_owned());
    saved
}

fn file(handle: &str, size: u64) -> BackupFile {
    BackupFile {
        handle: handle.to_owned(),
        size,
        is_readable: true,
    }
}

fn world(files: Vec<BackupFile>) -> World {
    let mut world = World::with(PG_DUMP);
    world.survey.backups = Some(Backups {
        files,
        free: Some(1_000_000_000),
        database_size: Some(1_000_000),
        trouble: None,
    });
    world.records(vec![saved(3, "3.dump"), saved(4, "4.dump")]);
    world
}

fn restore(operation: Option<u64>) -> Deed {
    Deed::Restore {
        operation: operation.map(OperationId),
    }
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn what_uses_the_database_is_stopped_and_comes_back_whatever_happens() {
    let mut world = world(vec![file("3.dump", 1000), file("4.dump", 1000)]);
    let plan = world.plan(restore(None)).unwrap();
    assert_eq!(
        ids(&plan.forward),
        [
            "snapshot",
            "backup",
            "stop",
            "restore",
            "start",
            "restart",
            "verify-health",
            "observe"
        ]
    );
    assert_eq!(
        ids(&plan.back),
        [
            "stop",
            "restore",
            "start",
            "restart",
            "verify-health",
            "observe"
        ]
    );
    assert_eq!(plan.on_failure, OnFailure::GoBack);
    assert!(matches!(
        &plan.forward[2].intent,
        Intent::Stop { services } if services.len() == 1 && services[0].as_str() == "backend"
    ));
    assert_eq!(plan.title(), "restore production: backup 4.dump");
    // Typed in full, not by the short word.
    let confirm = plan.confirm.unwrap();
    assert!(confirm.matches("production") && !confirm.matches("prod"));
    let warned = |words: &str| plan.warnings.iter().any(|w| w.contains(words));
    assert!(warned("is lost") && warned("stopped meanwhile: backend"));
}

#[test]
fn only_what_lies_there_as_it_was_recorded_is_brought_back() {
    let mut world = world(vec![file("3.dump", 1000), file("4.dump", 999)]);
    let plan = world.plan(restore(None)).unwrap();
    assert_eq!(plan.title(), "restore production: backup 3.dump");
    for (operation, words) in [(4, "is not what was recorded"), (5, "recorded no backup")] {
        let fault = world.plan(restore(Some(operation))).unwrap_err();
        assert!(fault.message.contains(words), "{fault}");
        assert!(fault.remedy.contains("000003"), "{fault}");
    }
    world.survey.backups = Some(Backups::default());
    let fault = world.plan(restore(Some(3))).unwrap_err();
    assert!(
        fault.message.contains("not on the server any more"),
        "{fault}"
    );
}

#[test]
fn a_backup_is_found_by_who_made_it_and_by_who_only_went_on_with_that() {
    let mut world = world(vec![file("4.dump", 1000)]);
    let mut recovered = saved(5, "4.dump");
    recovered.recovers = Some(OperationId(4));
    let mut records = world.survey.records.clone();
    records.push(recovered);
    world.records(records);
    for operation in [4, 5] {
        let plan = world.plan(restore(Some(operation))).unwrap();
        assert_eq!(plan.title(), "restore production: backup 4.dump");
        let told = |words: &str| plan.warnings.iter().any(|w| w.contains(words));
        assert!(told("(operation 000004)"), "{:?}", plan.warnings);
    }
}

#[test]
fn a_backup_of_a_newer_schema_than_the_image_knows_is_called_so() {
    let migration =
        "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";
    let mut world = World::with(&format!("{migration}{PG_DUMP}"));
    let mut downgraded = saved(3, "3.dump");
    for (name, heads) in [("schema_heads_before", "c9e2"), ("schema_heads", "a1f3")] {
        downgraded.results.insert(name.to_owned(), heads.to_owned());
    }
    world.records(vec![downgraded]);
    world.survey.schema_heads = Some(vec!["a1f3".to_owned()]);
    world.survey.schema_history = vec![SchemaRevision::new("a1f3", "orders")];
    world.survey.backups = Some(Backups {
        files: vec![file("3.dump", 1000)],
        ..Backups::default()
    });
    let warned = |world: &mut World, words: &str| {
        let plan = world.plan(restore(None)).unwrap();
        plan.warnings.iter().any(|warning| warning.contains(words))
    };
    assert!(warned(
        &mut world,
        "does not know c9e2: the database will be ahead"
    ));
    world
        .survey
        .schema_history
        .push(SchemaRevision::new("c9e2", "prices"));
    assert!(warned(&mut world, "may need what is then missing"));
}

#[test]
fn a_rollback_offers_the_backup_that_holds_the_schema_of_its_release() {
    let migration =
        "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";
    let mut world = World::with(&format!("{migration}{PG_DUMP}"));
    world.runs(2);
    let mut first = record(1, PlanKind::Promote, 1, 1, Outcome::Succeeded);
    first
        .results
        .insert("schema_heads".to_owned(), "a1f3".to_owned());
    let mut second = saved(2, "2.dump");
    for (name, heads) in [("schema_heads_before", "a1f3"), ("schema_heads", "c9e2")] {
        second.results.insert(name.to_owned(), heads.to_owned());
    }
    world.records(vec![first, second]);
    world.survey.schema_heads = Some(vec!["c9e2".to_owned()]);
    world.survey.backups = Some(Backups {
        files: vec![file("2.dump", 1000)],
        ..Backups::default()
    });
    let rollback = |schema| Deed::Rollback {
        to: RollbackTo::LastHealthy,
        schema,
        files: false,
    };
    let offered = |plan: &Plan| {
        let offers = plan.schema_offers.iter();
        offers
            .filter(|offer| offer.choice == SchemaChoice::Restore)
            .map(|offer| offer.obstacle.is_none())
            .next()
    };
    let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
    assert_eq!(offered(&plan), Some(true));
    let plan = world.plan(rollback(SchemaChoice::Restore)).unwrap();
    let expected = ["backup", "stop", "restore", "pin", "switch"];
    let all = ids(&plan.forward);
    assert_eq!(all[2..7], expected, "{all:?}");
    assert_eq!(ids(&plan.back)[..3], ["last-words", "stop", "restore"]);
    world.survey.backups = Some(Backups::default());
    let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
    assert_eq!(offered(&plan), Some(false));
    let fault = world.plan(rollback(SchemaChoice::Restore)).unwrap_err();
    assert!(fault.message.contains("2.dump"), "{fault}");
}

#[test]
fn a_command_that_failed_leaves_the_database_to_an_operator() {
    let command = "[environments.production.backup]\ntool = \"command\"\ncommand = \"./save\"\n";
    let mut world = World::with(command);
    world.records(vec![saved(3, "snap-3")]);
    let fault = world.plan(restore(None)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    let mut world = World::with(&format!("{command}restore = \"./load\"\n"));
    world.records(vec![saved(3, "snap-3")]);
    let plan = world.plan(restore(None)).unwrap();
    assert_eq!(plan.on_failure, OnFailure::Stay);
    let restore = plan.forward.iter().find(|step| step.id == "restore");
    assert_eq!(restore.unwrap().again, Again::Ask);
}
