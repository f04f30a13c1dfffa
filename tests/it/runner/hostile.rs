//! What people type, through the shell into claims, ledgers and files and back: byte for byte what was meant.

use std::{collections::BTreeSet, fmt::Debug, fs};

use flightdeck::{
    release::{operation::OperationId, plan::Plan},
    target::compose::script::{
        Access, CancelReply, Folder, Scripts, UnlockReply, cancel, cancel_reply, quote,
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use super::{
    lock::{lines, locked_by, unlocked_by},
    under_each_shell,
    world::{Operation, World},
};

/// An operation without steps, by somebody, for some reason.
fn folder(operator: &str, reason: &str) -> Folder {
    let plan: Plan = serde_json::from_value(json!({
        "v": 1, "kind": "adopt", "environment": "production", "operator": operator, "origin": reason,
        "reason": reason, "basis": { "images": {}, "files": {} }, "before": { "services": {} }, "after": { "services": {} },
        "gates": [], "warnings": [], "forward": [], "back": [], "on_failure": "stay", "confirm": null,
    }))
    .expect("a plan");
    Folder::for_plan(&plan, &Scripts::default(), &BTreeSet::new()).expect("a folder")
}

fn arrives(world: &World, operator: &str, reason: &str) {
    let id = world.started(&folder(operator, reason)).id;
    world.tail(id).end();
    let claim = world.claim(id);
    assert_eq!(
        (&claim["operator"], &claim["origin"]),
        (&json!(operator), &json!(reason))
    );
    let records = world.records();
    let record = records
        .iter()
        .find(|record| record.operation == id)
        .expect("a line in the ledger");
    assert_eq!(
        (record.operator.as_str(), record.reason.as_str()),
        (operator, reason)
    );
}

/// Some text: every control character, what shells mind, and a little of all others.
fn text() -> impl Strategy<Value = String> + Clone {
    let character = prop_oneof![
        any::<u8>().prop_map(|byte| char::from(byte % 128)),
        prop::sample::select("'\"\\$`\n%-=~*!{}".chars().collect::<Vec<_>>()),
        any::<char>(),
    ];
    prop::collection::vec(character, 0..60).prop_map(|chars| chars.into_iter().collect())
}

/// Tries few cases, and always the same: each costs some processes.
pub(super) fn of_some<T: Debug>(cases: u32, given: impl Strategy<Value = T>, holds: impl Fn(T)) {
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, random)
        .run(&given, |value| {
            holds(value);
            Ok(())
        })
        .expect("it holds of all");
}

under_each_shell! {
    fn whatever_is_typed_stands_in_claim_and_ledger(world) {
        let looks_like_ours = r#"","nonce":"x","pid":1,"kind":"lock","boot":"","over":999,"at":0}"#;
        for text in [looks_like_ours, "\\", "%s\\n\\0", "-n", "$(touch x)`touch x`", "a\nb\r\u{7f}\u{202e}"] {
            arrives(world, text, text);
        }
        of_some(6, (text(), text()), |(operator, reason)| arrives(world, &operator, &reason));
        assert!(!world.root.join("x").exists() && !world.folder(OperationId(1)).join("x").exists());
    }

    fn whatever_is_typed_stands_in_a_lock_and_its_end(world) {
        of_some(6, (text(), text()), |(operator, reason)| {
            let id = locked_by(world, &operator, &reason);
            let claim = world.claim(id);
            assert_eq!((&claim["operator"], &claim["reason"]), (&json!(operator), &json!(reason)));
            assert_eq!(unlocked_by(world, id, &reason), UnlockReply::Unlocked);
            let record = lines(world).pop().unwrap();
            assert_eq!((&record["operator"], &record["unlocked_by"]["operator"]), (&json!(operator), &json!(reason)));
        });
    }

    fn whoever_cancels_is_named_as_he_is(world) {
        let wait = "echo hangs; until [ -e \"$FD_FOLDER/go\" ]; do sleep 0.05; done";
        let mut tail = world.started(&Operation::promotion().step_as("wait", "60 no safe", wait).folder());
        tail.until_printed("hangs");
        let wish = world.folder(tail.id).join("cancel");
        of_some(6, text(), |operator| {
            let who = json!({"operator": operator});
            let reply = world.run(&cancel(&world.place, tail.id, &who).unwrap());
            assert_eq!(cancel_reply(&reply), Ok(CancelReply::Cancelling));
            let told: serde_json::Value = serde_json::from_slice(&fs::read(&wish).unwrap()).unwrap();
            assert_eq!(told, who);
            fs::remove_file(&wish).unwrap();
        });
        fs::write(world.folder(tail.id).join("go"), "").unwrap();
        tail.end();
    }

    fn any_words_are_those_words(world) {
        of_some(6, prop::collection::vec(text(), 1..60), |words| {
            // No command can be given a NUL.
            let words: Vec<String> = words.into_iter().map(|word| word.replace('\0', "")).collect();
            let quoted: Vec<String> = words.iter().map(|word| quote(word).unwrap()).collect();
            let script = format!("printf '%s\\000' {}\n", quoted.join(" "));
            let printed = world.run(script.as_bytes());
            assert_eq!(String::from_utf8(printed).unwrap(), words.join("\0") + "\0");
        });
    }

    fn any_bytes_are_those_bytes(world) {
        let files = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8);
        of_some(4, (text(), files), |(name, files)| {
            let mut folder = Operation::promotion().step("look", ":").folder();
            let name = format!("x{}", name.replace(['\0', '/'], ""));
            for (number, bytes) in files.iter().enumerate() {
                folder.add(format!("attachments/{name}{number}"), Access::Secret, bytes.clone());
            }
            let mut tail = world.started(&folder);
            tail.end();
            for (number, bytes) in files.iter().enumerate() {
                let path = world.folder(tail.id).join(format!("attachments/{name}{number}"));
                assert_eq!(fs::read(path).unwrap(), *bytes);
            }
        });
    }
}
