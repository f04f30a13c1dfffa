mod named;
mod tools;

use super::*;
use crate::{
    config::Protection,
    plan::fixture::{World, image_id, of, promote, record, version},
    release::{
        FaultKind,
        operation::{OperationId, Outcome},
        plan::{Deed, ImageName, Intent, OnFailure, Plan, PlanKind, RollbackTo, SchemaChoice},
    },
};

const ALEMBIC: &str =
    "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";

fn names(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn revision(name: &str, parents: &[&str], message: &str) -> SchemaRevision {
    SchemaRevision {
        parents: names(parents),
        ..SchemaRevision::new(name, message)
    }
}

/// The newest first: a line of three.
fn line() -> Vec<SchemaRevision> {
    vec![
        revision("d4b7", &["c9e2"], "an index"),
        revision("c9e2", &["a1f3"], "orders have a price"),
        revision("a1f3", &[], "orders"),
    ]
}

fn rollback(schema: SchemaChoice) -> Deed {
    Deed::Rollback {
        to: RollbackTo::LastHealthy,
        schema,
        files: false,
    }
}

fn migrate(to: Option<&str>) -> Deed {
    Deed::Migrate {
        versions: Default::default(),
        to: to.map(str::to_owned),
    }
}

/// Version 2 runs at `now`; version 1 was healthy at `before`.
fn at(now: &str, before: &str, history: Vec<SchemaRevision>) -> World {
    let mut world = World::with(ALEMBIC);
    world.runs(2);
    world.survey.schema_heads = Some(heads_of_result(now));
    let mut first = record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded);
    let heads = |line: &str| ("schema_heads".to_owned(), line.to_owned());
    first.results.extend([heads(before)]);
    let mut second = record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded);
    second.results.extend([heads(now)]);
    world.records(vec![first, second]);
    world.survey.schema_history = history;
    world
}

fn commands(plan: &Plan) -> Vec<String> {
    plan.forward
        .iter()
        .filter_map(|step| match &step.intent {
            Intent::Migrate { command, .. } => Some(command.join(" ")),
            _ => None,
        })
        .collect()
}

/// What the migration says of itself.
fn summary(plan: &Plan) -> Option<&str> {
    plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { summary, .. } => Some(summary.as_str()),
        _ => None,
    })
}

fn warns(plan: &Plan, words: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn a_rollback_of_the_image_alone_says_that_the_database_is_ahead() {
    let mut world = at("c9e2", "a1f3", line());
    let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
    assert!(
        warns(
            &plan,
            "is at c9e2, v1 ran at a1f3, 1 revision between: c9e2 orders have a price"
        ),
        "{:?}",
        plan.warnings
    );
    assert_eq!(commands(&plan), [""; 0]);
    assert_eq!(
        plan.basis.schema_heads, None,
        "a rollback is not refused for it"
    );
    assert_eq!(plan.after.schema_heads, None);
    let offers: Vec<_> = plan
        .schema_offers
        .iter()
        .map(|offer| (offer.choice, offer.obstacle.is_none()))
        .collect();
    assert_eq!(
        offers,
        [
            (SchemaChoice::ImageOnly, true),
            (SchemaChoice::Downgrade, true)
        ]
    );
}

#[test]
fn nothing_is_offered_where_the_schema_is_no_question() {
    for choice in [
        SchemaChoice::Undecided,
        SchemaChoice::ImageOnly,
        SchemaChoice::Downgrade,
    ] {
        let plan = at("a1f3", "a1f3", line()).plan(rollback(choice)).unwrap();
        assert_eq!((plan.schema_offers.len(), commands(&plan).len()), (0, 0));
    }
}

#[test]
fn a_choice_is_asked_for_where_the_schema_differs_and_the_environment_is_protected() {
    let mut world = at("c9e2", "a1f3", line());
    let fault = world.plan(rollback(SchemaChoice::Undecided)).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
    assert!(fault.message.contains("v1 ran at a1f3"), "{fault}");
    for words in [
        "--schema image-only",
        "--schema downgrade",
        "Nothing has changed",
    ] {
        assert!(fault.remedy.contains(words), "{}", fault.remedy);
    }
    world.config.environments[0].protection = Protection::Open;
    let plan = world.plan(rollback(SchemaChoice::Undecided)).unwrap();
    assert!(warns(&plan, "the schema stays"));
}

#[test]
fn a_downgrade_names_its_revision_and_uses_the_image_that_runs_now() {
    let mut world = at("d4b7", "a1f3", line());
    let plan = world.plan(rollback(SchemaChoice::Downgrade)).unwrap();
    assert_eq!(commands(&plan), ["alembic downgrade a1f3"]);
    let order: Vec<&str> = plan.forward.iter().map(|step| step.id.as_str()).collect();
    let at = |id| order.iter().position(|known| *known == id);
    assert!(
        at("migrate").is_some() && at("migrate") < at("pin"),
        "{order:?}"
    );
    let uses = plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { image, .. } => Some(image.clone()),
        _ => None,
    });
    assert_eq!(uses, Some(ImageName::Id(image_id(2))));
    assert_eq!(plan.basis.schema_heads, Some(names(&["d4b7"])));
    assert!(warns(
        &plan,
        "undoing 2 revisions: d4b7 an index; c9e2 orders have a price"
    ));
    assert!(warns(&plan, "is lost"));
    // Another time may tell what this one could not.
    let mut third = record(3, PlanKind::Promote, 1, 2, Outcome::Succeeded);
    third
        .results
        .insert("before_healthy".to_owned(), "yes".to_owned());
    let mut records = world.survey.records.clone();
    records.push(third);
    world.records(records);
    let plan = world.plan(rollback(SchemaChoice::Downgrade)).unwrap();
    assert_eq!(commands(&plan), ["alembic downgrade a1f3"]);
}

#[test]
fn a_revision_that_cannot_be_undone_is_named_and_only_the_image_is_offered() {
    for undo in [
        Undo::Refused("its downgrade() is: raise X".to_owned()),
        Undo::Nothing("its downgrade() does nothing".to_owned()),
    ] {
        let mut world = at("c9e2", "a1f3", line());
        world.survey.schema_undone = vec![SchemaRevision {
            undo,
            ..revision("c9e2", &["a1f3"], "orders have a price")
        }];
        let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
        assert!(
            fault
                .message
                .contains("c9e2 orders have a price: its downgrade()"),
            "{fault}"
        );
        let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
        let obstacle = plan.schema_offers[1].obstacle.as_deref();
        assert!(obstacle.is_some_and(|why| why.contains("its downgrade()")));
    }
}

#[test]
fn a_downgrade_to_nobody_knows_where_is_refused() {
    let mut world = at("c9e2", "a1f3", line());
    world.survey.records[0].results.clear();
    let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    assert!(fault.message.contains("not recorded"), "{fault}");
    // It ran at a revision that lies above, or beside.
    let mut world = at("a1f3", "c9e2", line());
    let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    assert!(fault.message.contains("does not lie below"), "{fault}");
    // After a rollback of the image alone, the image that runs does not know where the database is.
    let mut world = at("d4b7", "a1f3", line()[1..].to_vec());
    let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    assert!(fault.message.contains("does not know"), "{fault}");
}

/// As `alembic history` tells it: a fork from `a1`, joined in `d4`, forked again, and a base of its own.
fn branches() -> Vec<SchemaRevision> {
    let needs = SchemaRevision {
        depends_on: names(&["x7"]),
        ..revision("f6", &["d4"], "after too")
    };
    vec![
        needs,
        revision("e5", &["d4"], "after"),
        revision("d4", &["b2", "c3"], "join"),
        revision("b2", &["a1"], "left"),
        revision("c3", &["a1"], "right"),
        revision("x7", &[], "another base"),
        revision("a1", &[], "first"),
    ]
}

#[test]
fn several_heads_go_down_branch_by_branch() {
    let cases: [(&str, &str, &[&str]); 7] = [
        ("e5,f6,x7", "e5,x7", &["f6@d4"]),
        ("e5,f6,x7", "d4,x7", &["f6@d4", "e5@d4"]),
        ("d4", "b2,c3", &["d4@b2"]),
        ("e5,f6,x7", "a1,x7", &["b2@a1", "c3@a1"]),
        ("e5", "d4", &["d4"]),
        ("b2,x7", "b2", &["x7@base"]),
        ("b2,c3", "base", &["base"]),
    ];
    for (now, before, expected) in cases {
        let plan = at(now, before, branches())
            .plan(rollback(SchemaChoice::Downgrade))
            .unwrap();
        let expected: Vec<String> = expected
            .iter()
            .map(|goal| format!("alembic downgrade {goal}"))
            .collect();
        assert_eq!(commands(&plan), expected, "{now} → {before}");
    }
    // Nobody could tell the branches apart.
    let mut world = at("d4", "b2,c3", Vec::new());
    let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    assert!(fault.message.contains("several heads"), "{fault}");
}

#[test]
fn a_promotion_looks_whether_the_candidate_knows_the_schema_before_it_changes_anything() {
    let mut world = World::with(ALEMBIC);
    world.survey.schema_heads = Some(names(&["a1f3"]));
    let plan = world.plan(promote(2)).unwrap();
    let ids: Vec<&str> = plan.forward.iter().map(|step| step.id.as_str()).collect();
    let at = ids.iter().position(|id| *id == "schema").unwrap();
    assert_eq!((ids[at - 1], ids[at + 1]), ("keep-backend", "migrate"));
    assert!(!plan.forward[at].changes);
    // It lies on the server, and was asked.
    world.survey.candidate_history = Some(line());
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(
        summary(&plan),
        Some("a1f3 → head, 2 revisions: d4b7 an index; c9e2 orders have a price")
    );
    world.survey.schema_heads = Some(names(&["e5c8"]));
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(
        fault.message.contains("ahead of v2: it is at e5c8"),
        "{fault}"
    );
    assert!(fault.remedy.contains("roll back"), "{fault}");
    assert!(fault.remedy.contains("--no-migrate"), "{fault}");
    // What runs does not know it either: its tool names it all the same.
    world.survey.schema_heads = None;
    let complaint = "FAILED: Can't locate revision identified by 'e5c8'";
    world.survey.schema_trouble = Some(complaint.to_owned());
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(
        fault.message.contains("ahead of v2: it is at e5c8"),
        "{fault}"
    );
    world.survey.schema_trouble = Some(complaint.replace("e5c8", "d4b7"));
    let plan = world.plan(promote(2)).unwrap();
    assert_eq!(summary(&plan), Some("d4b7: nothing to do"));
}

#[test]
fn a_migration_goes_up_or_down_to_a_named_revision() {
    let mut world = World::with(ALEMBIC);
    world.survey.schema_heads = Some(names(&["c9e2"]));
    world.survey.schema_history = line();
    let up = world.plan(migrate(None)).unwrap();
    assert_eq!(commands(&up), ["alembic upgrade heads"]);
    assert_eq!((up.on_failure, up.back.len()), (OnFailure::Stay, 0));
    let plan = world.plan(migrate(Some("d4b7"))).unwrap();
    assert_eq!(commands(&plan), ["alembic upgrade d4b7"]);
    let plan = world.plan(migrate(Some("a1f3"))).unwrap();
    assert_eq!(commands(&plan), ["alembic downgrade a1f3"]);
    assert!(warns(&plan, "undoing 1 revision: c9e2 orders have a price"));
    let fault = world.plan(migrate(Some("c9e2"))).unwrap_err();
    assert!(fault.message.contains("already"), "{fault}");
    for relative in ["-1", "--sql", "+2", ""] {
        assert!(world.plan(migrate(Some(relative))).is_err(), "{relative:?}");
    }
}

#[test]
fn a_database_that_was_left_ahead_comes_down_with_the_newer_image() {
    // Version 1 runs again and does not know d4b7; version 2 lies here and does.
    let mut world = at("d4b7", "a1f3", line()[2..].to_vec());
    world.survey.schema_heads = None;
    world.survey.schema_trouble =
        Some("FAILED: Can't locate revision identified by 'd4b7'".to_owned());
    world.survey.candidate_history = Some(line());
    let plan = world
        .plan(Deed::Migrate {
            versions: [(of("backend"), version(2))].into(),
            to: Some("a1f3".to_owned()),
        })
        .unwrap();
    assert_eq!(commands(&plan), ["alembic downgrade a1f3"]);
    assert!(warns(&plan, "ahead of the image that runs"));
}

#[test]
fn what_a_migration_has_left_is_never_taken_for_what_its_plan_began_with() {
    // Versions 1 and 2 ran at a1f3; version 4 went back after its migration.
    let mut world = at("a1f3", "a1f3", line()[2..].to_vec());
    let mut went_back = record(3, PlanKind::Promote, 2, 4, Outcome::WentBack);
    went_back.before.schema_heads = Some(names(&["a1f3"]));
    went_back.times.insert("migrate".to_owned(), 4);
    let mut records = world.survey.records.clone();
    records.push(went_back);
    world.records(records);
    world.survey.schema_heads = None;

    let complaint = "FAILED: Can't locate revision identified by 'd4b7'";
    world.survey.schema_trouble = Some(complaint.to_owned());
    let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
    assert!(
        warns(&plan, "at d4b7, v1 ran at a1f3"),
        "{:?}",
        plan.warnings
    );
    let fault = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    assert!(fault.message.contains("cannot go down"), "{fault}");

    // Without its complaint it is as recorded, or nobody knows; a recovery knows no more.
    world.survey.schema_trouble = Some("connection refused".to_owned());
    let mut taken_back = record(4, PlanKind::Promote, 2, 4, Outcome::WentBack);
    taken_back.before.schema_heads = Some(names(&["a1f3"]));
    taken_back.recovers = Some(OperationId(3));
    for more in [None, Some(taken_back)] {
        let mut records = world.survey.records.clone();
        records.extend(more);
        world.records(records);
        let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
        let unknown = "where the schema is now is not known; v1 ran at a1f3";
        assert!(warns(&plan, unknown), "{:?}", plan.warnings);
    }
    let noted = ("schema_heads".to_owned(), "d4b7".to_owned());
    world.survey.records[2].results.extend([noted]);
    let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
    assert!(
        warns(&plan, "at d4b7 (recorded), v1 ran at a1f3"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn a_migration_down_refuses_what_raises_and_warns_of_what_does_nothing() {
    let mut world = World::with(ALEMBIC);
    world.survey.schema_heads = Some(names(&["c9e2"]));
    world.survey.schema_history = line();
    let mut undone = line()[1].clone();
    undone.undo = Undo::Nothing("its downgrade() does nothing".to_owned());
    world.survey.schema_undone = vec![undone.clone()];
    let plan = world.plan(migrate(Some("a1f3"))).unwrap();
    assert!(warns(&plan, "will not be what the revision says"));
    undone.undo = Undo::Refused("its downgrade() is: raise X".to_owned());
    world.survey.schema_undone = vec![undone];
    let fault = world.plan(migrate(Some("a1f3"))).unwrap_err();
    assert!(fault.message.contains("raise X"), "{fault}");
}
