//! A recovery that a command asks for: the cockpit opens where that is to be confirmed.

use super::*;

pub fn wish(recovery: Recovery) -> RecoveryWish {
    RecoveryWish {
        environment: fixtures::environment("production"),
        recovery,
        stopped_step: StoppedStep::Ask,
        seen_dead: false,
        reason: String::new(),
    }
}

/// A cockpit that a command opened, in which production has told what holds it.
fn opened(wish: RecoveryWish, held: Reading) -> Model {
    let mut model = fixtures::empty(true, 80, 24);
    awaited::open(&mut model, wish);
    update(&mut model, Msg::Shown, now());
    fixtures::told(&mut model, "production", held);
    update(&mut model, Msg::Shown, now());
    model
}

#[test]
fn it_waits_for_the_server_and_keys_typed_meanwhile_are_not_meant_for_it() {
    let mut model = fixtures::empty(true, 80, 24);
    awaited::open(&mut model, wish(Recovery::Cancel));
    let screen = text(&model);
    assert!(screen.contains("Recover production: cancel"), "{screen}");
    assert!(press(&mut model, "enter enter").is_empty());
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
    assert!(press(&mut model, "enter enter").is_empty());
    let screen = text(&model);
    assert!(
        screen.contains("cancel it and go back to v20260122.1"),
        "{screen}"
    );
    update(&mut model, Msg::Shown, now());
    let effects = press(&mut model, "enter enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(recovery.get().recovery, Recovery::Cancel);
}

#[test]
fn why_it_has_to_wait_is_shown_and_esc_leaves_it_for_good() {
    let mut model = fixtures::empty(true, 80, 24);
    awaited::open(&mut model, wish(Recovery::Back));
    fixtures::told(
        &mut model,
        "production",
        Reading::FilesLink(fixtures::lost()),
    );
    let screen = text(&model);
    assert!(screen.contains("connecting…"), "{screen}");
    press(&mut model, "esc");
    fixtures::told(&mut model, "production", fixtures::held(Liveness::Dead));
    assert!(model.overlays.is_empty());
}

#[test]
fn what_the_command_said_is_in_focus_with_its_reason_and_the_word_is_still_to_be_typed() {
    let wish = RecoveryWish {
        reason: "no time".to_owned(),
        ..wish(Recovery::Back)
    };
    let mut model = opened(wish, fixtures::held(Liveness::Dead));
    let screen = text(&model);
    assert!(screen.contains("recreate backend"), "{screen}");
    assert!(press(&mut model, "enter").is_empty());
    let screen = text(&model);
    assert!(screen.contains("reason > no time"), "{screen}");
    let effects = press(&mut model, "\"prod enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let request = recovery.get();
    assert_eq!(
        (request.recovery, &*request.reason),
        (Recovery::Back, "no time")
    );
}

#[test]
fn the_operators_word_that_it_is_dead_stands_as_on_the_command_line() {
    let wish = RecoveryWish {
        seen_dead: true,
        ..wish(Recovery::Back)
    };
    let mut model = opened(wish, fixtures::held(Liveness::Unknown));
    assert!(text(&model).contains("You vouch that nothing of it"));
    press(&mut model, "enter");
    let effects = press(&mut model, "\"prod enter");
    let [Effect::Recover(_, _, recovery)] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert!(recovery.get().seen_dead);
}

#[test]
fn what_cannot_be_done_as_things_are_is_said_with_what_can() {
    for (recovery, liveness, words, offered) in [
        (
            Recovery::Back,
            Liveness::Alive,
            "000042 is under way and not seen dead",
            "cancel it and go back",
        ),
        (
            Recovery::Back,
            Liveness::Unknown,
            "unknown is not dead",
            "I have looked",
        ),
        (
            Recovery::Cancel,
            Liveness::Dead,
            "nothing runs that could be cancelled",
            "go back to v20260122.1",
        ),
    ] {
        let mut model = opened(wish(recovery), fixtures::held(liveness));
        let screen = text(&model);
        assert!(screen.contains(words), "{recovery:?}: {screen}");
        assert!(screen.contains(offered), "{recovery:?}: {screen}");
        assert!(press(&mut model, "enter").is_empty());
        assert!(model.overlays.is_empty(), "leaving it has the focus");
    }
}

#[test]
fn where_there_is_nothing_to_recover_it_says_so() {
    let files = Reading::Files(Arc::new(fixtures::files("production")));
    let model = opened(wish(Recovery::Resume), files);
    assert!(model.overlays.is_empty());
    let screen = text(&model);
    assert!(
        screen.contains("no operation is under way on production"),
        "{screen}"
    );
}
