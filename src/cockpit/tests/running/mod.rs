//! The loop itself, with keys, signals and facts from a test and a screen in memory.

mod cockpit;
mod screen;
mod target;

use std::time::Duration;

use self::cockpit::Running;
use super::fixtures;
use crate::{
    clock::Clock, cockpit::signals::Signal, fleet::Fact, release::operation::Liveness,
    target::Chunk,
};

/// A clock that goes as the runtime's does, which stands still while nothing happens and jumps to the
/// next deadline.
fn clock() -> Clock {
    let began = tokio::time::Instant::now();
    Clock::of(move || {
        let elapsed = began.elapsed();
        let start = fixtures::now();
        crate::release::Now {
            moment: start.moment.after(elapsed),
            wall: start.wall + jiff::SignedDuration::try_from(elapsed).unwrap(),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_comes_before_any_fact_and_facts_are_drawn_as_they_arrive() {
    let mut cockpit = Running::start(fixtures::empty(true, 80, 24), clock());
    cockpit.frame_with("connecting…").await;
    for fact in fixtures::facts() {
        cockpit.inbox.put(fact);
    }
    let frame = cockpit.frame_with("healthy").await;
    assert!(
        frame.contains("v20260122.1"),
        "one frame for all of them: {frame}"
    );
    assert!(cockpit.leave().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_cockpit_draws_when_a_text_changes_and_not_before() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(80, 24), clock.clone());
    cockpit.frame_with("14:02 UTC").await;
    // A retry counts down by the second until it is due.
    cockpit.frame_with("retry in now").await;
    let mut drawn_at = Vec::new();
    for _ in 0..3 {
        cockpit.frames.recv().await.unwrap();
        drawn_at.push(clock.now().wall.strftime("%H:%M:%S").to_string());
    }
    // Two minutes, and the moment at which silence for 90 s makes what is shown old.
    assert_eq!(drawn_at, ["14:03:00", "14:04:00", "14:04:01"]);
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_lines_is_drawn_thirty_times_a_second_and_keys_are_answered_in_it() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(80, 24), clock.clone());
    cockpit.press("5");
    cockpit.frame_with("5 Logs").await;
    let began = clock.moment();
    let mut frames = 0;
    for n in 0..200 {
        let bytes = format!("2026-01-24T14:02:30Z flood {n}\n").repeat(500);
        let chunk = Chunk::Lines {
            container: "shop-backend-1".into(),
            bytes: bytes.into(),
        };
        cockpit.logs.send(chunk).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        while cockpit.frames.try_recv().is_ok() {
            frames += 1;
        }
    }
    let seconds = clock.moment().since(began).as_millis() / 1000;
    assert_eq!(seconds, 1);
    assert!((20..=31).contains(&frames), "{frames} frames in a second");
    cockpit.press("?");
    cockpit.frame_with("Keys").await;
    cockpit.press("esc");
    let frame = cockpit.frame_with("dropped").await;
    assert!(frame.contains("flood 199"), "{frame}");
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_answered_at_once_one_after_the_other() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(160, 45), clock.clone());
    cockpit.frame_with("PRODUCTION").await;
    let began = clock.moment();
    for (key, title) in [
        ("?", "Keys"),
        ("esc", "Pipelines"),
        (":", "Actions"),
        ("esc", "Pipelines"),
    ] {
        cockpit.press(key);
        cockpit.frame_with(title).await;
    }
    assert_eq!(
        clock.moment(),
        began,
        "no key waited for anything else to happen"
    );
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_leaves_and_what_goes_on_is_said() {
    let mut cockpit = Running::start(fixtures::full(80, 24), clock());
    cockpit.inbox.put(Fact::Environment(
        fixtures::environment("production"),
        fixtures::held(Liveness::Alive),
    ));
    cockpit.frame_with("under way").await;
    cockpit.signals.send(Signal::Leave).unwrap();
    let farewell = cockpit.ended.await.unwrap().unwrap();
    assert_eq!(
        farewell,
        ["promote 000042 on production goes on without the cockpit; open it again to follow it"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_browser_an_address_is_copied_and_that_is_said() {
    let mut cockpit = Running::start(fixtures::full(160, 45), clock());
    cockpit.press("3");
    cockpit.press("o");
    let frame = cockpit.frame_with("no browser here").await;
    assert!(
        frame.contains("copied https://github.com/acme/shop"),
        "{frame}"
    );
    assert_eq!(
        cockpit.copied.recv().await.as_deref(),
        Some("https://github.com/acme/shop/actions/runs/9482")
    );
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_redraw_or_a_return_from_the_shell_does_not_ask_the_terminal_anything() {
    let mut cockpit = Running::start(fixtures::full(80, 24), clock());
    cockpit.frame_with("PRODUCTION").await;
    cockpit.press("ctrl-l");
    cockpit.frame_with("PRODUCTION").await;
    cockpit.press("ctrl-z");
    cockpit.frame_with("PRODUCTION").await;
    cockpit.leave().await;
}
