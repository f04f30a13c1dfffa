//! The claim: one operation at a time, whoever starts it; dead is proven, never guessed.

use std::{fs, os::unix::fs::symlink};

use flightdeck::{
    release::{
        check::{CheckAnswer, CheckVerdict},
        newer::NewerFile,
        operation::{Direction, OperationId, Outcome},
    },
    target::compose::script::{
        CancelReply, Nonce, Part, Refusal, StartReply, UnlockReply, VerdictReply, cancel_reply,
        find, find_reply, newer_reply, unlock, unlock_reply, upload, verdict, verdict_reply,
    },
};
use rustix::process::{Signal, kill_process};

use super::{
    operation::Operation,
    tail::Tail,
    under_each_shell,
    world::{World, lives},
};

/// A promotion that runs until somebody ends it.
fn endless(world: &World) -> Tail {
    let mut tail = world.started(
        &Operation::promotion()
            .step("switch", "echo switching; exec sleep 600")
            .back("switch", "echo back")
            .folder(),
    );
    tail.until_printed("switching");
    tail
}

under_each_shell! {
    fn a_refusal_shows_the_holder(world) {
        let tail = endless(world);
        let StartReply::Refused { why, claim: Some(claim), .. } = world.start(&Operation::short().folder())
        else {
            panic!("not refused")
        };
        assert_eq!(why, Refusal::Held);
        assert_eq!((claim.kind.as_str(), claim.origin.as_str()), ("promote", "laptop"));
        assert_eq!(claim.operator, "Łukasz \"nonce\":\"x\"");
        assert_eq!(claim.reason, "it's $HOME `id`");
        world.cancel(tail.id);
    }

    fn an_interrupted_operation_must_be_recovered_first(world) {
        let tail = endless(world);
        world.crash(&tail);
        let StartReply::Refused { why, at, .. } = world.start(&Operation::short().folder()) else {
            panic!("not refused")
        };
        assert_eq!(why, Refusal::Interrupted);
        assert_eq!(at, Some((Direction::Forward, "switch".to_owned())));

        // A rollback that fails, and one that its basis refuses, leave it as it was.
        let failing = Operation::rollback().step("switch", "exit 1").folder();
        assert_eq!(world.started(&failing).end().outcome, Outcome::Stuck);
        let refused = Operation::rollback().step("switch", ":").with("basis.sh", "exit 1").folder();
        assert_eq!(world.started(&refused).end().outcome, Outcome::Refused);
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Interrupted, 1));

        // One that holds writes its end.
        let holding = Operation::rollback().step("switch", "echo switched").folder();
        assert_eq!(world.started(&holding).end().outcome, Outcome::Succeeded);
        let records = world.records();
        let interrupted = &records[0];
        assert_eq!((interrupted.operation, interrupted.outcome), (OperationId(1), Outcome::Interrupted));
        assert_eq!(interrupted.step.as_deref(), Some("switch"));
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
    }

    fn a_step_that_outlives_its_runner_holds_the_claim(world) {
        let tail = endless(world);
        world.kill_both(tail.id);
        assert!(lives(tail.group()));
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Orphaned, 1));
        assert_eq!(world.refusal(&Operation::rollback().folder()), (Refusal::Orphaned, 1));
        assert!(lives(tail.group()));
        // Whoever passes it ends it first.
        let recovery = Operation::rollback()
            .with("passes", "orphaned\ninterrupted\n")
            .step("switch", "echo switched")
            .folder();
        assert_eq!(world.started(&recovery).end().outcome, Outcome::Succeeded);
        assert!(!lives(tail.group()));
    }

    fn after_a_reboot_all_processes_are_dead(world) {
        let tail = endless(world);
        let rebooted = world.through(|proc| {
            fs::write(proc.join("sys/kernel/random/boot_id"), "another-boot\n").unwrap();
        });
        assert_eq!(rebooted.refusal(&Operation::short().folder()), (Refusal::Interrupted, 1));
        let rollback = Operation::rollback().step("switch", "echo switched").folder();
        assert_eq!(rebooted.started(&rollback).end().outcome, Outcome::Succeeded);
        world.crash(&tail);
    }

    fn unknown_is_not_dead(world) {
        let tail = endless(world);
        let elsewhere = world.through(|proc| {
            fs::remove_file(proc.join("self/ns/pid")).unwrap();
            symlink("pid:[1]", proc.join("self/ns/pid")).unwrap();
        });
        assert_eq!(elsewhere.refusal(&Operation::rollback().folder()), (Refusal::Unknown, 1));
        let hidden = world.through(|proc| {
            for process in fs::read_dir(proc).unwrap().map(|entry| entry.unwrap().path()) {
                if process.file_name().unwrap().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                    fs::remove_file(process).unwrap();
                }
            }
        });
        assert_eq!(hidden.refusal(&Operation::rollback().folder()), (Refusal::Unknown, 1));
        world.crash(&tail);
    }

    fn a_pid_that_is_used_again_is_not_its_holder(world) {
        let tail = endless(world);
        world.crash(&tail);
        // The claim of a process that lives and began at another time.
        let path = world.state().join("claims/000001");
        let record = fs::read_to_string(&path).unwrap();
        let pid = world.claim(tail.id)["pid"].to_string();
        let used = record.replace(&format!("\"pid\":{pid}"), &format!("\"pid\":{}", std::process::id()));
        fs::write(path, used).unwrap();
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Interrupted, 1));
    }

    fn what_others_have_written_is_never_evaluated(world) {
        let tail = endless(world);
        world.crash(&tail);
        let evil = world.root.join("evil");
        let command = format!("a[$(touch {})]", evil.display());
        let journal = world.folder(tail.id).join("journal.jsonl");
        let lines = fs::read_to_string(&journal).unwrap();
        for (key, value) in [("at", command.as_str()), ("at", "08"), ("group", "1"), ("group", "0"), ("group", "-1")] {
            let lines: String = lines
                .lines()
                .map(|line| {
                    let (before, rest) = line.split_once(&format!("\"{key}\":")).unwrap_or((line, ""));
                    let after = rest.split_once(',').map_or("", |r| r.1);
                    format!("{before}\"{key}\":{value},{after}\n")
                })
                .collect();
            fs::write(&journal, lines).unwrap();
            let claim = world.state().join("claims/000001");
            let record = fs::read_to_string(&claim).unwrap();
            fs::write(&claim, record.replace("\"over\":0", &format!("\"over\":{command}"))).unwrap();
            assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Interrupted, 1));
            let passing = Operation::rollback()
                .with("passes", "orphaned\ninterrupted\n")
                .step("switch", "exit 1")
                .folder();
            assert_eq!(world.started(&passing).end().outcome, Outcome::Stuck);
        }
        assert!(!evil.exists());
    }

    fn a_newer_format_is_refused(world) {
        let tail = endless(world);
        world.crash(&tail);
        // In any of the files, wherever a newer flightdeck has written last.
        let newer = |file: NewerFile, path: std::path::PathBuf, text: &str| {
            let before = fs::read(&path).ok();
            fs::write(&path, text).unwrap();
            let recovery = Operation::recovery(tail.id, "resume");
            for folder in [Operation::rollback().folder(), recovery] {
                let StartReply::Refused { why: Refusal::Format, newer: Some(newer), .. } = world.start(&folder) else {
                    panic!("not refused over {path:?}")
                };
                assert_eq!(newer.file, Some(file), "{path:?}");
            }
            let who = serde_json::json!({"operator": "jo"});
            let answer = CheckAnswer {
                operation: tail.id,
                direction: Direction::Forward,
                step: "switch".to_owned(),
                verdict: CheckVerdict::Asking,
            };
            let unlocked = world.run(&unlock(&world.place, tail.id, &who).unwrap());
            assert_eq!(unlock_reply(&unlocked), Ok(UnlockReply::Format), "{path:?}");
            assert_eq!(newer_reply(&unlocked, tail.id).file, Some(file));
            // To what has its files from this one nothing in the ledger is an obstacle.
            if file != NewerFile::Ledger {
                let cancelled = world.cancel(tail.id);
                assert_eq!(cancel_reply(&cancelled), Ok(CancelReply::Format), "{path:?}");
                assert_eq!(newer_reply(&cancelled, tail.id).file, Some(file));
                assert!(!world.folder(tail.id).join("cancel").exists());
                let judged = world.run(&verdict(&world.place, &answer).unwrap());
                assert_eq!(verdict_reply(&judged), Ok(VerdictReply::Format), "{path:?}");
                assert_eq!(world.tail(tail.id).only(), Part::Newer);
            }
            // Nobody has touched what he does not understand.
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            match before {
                Some(before) => fs::write(path, before).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
        };
        let claim = world.state().join("claims/000001");
        newer(NewerFile::Claim, claim.clone(), &fs::read_to_string(&claim).unwrap().replace("{\"v\":1,", "{\"v\":2,"));
        let journal = world.folder(tail.id).join("journal.jsonl");
        let lines = fs::read_to_string(&journal).unwrap();
        newer(NewerFile::Journal, journal, &format!("{lines}{{\"v\":12,\"at\":\"noon\",\"event\":\"novelty\"}}\n"));
        newer(NewerFile::Plan, world.folder(tail.id).join("plan.json"), "{\"v\":2,\"forward\":[]}\n");
        newer(NewerFile::Record, world.folder(tail.id).join("record.json"), "{\"v\":2,\"kind\":\"canary\"\n");
        newer(NewerFile::End, world.folder(tail.id).join("end.json"), "{\"v\":2,\"outcome\":\"improved\"}\n");
        newer(NewerFile::Ledger, world.state().join("ledger.jsonl"), "{\"v\":3,\"operation\":1}\n");
        let rollback = Operation::rollback().step("switch", "echo switched").folder();
        assert_eq!(world.started(&rollback).end().outcome, Outcome::Succeeded);
    }

    fn what_a_step_leaves_in_a_session_of_its_own_holds_nothing(world) {
        let pid = world.root.join("pid");
        let step = format!(
            "setsid sh -c 'echo $$ >{0}; exec sleep 600' </dev/null >/dev/null 2>&1 &
             until [ -s {0} ]; do sleep 0.05; done; echo left; [ -e {0}.go ] || exec sleep 600",
            pid.display()
        );
        let mut tail = world.started(&Operation::promotion().step("hook", &step).folder());
        tail.until_printed("left");
        world.crash(&tail);
        let left = || {
            let pid = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
            rustix::process::Pid::from_raw(pid).unwrap()
        };
        assert!(lives(left()));
        // It has inherited nothing that would say so.
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Interrupted, 1));
        kill_process(left(), Signal::KILL).unwrap();

        fs::write(pid.with_extension("go"), "").unwrap();
        fs::remove_file(&pid).unwrap();
        let rollback = Operation::rollback().step("hook", &step).folder();
        assert_eq!(world.started(&rollback).end().outcome, Outcome::Succeeded);
        assert!(lives(left()));
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        kill_process(left(), Signal::KILL).unwrap();
    }

    fn uploads_that_died_on_their_way_are_swept(world) {
        let operations = world.state().join("operations");
        fs::create_dir_all(&operations).unwrap();
        for (name, age) in [(".new-old", 2), (".new-young", 0)] {
            let folder = operations.join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("who.json"), "half").unwrap();
            let then = std::time::SystemTime::now() - std::time::Duration::from_secs(age * 86_400 + 60);
            fs::File::open(&folder).unwrap().set_modified(then).unwrap();
        }
        world.started(&Operation::short().folder()).end();
        assert!(!operations.join(".new-old").exists());
        assert!(operations.join(".new-young/who.json").exists());
    }

    fn a_lost_reply_is_found_by_its_nonce(world) {
        let (nonce, other) = (Nonce::random(), Nonce::random());
        let look = |nonce| find_reply(&world.run(&find(&world.place, nonce).unwrap())).unwrap();
        assert_eq!(look(&nonce), None);
        world.run(&upload(&Operation::short().folder(), &nonce, &world.place).unwrap());
        assert_eq!(look(&nonce), Some(OperationId(1)));
        assert_eq!(look(&other), None);
        world.tail(OperationId(1)).end();
    }

    fn whoever_dies_before_there_is_a_folder_has_not_begun(world) {
        world.started(&Operation::short().folder()).end();
        let claims = world.state().join("claims");
        let claim = fs::read_to_string(claims.join("000001")).unwrap();
        fs::write(claims.join("000002"), claim).unwrap();
        assert_eq!(world.tail(OperationId(2)).only(), Part::NeverBegan);
        assert_eq!(world.tail(OperationId(3)).only(), Part::Missing);
        let mut next = world.started(&Operation::short().folder());
        assert_eq!((next.id, next.end().outcome), (OperationId(3), Outcome::Succeeded));
    }

    fn whoever_waits_for_the_reply_may_go(world) {
        let mut child = world.sh().spawn().unwrap();
        {
            use std::io::Write as _;
            let script = upload(&Operation::short().folder(), &Nonce::random(), &world.place).unwrap();
            let mut stdin = child.stdin.take().unwrap();
            drop(child.stdout.take());
            stdin.write_all(&script).unwrap();
        }
        child.wait().unwrap();
        assert_eq!(world.tail(OperationId(1)).end().outcome, Outcome::Succeeded);
    }
}
