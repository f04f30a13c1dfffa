//! Where a rollback leads, by default and by choice.

use super::*;

#[test]
fn a_rollback_needs_no_registry_and_no_gate_and_stays_if_it_fails() {
    let mut world = World::with("gates = [\"ci\"]\n");
    world.runs(2);
    world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.title(), "roll back production: backend v2 → v1");
    assert!(!ids(&plan.forward).iter().any(|id| id.starts_with("pull")));
    assert_eq!(plan.gates, []);
    assert_eq!(plan.on_failure, OnFailure::Stay);
    assert_eq!(ids(&plan.back)[..3], ["last-words", "pin", "switch"]);
}

#[test]
fn a_second_rollback_does_not_bounce_back_to_what_was_left() {
    let mut world = recorded(
        1,
        vec![
            promoted(1, 3, 1),
            promoted(2, 1, 2),
            record(3, PlanKind::Rollback, 2, 1, Outcome::Succeeded),
        ],
    );
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
fn a_release_that_was_marked_bad_is_no_default_until_it_is_healthy_anew() {
    let mut world = World::new();
    world.runs(2);
    let mut records = vec![promoted(1, 3, 1), promoted(2, 1, 2)];
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

    records.push(promoted(4, 2, 1));
    records.push(promoted(5, 1, 2));
    world.records(records);
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v1");
}

#[test]
fn what_was_killed_or_cancelled_says_nothing_of_its_release() {
    let mut world = World::new();
    world.runs(1);
    let mut killed = record(3, PlanKind::Promote, 1, 2, Outcome::WentBack);
    killed.other.insert("why".to_owned(), "signal".into());
    world.records(vec![promoted(1, 3, 2), promoted(2, 2, 1), killed]);
    assert_eq!(world.plan(rollback()).unwrap().after.label(), "v2");
}

#[test]
fn a_version_that_came_back_is_never_the_default() {
    let mut world = recorded(
        1,
        vec![
            promoted(1, 1, 3),
            promoted(2, 3, 1),
            record(3, PlanKind::Promote, 1, 2, Outcome::WentBack),
        ],
    );
    let plan = world.plan(rollback()).unwrap();
    assert_eq!(plan.after.label(), "v3");
}

#[test]
fn what_ran_healthy_before_the_first_promotion_is_a_place_to_go_back_to() {
    let mut world = World::new();
    world.runs(2);
    let mut first = promoted(1, 1, 2);
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
        promoted(1, 3, 1),
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
        promoted(1, 1, 3),
        promoted(2, 3, 2),
        promoted(3, 2, 1),
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
fn the_number_that_is_shown_leads_to_the_release_that_was_named_there() {
    // Operation 3 found it healthy, operation 2 had brought it: only one of them is a name for it.
    let mut last = promoted(3, 2, 1);
    last.results
        .insert("before_healthy".to_owned(), "yes".to_owned());
    last.before.schema_heads = Some(vec!["c9e2".to_owned()]);
    let mut world = recorded(1, vec![promoted(1, 1, 3), promoted(2, 3, 2), last]);
    let by_default = world.plan(rollback()).unwrap();
    assert!(
        warns(
            &by_default,
            "the last release recorded healthy: operation 000002"
        ),
        "{:?}",
        by_default.warnings
    );
    let named = |number| Deed::Rollback {
        to: RollbackTo::Operation(OperationId(number)),
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world.plan(named(2)).unwrap();
    assert_eq!(plan.title(), "roll back production: backend v1 → v2");
    assert_eq!(
        (plan.title(), &plan.after),
        (by_default.title(), &by_default.after)
    );
    // An image that is gone is refused with numbers that lead there too.
    world.survey.images.retain(|image| image.id != image_id(2));
    let fault = world.plan(rollback()).unwrap_err();
    assert!(fault.remedy.contains("v3 (operation 000001)"), "{fault}");
    let plan = world.plan(named(1)).unwrap();
    assert_eq!(plan.after.label(), "v3");
}

#[test]
fn a_number_of_what_did_not_hold_says_that_it_leads_to_what_ran_after_it() {
    let went_back = record(2, PlanKind::Promote, 1, 3, Outcome::WentBack);
    let mut world = recorded(2, vec![promoted(1, 2, 1), went_back, promoted(3, 1, 2)]);
    let named = |number| Deed::Rollback {
        to: RollbackTo::Operation(OperationId(number)),
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world.plan(named(2)).unwrap();
    assert_eq!(plan.after.label(), "v1", "not v3, which it was to bring");
    let words = "what ran after operation 000002 (went back at switch)";
    assert!(warns(&plan, words), "{:?}", plan.warnings);
    let plan = world.plan(named(1)).unwrap();
    assert!(!warns(&plan, "what ran after"), "{:?}", plan.warnings);
}

#[test]
fn a_release_that_was_left_or_failed_is_named_so_and_not_as_never_seen() {
    let mut left = record(3, PlanKind::Rollback, 2, 1, Outcome::Succeeded);
    left.reason = "it loses orders".to_owned();
    let mut world = recorded(
        1,
        vec![
            promoted(1, 3, 1),
            promoted(2, 1, 2),
            left,
            record(4, PlanKind::Promote, 1, 3, Outcome::WentBack),
        ],
    );
    let to = |to| Deed::Rollback {
        to,
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    let plan = world
        .plan(to(RollbackTo::Operation(OperationId(2))))
        .unwrap();
    let words = "backend v2 was rolled back from by mira (it loses orders), operation 000003";
    assert!(warns(&plan, words), "{:?}", plan.warnings);
    let image = RollbackTo::Image {
        service: of("backend"),
        image: image_id(3),
    };
    let plan = world.plan(to(image)).unwrap();
    let words = "backend v3 failed here at switch, operation 000004";
    assert!(warns(&plan, words), "{:?}", plan.warnings);
    assert!(!warns(&plan, "never recorded"), "{:?}", plan.warnings);
    let plan = world.plan(promote(3)).unwrap();
    assert!(warns(&plan, words), "{:?}", plan.warnings);
}
