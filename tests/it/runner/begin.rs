//! What dies, or is overtaken, before an operation has really begun: between its claim and its folder, and
//! between its folder and its journal.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::Child,
};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{
        Nonce, Refusal, StartFailure, StartReply, UnlockReply, lock as lock_script, start_reply,
        unlock, unlock_reply, upload,
    },
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    lock, under_each_shell,
    world::{Operation, World, lives},
};
use crate::support::waiting::eventually;

/// A program of the server's that stops the first who calls it, until it is let go.
struct Stop<'a> {
    world: &'a World,
    name: &'static str,
}

impl<'a> Stop<'a> {
    fn at(world: &'a World, name: &'static str) -> Self {
        let stop = Self { world, name };
        let bin = world.root.parent().unwrap().join("bin").join(name);
        // Where it is a link to busybox, that must not be written.
        drop(fs::remove_file(&bin));
        drop(fs::remove_file(stop.file("reached")));
        let script = format!(
            "#!/bin/sh\n\
             if rm {0} 2>/dev/null; then\n\
             echo $$ >{0}.new; /bin/mv {0}.new {1}; until [ -e {2} ]; do sleep 0.05; done\n\
             fi\n\
             PATH=/bin:/usr/bin\nexec {name} \"$@\"\n",
            stop.file("armed").display(),
            stop.file("reached").display(),
            stop.file("go").display(),
        );
        fs::write(&bin, script).unwrap();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(stop.file("armed"), "").unwrap();
        stop
    }

    fn file(&self, what: &str) -> PathBuf {
        let directory = self.world.root.parent().unwrap();
        directory.join(format!("{}.{what}", self.name))
    }

    /// Waits until somebody has been stopped; who.
    fn reached(&self) -> Pid {
        eventually("somebody comes to it", || self.file("reached").exists());
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

fn starts(world: &World, operation: &Operation) -> Child {
    let script = upload(&operation.folder(), &Nonce::random(), &world.place);
    begins(world, &script.unwrap())
}

/// The process that has started another.
fn parent(of: Pid) -> Pid {
    let status = fs::read_to_string(format!("/proc/{}/status", of.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    Pid::from_raw(line.unwrap().trim().parse().unwrap()).unwrap()
}

fn kill_and_wait(all: &[Pid]) {
    for pid in all {
        kill_process(*pid, Signal::KILL).unwrap();
    }
    eventually("all of it is gone", || all.iter().all(|pid| !lives(*pid)));
}

fn replied(child: Child) -> StartReply {
    start_reply(&child.wait_with_output().unwrap().stdout).unwrap()
}

fn short() -> Operation {
    Operation::promotion().step("pull", "echo pulled")
}

/// Kills supervisor, runner and the program that has stopped it.
fn kill_all(world: &World, id: OperationId, stopped: Pid) {
    kill_and_wait(&[
        world.process(id, "supervisor"),
        world.process(id, "pid"),
        stopped,
    ]);
}

/// The same directory, seen by somebody in another pid namespace.
fn elsewhere(world: &World) -> World {
    world.through(|proc| {
        fs::remove_file(proc.join("self/ns/pid")).unwrap();
        symlink("pid:[1]", proc.join("self/ns/pid")).unwrap();
    })
}

/// A promotion of which nothing is left alive before its journal has a line: its program `mkfifo` was
/// stopped, and killed with it.
fn dead_before_its_journal(world: &World, operation: &Operation) -> OperationId {
    let stop = Stop::at(world, "mkfifo");
    let child = starts(world, operation);
    let stopped = stop.reached();
    let id = OperationId(1);
    kill_all(world, id, stopped);
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
        let child = starts(world, &Operation::promotion().step("switch", "echo never"));
        stop.reached();
        let claimed = |id: u64| world.state().join("claims").join(OperationId(id).to_string()).exists();
        assert!(claimed(1));
        // Where it can be seen to live it holds.
        let StartReply::Refused { why, .. } = world.start(&short().folder()) else { panic!("not refused") };
        assert_eq!(why, Refusal::Held);
        let elsewhere = elsewhere(world);
        let mut other = elsewhere.started(&short().folder());
        assert_eq!((other.id, other.end().outcome), (OperationId(2), Outcome::Succeeded));
        // It lives on, and can do nothing any more.
        stop.go();
        assert_eq!(replied(child), StartReply::Failed(StartFailure::Overtaken));
        assert!(!world.folder(OperationId(1)).exists());
        assert_eq!(world.started(&short().folder()).end().outcome, Outcome::Succeeded);
        assert_eq!(world.records().len(), 2);
        let names: Vec<_> = fs::read_dir(world.state().join("operations")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_str().unwrap().starts_with('.')), "{names:?}");
    }

    fn who_died_before_it_had_a_folder_needs_no_hand(world) {
        for seen in [world, &elsewhere(world)] {
            let stop = Stop::at(world, "mv");
            let child = starts(world, &promotion());
            let stopped = stop.reached();
            let newest = fs::read_dir(world.state().join("claims")).unwrap().count() as u64;
            kill_all(world, OperationId(newest), stopped);
            assert_eq!(replied(child), StartReply::Failed(StartFailure::Runner));
            let mut next = seen.started(&short().folder());
            assert_eq!((next.id, next.end().outcome), (OperationId(newest + 1), Outcome::Succeeded));
        }
    }

    fn a_lock_that_nobody_was_told_of_is_none(world) {
        let stop = Stop::at(world, "mv");
        let script = lock_script(&lock::folder(), &Nonce::random(), &world.place).unwrap();
        let child = begins(world, &script);
        let stopped = stop.reached();
        kill_and_wait(&[parent(stopped), stopped]);
        assert_eq!(replied(child), StartReply::Failed(StartFailure::Runner));
        let id = OperationId(1);
        assert!(world.state().join("claims").join(id.to_string()).exists());
        let who = serde_json::json!({"operator": "jo"});
        let unlocked = world.run(&unlock(&world.place, id, &who).unwrap());
        assert_eq!(unlock_reply(&unlocked).unwrap(), UnlockReply::Missing);
        assert_eq!(world.started(&short().folder()).end().outcome, Outcome::Succeeded);
        // One that was told of stands.
        let lock = lock::locked(world);
        let StartReply::Refused { why, operation, .. } = world.start(&short().folder()) else { panic!("not refused") };
        assert_eq!((why, operation), (Refusal::Lock, lock));
    }

    fn what_died_before_its_journal_goes_on_from_its_first_step(world) {
        let dead = dead_before_its_journal(world, &promotion());
        let StartReply::Refused { why, at, .. } = world.start(&short().folder()) else { panic!("not refused") };
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
        let child = starts(world, &promotion());
        let stopped = stop.reached();
        kill_process(world.process(OperationId(1), "pid"), Signal::KILL).unwrap();
        kill_process(stopped, Signal::KILL).unwrap();
        assert_eq!(replied(child), StartReply::Started(OperationId(1)));
        let end = world.tail(OperationId(1)).end();
        assert_eq!((end.outcome, end.changed), (Outcome::WentBack, false));
    }
}
