//! What may happen to an operation from outside: killed processes, torn lines, a full disk.

use std::{fs, io::Write as _, process::Command};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::StartReply,
};

use super::{
    follow::{Follower, watched},
    operation::Operation,
    under_each_shell,
    world::{World, lives},
};
use crate::support::waiting::eventually;

/// A file system of a megabyte over the project's directory, for as long as this lives.
struct SmallDisk<'a>(&'a World);

impl<'a> SmallDisk<'a> {
    /// `None`, with words, where this user may not mount.
    fn over(world: &'a World) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&world.root)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(world));
        }
        assert!(
            std::env::var_os("FLIGHTDECK_REAL").is_none(),
            "cannot mount a small disk"
        );
        eprintln!("not run: only root can mount a small disk");
        None
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // Processes of a failed test may still be in it.
        drop(Command::new("umount").arg("-l").arg(&self.0.root).status());
    }
}

/// A promotion that fills the disk in its first step and has many more, until even the rest of the
/// journal's last block is full.
fn fill_then_go_on() -> Operation {
    let fill = "dd if=/dev/zero of=../../../../filler bs=1024 2>/dev/null; :";
    (0..40)
        .fold(Operation::promotion().step("fill", fill), |operation, n| {
            operation.step(&format!("step-{n}"), ":")
        })
        .step("never", ":")
}

under_each_shell! {
    fn a_killed_runner_goes_back_once(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("pin", "echo pinned")
                .step("switch", "echo switching; sh -c 'exec sleep 600'; echo never")
                .back("pin", "echo back")
                .folder(),
        );
        tail.until_printed("switching");
        let group = tail.group();
        world.kill(tail.id, "pid");
        let end = tail.end();
        assert_eq!(end.outcome, Outcome::WentBack);
        assert_eq!((end.step.as_deref(), end.why.as_deref()), (Some("switch"), Some("signal")));
        assert_eq!(
            tail.story(),
            [
                "forward", "pin", "pin=0", "switch", "lost", "switch=? signal", "back", "pin",
                "pin=0", "WentBack"
            ]
        );
        assert_eq!(tail.printed(), "pinned\nswitching\nback\n");
        assert!(!lives(group));
        let times = world.records().remove(0).times;
        assert_eq!(times.keys().collect::<Vec<_>>(), ["back/pin", "pin", "switch"]);
    }

    fn a_killed_runner_of_a_rollback_stays(world) {
        let mut tail = world.started(
            &Operation::rollback()
                .step("switch", "echo switching; exec sleep 600")
                .back("pin", "echo never")
                .folder(),
        );
        tail.until_printed("switching");
        world.kill(tail.id, "pid");
        assert_eq!(tail.end().outcome, Outcome::Stuck);
        assert_eq!(tail.printed(), "switching\n");
    }

    fn a_runner_killed_on_the_way_back_goes_on_with_it(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", "exit 5")
                .back("pin", "echo pinned")
                .back_as("switch", "60 no safe", "[ -e again ] || { echo >again; echo switching; exec sleep 600; }\necho switched")
                .folder(),
        );
        tail.until_printed("switching");
        world.kill(tail.id, "pid");
        let end = tail.end();
        assert_eq!((end.outcome, end.step.as_deref(), end.exit), (Outcome::WentBack, Some("switch"), Some(5)));
        assert_eq!(tail.printed(), "pinned\nswitching\nswitched\n");
    }

    fn what_must_be_asked_for_is_not_run_again(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", "exit 5")
                .back_as("hook", "60 no ask", "echo hooked; exec sleep 600")
                .folder(),
        );
        tail.until_printed("hooked");
        world.kill(tail.id, "pid");
        let end = tail.end();
        assert_eq!((end.outcome, end.back_step.as_deref()), (Outcome::Stuck, Some("hook")));
        assert_eq!(tail.printed(), "hooked\n");
    }

    fn without_its_supervisor_a_runner_goes_on(world) {
        let go = world.root.join("go");
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", &format!("mkfifo {0}; echo switching; read x <{0}", go.display()))
                .folder(),
        );
        tail.until_printed("switching");
        world.kill(tail.id, "supervisor");
        fs::write(go, "x\n").unwrap();
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
    }

    fn a_migration_over_its_limit_ends_without_anybody(world) {
        let mut tail = world.started(
            &Operation::promotion().step_as("migrate", "2 no probe", "echo migrating; exec sleep 600").folder(),
        );
        tail.until_printed("migrating");
        let group = tail.group();
        world.kill(tail.id, "supervisor");
        world.kill(tail.id, "pid");
        eventually("the watchdog ends it", || !lives(group));
    }

    fn torn_lines_are_closed_first(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", "echo switching; exec sleep 600")
                .back("switch", ":")
                .folder(),
        );
        tail.until_printed("switching");
        let torn = b"{\"v\":1,\"at\":17000";
        for file in [world.folder(tail.id).join("journal.jsonl"), world.state().join("ledger.jsonl")] {
            let mut file = fs::File::options().append(true).create(true).open(file).unwrap();
            file.write_all(torn).unwrap();
        }
        world.kill(tail.id, "pid");
        assert_eq!(tail.end().outcome, Outcome::WentBack);
        assert_eq!(tail.story().last().map(String::as_str), Some("WentBack"));
        let ledger = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
        let lines: Vec<_> = ledger.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("{\"v\":1,\"environment\""));
    }

    fn an_end_between_ledger_and_its_place_is_an_end(world) {
        let mut tail = world.started(&Operation::promotion().step("pull", ":").folder());
        tail.end();
        eventually("its supervisor ends too", || !lives(world.process(tail.id, "supervisor")));
        let folder = world.folder(tail.id);
        fs::rename(folder.join("end.json"), folder.join("end.new")).unwrap();
        let mut next = world.started(&Operation::promotion().step("pull", ":").folder());
        assert_eq!(next.end().outcome, Outcome::Succeeded);
        assert!(folder.join("end.json").exists());
    }

    fn who_follows_is_told_of_such_an_end(world) {
        let mut tail = world.started(&Operation::promotion().step("pull", ":").folder());
        tail.end();
        let id = tail.id;
        eventually("its supervisor ends too", || !lives(world.process(id, "supervisor")));
        let folder = world.folder(id);
        fs::rename(folder.join("end.json"), folder.join("end.new")).unwrap();
        assert_eq!(world.tail(id).end().outcome, Outcome::Succeeded);
        let mut follower = Follower::of(world, &[watched(world)]);
        follower.until(|f| f.says("end").contains("succeeded"));
    }

    fn what_has_no_room_for_its_end_has_not_ended(world) {
        let Some(_disk) = SmallDisk::over(world) else { return };
        // The ledger has room in its last block, and the reserve is gone.
        let before = world.started(&Operation::promotion().step("pull", ":").folder()).end();
        assert_eq!(before.outcome, Outcome::Succeeded);
        let fill = "rm ../reserve reserve 2>/dev/null; dd if=/dev/zero of=../../../../filler bs=1024 2>/dev/null; :";
        let tail = world.started(&Operation::promotion().step("fill", fill).folder());
        let id = tail.id;
        eventually("all of it is gone", || !lives(world.process(id, "supervisor")));
        for file in ["end.json", "end.new"] {
            assert!(!world.folder(id).join(file).exists(), "{file}");
        }
        assert_eq!(world.records().len(), 1, "the ledger tells of no end either");
        let mut follower = Follower::of(world, &[watched(world)]);
        follower.until(|f| f.says("liveness") == "dead");
    }

    fn a_full_disk_forbids_the_next_step_and_never_the_way_back(world) {
        let Some(_disk) = SmallDisk::over(world) else { return };
        let mut tail = world.started(
            &fill_then_go_on().back("pin", "echo back; rm ../../../../filler").folder(),
        );
        let end = tail.end();
        assert_eq!((end.outcome, end.why.as_deref()), (Outcome::WentBack, Some("disk")));
        assert!(!tail.story().contains(&"never=0".to_owned()));
        assert_eq!(world.records()[0].outcome, Outcome::WentBack);
    }

    fn a_disk_that_stays_full_is_told_in_the_end(world) {
        let Some(_disk) = SmallDisk::over(world) else { return };
        let mut tail = world.started(&fill_then_go_on().back("pin", "echo back").folder());
        // The reserve has room for it.
        assert_eq!(tail.end().outcome, Outcome::WentBack);
        assert_eq!(world.records()[0].operation, OperationId(1));
    }

    fn a_full_disk_starts_nothing(world) {
        let Some(_disk) = SmallDisk::over(world) else { return };
        world.started(&Operation::promotion().step("pull", ":").folder()).end();
        let mut filler = fs::File::create(world.root.join("filler")).unwrap();
        while filler.write_all(&[0; 1024]).is_ok() {}
        let reply = world.start(&Operation::promotion().step("pull", ":").folder());
        assert!(matches!(reply, StartReply::Failed(_)), "{reply:?}");
        assert!(!world.state().join("claims/000002").exists());
    }
}
