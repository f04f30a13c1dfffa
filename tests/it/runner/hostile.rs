//! What people type and configure, through the shell into claims, ledgers and files and back: byte for byte
//! what was meant. What goes on to other programs is in `steps/hostile.rs`.

use std::{collections::BTreeSet, fmt::Debug, fs};

use flightdeck::{
    release::{
        check::{CheckAnswer, CheckVerdict},
        operation::{Direction, OperationId},
        plan::Plan,
        text::clean,
    },
    target::compose::{
        pin::hash::Algorithm,
        script::{
            Access, CancelReply, Folder, Nonce, Pin, Scripts, UnlockReply, VerdictReply, Watched,
            cancel, cancel_reply, find, find_reply, follow, history, quote, read_ledger,
            start_reply, upload, verdict, verdict_reply,
        },
    },
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;

use super::{
    follow::Follower,
    lock::{lines, locked_by, unlocked_by},
    operation::Operation,
    under_each_shell,
    world::World,
};

/// An operation without steps, by somebody, for some reason.
fn folder(kind: &str, operator: &str, reason: &str) -> Folder {
    let plan: Plan = serde_json::from_value(json!({
        "v": 1, "kind": kind, "environment": "production", "operator": operator, "origin": reason,
        "reason": reason, "basis": { "images": {}, "files": {} }, "before": { "services": {} }, "after": { "services": {} },
        "gates": [], "warnings": [], "forward": [], "back": [], "on_failure": "stay", "confirm": null,
    }))
    .expect("a plan");
    Folder::for_plan(&plan, &Scripts::default(), &BTreeSet::new()).expect("a folder")
}

fn arrives(world: &World, kind: &str, operator: &str, reason: &str) {
    let id = world.started(&folder(kind, operator, reason)).id;
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
pub fn text() -> impl Strategy<Value = String> + Clone {
    let character = prop_oneof![
        any::<u8>().prop_map(|byte| char::from(byte % 128)),
        prop::sample::select("'\"\\$`\n%-=~*!{}".chars().collect::<Vec<_>>()),
        any::<char>(),
    ];
    prop::collection::vec(character, 0..60).prop_map(|chars| chars.into_iter().collect())
}

/// The name of a file, of whatever it can be made.
pub fn file_name() -> impl Strategy<Value = String> + Clone {
    text().prop_map(|text| {
        let kept = text.chars().filter(|c| !matches!(c, '\0' | '/'));
        format!("x{}", kept.take(30).collect::<String>())
    })
}

/// Tries few cases, and always the same: each costs some processes.
pub fn of_some<T: Debug>(cases: u32, given: impl Strategy<Value = T>, holds: impl Fn(T)) {
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
            arrives(world, "adopt", text, text);
        }
        let kind = prop::sample::select(vec!["adopt", "mark_bad"]);
        of_some(8, (kind, text(), text()), |(kind, operator, reason)| arrives(world, kind, &operator, &reason));
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
        of_some(6, (text(), text()), |(operator, reason)| {
            let who = json!({"operator": operator, "reason": reason});
            let reply = world.run(&cancel(&world.place, tail.id, &who).unwrap());
            assert_eq!(cancel_reply(&reply), Ok(CancelReply::Cancelling));
            let told: serde_json::Value = serde_json::from_slice(&fs::read(&wish).unwrap()).unwrap();
            assert_eq!(told, who);
            fs::remove_file(&wish).unwrap();
        });
        // One that was torn is left out of the record, which stays whole.
        fs::write(&wish, "{\"operator\":\"mi").unwrap();
        fs::write(world.folder(tail.id).join("go"), "").unwrap();
        tail.end();
        assert_eq!(lines(world).pop().unwrap().get("cancelled_by"), None);
    }

    fn a_verdict_is_in_the_words_of_whoever_asked(world) {
        let wait = "echo hangs; until [ -e \"$FD_FOLDER/go\" ]; do sleep 0.05; done";
        let mut tail = world.started(&Operation::promotion().step_as("wait", "60 no safe", wait).folder());
        tail.until_printed("hangs");
        // As the step itself makes and reads them.
        let verdicts = world.folder(tail.id).join("verdicts");
        fs::create_dir(&verdicts).unwrap();
        fs::write(verdicts.join("1-forward-verify-check-1.waiting"), "").unwrap();
        let noted = verdicts.join("1-forward-verify-check-1");
        of_some(8, prop::option::of(text()), |why| {
            let answer = CheckAnswer {
                operation: tail.id,
                direction: Direction::Forward,
                step: "verify-check-1".to_owned(),
                verdict: why.clone().map_or(CheckVerdict::Holds, CheckVerdict::Fails),
            };
            let reply = world.run(&verdict(&world.place, &answer).unwrap());
            assert_eq!(verdict_reply(&reply), Ok(VerdictReply::Noted));
            // For people, and on one line.
            let meant = why.map_or("holds\n\n".to_owned(), |why| format!("fails\n{}\n", clean(&why)));
            assert_eq!(fs::read_to_string(&noted).unwrap(), meant);
            fs::remove_file(&noted).unwrap();
        });
        fs::write(world.folder(tail.id).join("go"), "").unwrap();
        tail.end();
    }

    fn a_place_is_found_whatever_it_is_called(world) {
        of_some(4, (any::<bool>(), file_name(), file_name()), |(at_home, directory, project)| {
            let home = world.root.parent().unwrap();
            fs::create_dir(home.join(&directory)).unwrap();
            let above = if at_home { "~" } else { home.to_str().unwrap() };
            let there = world.called(&format!("{above}/{directory}"), &project);
            let place = &there.place;

            let nonce = Nonce::random();
            let started = there.run(&upload(&folder("adopt", "mira", ""), &nonce, place).unwrap());
            let found = there.run(&find(place, &nonce).unwrap());
            assert_eq!(find_reply(&found).unwrap(), Some(OperationId(1)), "{:?}", start_reply(&started));
            there.tail(OperationId(1)).end();
            assert_eq!(there.records().len(), 1);
            let told = there.run(&history(place, 5).unwrap());
            let lines = told.split_inclusive(|&byte| byte == b'\n').next_back().unwrap();
            assert_eq!(read_ledger(lines).records, there.records());
            assert_eq!(cancel_reply(&there.cancel(OperationId(1))), Ok(CancelReply::Ended));
            let answer = CheckAnswer {
                operation: OperationId(1),
                direction: Direction::Back,
                step: "verify".to_owned(),
                verdict: CheckVerdict::Holds,
            };
            let reply = there.run(&verdict(place, &answer).unwrap());
            assert_eq!(verdict_reply(&reply), Ok(VerdictReply::NotWaiting));
            let lock = locked_by(&there, "mira", "");
            assert_eq!(unlocked_by(&there, lock, "mira"), UnlockReply::Unlocked);

            let watched = Watched { place: place.clone(), pins: Vec::new(), files: Vec::new() };
            if format!("{directory}{project}").contains(['\n', '\t']) {
                assert!(follow(&[watched]).is_err());
                return;
            }
            let mut follower = Follower::of(&there, &[watched]);
            follower.until_ready();
            assert_eq!(read_ledger(follower.says("ledger").as_bytes()).records, there.records());
            follower.end();
        });
        // All of a home.
        let home = world.at("~");
        home.started(&folder("adopt", "mira", "")).end();
        assert_eq!(home.records().len(), 1);
    }

    fn files_are_watched_whatever_they_are_called(world) {
        let names = prop::collection::vec(file_name(), 1..4);
        of_some(4, names, |names| {
            let name = |(number, name): (usize, &String)| format!("{number}{}", name.replace(['\n', '\t'], " "));
            let names: Vec<String> = names.iter().enumerate().map(name).collect();
            let write = |value: &str| {
                for name in &names {
                    fs::write(world.root.join(name), format!("TAG={value}{name}\nX=y\n")).unwrap();
                }
                let files = names.iter().map(|name| {
                    let hash = Algorithm::Sha256.fingerprint(format!("TAG={value}{name}\nX=y\n").as_bytes());
                    format!("{name}\t{hash}\n")
                });
                let pins = names.iter().enumerate().map(|(number, name)| format!("{number}\tTAG={value}{name}\n"));
                (files.collect::<String>(), pins.collect::<String>())
            };
            let pins = names.iter().map(|name| Pin { file: name.clone(), variable: Some("TAG".to_owned()) });
            let watched = Watched { place: world.place.clone(), pins: pins.collect(), files: names.clone() };
            let (files, pins) = write("v1");
            let mut follower = Follower::of(world, &[watched]);
            follower.until_ready();
            assert_eq!((follower.says("files"), follower.says("pin")), (files.as_str(), pins.as_str()));
            let (files, pins) = write("v23");
            follower.until(|f| f.says("files") == files && f.says("pin") == pins);
            follower.end();
        });
    }

    fn what_a_step_leaves_as_a_result_is_recorded_as_it_is_or_not_at_all(world) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b" ._:/@+,-".contains(&b);
        let most = prop::sample::select((1..128).filter(|b| plain(*b)).collect::<Vec<u8>>());
        let byte = prop_oneof![60 => most, 1 => Just(b'\n'), 1 => 1u8..];
        of_some(16, prop::collection::vec(byte, 0..80), |bytes| {
            let mut folder = Operation::promotion().step("look", "cat attachments/left >results/left").folder();
            folder.add("attachments/left", Access::Shared, bytes.clone());
            let id = world.started(&folder).id;
            world.tail(id).end();
            let records = world.records();
            let record = records.iter().find(|record| record.operation == id).expect("a line in the ledger");
            let mut lines = bytes.split(|&byte| byte == b'\n');
            let (line, next) = (lines.next().unwrap(), lines.next().unwrap_or_default());
            let is_kept = next.is_empty() && !line.is_empty() && line.iter().all(|byte| plain(*byte));
            let kept = record.results.get("left").map(String::as_bytes);
            assert_eq!(kept, is_kept.then_some(line), "{:?}", String::from_utf8_lossy(&bytes));
        });
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
