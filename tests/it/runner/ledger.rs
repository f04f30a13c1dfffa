//! The ledger: bounded, whole whatever happens to it, and never without what is still needed.

use std::{collections::BTreeSet, fs, io::Write as _};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{LedgerShape, Refusal, history, read_ledger},
};
use proptest::prelude::*;

use super::{hostile::of_some, operation::Operation, under_each_shell, world::World};
use crate::hostile::spoilt::{edited, edits};

/// One line as another version of flightdeck might have written it.
fn line(operation: u64) -> String {
    format!(
        r#"{{"v":1,"environment":"production","kind":"promote","operator":"mira","origin":"laptop","reason":"said \"operation\":1,\"started\":2","before":{{"services":{{}}}},"after":{{"services":{{}}}},"novelty":[1,{{"x":"y"}}],"operation":{operation},"started":5,"ended":6,"outcome":"succeeded","changed":true,"times":{{}},"results":{{}}}}"#
    )
}

/// Operations `1..=last` that have ended, and one line for each of those from `first`.
fn past(world: &World, first: u64, last: u64) {
    let state = world.state();
    for directory in ["claims", "operations", "releases"] {
        fs::create_dir_all(state.join(directory)).unwrap();
    }
    let mut ledger = String::new();
    for number in 1..=last {
        let id = OperationId(number).to_string();
        fs::write(
            state.join("claims").join(&id),
            "{\"v\":1,\"kind\":\"promote\",\"over\":0,\"at\":5}\n",
        )
        .unwrap();
        let folder = state.join("operations").join(&id);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("end.json"), "{\"v\":1}\n").unwrap();
        fs::create_dir(state.join("releases").join(&id)).unwrap();
        if number >= first {
            ledger.push_str(&line(number));
            ledger.push('\n');
        }
    }
    fs::write(state.join("ledger.jsonl"), ledger).unwrap();
}

fn numbers(world: &World, directory: &str) -> BTreeSet<u64> {
    let entries = fs::read_dir(world.state().join(directory)).unwrap();
    entries
        .map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect()
}

/// The lines of `ledger` that are told to be damaged where only its last one is read.
fn noticed(world: &World, ledger: &[u8]) -> BTreeSet<usize> {
    fs::create_dir_all(world.state()).unwrap();
    fs::write(world.state().join("ledger.jsonl"), ledger).unwrap();
    let told = world.run(&history(&world.place, 1).unwrap());
    let between = told.windows(3).position(|bytes| bytes == b"\n-\n").unwrap();
    let read = read_ledger(&told[between + 3..]);
    assert_eq!(read.lines, 1);
    let whole = LedgerShape::read(&told[..between]).complete(read, false);
    whole.damaged_at.iter().map(|place| place.line).collect()
}

under_each_shell! {
    fn the_older_half_makes_room_and_what_is_older_goes(world) {
        past(world, 21, 1030);
        // Two that must not be lost: an operation whose end nobody has written, and a
        // claim that a later one has passed.
        let unsettled = world.folder(OperationId(7)).join("end.json");
        fs::remove_file(&unsettled).unwrap();
        let passing = world.state().join("claims/000900");
        fs::write(passing, "{\"v\":1,\"kind\":\"rollback\",\"over\":9,\"at\":5}\n").unwrap();
        let before = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();

        let mut tail = world.started(&Operation::short().folder());
        assert_eq!((tail.end().outcome, tail.id), (Outcome::Succeeded, OperationId(1031)));
        let older = fs::read_to_string(world.state().join("ledger.1.jsonl")).unwrap();
        let newer = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
        // Byte for byte, fields that nobody here knows too.
        assert!(format!("{older}{newer}").starts_with(&before));
        assert_eq!((older.lines().count(), newer.lines().count()), (505, 506));
        let whole = read_ledger(format!("{older}{newer}").as_bytes());
        assert_eq!((whole.damaged, whole.records.len()), (0, 1011));
        assert_eq!(whole.records[0].other["novelty"][1]["x"], "y");

        let kept: BTreeSet<u64> = [7, 9].into_iter().chain(21..=1031).collect();
        assert_eq!(numbers(world, "claims"), kept);
        assert_eq!(numbers(world, "operations"), kept);
        let kept: BTreeSet<u64> = [7, 9].into_iter().chain(21..=1030).collect();
        assert_eq!(numbers(world, "releases"), kept);
        // Numbers go on.
        let mut next = world.started(&Operation::short().folder());
        assert_eq!((next.end().outcome, next.id), (Outcome::Succeeded, OperationId(1032)));
    }

    fn a_ledger_that_is_long_in_bytes_is_halved_too(world) {
        past(world, 1, 10);
        let wide = format!("{}\n", line(10).replace("\"mira\"", &format!("\"{}\"", "m".repeat(500_000))));
        let ledger = world.state().join("ledger.jsonl");
        fs::File::options().append(true).open(&ledger).unwrap().write_all(wide.repeat(10).as_bytes()).unwrap();
        world.started(&Operation::short().folder()).end();
        assert_eq!(fs::read_to_string(ledger).unwrap().lines().count(), 11);
        assert_eq!(fs::read_to_string(world.state().join("ledger.1.jsonl")).unwrap().lines().count(), 10);
    }

    fn a_damaged_line_costs_only_itself(world) {
        past(world, 1, 3);
        let ledger = world.state().join("ledger.jsonl");
        let text = fs::read_to_string(&ledger).unwrap();
        let damaged = text.replacen("\"operation\":2", "\"opera\u{0}tion\":", 1) + "{\"v\":1,\"torn";
        fs::write(&ledger, damaged).unwrap();
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        let ledger = read_ledger(&fs::read(ledger).unwrap());
        assert_eq!(ledger.damaged, 2);
        let numbers: Vec<u64> = ledger.records.iter().map(|r| r.operation.0).collect();
        assert_eq!(numbers, [1, 3, 4]);
    }

    fn what_is_no_json_is_noticed_in_the_oldest_line(world) {
        let whole = line(1).replace("mira", "mi\u{7f}ra é😀 \\u0007");
        let spoilt = prop::collection::vec(edits(), 1..80);
        of_some(4, spoilt, |spoilt| {
            let lines: Vec<Vec<u8>> = spoilt
                .iter()
                .map(|edits| {
                    let mut line = edited(whole.as_bytes(), edits);
                    line.retain(|&byte| byte != b'\n');
                    line
                })
                .collect();
            let noticed = noticed(world, &[lines.join(&b'\n'), format!("\n{whole}\n").into()].concat());
            for (number, line) in (1..).zip(&lines) {
                let is_json = serde_json::from_slice::<serde_json::Value>(line).is_ok();
                let is_blank = line.trim_ascii().is_empty();
                let shown = String::from_utf8_lossy(line);
                assert!(is_json || is_blank || noticed.contains(&number), "not noticed: {shown}");
                assert!(line != whole.as_bytes() || !noticed.contains(&number), "whole: {shown}");
            }
        });
    }

    fn what_is_json_and_no_record_of_ours_is_not_called_whole(world) {
        let whole = line(7);
        let with = |from: &str, to: &str| whole.replacen(from, to, 1);
        let lines = [
            (false, whole.clone()),
            (false, with("\"novelty\"", "\"v\":{\"x\":[]},\"novelty\"")),
            (false, with("\"ended\":6,\"outcome\":\"succeeded\"", "\"ended\":6,\"outcome\":\"went_far\"")),
            (false, "{\"v\":2,\"canary\":[{}]}".to_owned()),
            (true, "{\"v\":2,\"canary\":[{]}}".to_owned()),
            (true, with("\"operation\":7", "\"operand\":7")),
            (true, with("\"outcome\":\"succeeded\"", "\"outcome\":null")),
            (true, with(",\"results\":{}", "")),
            // Torn at a comma, and the next one after it.
            (true, format!("{},{whole}", with(",\"operation\":7", "\n").lines().next().unwrap())),
            (true, "{\"v\":1}".to_owned()),
            (true, "[]".to_owned()),
        ];
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        let damaged = (1..).zip(&lines).filter(|(_, (is_damaged, _))| *is_damaged);
        let damaged: BTreeSet<usize> = damaged.map(|(number, _)| number).collect();
        assert_eq!(noticed(world, format!("{text}{whole}\n").as_bytes()), damaged);
    }

    fn a_ledger_that_was_never_halved_is_looked_through_all_the_same(world) {
        let mut lines = vec![line(7); 100_000];
        // Among the older ones what is no sign of JSON is noticed, and a bracket too many is not.
        lines[50_000] = line(7).replace("mira", "mi\u{1}ra");
        lines[50_001] = line(7).replace("[1,", "[[1,");
        lines[99_000] = line(7).replace("[1,", "[[1,");
        let ledger = lines.join("\n") + "\n";
        assert_eq!(noticed(world, ledger.as_bytes()), [50_001, 99_001].into());
    }

    fn the_zeros_of_a_power_cut_take_no_line_with_them(world) {
        past(world, 1, 1);
        let ledger = world.state().join("ledger.jsonl");
        fs::File::options().append(true).open(&ledger).unwrap().write_all(&[0; 700]).unwrap();
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        let ledger = read_ledger(&fs::read(ledger).unwrap());
        let numbers: Vec<u64> = ledger.records.iter().map(|record| record.operation.0).collect();
        assert_eq!((numbers.as_slice(), ledger.damaged), (&[1, 2][..], 1));
    }

    fn what_is_forgotten_is_not_there_to_be_recovered(world) {
        past(world, 21, 1030);
        world.started(&Operation::short().folder()).end();
        let recovery = Operation::recovery(OperationId(3), "resume");
        assert_eq!(world.refusal(&recovery), (Refusal::Missing, 3));
    }
}
