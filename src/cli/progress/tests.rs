//! What is printed of an operation that is followed.

use super::*;
use crate::{
    cli::output::tests::Printed,
    release::{Fault, FaultKind, operation::Outcome},
};

fn journal(at: i64, event: Event) -> Progress {
    Progress::Journal(JournalLine { v: 1, at, event })
}

fn start(at: i64, direction: Direction, step: &str) -> Progress {
    start_with(at, direction, step, 0)
}

fn start_with(at: i64, direction: Direction, step: &str, offset: u64) -> Progress {
    let step = step.to_owned();
    journal(
        at,
        Event::StepStart {
            direction,
            step,
            group: 7,
            offset,
        },
    )
}

fn ended(at: i64, direction: Direction, step: &str, exit: i64, offset: u64) -> Progress {
    let step = step.to_owned();
    journal(
        at,
        Event::StepEnd {
            direction,
            step,
            exit: Some(exit),
            offset,
            why: None,
        },
    )
}

fn output(text: &str) -> Progress {
    Progress::Output(bytes::Bytes::copy_from_slice(text.as_bytes()))
}

fn end(outcome: Outcome) -> Progress {
    Progress::End(End {
        outcome,
        step: Some("verify-health".to_owned()),
        exit: Some(1),
        why: None,
        back_step: None,
        changed: true,
        started: 100,
        ended: 120,
    })
}

async fn printed(progress: Vec<Progress>, json: bool) -> String {
    let printed = Printed::default();
    let mut out = Output::to(printed.clone(), json, false);
    let stream = Box::pin(futures::stream::iter(progress));
    let died = std::future::pending();
    let followed = follow(OperationId(42), stream, died, &mut out)
        .await
        .unwrap();
    assert!(matches!(followed, Followed::Ended(_)));
    printed.text()
}

#[tokio::test]
async fn a_pipe_gets_each_step_and_its_output_once_though_the_connection_broke() {
    let forward = Direction::Forward;
    let first = [start(100, forward, "pull-backend"), output("layer 1\nlay")];
    let mut all = first.to_vec();
    all.push(Progress::Lost(Fault::new(
        FaultKind::Unreachable,
        "shop",
        "no answer",
    )));
    all.extend(first);
    all.extend([
        // 22 bytes were printed when the step ended, and they travel slower than its end.
        ended(112, forward, "pull-backend", 0, 22),
        output("er \u{1b}[31m2\n"),
        start(112, forward, "verify-health"),
        ended(115, forward, "verify-health", 1, 22),
        journal(
            115,
            Event::Begin {
                direction: Direction::Back,
                outcome: None,
            },
        ),
        start(115, Direction::Back, "switch-backend"),
        ended(118, Direction::Back, "switch-backend", 0, 22),
        end(Outcome::WentBack),
    ]);
    insta::assert_snapshot!(printed(all, false).await, @r"
      pull-backend started
        layer 1
    not to be seen now, goes on: shop: no answer
        layer 2
      pull-backend ok  12 s
      verify-health started
      verify-health FAILED: exit code 1  3 s
    going back
      switch-backend started
      switch-backend ok  3 s
    ");
}

/// The journal of two steps: the first printed ten bytes, the second six.
fn two_steps() -> Vec<Progress> {
    let forward = Direction::Forward;
    vec![
        start(100, forward, "pull-backend"),
        ended(112, forward, "pull-backend", 0, 10),
        start_with(112, forward, "migrate", 10),
        ended(115, forward, "migrate", 0, 16),
        start_with(115, forward, "pin", 16),
    ]
}

#[tokio::test]
async fn what_a_step_printed_comes_after_its_beginning_and_before_its_end() {
    // Quick steps: what they printed arrives in one piece, or in pieces that no step ends at.
    for pieces in [
        &["layer 1\nha1 -> 2\n"][..],
        &["la", "yer 1\nha1", " -> 2\n"],
        &["layer 1\nha", "1 -> 2\n"],
    ] {
        let mut all = two_steps();
        all.extend(pieces.iter().map(|piece| output(piece)));
        all.push(end(Outcome::Succeeded));
        let printed = printed(all, false).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(printed, @r"
              pull-backend started
                layer 1
                ha
              pull-backend ok  12 s
              migrate started
                1 -> 2
              migrate ok  3 s
              pin started
            ");
        }
    }
}

#[tokio::test]
async fn a_connection_that_broke_between_two_steps_changes_nothing_of_the_order() {
    let lost = Progress::Lost(Fault::new(FaultKind::Unreachable, "shop", "no answer"));
    let mut all = two_steps();
    all.truncate(1);
    all.extend([output("layer 1"), lost]);
    all.extend(two_steps());
    all.extend([output("layer 1\nha1 -> 2\n"), end(Outcome::Succeeded)]);
    insta::assert_snapshot!(printed(all, false).await, @r"
      pull-backend started
    not to be seen now, goes on: shop: no answer
        layer 1
        ha
      pull-backend ok  12 s
      migrate started
        1 -> 2
      migrate ok  3 s
      pin started
    ");
}

#[tokio::test]
async fn json_is_silent_until_the_end() {
    let all = vec![
        start(1, Direction::Forward, "pull-backend"),
        output("layer\n"),
        end(Outcome::Succeeded),
    ];
    assert_eq!(printed(all, true).await, "");
}
