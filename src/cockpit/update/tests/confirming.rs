//! Confirming, and what is said of a start.

use super::*;

#[test]
fn only_the_exact_word_confirms_and_every_letter_is_text() {
    let mut model = with_plan();
    assert!(press(&mut model, "c \"q!prod enter").is_empty());
    assert!(text(&model).contains("that is not it"));
    press(&mut model, "ctrl-u");
    let effects = press(&mut model, "\"prod enter");
    assert!(starts(&effects));
    assert!(text(&model).contains("taking the claim"));
}

#[test]
fn a_pasted_word_does_not_confirm() {
    let mut model = with_plan();
    press(&mut model, "c");
    update(
        &mut model,
        Msg::Input(Event::Paste("prod\n".to_owned())),
        now(),
    );
    assert!(press(&mut model, "enter").is_empty());
}

#[test]
fn where_nothing_is_protected_cancel_has_the_focus() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "l 2 j p");
    plan_arrives(&mut model, &effects, fixtures::unprotected_promotion());
    assert!(press(&mut model, "c enter").is_empty());
    assert_eq!(model.overlays.len(), 1, "back at the plan");
    assert!(starts(&press(&mut model, "c tab enter")));
}

#[test]
fn what_was_started_is_opened_and_followed() {
    let mut model = with_plan();
    let effects = press(&mut model, "c \"prod enter");
    let environment = fixtures::environment("production");
    let started = Outcome::Started(environment.clone(), Ok(OperationId(42)));
    update(&mut model, Msg::Done(ticket(&effects), started), now());
    assert!(model.overlays.is_empty());
    assert_eq!(model.focus, Pane::Operations);
    assert!(wants(&model).contains(&Want::Operation(environment, OperationId(42))));
    follow(&mut model);
    let seen = text(&model);
    assert!(seen.contains("going back to v20260122.1"), "{seen}");
    update(
        &mut model,
        Msg::Progress(
            fixtures::environment("production"),
            OperationId(42),
            Progress::End(fixtures::end()),
        ),
        now(),
    );
    let seen = text(&model);
    assert!(
        seen.contains("verify-status failed with exit code 1; went back: v20260122.1 runs"),
        "{seen}"
    );
}

#[test]
fn a_refused_start_says_who_holds_the_environment() {
    let mut model = with_plan();
    let effects = press(&mut model, "c \"prod enter");
    let fault = Fault::new(
        FaultKind::Conflict,
        "production",
        "held by mira since 14:01",
    );
    let refused = Outcome::Started(fixtures::environment("production"), Err(fault));
    update(&mut model, Msg::Done(ticket(&effects), refused), now());
    assert!(text(&model).contains("held by mira since 14:01"));
}

#[test]
fn while_a_claim_is_taken_q_waits_for_the_answer() {
    let mut model = with_plan();
    press(&mut model, "c \"prod enter");
    assert!(press(&mut model, "q").is_empty());
    assert!(text(&model).contains("wait for its answer"));
    assert!(matches!(&press(&mut model, "ctrl-c")[..], [Effect::Quit]));
}
