//! A release that an operator marks bad is never a default again, however healthy it was recorded.

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    world::{Which, World},
};

#[test]
fn neither_rollback_returns_to_a_release_that_was_marked_bad() {
    let world = Embedded::production();
    let [former, candidate, other] =
        [Which::Former, Which::Candidate, Which::Other].map(|which| world.version(which));
    let version = format!("backend={}", candidate.tag);
    world.command(&["promote", "production", &version, "--no-migrate", "--yes"]);
    let brought = world.last_record().operation;
    world.command(&["rollback", "production", "--yes"]);
    world.runs(&former);
    world.command(&["promote", "production", &version, "--no-migrate", "--yes"]);

    // What is left of the first promotion would be the default of a rollback from elsewhere.
    let mut cockpit = Cockpit::open(&world);
    cockpit.healthy();
    world.command(&[
        "mark-bad",
        "production",
        "--running",
        "--yes",
        "--reason",
        "it loses mails",
    ]);
    let mark = world.last_record();
    assert_eq!(mark.kind, PlanKind::MarkBad);
    assert_eq!(
        (mark.outcome, mark.after.label()),
        (Outcome::Succeeded, candidate.tag.clone())
    );
    world.runs(&candidate);
    // The cockpit hears of the mark's end a moment later than we do.
    let ended = format!("{} mark bad", mark.operation);
    cockpit.terminal.wait_for(&ended);
    cockpit.plan("!");
    cockpit.confirm();
    cockpit.done(&former);
    world.runs(&former);

    let second = world.command(&["rollback", "production", "--dry-run"]);
    assert!(second.contains(&other.tag), "{second}");
    assert!(!second.contains(&candidate.tag), "{second}");
    let explicit = [
        "rollback",
        "production",
        "--dry-run",
        "--to",
        &brought.0.to_string(),
    ];
    let warned = world.command(&explicit);
    assert!(
        warned.contains("marked bad by mira (it loses mails)"),
        "{warned}"
    );
    let history = world.command(&["history", "production"]);
    assert!(history.contains("[marked bad by mira"), "{history}");
    // What is open lies over the list.
    cockpit.terminal.press("\x1b");
    cockpit
        .terminal
        .wait_until("the list", |screen| !screen.says("done: "));
    cockpit.terminal.press("4");
    cockpit.terminal.wait_for("marked bad");
    cockpit.quit();
}
