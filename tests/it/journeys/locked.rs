//! A lock by hand: promotions are refused with its message, a rollback passes it by the environment's
//! name, and it stands until it is unlocked.

use flightdeck::release::{operation::Outcome, plan::PlanKind};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    world::{Which, World},
};
use crate::support::terminal::ENTER;

const MESSAGE: &str = "moving the \"orders\" table";

#[test]
fn a_lock_refuses_a_promotion_and_a_rollback_passes_it_by_the_name() {
    let world = Embedded::production();
    let candidate = world.version(Which::Candidate);
    let mut cockpit = Cockpit::open(&world);
    cockpit.healthy();
    cockpit.terminal.press("K");
    cockpit.terminal.wait_for("Lock production");
    cockpit.terminal.press(MESSAGE);
    cockpit.terminal.press(ENTER);
    cockpit.terminal.wait_for_words(MESSAGE);
    cockpit.healthy();

    let version = format!("backend={}", candidate.tag);
    let refused = world.ends_with(&["promote", "production", &version, "--yes"], 3);
    for words in ["locked", "mira", MESSAGE, "flightdeck unlock production"] {
        assert!(refused.contains(words), "{words:?} is missing: {refused}");
    }
    let refused = world.ends_with(&["rollback", "production", "--yes"], 3);
    assert!(refused.contains("closed gates: lock"), "{refused}");

    let screen = cockpit.plan("!");
    assert!(screen.says("gate CLOSED: lock"), "{screen:?}");
    cockpit.terminal.press("c");
    cockpit.terminal.wait_for("and press Enter");
    cockpit.terminal.press("prod");
    cockpit.terminal.press(ENTER);
    cockpit.terminal.wait_for("that is not it");
    for _ in 0.."prod".len() {
        cockpit.terminal.press("\x7f");
    }
    cockpit.terminal.press("production");
    cockpit.terminal.press(ENTER);
    let other = world.version(Which::Other);
    cockpit.done(&other);
    world.runs(&other);
    let record = world.last_record();
    assert_eq!(
        (record.kind, record.outcome, record.overridden),
        (
            PlanKind::Rollback,
            Outcome::Succeeded,
            vec!["lock".to_owned()]
        )
    );

    cockpit.terminal.press("1");
    cockpit.terminal.wait_for("LOCKED by mira");
    cockpit.terminal.press("K");
    cockpit.terminal.wait_for("Unlock production");
    cockpit.terminal.press("\t");
    cockpit.terminal.press(ENTER);
    cockpit
        .terminal
        .wait_until("no lock", |screen| !screen.says("LOCKED"));
    let history = world.command(&["history", "production"]);
    for words in ["unlocked by mira", "overrode lock", MESSAGE] {
        assert!(history.contains(words), "{words:?} is missing: {history}");
    }
    world.command(&["promote", "production", &version, "--yes"]);
    world.runs(&candidate);
    cockpit.quit();
}

#[test]
fn the_command_line_locks_and_unlocks() {
    let world = Embedded::production();
    world.command(&["lock", "production", MESSAGE]);
    let status = world.command(&["status", "production"]);
    assert!(status.contains(MESSAGE), "{status}");
    let twice = world.ends_with(&["lock", "production", "mine"], 3);
    assert!(twice.contains(MESSAGE), "{twice}");
    world.command(&["unlock", "production"]);
    let nothing = world.ends_with(&["unlock", "production"], 2);
    assert!(nothing.contains("it is not locked"), "{nothing}");
}
