//! Whose turn it is: what takes the real world a minute or more, CI tries every third day, so that what
//! is submitted is answered within half an hour. `FLIGHTDECK_REAL=1` tries all of it at any time.

use std::{process::Command, time::SystemTime};

/// Three lists of about the same length, by the beginnings of the tests' names. Day by day since 1970
/// the next one has its turn.
const TURNS: [&[&str]; 3] = [
    &[
        "journeys::ahead::",
        "journeys::backup::in_the_middle_of_a_dump_it_is_cancelled_killed_and_out_of_room",
        "journeys::first_contact::real_world_with_compose_2_26",
        "journeys::rolling::",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_2_26",
    ],
    &[
        "journeys::failing::a_check_that_fails_in_the_real_world",
        "journeys::killed::the_cockpit_in_the_real_world",
        "journeys::newer::what_it_holds_is_refused_with_words_in_the_real_world",
        "journeys::recovered::resumed_in_the_real_world",
        "journeys::schema::real_world",
        "journeys::stopping::",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_2_40",
        "steps::real::",
    ],
    &[
        "journeys::backup::real_world",
        "journeys::failing::a_crash_after_it_was_healthy_in_the_real_world",
        "journeys::first_contact::real_world_with_compose_2_40",
        "journeys::killed::the_runner_in_the_real_world",
        "journeys::newer::what_it_has_added_is_kept_and_what_it_goes_on_with_refused_in_the_real_world",
        "journeys::overtaken::real_world",
        "journeys::recovered::taken_back_in_the_real_world",
        "journeys::rollback::real_world_after_a_prune",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_5_0",
        "servers::versions::what_another_compose_has_made_is_released_and_what_it_would_recreate_is_named",
    ],
];

/// Whether a test is not to be tried today.
pub fn is_of_another_day(test: &str) -> bool {
    let days = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs() / 86_400);
    let is_todays = |turn: usize| days % 3 == turn as u64;
    TURNS
        .iter()
        .enumerate()
        .any(|(turn, tests)| !is_todays(turn) && tests.iter().any(|name| test.starts_with(name)))
}

#[test]
fn every_name_is_the_beginning_of_a_tests() {
    let this = std::env::current_exe().unwrap();
    let listed = Command::new(this).arg("--list").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in TURNS.concat() {
        let is_there = listed.lines().any(|line| line.starts_with(name));
        assert!(is_there, "no test's name begins with {name:?}");
    }
}
