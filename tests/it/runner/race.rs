//! Many operators who all want the one claim at the same time.
//!
//! `FLIGHTDECK_RACES` says how often each shell races; the evidence was made with 200.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    process::Child,
    sync::Barrier,
    thread,
};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{Nonce, Refusal, StartFailure, StartReply, start_reply, upload},
};
use rustix::fs::{CWD, FileType, mknodat};

use super::{
    operation::Operation,
    under_each_shell,
    world::{World, lives},
};
use crate::support::waiting::eventually;

const RACERS: usize = 50;

fn rounds() -> u64 {
    std::env::var("FLIGHTDECK_RACES").map_or(1, |text| text.parse().unwrap())
}

/// All racers' shells are up and have read all but the last line before one of them may begin.
fn race(world: &World, racers: usize, operation: &Operation) -> Vec<StartReply> {
    let folder = operation.folder();
    let start = Barrier::new(racers);
    let racers: Vec<Child> = (0..racers).map(|_| world.sh().spawn().unwrap()).collect();
    thread::scope(|scope| {
        let threads: Vec<_> = racers
            .into_iter()
            .map(|mut child| {
                let script = upload(&folder, &Nonce::random(), &world.place).unwrap();
                let start = &start;
                scope.spawn(move || {
                    let (body, call) = script.split_at(script.len() - "complete\n".len());
                    let mut stdin = child.stdin.take().unwrap();
                    stdin.write_all(body).unwrap();
                    start.wait();
                    stdin.write_all(call).unwrap();
                    drop(stdin);
                    start_reply(&child.wait_with_output().unwrap().stdout).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// An operation that ends when its round does.
fn waiting(world: &World, round: u64) -> Operation {
    let wait = format!(
        "until [ -e {} ]; do sleep 0.05; done",
        ended(world, round).display()
    );
    Operation::promotion().step("wait", &wait)
}

fn ended(world: &World, round: u64) -> PathBuf {
    world.root.join(format!("go{round}"))
}

/// One of them was started and the others name it; then it is let go to its end.
fn one_holds(world: &World, round: u64, replies: &[StartReply]) {
    let id = OperationId(round);
    let started = StartReply::Started(id);
    let holders = replies.iter().filter(|reply| **reply == started).count();
    assert_eq!(holders, 1, "round {round}: {replies:?}");
    for reply in replies {
        match reply {
            StartReply::Started(_) => {}
            StartReply::Refused {
                why: Refusal::Held,
                operation,
                ..
            } => assert_eq!(*operation, id),
            other => panic!("round {round}: {other:?}"),
        }
    }
    fs::write(ended(world, round), "").unwrap();
    assert_eq!(world.tail(id).end().outcome, Outcome::Succeeded);
    let supervisor = world.process(id, "supervisor");
    eventually("nobody is left", || !lives(supervisor));
}

/// The others have left nothing: no folder, no claim, no line.
fn nothing_is_left(world: &World) {
    let names = |directory: &str| -> BTreeSet<String> {
        fs::read_dir(world.state().join(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let expected: BTreeSet<String> = (1..=rounds()).map(|n| OperationId(n).to_string()).collect();
    eventually("refused folders are gone", || {
        names("operations") == expected
    });
    assert_eq!(names("claims"), expected);
    assert_eq!(world.records().len() as u64, rounds());
}

under_each_shell! {
    fn of_fifty_racers_one_holds(world) {
        for round in 1..=rounds() {
            let operation = waiting(world, round);
            one_holds(world, round, &race(world, RACERS, &operation));
        }
        nothing_is_left(world);
    }

    /// All have seen that nobody holds it, and are let go at once where each is about to link.
    fn of_fifty_who_all_saw_it_free_one_holds(world) {
        let (arrived, gate) = (world.root.join("arrived"), world.root.join("gate"));
        mknodat(CWD, &gate, FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut opener = OpenOptions::new().read(true).write(true).open(&gate).unwrap();
        let wait = format!(": >'{}'/$$ && read -r _ <'{}'", arrived.display(), gate.display());
        if !world.wrap("ln", &wait) {
            eprintln!("not run: this shell links by itself");
            return;
        }
        for round in 1..=rounds() {
            fs::create_dir(&arrived).unwrap();
            let operation = waiting(world, round);
            let replies = thread::scope(|scope| {
                let racers = scope.spawn(|| race(world, RACERS, &operation));
                eventually("all are there", || fs::read_dir(&arrived).unwrap().count() == RACERS);
                opener.write_all(&[b'\n'; RACERS]).unwrap();
                racers.join().unwrap()
            });
            one_holds(world, round, &replies);
            fs::remove_dir_all(&arrived).unwrap();
        }
        nothing_is_left(world);
    }

    fn of_many_who_cannot_see_each_other_one_holds(world) {
        let blind = world.through(|proc| fs::remove_file(proc.join("self/ns/pid")).unwrap());
        let go = world.root.join("go");
        let wait = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
        let replies = race(&blind, 16, &Operation::promotion().step("wait", &wait));
        let holders: Vec<OperationId> = replies
            .iter()
            .filter_map(|reply| match reply {
                StartReply::Started(id) => Some(*id),
                StartReply::Refused { why: Refusal::Unknown, .. }
                | StartReply::Failed(StartFailure::Overtaken) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        let [holder] = holders[..] else { panic!("{replies:?}") };
        fs::write(go, "").unwrap();
        assert_eq!(world.tail(holder).end().outcome, Outcome::Succeeded);
    }

    fn of_many_who_recover_one_does(world) {
        let dead = {
            let mut tail = world.started(&Operation::promotion().step("switch", "echo hangs; exec sleep 600").folder());
            tail.until_printed("hangs");
            world.kill(tail.id, "supervisor");
            world.kill(tail.id, "pid");
            tail.id
        };
        let folder = Operation::recovery(dead, "abandon");
        let mut started = 0;
        let replies: Vec<StartReply> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| world.start(&folder))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for reply in replies {
            match reply {
                StartReply::Started(id) => {
                    started += 1;
                    assert_eq!(world.tail(id).end().outcome, Outcome::Abandoned);
                }
                StartReply::Refused { why: Refusal::Held | Refusal::Superseded, operation, .. } => {
                    assert_eq!(operation, OperationId(2));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(started, 1);
    }
}
