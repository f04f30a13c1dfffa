//! Two versions of flightdeck on one server: what a newer one adds is kept as it is, and what it writes
//! in a format of its own is left to it.

use std::fs;

use flightdeck::release::operation::{Event, Outcome};

use super::{
    embedded::Embedded,
    real::Real,
    recovered::dies_in,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose};

fn added_fields_are_kept(world: &impl World) {
    let ledger = world.state().join("ledger.jsonl");
    let before = fs::read_to_string(&ledger).expect("the ledger");
    // Its first line many times over, of which the last counts: the next operation rotates it.
    let first = before.lines().next().expect("an operation");
    let mut long = format!("{first}\n").repeat(1100);
    long.push_str(&before);
    let last = long.trim_end().strip_suffix('}').expect("a whole line");
    let added = format!("{last},\"approval\":{{\"by\":\"zo\\u00eb\",\"ticket\":4812}}}}\n");
    fs::write(&ledger, &added).expect("the ledger");
    let done = world.last_record().operation;
    let journal = world.operation(done).join("journal.jsonl");
    let mut lines = fs::read_to_string(&journal).expect("the journal");
    lines.push_str("{\"v\":1,\"at\":1,\"event\":\"approved\",\"by\":\"zoë\"}\n");
    fs::write(&journal, &lines).expect("the journal");

    let history: serde_json::Value =
        serde_json::from_str(&world.command(&["history", "production", "--json"])).expect("JSON");
    assert!(history.to_string().contains("4812"), "{history}");
    assert_eq!(history["damaged"], 0);
    let seen = world.journal(done);
    assert!(seen.iter().any(|line| line.event == Event::Unknown));
    world.command(&["logs", "production", "--operation", &done.to_string()]);

    let version = world.version(Which::Candidate);
    let promoted = format!("backend={}", version.tag);
    world.command(&["promote", "production", &promoted, "--yes"]);
    world.runs(&version);
    let older = fs::read_to_string(world.state().join("ledger.1.jsonl")).expect("it was rotated");
    let newer = fs::read_to_string(&ledger).expect("the ledger");
    let after = older + &newer;
    assert!(after.starts_with(&added), "a byte of the ledger is another");
    assert_eq!(after.lines().count(), added.lines().count() + 1);
    let back = ["rollback", "production", "--schema", "image-only", "--yes"];
    world.command(&back);
    assert_eq!(world.last_record().outcome, Outcome::Succeeded);
    assert_eq!(
        fs::read_to_string(&journal).expect("the journal"),
        lines,
        "nothing is added to a journal that has ended"
    );
}

fn what_it_holds_is_refused(world: &impl World) {
    let next = format!("{:06}", world.newest_claim().0 + 1);
    let claim = world.state().join("claims").join(&next);
    let written = "{\"v\":2,\"kind\":\"canary\",\"operator\":\"zoë\",\"holder\":{\"pid\":7}}\n";
    fs::write(&claim, written).expect("a claim");
    refuses_all(world);
    world.refused(&["recover", "production", "back", "--yes"]);
    assert_eq!(fs::read_to_string(&claim).expect("the claim"), written);
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(world.state().join(folder)).expect("a folder");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    };
    let operations = names("operations");
    let is_upload = |name: &String| name.starts_with(".new-");
    assert!(
        !operations.iter().any(is_upload),
        "an upload was left behind"
    );
    assert_eq!(names("claims").iter().max(), Some(&next));
    fs::remove_file(&claim).expect("the claim");

    let ledger = world.state().join("ledger.jsonl");
    let before = fs::read(&ledger).expect("the ledger");
    let newer = [&before[..], b"{\"v\":2,\"canary\":[\"v9\"]}\n"].concat();
    fs::write(&ledger, &newer).expect("a line");
    refuses_all(world);
    assert_eq!(fs::read(&ledger).expect("the ledger"), newer);
    fs::write(&ledger, before).expect("the ledger");
}

/// A promotion that died, and to whose journal a newer flightdeck has added.
fn what_it_was_recovering_is_refused(world: &impl World) {
    let dead = dies_in(world, "switch");
    let journal = world.operation(dead).join("journal.jsonl");
    let before = fs::read(&journal).expect("the journal");
    let newer = [
        &before[..],
        b"{\"v\":2,\"at\":\"noon\",\"event\":\"canary\"}\n",
    ]
    .concat();
    fs::write(&journal, &newer).expect("a line");
    refuses_all(world);
    world.refused(&["recover", "production", "back", "--yes"]);
    assert_eq!(fs::read(&journal).expect("the journal"), newer);
    fs::write(&journal, before).expect("the journal");
    world.command(&["recover", "production", "back", "--yes"]);
    world.runs(&world.version(Which::Former));
}

/// Holds that neither promotion nor rollback is made, and why is said.
#[track_caller]
fn refuses_all(world: &impl World) {
    let version = format!("backend={}", world.version(Which::Other).tag);
    for deed in [
        &["promote", "production", &version, "--yes"][..],
        &["rollback", "production", "--yes"],
    ] {
        let refused = world.ends_with(deed, 3);
        assert!(refused.contains("newer flightdeck"), "{deed:?}: {refused}");
    }
}

#[test]
fn what_it_has_added_is_kept_byte_for_byte_in_the_embedded_world() {
    added_fields_are_kept(&Embedded::production());
}

#[test]
fn what_it_has_added_is_kept_byte_for_byte_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Plain) {
        added_fields_are_kept(&world);
    }
}

#[test]
fn what_it_holds_is_refused_with_words_in_the_embedded_world() {
    let world = Embedded::production();
    what_it_holds_is_refused(&world);
    what_it_was_recovering_is_refused(&world);
}

#[test]
fn what_it_holds_is_refused_with_words_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        what_it_holds_is_refused(&world);
        what_it_was_recovering_is_refused(&world);
    }
}
