//! Operations under way, dead or ended, and locks.

use super::*;
use crate::release::{
    newer::{Newer, NewerFile},
    operation::Claim,
};

#[test]
fn r_during_an_operation_means_cancel_and_go_back_and_the_first_choice_is_to_let_it_go_on() {
    let mut model = full(80, 24);
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
    assert!(press(&mut model, "r enter").is_empty());
    let effects = press(&mut model, "r down enter");
    let [Effect::Recover(_, environment, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(environment.as_str(), "production");
    let request = recovery.get();
    assert_eq!(
        (request.operation, request.recovery),
        (OperationId(42), Recovery::Cancel)
    );
}

#[test]
fn an_interrupted_operation_is_shown_as_such_and_can_be_taken_back() {
    let mut model = full(160, 45);
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Dead));
    assert!(text(&model).contains("INTERRUPTED"));
    assert!(press(&mut model, "! down enter").is_empty());
    let screen = text(&model);
    assert!(
        screen.contains("recreate backend"),
        "what will run: {screen}"
    );
    for key in "prod".chars() {
        press(&mut model, &key.to_string());
    }
    let effects = press(&mut model, "enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(recovery.get().recovery, Recovery::Back);
}

#[test]
fn what_cannot_be_seen_is_recovered_on_the_operators_word_alone_and_with_a_reason() {
    let mut model = full(80, 24);
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Unknown));
    press(&mut model, "u down down");
    let screen = text(&model);
    assert!(screen.contains("cannot be seen from"), "{screen}");
    assert!(screen.contains("You vouch for it"), "{screen}");
    assert!(press(&mut model, "enter").is_empty());
    assert!(text(&model).contains("You vouch that nothing of it runs"));
    assert!(press(&mut model, "down enter tab").is_empty());
    for key in "the quarry is gone".chars() {
        let key = if key == ' ' {
            "space".to_owned()
        } else {
            key.to_string()
        };
        assert!(press(&mut model, &key).is_empty());
    }
    assert!(text(&model).contains("reason, for the record > the quarry is gone"));
    // Enter in the reason starts nothing; the word does, and a paste is no word.
    assert!(press(&mut model, "enter").is_empty());
    if let Some(overlay) = model.overlays.last_mut() {
        overlay.paste("prod");
    }
    assert!(press(&mut model, "enter").is_empty());
    let effects = press(&mut model, "p r o d enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let request = recovery.get();
    assert_eq!(
        (request.recovery, request.seen_dead, request.reason.as_str()),
        (Recovery::Back, true, "the quarry is gone")
    );
}

#[test]
fn what_a_newer_flightdeck_has_written_is_said_everywhere_and_left_alone() {
    for size in [(160, 45), (80, 24)] {
        let mut model = full(size.0, size.1);
        let mut files = fixtures::files("production");
        let mut held = fixtures::under_way(Liveness::Unknown);
        let known = br#"{"v":2,"operator":"zo\u00eb","kind":"canary","at":"noon"}"#;
        held.claim = Claim::known(known).unwrap();
        held.plan = None;
        files.newer = Some(Newer {
            file: Some(NewerFile::Claim),
            operation: Some(held.id),
            claim: Some(held.claim.clone()),
        });
        files.operation = Some(held);
        fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
        assert!(press(&mut model, "1").is_empty());
        let screen = text(&model);
        assert!(screen.contains("newer flightdeck"), "{screen}");
        assert!(!screen.contains("◂ rollback"), "none is promised: {screen}");
        assert!(press(&mut model, "u").is_empty());
        let screen = text(&model);
        for words in ["000042 was written by a newer", "zoë", "update this"] {
            assert!(screen.contains(words), "{words}: {screen}");
        }
        assert!(!screen.contains("cannot be seen"), "{screen}");
        assert!(press(&mut model, "enter 4").is_empty());
        let screen = text(&model);
        assert!(screen.contains("of a newer flightdeck  zoë"), "{screen}");
        // What runs and is not what is known to be recorded last is nobody's to blame for.
        let production = fixtures::environment("production");
        let facts = model.fleet.environment(&production).unwrap();
        assert_eq!((facts.recoverable(), facts.left_stuck()), (None, None));
    }
}

#[test]
fn what_ended_stuck_is_said_at_once_with_its_step_and_is_recovered_by_a_key() {
    let mut model = full(160, 45);
    let mut files = fixtures::files("production");
    files
        .records
        .push(fixtures::record(42, "production", Ended::Stuck, 2, 3, 60));
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    assert!(text(&model).contains("STUCK at verify-status"));
    press(&mut model, "u");
    let name = fixtures::environment("production");
    assert!(
        model.operations.followed(&name, OperationId(42)).is_some(),
        "what it was to do is read by following it"
    );
    assert!(press(&mut model, "down enter").is_empty());
    assert!(model.notice.as_ref().is_some_and(|notice| notice.bad));
}

#[test]
fn the_end_of_an_operation_is_said_whatever_is_looked_at() {
    let mut model = full(80, 24);
    press(&mut model, "5");
    let mut files = fixtures::files("production");
    let record = fixtures::record(
        42,
        "production",
        crate::release::operation::Outcome::WentBack,
        2,
        3,
        60,
    );
    files.records.push(record);
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    let seen = text(&model);
    assert!(
        seen.contains("000042 promote v20260123.1 on production: went back"),
        "{seen}"
    );
}

#[test]
fn a_lock_needs_its_message_and_is_shown_with_it() {
    let mut model = full(160, 45);
    assert!(press(&mut model, "K enter").is_empty());
    for key in "why".chars() {
        press(&mut model, &key.to_string());
    }
    let effects = press(&mut model, "enter");
    let [Effect::Lock(_, environment, lock)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (environment.as_str(), &*lock.get().message),
        ("production", "why")
    );
    let mut lock = fixtures::under_way(Liveness::Alive);
    lock.claim.kind = "lock".to_owned();
    lock.claim.reason = "database maintenance".to_owned();
    let files = Files {
        operation: Some(lock),
        ..fixtures::files("production")
    };
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    let screen = text(&model);
    assert!(screen.contains("healthy  LOCKED"), "{screen}");
    assert!(screen.contains("database maintenance"), "{screen}");
    let effects = press(&mut model, "K right enter");
    assert!(matches!(effects[..], [Effect::Unlock(..)]), "{effects:?}");
}
