//! An environment that somebody holds, and what goes over that.

use super::*;

fn held(kind: &str, liveness: Liveness) -> OperationState {
    OperationState {
        id: OperationId(7),
        claim: Claim {
            operator: "jo".to_owned(),
            origin: "desk".to_owned(),
            reason: "database maintenance".to_owned(),
            kind: kind.to_owned(),
            at: Some(1),
            nonce: String::new(),
        },
        plan: None,
        journal: Vec::new(),
        liveness,
        cancelling: false,
        end: None,
    }
}

#[test]
fn a_lock_is_passed_by_the_name_where_a_dialog_is_enough_otherwise() {
    let mut world = World::new();
    world.config.environments[0].protection = Protection::Open;
    world.runs(2);
    world.records(vec![promoted(1, 3, 1)]);
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
    let mut world = recorded(2, vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
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

#[test]
fn only_the_ways_are_named_that_what_holds_the_environment_has() {
    let mut world = recorded(2, vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
    for (kind, liveness, back) in [
        ("promote", Liveness::Dead, true),
        ("promote", Liveness::Unknown, true),
        ("migrate", Liveness::Orphaned, false),
        ("migrate", Liveness::Unknown, false),
        ("clean_up", Liveness::Dead, false),
        ("of a newer flightdeck", Liveness::Dead, true),
    ] {
        world.survey.operation = Some(held(kind, liveness));
        let remedy = world.plan(promote(3)).unwrap_err().remedy;
        assert!(remedy.contains("recover production resume"), "{remedy}");
        assert_eq!(remedy.contains("`back`"), back, "{kind}: {remedy}");
    }
}

#[test]
fn where_nothing_is_recorded_yet_what_was_interrupted_is_gone_back_on_by_itself() {
    let mut world = World::new();
    world.survey.operation = Some(held("promote", Liveness::Dead));
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault
            .remedy
            .contains("`flightdeck recover production back`"),
        "{fault}"
    );
    assert!(!fault.message.contains("never released"), "{fault}");
    // A migration alone has no way back.
    world.survey.operation = Some(held("migrate", Liveness::Dead));
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault.remedy.contains("recover production resume` goes on")
            && !fault.remedy.contains("back`"),
        "{fault}"
    );
    world.survey.operation = Some(held("lock", Liveness::Alive));
    let fault = world.plan(rollback()).unwrap_err();
    assert!(!fault.remedy.contains("recover"), "{fault}");
}
