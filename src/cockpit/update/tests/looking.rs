//! Looking: logs, what was never seen, what others have named, and closing things again.

use super::*;

#[test]
fn logs_follow_stop_and_are_searched() {
    let mut model = full(160, 45);
    press(&mut model, "5 g");
    let seen = text(&model);
    assert!(
        seen.contains("status/0 200") && seen.contains("paused"),
        "{seen}"
    );
    press(&mut model, "/ \"status/77 enter");
    assert!(!model.logs.needle.is_empty());
    press(&mut model, "G");
    press(&mut model, "N");
    assert!(text(&model).contains("status/77 200"));
    press(&mut model, "f");
    assert!(text(&model).contains("following"));
}

#[test]
fn the_logs_of_the_service_under_the_cursor_are_read_and_no_others() {
    let mut model = full(160, 45);
    press(&mut model, "l j j L");
    let wanted: Vec<Want> = wants(&model).into_iter().collect();
    let [Want::Logs(environment, query)] = &wanted[..] else {
        panic!("{wanted:?}");
    };
    assert_eq!(
        (environment.as_str(), query.service.as_str()),
        ("staging", "frontend")
    );
}

#[test]
fn what_was_never_seen_is_unknown_and_not_missing() {
    let model = fixtures::empty(true, 80, 24);
    let seen = text(&model);
    assert!(
        seen.contains("unknown") && !seen.contains("missing"),
        "{seen}"
    );
}

#[test]
fn a_hostile_branch_name_does_not_reach_the_terminal() {
    let mut model = full(160, 45);
    let mut runs = fixtures::runs();
    runs.runs[0].branch = "\u{1b}]0;owned\u{7}evil\u{202e}".to_owned();
    let fact = Fact::Runs(crate::pipeline::RunsReading::Runs(Arc::new(runs)));
    update(&mut model, Msg::Facts(vec![fact]), now());
    let seen = text(&model);
    assert!(seen.contains("evil") && !seen.contains('\u{1b}') && !seen.contains("owned"));
}

#[test]
fn esc_closes_one_thing_at_a_time_and_never_quits() {
    let mut model = with_plan();
    press(&mut model, "v");
    assert_eq!(model.overlays.len(), 2);
    press(&mut model, "esc");
    assert_eq!(model.overlays.len(), 1);
    press(&mut model, "esc");
    for _ in 0..3 {
        assert!(press(&mut model, "esc").is_empty());
    }
}
