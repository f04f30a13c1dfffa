//! Two versions of flightdeck on one server: what a newer one adds is kept as it is, and what it writes
//! in a format of its own is left to it.

use std::fs;

use flightdeck::release::operation::{Event, OperationId, Outcome};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    real::Real,
    recovered::dies_in,
    world::{Which, World},
};
use crate::support::{project::Application, real_world::Compose, terminal::ENTER};

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

/// A claim that a newer flightdeck has made, without a folder and with one, and a line in its ledger.
fn what_it_holds_is_refused(world: &impl World) {
    let held = OperationId(world.newest_claim().0 + 1);
    let claim = world.state().join("claims").join(held.to_string());
    let before = snapshot(world);
    let written = "{\"v\":2,\"kind\":\"canary\",\"operator\":\"zoë\",\"origin\":\"desk\",\"holder\":{\"pid\":7}}\n";
    fs::write(&claim, written).expect("a claim");
    let by_claim = format!(
        "operation {held} was written by a newer flightdeck: its claim, canary by zoë from desk"
    );
    refuses_all(world, &by_claim);
    says_status(world, "claim", &by_claim);
    says_cockpit(world, &by_claim, &format!("{held}"));

    let folder = world.operation(held);
    fs::create_dir(&folder).expect("a folder");
    let plan = "{\"v\":2,\"forward\":{\"graph\":[]}}\n";
    fs::write(folder.join("plan.json"), plan).expect("a plan");
    refuses_all(world, &by_claim);
    // A claim as this one would have made it, on a server that has been started anew since.
    let known = written.replace("\"v\":2", "\"v\":1").replace(
        "}}",
        "},\"boot\":\"former\",\"nonce\":\"n\",\"at\":1790000000}",
    );
    fs::write(&claim, &known).expect("a claim");
    let by_plan = format!(
        "operation {held} was written by a newer flightdeck: its plan, canary by zoë from desk \
         since 2026-09-21 14:13Z"
    );
    refuses_all(world, &by_plan);
    says_status(world, "plan", &by_plan);
    assert_eq!(fs::read_to_string(&claim).expect("the claim"), known);
    let names: Vec<_> = fs::read_dir(&folder).expect("the folder").collect();
    assert_eq!(names.len(), 1, "something was added to it: {names:?}");
    fs::remove_dir_all(&folder).expect("the folder");
    fs::remove_file(&claim).expect("the claim");

    let ledger = world.state().join("ledger.jsonl");
    let lines = fs::read(&ledger).expect("the ledger");
    let line = format!(
        "{{\"v\":2,\"operation\":{},\"kind\":\"canary\",\"operator\":\"zoë\",\"canary\":[\"v9\"]}}\n",
        held.0
    );
    let newer = [&lines[..], line.as_bytes()].concat();
    fs::write(&ledger, &newer).expect("a line");
    let by_ledger =
        format!("the ledger was written by a newer flightdeck: operation {held}, canary by zoë");
    refuses_all(world, &by_ledger);
    says_status(world, "ledger", &by_ledger);
    assert_eq!(fs::read(&ledger).expect("the ledger"), newer);
    fs::write(&ledger, lines).expect("the ledger");
    assert_eq!(snapshot(world), before, "something was left behind");
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
    let words =
        format!("operation {dead} was written by a newer flightdeck: its journal, promote by mira");
    refuses_all(world, &words);
    says_status(world, "journal", &words);
    assert_eq!(fs::read(&journal).expect("the journal"), newer);
    assert!(!world.operation(dead).join("cancel").exists());
    fs::write(&journal, before).expect("the journal");
    world.command(&["recover", "production", "back", "--yes"]);
    world.runs(&world.version(Which::Former));
}

/// The names of all claims and of all operations' folders, uploads that were left behind included.
fn snapshot(world: &impl World) -> Vec<String> {
    let mut names: Vec<String> = ["claims", "operations"]
        .into_iter()
        .flat_map(|folder| fs::read_dir(world.state().join(folder)).expect("a folder"))
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Holds that whatever would change something is refused, in these words and with what helps.
#[track_caller]
fn refuses_all(world: &impl World, words: &str) {
    let version = format!("backend={}", world.version(Which::Other).tag);
    let deeds: [&[&str]; 9] = [
        &["promote", "production", &version, "--yes"],
        &["rollback", "production", "--yes"],
        &["recover", "production", "cancel", "--yes"],
        &["recover", "production", "resume", "--yes"],
        &["recover", "production", "back", "--dry-run"],
        &["recover", "production", "abandon", "--yes"],
        &["recover", "production", "back", "--seen-dead", "--yes"],
        &["lock", "production", "maintenance"],
        &["unlock", "production"],
    ];
    for deed in deeds {
        let refused = world.ends_with(deed, 3);
        assert!(refused.contains(words), "{deed:?}: {refused}");
        assert!(
            refused.contains("next: update this flightdeck"),
            "{deed:?}: {refused}"
        );
        // Nothing is offered that would be refused in its turn.
        for not_offered in ["--seen-dead", "roll back", "a rollback", "recover it"] {
            assert!(!refused.contains(not_offered), "{deed:?}: {refused}");
        }
    }
}

/// Holds that the environment is not called well, and no rollback is promised there.
#[track_caller]
fn says_status(world: &impl World, file: &str, words: &str) {
    let text = world.ends_with(&["status", "production"], 1);
    assert!(text.contains("production  unwell"), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(text.contains("next: update this flightdeck"), "{text}");
    for false_words in ["rollback goes to", "cannot be seen", "waits for somebody"] {
        assert!(!text.contains(false_words), "{text}");
    }
    let told = world.ends_with(&["status", "production", "--json"], 1);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let told = &told["environments"][0];
    assert_eq!(told["condition"], "unwell");
    assert_eq!(told["rollback"], serde_json::Value::Null);
    assert_eq!(told["newer"]["file"], file);
    let said = told["newer"]["words"].as_str().expect("words");
    assert!(said.starts_with(words), "{said}");
}

/// Holds that the cockpit says the same: beside the environment, in the operations, and for the key that
/// recovers.
#[track_caller]
fn says_cockpit(world: &impl World, words: &str, operation: &str) {
    let mut cockpit = Cockpit::open(world);
    cockpit.terminal.wait_for_words(words);
    let said = "Nothing can be done on production from here";
    for key in ["u", "K"] {
        cockpit.terminal.press(key);
        let screen = cockpit.terminal.wait_for(said);
        assert!(screen.text().contains("update this flightdeck"), "{key}");
        cockpit.terminal.press(ENTER);
        cockpit
            .terminal
            .wait_until("it is closed", |screen| !screen.text().contains(said));
    }
    cockpit.terminal.press("4");
    let screen = cockpit.terminal.wait_for("of a newer flightdeck");
    let line = screen.line_with("of a newer flightdeck").expect("its line");
    assert!(line.contains("zoë"), "{line}");
    // Since when is not known, and nothing is said of it.
    let after = line.split("of a newer flightdeck").nth(1).expect("a half");
    assert!(!after.contains(|c: char| c.is_ascii_digit()), "{line}");
    let logs = ["logs", "production", "--operation", operation];
    assert!(world.ends_with(&logs, 3).contains(words));
    cockpit.quit();
}

#[test]
fn what_it_has_added_is_kept_byte_for_byte_in_the_embedded_world() {
    added_fields_are_kept(&Embedded::production());
}

#[test]
fn what_it_has_added_is_kept_and_what_it_goes_on_with_refused_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V226, Application::Plain) {
        added_fields_are_kept(&world);
        what_it_was_recovering_is_refused(&world);
    }
}

#[test]
fn what_it_holds_is_refused_with_words_in_the_real_world() {
    if let Some(world) = Real::adopted(Compose::V240, Application::Plain) {
        what_it_holds_is_refused(&world);
    }
}

#[test]
fn what_it_holds_is_refused_with_words_in_the_embedded_world() {
    let world = Embedded::production();
    what_it_holds_is_refused(&world);
    what_it_was_recovering_is_refused(&world);
}
