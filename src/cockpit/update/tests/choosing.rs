//! What is chosen by the cursors, and what that asks for.

use super::*;

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
