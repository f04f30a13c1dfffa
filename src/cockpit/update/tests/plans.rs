//! A plan on the screen: when it comes, what closes it, what makes it stale.

use super::*;

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

/// What stands inside a box over the whole width, as running text.
fn read_in_a_box(model: &Model) -> String {
    let lines = text(model);
    let inside = lines.lines().map(|line| {
        let inside = line.chars().skip(3).take(74);
        inside.collect::<String>()
    });
    let words: Vec<String> = inside
        .flat_map(|line| {
            let words = line.split_whitespace().map(str::to_owned);
            words.collect::<Vec<_>>()
        })
        .collect();
    words.join(" ")
}

#[test]
fn an_offer_that_is_longer_than_a_line_is_read_whole() {
    let consequence = "the image that runs takes the schema down to b4e8d2917c60 first, undoing 1 \
                       revision: data that only the newer revisions hold is lost";
    let mut model = full(80, 24);
    let effects = press(&mut model, "r");
    let mut plan = fixtures::promotion();
    plan.schema_offers = vec![SchemaOffer {
        choice: SchemaChoice::Downgrade,
        obstacle: None,
        consequence: consequence.to_owned(),
    }];
    plan_arrives(&mut model, &effects, plan);
    press(&mut model, "e");
    let read = read_in_a_box(&model);
    assert!(read.contains(consequence), "{read}");
}

#[test]
fn a_plan_says_what_is_done_once_it_is_over() {
    let mut model = full(160, 45);
    let effects = press(&mut model, "2 j p");
    let mut plan = fixtures::promotion();
    let mut told = plan.forward[0].clone();
    told.intent = Intent::Hook(Hook {
        name: "release notes".to_owned(),
        when: HookWhen::After,
        outcomes: Vec::new(),
        act: HookCommand::Command("./tell".to_owned()),
        secrets: Vec::new(),
    });
    plan.closing = vec![told];
    plan_arrives(&mut model, &effects, plan);
    let shown = text(&model);
    for words in ["once it is over, however it ended", "release notes: ./tell"] {
        assert!(shown.contains(words), "{shown}");
    }
}

#[test]
fn a_clean_up_that_finds_nothing_old_enough_can_be_asked_for_more() {
    let mut model = full(80, 24);
    let effects = press(&mut model, "C");
    let refused = Fault::new(
        FaultKind::Invalid,
        "production",
        "there is nothing to clean up",
    );
    let refused = Outcome::Refused(refused.into());
    update(&mut model, Msg::Done(ticket(&effects), refused), now());
    let effects = press(&mut model, "e down space down space enter");
    let Deed::CleanUp { keep, older_than } = &requested(&effects).deed else {
        panic!("{:?}", requested(&effects));
    };
    assert_eq!((*keep, older_than.is_zero()), (1, true));
}
