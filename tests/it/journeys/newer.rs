//! Two versions of flightdeck on one server: what a newer one adds is kept as it is, and what it writes
//! in a format of its own is left to it.

use std::{fs, io::Write};

use flightdeck::release::operation::{Event, Outcome};

use super::{
    embedded::Embedded,
    world::{Which, World},
};

#[test]
fn what_a_newer_one_has_added_is_kept_byte_for_byte() {
    let world = Embedded::production();
    let ledger = world.state().join("ledger.jsonl");
    let before = fs::read_to_string(&ledger).expect("the ledger");
    let (older, last) = before
        .trim_end()
        .rsplit_once('\n')
        .expect("several operations");
    let last = last.strip_suffix('}').expect("a whole line");
    let added = format!("{last},\"approval\":{{\"by\":\"zo\\u00eb\",\"ticket\":4812}}}}");
    let added = format!("{older}\n{added}\n");
    fs::write(&ledger, &added).expect("the ledger");
    let done = world.last_record().operation;
    let journal = world.operation(done).join("journal.jsonl");
    let mut lines = fs::read_to_string(&journal).expect("the journal");
    lines.push_str("{\"v\":1,\"at\":1,\"event\":\"approved\",\"by\":\"zoë\"}\n");
    fs::write(&journal, &lines).expect("the journal");

    let history: serde_json::Value =
        serde_json::from_str(&world.command(&["history", "production", "--json"])).expect("JSON");
    assert!(history.to_string().contains("4812"), "{history}");
    assert!(
        world
            .journal(done)
            .iter()
            .any(|line| line.event == Event::Unknown)
    );
    world.command(&["logs", "production", "--operation", &done.to_string()]);

    world.command(&["rollback", "production", "--yes"]);
    assert_eq!(world.last_record().outcome, Outcome::Succeeded);
    world.runs(&world.version(Which::Other));
    let after = fs::read_to_string(&ledger).expect("the ledger");
    assert!(after.starts_with(&added), "{after}");
    assert_eq!(
        fs::read_to_string(&journal).expect("the journal"),
        lines,
        "nothing is added to a journal that has ended"
    );
}

#[test]
fn what_a_newer_one_holds_is_refused_with_words() {
    let world = Embedded::production();
    let next = format!("{:06}", world.newest_claim().0 + 1);
    let claim = world.state().join("claims").join(&next);
    let written = "{\"v\":2,\"kind\":\"canary\",\"operator\":\"zoë\",\"holder\":{\"pid\":7}}\n";
    fs::write(&claim, written).expect("a claim");

    let version = format!("backend={}", world.version(Which::Candidate).tag);
    for deed in [
        &["promote", "production", &version, "--yes"][..],
        &["rollback", "production", "--yes"],
    ] {
        let refused = world.ends_with(deed, 3);
        assert!(refused.contains("newer flightdeck"), "{deed:?}: {refused}");
    }
    world.refused(&["recover", "production", "back", "--yes"]);
    assert_eq!(fs::read_to_string(&claim).expect("the claim"), written);
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(world.state().join(folder)).expect("a folder");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    };
    assert!(
        names("operations")
            .iter()
            .all(|name| !name.starts_with(".new-")),
        "an upload was left behind"
    );
    assert_eq!(names("claims").iter().max(), Some(&next));

    let mut ledger = fs::OpenOptions::new()
        .append(true)
        .open(world.state().join("ledger.jsonl"))
        .expect("the ledger");
    fs::remove_file(&claim).expect("the claim");
    writeln!(ledger, "{{\"v\":2,\"canary\":[\"v9\"]}}").expect("a line");
    let refused = world.ends_with(&["rollback", "production", "--yes"], 3);
    assert!(refused.contains("newer flightdeck"), "{refused}");
}
