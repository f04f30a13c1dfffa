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
    assert!(press(&mut model, "r down enter").is_empty());
    let effects = press(&mut model, "enter");
    let [Effect::Recover(_, environment, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(environment.as_str(), "production");
    let request = recovery.get();
    assert_eq!(
        (request.operation, request.recovery, &*request.reason),
        (OperationId(42), Recovery::Cancel, "")
    );
}

#[test]
fn a_cancel_takes_a_reason_and_asks_for_no_word_where_one_is_asked_for_elsewhere() {
    for key in ["r", "u"] {
        let mut model = full(80, 24);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        press(&mut model, &format!("{key} down enter"));
        let screen = text(&model);
        assert!(
            screen.contains("[ let it go on ]  [ cancel it ]"),
            "{screen}"
        );
        press(&mut model, "tab \"the space \"wrong space \"tag");
        let screen = text(&model);
        assert!(
            screen.contains("reason, for the record > the wrong tag"),
            "{screen}"
        );
        // Enter in the reason cancels nothing; the button does.
        assert!(press(&mut model, "enter").is_empty());
        let effects = press(&mut model, "enter");
        let [Effect::Recover(_, _, recovery)] = &effects[..] else {
            panic!("{effects:?}");
        };
        let request = recovery.get();
        assert_eq!(
            (request.recovery, &*request.reason),
            (Recovery::Cancel, "the wrong tag")
        );
    }
}

#[test]
fn what_has_ended_while_its_reason_was_typed_is_not_said_to_run() {
    let mut model = full(80, 24);
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
    press(&mut model, "r down enter tab \"why");
    assert!(text(&model).contains("is under way"));
    let mut files = fixtures::files("production");
    let record = fixtures::record(42, "production", Ended::Succeeded, 2, 3, 60);
    files.records.push(record);
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    let screen = text(&model);
    assert!(screen.contains("has ended meanwhile"), "{screen}");
    assert!(!screen.contains("cancel ends"), "{screen}");
}

#[test]
fn who_thinks_better_of_a_cancel_lets_it_go_on() {
    for keys in ["r down enter left enter", "r down enter esc"] {
        let mut model = full(80, 24);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        assert!(press(&mut model, keys).is_empty(), "{keys}");
        assert!(model.overlays.is_empty(), "{keys}");
    }
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
fn what_died_in_its_hooks_after_says_that_the_release_holds_and_is_finished_before_it_is_taken_back()
 {
    let mut model = full(160, 45);
    let mut operation = fixtures::under_way(Liveness::Dead);
    let line = |text: &str| serde_json::from_str(text).unwrap();
    operation.journal.extend([
        line(r#"{"v":1,"at":1,"event":"begin","direction":"closing","outcome":"succeeded"}"#),
        line(
            r#"{"v":1,"at":1,"event":"step_start","direction":"closing","step":"hook-warm","group":7,"offset":0}"#,
        ),
    ]);
    let files = Files {
        operation: Some(operation),
        ..fixtures::files("production")
    };
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    let seen = text(&model);
    assert!(
        seen.contains("INTERRUPTED at hook-warm, after it had succeeded"),
        "{seen}"
    );
    press(&mut model, "u down");
    let seen = text(&model);
    assert!(seen.contains("the release holds"), "{seen}");
    assert!(
        seen.contains("whether hook-warm was done nobody knows"),
        "{seen}"
    );
    press(&mut model, "enter");
    let effects = press(&mut model, "p r o d enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(recovery.get().recovery, Recovery::Resume);
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
