//! What keys and facts do, as an operator would notice it; and that nothing, in any order, panics.

use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::{
    cockpit::{
        model::{Effect, Model, Msg, Outcome, Refusal, Ticket, Want, wants},
        overlays::{Overlay, plan::State},
        panes::Pane,
        tests::{
            fixtures::{self, full, now},
            follow, frame, plan_arrives, planned, press, text,
        },
    },
    fleet::Fact,
    registry::VersionsReading,
    release::{
        Fault, FaultKind,
        observation::Files,
        observed::Link,
        operation::{Liveness, OperationId, Outcome as Ended, Progress},
        plan::{Deed, Request, RollbackTo, SchemaChoice, Verdict},
        recovery::Recovery,
        version::Known,
    },
    target::{Answerer, Question, Reading},
};

use super::update;

fn requested(effects: &[Effect]) -> &Request {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Plan(_, request) => Some(request),
            _ => None,
        })
        .expect("no plan was asked for")
}

fn ticket(effects: &[Effect]) -> Ticket {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Plan(ticket, _) | Effect::Start(ticket, _) => Some(*ticket),
            _ => None,
        })
        .expect("nothing was asked for")
}

fn starts(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Start(..)))
}

/// A cockpit in which production's promotion is planned and on the screen.
fn with_plan() -> Model {
    let mut model = full(80, 24);
    let effects = press(&mut model, "2 j p");
    plan_arrives(&mut model, &effects, fixtures::promotion());
    model
}

#[test]
fn p_brings_the_version_under_the_cursor_to_the_environment_under_the_cursor() {
    let mut model = full(160, 45);
    let effects = press(&mut model, "l 2 j p");
    let request = requested(&effects);
    assert_eq!(request.environment.as_str(), "staging");
    let Deed::Promote { versions, migrate } = &request.deed else {
        panic!("{request:?}");
    };
    let chosen = &versions[&fixtures::service("backend")];
    assert_eq!(chosen.tag.as_str(), "v20260123.1");
    assert_eq!(chosen.digest, fixtures::digest(3));
    assert_eq!(versions.len(), 1);
    assert!(!migrate, "staging has no migration");
}

#[test]
fn marked_versions_are_released_together() {
    let mut model = full(160, 45);
    let effects = press(&mut model, "2 j space ] space p");
    let Deed::Promote { versions, .. } = &requested(&effects).deed else {
        panic!();
    };
    let tags: Vec<&str> = versions.values().map(|v| v.tag.as_str()).collect();
    assert_eq!(tags, ["v20260123.1", "v20260124.1"]);
}

#[test]
fn the_same_tag_of_the_other_services_is_offered_with_the_plan() {
    let mut model = with_plan();
    assert!(text(&model).contains("to release frontend with it: the same tag"));
    press(&mut model, "e");
    assert!(text(&model).contains("[ ] with frontend, as one release"));
    let effects = press(&mut model, "down down space enter");
    let Deed::Promote { versions, .. } = &requested(&effects).deed else {
        panic!();
    };
    let tags: Vec<&str> = versions.values().map(|v| v.tag.as_str()).collect();
    assert_eq!(tags, ["v20260123.1", "v20260123.1"]);
    assert_eq!(
        versions[&fixtures::service("frontend")].digest,
        fixtures::digest(0x13)
    );

    // Not where it is another tag that the frontend has.
    let mut other = fixtures::versions("frontend");
    other
        .versions
        .retain(|version| version.tag.as_str() != "v20260123.1");
    let fact = Fact::Versions(
        fixtures::repository("frontend"),
        VersionsReading::Versions(Arc::new(other)),
    );
    let mut model = with_plan();
    update(&mut model, Msg::Facts(vec![fact]), now());
    assert!(!text(&model).contains("to release frontend"));
}

#[test]
fn the_cursor_stays_on_its_tag_and_digest_while_rows_arrive() {
    let mut model = full(160, 45);
    press(&mut model, "2 j");
    let mut more = fixtures::versions("backend");
    let mut newer = more.versions[0].clone();
    newer.tag = "v20260124.2".parse().unwrap();
    newer.digest = Known::Pending;
    more.versions.insert(0, newer);
    let fact = Fact::Versions(
        fixtures::repository("backend"),
        VersionsReading::Versions(Arc::new(more)),
    );
    update(&mut model, Msg::Facts(vec![fact]), now());
    let effects = press(&mut model, "p");
    let Deed::Promote { versions, .. } = &requested(&effects).deed else {
        panic!();
    };
    assert_eq!(
        versions[&fixtures::service("backend")].digest,
        fixtures::digest(3)
    );
}

#[test]
fn a_gate_is_never_asked_about_a_version_of_which_the_revision_is_not_known_yet() {
    let mut model = full(160, 45);
    let mut config = fixtures::config().as_ref().clone();
    config.environments[0].gates = vec![crate::config::GateRule::Ci { workflow: None }];
    model.fleet.config = Arc::new(config);
    let mut early = fixtures::versions("backend");
    early.versions[1].details = Known::Pending;
    let told = |versions| {
        let repository = fixtures::repository("backend");
        Msg::Facts(vec![Fact::Versions(
            repository,
            VersionsReading::Versions(Arc::new(versions)),
        )])
    };
    update(&mut model, told(early), now());
    assert!(press(&mut model, "2 j p").is_empty());
    assert!(text(&model).contains("was built from is not known yet"));

    update(&mut model, told(fixtures::versions("backend")), now());
    let effects = press(&mut model, "p");
    let Deed::Promote { versions, .. } = &requested(&effects).deed else {
        panic!();
    };
    assert!(versions[&fixtures::service("backend")].revision.is_some());
}

#[test]
fn a_tag_that_points_elsewhere_since_it_was_chosen_is_not_promoted() {
    let mut model = full(160, 45);
    press(&mut model, "2 j");
    let mut moved = fixtures::versions("backend");
    moved.versions[1].digest = Known::Known(fixtures::digest(9));
    let fact = Fact::Versions(
        fixtures::repository("backend"),
        VersionsReading::Versions(Arc::new(moved)),
    );
    update(&mut model, Msg::Facts(vec![fact]), now());
    assert!(press(&mut model, "p").is_empty());
    assert!(text(&model).contains("points at another image by now"));
}

#[test]
fn a_rollback_from_a_cold_start_is_four_keys_and_the_plan_comes_when_the_server_answers() {
    let mut model = fixtures::empty(true, 80, 24);
    let effects = press(&mut model, "!");
    let request = requested(&effects).clone();
    assert_eq!(request.environment.as_str(), "production");
    assert!(matches!(
        request.deed,
        Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema: SchemaChoice::ImageOnly,
            files: false,
        }
    ));
    assert!(text(&model).contains("connecting…"));
    plan_arrives(&mut model, &effects, fixtures::promotion());
    let effects = press(&mut model, "c \"prod enter");
    assert!(starts(&effects));
}

#[test]
fn keys_typed_before_the_plan_was_on_the_screen_are_thrown_away() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "2 j p");
    press(&mut model, "c \"production enter");
    planned(&mut model, ticket(&effects), fixtures::promotion());
    let effects = press(&mut model, "c \"production enter");
    assert!(!starts(&effects));
    assert!(
        !model
            .overlays
            .iter()
            .any(|o| matches!(o, Overlay::Confirm(_)))
    );
    update(&mut model, Msg::Shown, now());
    assert!(starts(&press(&mut model, "c \"production enter")));
}

#[test]
fn enter_does_nothing_in_a_plan() {
    let mut model = with_plan();
    assert!(press(&mut model, "enter enter y").is_empty());
    assert_eq!(model.overlays.len(), 1);
}

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
fn a_closed_gate_keeps_the_plan_from_being_confirmed_until_it_is_passed_on_purpose() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "2 j p");
    let mut plan = fixtures::promotion();
    plan.gates[0] = fixtures::gate("ci", Verdict::Failed, "run 481 failed");
    plan_arrives(&mut model, &effects, plan);
    press(&mut model, "c");
    assert!(text(&model).contains("closed: ci"));
    assert_eq!(model.overlays.len(), 1);
    let effects = press(&mut model, "e \"because down down space enter");
    let request = requested(&effects);
    assert_eq!(request.overrides, ["ci"]);
    assert_eq!(request.reason, "because");
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
fn a_plan_refused_by_a_lost_link_is_made_anew_when_the_link_is_back() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "r");
    let fault = Fault::new(
        FaultKind::Unreachable,
        "shop.example.com",
        "connection refused",
    );
    let refused = Outcome::Refused(fault.into());
    update(&mut model, Msg::Done(ticket(&effects), refused), now());
    assert!(text(&model).contains("connection refused"));
    let live = Fact::Environment(
        fixtures::environment("production"),
        Reading::EngineLink(Link::Live),
    );
    let effects = update(&mut model, Msg::Facts(vec![live]), now());
    assert_eq!(requested(&effects).environment.as_str(), "production");
}

#[test]
fn where_nothing_is_recorded_a_rollback_offers_the_images_on_the_server() {
    let mut model = fixtures::empty(true, 80, 24);
    let effects = press(&mut model, "!");
    let refused = Outcome::Refused(Refusal {
        fault: Fault::new(FaultKind::Missing, "production", "nothing is recorded here"),
        images: fixtures::images(),
    });
    update(&mut model, Msg::Done(ticket(&effects), refused), now());
    assert!(text(&model).contains("e chooses one of 1 images on the server"));
    let effects = press(&mut model, "e up space enter");
    let Deed::Rollback { to, .. } = &requested(&effects).deed else {
        panic!();
    };
    let RollbackTo::Image { service, .. } = to else {
        panic!("{to:?}");
    };
    assert_eq!(service.as_str(), "backend");
}

#[test]
fn an_answer_to_a_closed_plan_opens_nothing() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "2 j p");
    press(&mut model, "esc");
    planned(&mut model, ticket(&effects), fixtures::promotion());
    assert!(model.overlays.is_empty());
}

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
fn a_plan_says_that_it_has_become_stale_before_it_is_confirmed() {
    let mut model = full(160, 45);
    let effects = press(&mut model, "2 j p");
    let mut plan = fixtures::promotion();
    plan.basis.last_operation = Some(OperationId(41));
    planned(&mut model, ticket(&effects), plan);
    assert!(!text(&model).contains("STALE"));
    let mut files = fixtures::files("production");
    files.records.push(fixtures::record(
        42,
        "production",
        Ended::Succeeded,
        2,
        3,
        1,
    ));
    fixtures::told(&mut model, "production", Reading::Files(Arc::new(files)));
    let screen = text(&model);
    assert!(
        screen.contains("STALE: operation 000042 has been since"),
        "{screen}"
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

#[test]
fn an_emergency_with_another_environment_unwell_asks_which_one() {
    let mut model = full(80, 24);
    fixtures::told(&mut model, "staging", {
        let mut containers = fixtures::containers(3, 60, 9);
        containers.containers[0].health = crate::release::observation::Health::Unhealthy;
        Reading::Containers(Arc::new(containers))
    });
    assert!(press(&mut model, "!").is_empty());
    let effects = press(&mut model, "2");
    assert_eq!(requested(&effects).environment.as_str(), "staging");
}

#[test]
fn watch_mode_says_why_nothing_happens() {
    let mut model = fixtures::empty(false, 80, 24);
    update(&mut model, Msg::Facts(fixtures::facts()), now());
    for key in ["p", "m", "r", "!", "A"] {
        assert!(press(&mut model, key).is_empty(), "{key}");
        assert!(text(&model).contains("read-only: watch mode"), "{key}");
        assert!(model.overlays.is_empty(), "{key}");
    }
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
fn while_a_claim_is_taken_q_waits_for_the_answer() {
    let mut model = with_plan();
    press(&mut model, "c \"prod enter");
    assert!(press(&mut model, "q").is_empty());
    assert!(text(&model).contains("wait for its answer"));
    assert!(matches!(&press(&mut model, "ctrl-c")[..], [Effect::Quit]));
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

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        12 => prop::sample::select(
            "pmrARqyoLihjklgGfwnNcve!/:? 12345[]ux".chars().collect::<Vec<_>>()
        )
        .prop_map(KeyCode::Char),
        4 => prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Backspace,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Home,
            KeyCode::End,
        ]),
        1 => any::<char>().prop_map(KeyCode::Char),
    ];
    let modifiers = prop_oneof![
        8 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::ALT),
    ];
    (code, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

/// Something that can happen, as data: messages themselves cannot be cloned.
#[derive(Debug, Clone)]
enum Happening {
    Key(KeyEvent),
    Word(&'static str),
    Paste(String),
    Size(u16, u16),
    AllFacts,
    Lost,
    Held(Liveness),
    NoVersions,
    Planned(u64, bool),
    Started(u64, bool),
    Progress(usize),
    Question,
    Shown,
    Later(u64),
    Lines(i64),
    Guidance(String),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        30 => any_key().prop_map(Happening::Key),
        3 => prop::sample::select(vec!["prod", "production", "2jp", "c", "!"])
            .prop_map(Happening::Word),
        1 => any::<String>().prop_map(Happening::Paste),
        3 => (1u16..200, 1u16..60).prop_map(|(w, h)| Happening::Size(w, h)),
        3 => Just(Happening::AllFacts),
        1 => Just(Happening::Lost),
        2 => prop::sample::select(vec![Liveness::Alive, Liveness::Dead, Liveness::Unknown])
            .prop_map(Happening::Held),
        1 => Just(Happening::NoVersions),
        6 => (0u64..6, any::<bool>()).prop_map(|(t, ok)| Happening::Planned(t, ok)),
        3 => (0u64..8, any::<bool>()).prop_map(|(t, ok)| Happening::Started(t, ok)),
        4 => (0usize..20).prop_map(Happening::Progress),
        1 => Just(Happening::Question),
        6 => Just(Happening::Shown),
        2 => (0u64..10_000_000).prop_map(Happening::Later),
        2 => (0i64..500).prop_map(Happening::Lines),
        1 => any::<String>().prop_map(Happening::Guidance),
    ]
}

fn apply(model: &mut Model, happening: Happening, at: &mut crate::release::Now) {
    let production = fixtures::environment("production");
    let fault = || Fault::new(FaultKind::Unreachable, "shop", "connection refused");
    let reading = |reading| Msg::Facts(vec![Fact::Environment(production.clone(), reading)]);
    let message = match happening {
        Happening::Key(key) => Msg::Input(Event::Key(key)),
        Happening::Word(word) => {
            press(model, &format!("\"{word}"));
            return;
        }
        Happening::Paste(text) => Msg::Input(Event::Paste(text)),
        Happening::Size(width, height) => Msg::Input(Event::Resize(width, height)),
        Happening::AllFacts => Msg::Facts(fixtures::facts()),
        Happening::Lost => reading(Reading::EngineLink(fixtures::lost())),
        Happening::Held(liveness) => reading(fixtures::held(liveness)),
        Happening::NoVersions => {
            let mut none = fixtures::versions("backend");
            none.versions.clear();
            Msg::Facts(vec![Fact::Versions(
                fixtures::repository("backend"),
                VersionsReading::Versions(Arc::new(none)),
            )])
        }
        Happening::Planned(ticket, ok) => Msg::Done(
            Ticket(ticket),
            if ok {
                Outcome::Planned(Box::new(fixtures::promotion()), fixtures::commands())
            } else {
                Outcome::Refused(Refusal {
                    fault: fault(),
                    images: fixtures::images(),
                })
            },
        ),
        Happening::Started(ticket, ok) => Msg::Done(
            Ticket(ticket),
            Outcome::Started(
                production.clone(),
                if ok {
                    Ok(OperationId(42))
                } else {
                    Err(fault())
                },
            ),
        ),
        Happening::Progress(n) => {
            let journal = fixtures::journal();
            let progress = match n {
                0 => Progress::Plan(Box::new(fixtures::promotion())),
                1 => Progress::End(fixtures::end()),
                2 => Progress::Lost(fault()),
                n => Progress::Journal(journal[n % journal.len()].clone()),
            };
            Msg::Progress(production.clone(), OperationId(42), progress)
        }
        Happening::Question => {
            let (answer, waiting) = Answerer::new();
            std::mem::forget(waiting);
            reading(Reading::Ask(Question {
                prompt: "Passphrase:".to_owned(),
                host: "shop".to_owned(),
                secret: true,
                answer,
            }))
        }
        Happening::Shown => Msg::Shown,
        Happening::Later(millis) => {
            at.moment = at.moment.after(std::time::Duration::from_millis(millis));
            Msg::Wake
        }
        Happening::Lines(count) => {
            model.logs.buffer().push(fixtures::log_lines(count));
            Msg::Wake
        }
        Happening::Guidance(line) => Msg::Guidance(line),
    };
    update(model, message, *at);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_any_order_at_any_size_panics(
        happenings in prop::collection::vec(happening(), 1..60),
        width in 1u16..180,
        height in 1u16..50,
        permit in any::<bool>(),
    ) {
        let mut model = fixtures::empty(permit, width, height);
        let mut at = now();
        for happening in happenings {
            apply(&mut model, happening, &mut at);
            frame(&model);
            prop_assert!(
                permit || !matches!(
                    model.overlays.last(),
                    Some(Overlay::Plan(view)) if matches!(view.state, State::Starting { .. })
                ),
                "watch mode starts nothing"
            );
        }
    }
}

#[test]
fn every_size_down_to_one_cell_can_be_drawn_with_everything_open() {
    for (width, height) in [
        (1, 1),
        (2, 3),
        (5, 2),
        (12, 7),
        (40, 9),
        (111, 30),
        (110, 31),
    ] {
        let mut model = full(width, height);
        fixtures::told(&mut model, "production", fixtures::held(Liveness::Alive));
        for keys in [
            "?", "esc", ":", "esc", "2 /", "esc", "4 enter", "5 w", "r", "esc", "1 i",
        ] {
            press(&mut model, keys);
            frame(&model);
        }
        let effects = press(&mut model, "esc l 2 p");
        plan_arrives(&mut model, &effects, fixtures::promotion());
        for keys in ["v", "esc", "e", "esc", "c \"prod"] {
            press(&mut model, keys);
            frame(&model);
        }
    }
}
