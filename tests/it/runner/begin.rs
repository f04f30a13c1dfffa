//! What dies, or is overtaken, before an operation has really begun: between its claim and its folder, and
//! between its folder and its journal.

use std::{fs, io::Write as _, os::unix::fs::symlink, path::PathBuf, process::Child};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{
        Nonce, Refusal, StartFailure, StartReply, UnlockReply, lock as lock_script, start_reply,
        unlock, unlock_reply, upload,
    },
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    lock,
    operation::Operation,
    under_each_shell,
    world::{World, lives},
};
use crate::support::waiting::eventually;

/// A command of a runner's that stops the first runner that comes to it, until it is let go.
struct Stop<'a> {
    world: &'a World,
    command: &'static str,
}

impl<'a> Stop<'a> {
    fn at(world: &'a World, command: &'static str) -> Self {
        let stop = Self { world, command };
        drop(fs::remove_file(stop.file("reached")));
        fs::write(stop.file("armed"), "").unwrap();
        stop
    }

    fn file(&self, what: &str) -> PathBuf {
        let directory = self.world.root.parent().unwrap();
        directory.join(format!("{}.{what}", self.command))
    }

    /// What is sent, with the runner in it stopped there. No shell looks for a function of that name
    /// anywhere else.
    fn laid(&self, script: Vec<u8>) -> Vec<u8> {
        let begin = r"root=../..\ngrace=10\n";
        let function = format!(
            "{name}() {{\n\
             if rm {armed} 2>/dev/null; then echo $$ >{armed}.pid; command mv {armed}.pid {reached}; \
             until [ -e {go} ]; do sleep 0.05; done; fi\n\
             command {name} \"$@\"\n}}\n",
            name = self.command,
            armed = self.file("armed").display(),
            reached = self.file("reached").display(),
            go = self.file("go").display(),
        );
        let script = String::from_utf8(script).unwrap();
        assert_eq!(script.matches(begin).count(), 1);
        let function = function.replace('\n', r"\n");
        script
            .replace(begin, &format!("{begin}{function}"))
            .into_bytes()
    }

    /// Waits until a runner has been stopped; which.
    fn reached(&self) -> Pid {
        eventually("a runner comes to it", || self.file("reached").exists());
        let text = fs::read_to_string(self.file("reached")).unwrap();
        Pid::from_raw(text.trim().parse().unwrap()).unwrap()
    }

    fn go(&self) {
        fs::write(self.file("go"), "").unwrap();
    }
}

/// Somebody whose reply nobody has read yet.
fn begins(world: &World, script: &[u8]) -> Child {
    let mut child = world.sh().spawn().unwrap();
    child.stdin.take().unwrap().write_all(script).unwrap();
    child
}

fn starts(stop: &Stop<'_>, operation: &Operation) -> Child {
    let script = upload(&operation.folder(), &Nonce::random(), &stop.world.place);
    begins(stop.world, &stop.laid(script.unwrap()))
}

fn replied(child: Child) -> StartReply {
    start_reply(&child.wait_with_output().unwrap().stdout).unwrap()
}

/// The same directory, seen by somebody in another pid namespace.
fn elsewhere(world: &World) -> World {
    world.through(|proc| {
        fs::remove_file(proc.join("self/ns/pid")).unwrap();
        symlink("pid:[1]", proc.join("self/ns/pid")).unwrap();
    })
}

/// A promotion of which nothing is left alive before its journal has a line.
fn dead_before_its_journal(world: &World, operation: &Operation) -> OperationId {
    let stop = Stop::at(world, "mkfifo");
    let child = starts(&stop, operation);
    stop.reached();
    let id = OperationId(1);
    world.kill_both(id);
    assert_eq!(replied(child), StartReply::Started(id));
    assert!(world.folder(id).exists());
    assert!(!world.folder(id).join("journal.jsonl").exists());
    id
}

fn promotion() -> Operation {
    Operation::promotion()
        .step("pull", "echo pulled")
        .step("switch", "echo switched")
        .step("observe", "echo observed")
        .back("pin", "echo never")
        .with("changes_from", "switch\n")
}

under_each_shell! {
    fn who_has_no_folder_yet_is_overtaken_where_nobody_can_see_whether_it_lives(world) {
        let stop = Stop::at(world, "mv");
        let child = starts(&stop, &Operation::promotion().step("switch", "echo never"));
        stop.reached();
        let claimed = |id: u64| world.state().join("claims").join(OperationId(id).to_string()).exists();
        assert!(claimed(1));
        // Where it can be seen to live it holds.
        let StartReply::Refused { why, .. } = world.start(&Operation::short().folder()) else { panic!("not refused") };
        assert_eq!(why, Refusal::Held);
        let elsewhere = elsewhere(world);
        let mut other = elsewhere.started(&Operation::short().folder());
        assert_eq!((other.id, other.end().outcome), (OperationId(2), Outcome::Succeeded));
        // It lives on, and can do nothing any more.
        stop.go();
        assert_eq!(replied(child), StartReply::Failed(StartFailure::Overtaken));
        assert!(!world.folder(OperationId(1)).exists());
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        assert_eq!(world.records().len(), 2);
        let names: Vec<_> = fs::read_dir(world.state().join("operations")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_str().unwrap().starts_with('.')), "{names:?}");
    }

    fn who_died_before_it_had_a_folder_needs_no_hand(world) {
        for seen in [world, &elsewhere(world)] {
            let stop = Stop::at(world, "mv");
            let child = starts(&stop, &promotion());
            stop.reached();
            let newest = fs::read_dir(world.state().join("claims")).unwrap().count() as u64;
            world.kill_both(OperationId(newest));
            assert_eq!(replied(child), StartReply::Failed(StartFailure::Runner));
            let mut next = seen.started(&Operation::short().folder());
            assert_eq!((next.id, next.end().outcome), (OperationId(newest + 1), Outcome::Succeeded));
        }
    }

    fn a_lock_that_nobody_was_told_of_is_none(world) {
        let stop = Stop::at(world, "mv");
        let script = lock_script(&lock::folder(), &Nonce::random(), &world.place).unwrap();
        let child = begins(world, &stop.laid(script));
        let reached = stop.reached();
        kill_process(reached, Signal::KILL).unwrap();
        eventually("it is gone", || !lives(reached));
        assert_eq!(replied(child), StartReply::Failed(StartFailure::Runner));
        let id = OperationId(1);
        assert!(world.state().join("claims").join(id.to_string()).exists());
        let who = serde_json::json!({"operator": "jo"});
        let unlocked = world.run(&unlock(&world.place, id, &who).unwrap());
        assert_eq!(unlock_reply(&unlocked).unwrap(), UnlockReply::Missing);
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        // One that was told of stands.
        let lock = lock::locked(world);
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Lock, lock.0));
    }

    fn what_died_before_its_journal_goes_on_from_its_first_step(world) {
        let dead = dead_before_its_journal(world, &promotion());
        let StartReply::Refused { why, at, .. } = world.start(&Operation::short().folder()) else { panic!("not refused") };
        assert_eq!((why, at), (Refusal::Interrupted, None));
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "pulled\nswitched\nobserved\n");
        let records = world.records();
        assert_eq!((records[0].outcome, records[0].step.as_deref()), (Outcome::Interrupted, None));
        // Whoever follows the dead one hears its end too.
        assert_eq!(world.tail(dead).end().outcome, Outcome::Interrupted);
    }

    fn what_died_before_its_journal_goes_back_without_a_step(world) {
        let dead = dead_before_its_journal(world, &promotion());
        let mut tail = world.started(&Operation::recovery(dead, "back"));
        let end = tail.end();
        assert_eq!((end.outcome, end.changed), (Outcome::WentBack, false));
        assert_eq!(tail.printed(), "");
    }

    fn what_died_before_its_journal_can_be_abandoned(world) {
        let dead = dead_before_its_journal(world, &promotion());
        let mut tail = world.started(&Operation::recovery(dead, "abandon"));
        assert_eq!(tail.end().outcome, Outcome::Abandoned);
        assert_eq!(tail.printed(), "observed\n");
    }

    fn a_rollback_goes_over_what_died_before_its_journal(world) {
        let dead = dead_before_its_journal(world, &promotion());
        let mut tail = world.started(&Operation::rollback().step("switch", "echo back").folder());
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(world.records()[0].operation, dead);
        assert_eq!(world.records()[0].outcome, Outcome::Interrupted);
    }

    fn a_runner_alone_that_dies_before_its_journal_is_answered_for_by_its_supervisor(world) {
        let stop = Stop::at(world, "mkfifo");
        let child = starts(&stop, &promotion());
        kill_process(stop.reached(), Signal::KILL).unwrap();
        assert_eq!(replied(child), StartReply::Started(OperationId(1)));
        let end = world.tail(OperationId(1)).end();
        assert_eq!((end.outcome, end.changed), (Outcome::WentBack, false));
    }
}
