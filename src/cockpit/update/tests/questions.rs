//! Questions of ssh, which come when they come.

use super::*;

#[test]
fn a_question_is_answered_without_being_shown_and_not_by_keys_from_before() {
    let mut model = full(80, 24);
    let (answerer, mut answer) = Answerer::new();
    let question = Question {
        prompt: "Enter passphrase for key '/home/mira/.ssh/id':".to_owned(),
        host: "shop.example.com".to_owned(),
        secret: true,
        answer: answerer,
    };
    fixtures::told(&mut model, "production", Reading::Ask(question));
    press(&mut model, "\"early");
    update(&mut model, Msg::Shown, now());
    press(&mut model, "\"hunter2");
    assert!(!text(&model).contains("hunter2"));
    let effects = press(&mut model, "enter");
    let [Effect::Answer(answerer, Some(typed))] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(typed.expose_secret(), "hunter2");
    assert!(answerer.answer(None));
    assert!(answer.try_recv().is_ok());
    update(&mut model, Msg::Wake, now());
    assert!(model.overlays.is_empty());
}

#[test]
fn a_question_does_not_break_into_a_word_that_is_typed() {
    let mut model = with_plan();
    press(&mut model, "c \"pro");
    let (answerer, _waiting) = Answerer::new();
    let question = Question {
        prompt: "Passphrase:".to_owned(),
        host: "edge".to_owned(),
        secret: true,
        answer: answerer,
    };
    fixtures::told(&mut model, "edge", Reading::Ask(question));
    assert!(starts(&press(&mut model, "\"d enter")));
    assert!(matches!(model.overlays.last(), Some(Overlay::Question(_))));
}
