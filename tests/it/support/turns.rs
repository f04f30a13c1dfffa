//! Whose turn it is: what takes the real world a minute or more, CI tries every second day, so that what
//! is submitted is answered within half an hour. `FLIGHTDECK_REAL=1` tries all of it at any time.

use std::time::SystemTime;

/// Two lists of about the same length, by the beginnings of the tests' names. The one has its turn on
/// even days since 1970, the other on odd ones.
const TURNS: [&[&str]; 2] = [
    &[
        "journeys::ahead::",
        "journeys::backup::real_world",
        "journeys::first_contact::real_world_with_compose_2_26",
        "journeys::killed::the_cockpit_in_the_real_world",
        "journeys::newer::what_it_has_added_is_kept_and_what_it_goes_on_with_refused_in_the_real_world",
        "journeys::recovered::resumed_in_the_real_world",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_2_26",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_5_0",
        "steps::real::",
    ],
    &[
        "journeys::backup::in_the_middle_of_a_dump_it_is_cancelled_killed_and_out_of_room",
        "journeys::first_contact::real_world_with_compose_2_40",
        "journeys::killed::the_runner_in_the_real_world",
        "journeys::newer::what_it_holds_is_refused_with_words_in_the_real_world",
        "journeys::recovered::taken_back_in_the_real_world",
        "journeys::rollback::real_world_after_a_prune",
        "journeys::rolling::",
        "journeys::schema::real_world",
        "journeys::stopping::",
        "servers::versions::a_plain_up_recreates_nothing_with_compose_2_40",
        "servers::versions::what_another_compose_has_made_is_released_and_what_it_would_recreate_is_named",
    ],
];

/// Whether a test is not to be tried today.
pub fn is_of_another_day(test: &str) -> bool {
    let days = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs() / 86_400);
    let other = TURNS[usize::from(days.is_multiple_of(2))];
    other.iter().any(|name| test.starts_with(name))
}
