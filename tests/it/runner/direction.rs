//! Forward and back: what runs, in which order, and how it ends.

use std::{collections::BTreeSet, fs};

use flightdeck::release::{
    operation::{OperationId, Outcome},
    record::Record,
};

use super::{operation::Operation, under_each_shell, world::lives};
use crate::support::waiting::eventually;

under_each_shell! {
    fn a_promotion_that_holds(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("pull", "echo pulled; echo complained >&2")
                .step(
                    "migrate",
                    "echo c9e2 >results/schema_heads; printf 'two\\nlines\\n' >results/evil; echo x >results/Bad",
                )
                .back("unpin", "echo back")
                .folder(),
        );
        let end = tail.end();
        assert_eq!((end.outcome, end.step, end.changed), (Outcome::Succeeded, None, true));
        assert_eq!(
            tail.story(),
            ["forward", "pull", "pull=0", "migrate", "migrate=0", "Succeeded"]
        );
        assert_eq!(tail.printed(), "pulled\ncomplained\n");
        let [record] = &world.records()[..] else { panic!("one line an operation") };
        assert_eq!(record.operation, OperationId(1));
        assert_eq!(record.operator, "Łukasz \"nonce\":\"x\"");
        assert_eq!(record.times.keys().collect::<Vec<_>>(), ["migrate", "pull"]);
        assert_eq!(record.results.iter().collect::<Vec<_>>(), [(&"schema_heads".into(), &"c9e2".into())]);
        // Nothing is left that was only for running it.
        for gone in ["gate", "reserve", "end.new"] {
            assert!(!world.folder(tail.id).join(gone).exists(), "{gone}");
        }
        assert_eq!(fs::read_to_string(world.folder(tail.id).join("runner.log")).unwrap(), "");
    }

    fn a_step_knows_where_it_is_and_inherits_nothing(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step(
                    "look",
                    "echo \"$FD_OPERATION $FD_DIRECTION\"; cd \"$FD_FOLDER\" && pwd -P; cat; ls -l /proc/$$/fd",
                )
                .folder(),
        );
        tail.end();
        let folder = fs::canonicalize(world.folder(tail.id)).unwrap();
        let folder = folder.to_str().unwrap();
        let printed = tail.printed();
        let rest = printed.strip_prefix(&format!("1 forward\n{folder}\n")).unwrap();
        let open: BTreeSet<_> =
            rest.lines().filter_map(|line| line.split_once(folder)).map(|l| l.1).collect();
        // Its output, and the script that the shell reads.
        assert_eq!(open.into_iter().collect::<Vec<_>>(), ["/forward/look.sh", "/output.log"]);
    }

    fn the_runner_alone_holds_the_gate(world) {
        let mut tail =
            world.started(&Operation::promotion().step("wait", "echo waiting; exec sleep 600").folder());
        tail.until_printed("waiting");
        let gate = fs::canonicalize(world.folder(tail.id)).unwrap().join("gate");
        let holders = || {
            let mut holders = Vec::new();
            for process in fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap()) {
                // Others' processes, and those that end meanwhile, show nothing.
                let Ok(open) = fs::read_dir(process.path().join("fd")) else { continue };
                let mut open = open.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
                if open.any(|path| path == gate) {
                    holders.push(process.file_name().into_string().unwrap());
                }
            }
            holders
        };
        // The watchdog closes it as the first thing that it does.
        let runner = world.process(tail.id, "pid").as_raw_nonzero().to_string();
        eventually("nobody else holds it", || holders() == [runner.clone()]);
        world.cancel(tail.id);
        tail.end();
    }

    fn a_step_that_fails_goes_back(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("pin", "echo pinned")
                .step("switch", "echo switching; exit 7")
                .step("verify", "echo never")
                .back("pin", "echo \"pinned $FD_DIRECTION\"")
                .back("switch", "echo switched")
                .folder(),
        );
        let end = tail.end();
        assert_eq!(end.outcome, Outcome::WentBack);
        assert_eq!((end.step.as_deref(), end.exit, end.changed), (Some("switch"), Some(7), true));
        assert_eq!(
            tail.story(),
            [
                "forward", "pin", "pin=0", "switch", "switch=7", "back", "pin", "pin=0", "switch",
                "switch=0", "WentBack"
            ]
        );
        assert_eq!(tail.printed(), "pinned\nswitching\npinned back\nswitched\n");
        assert!(world.records()[0].times.contains_key("back/switch"));
    }

    fn a_failure_before_anything_changed_needs_no_way_back(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("pull", "exit 1")
                .step("pin", "echo never")
                .back("pin", "echo never")
                .with("changes_from", "pin\n")
                .folder(),
        );
        let end = tail.end();
        assert_eq!((end.outcome, end.changed), (Outcome::WentBack, false));
        assert_eq!(tail.story(), ["forward", "pull", "pull=1", "WentBack"]);
    }

    fn a_rollback_that_fails_stays(world) {
        let mut tail = world.started(
            &Operation::rollback()
                .step("switch", "exit 3")
                .back("switch", "echo never")
                .folder(),
        );
        assert_eq!(tail.end().outcome, Outcome::Stuck);
        assert_eq!(tail.printed(), "");
    }

    fn a_way_back_that_fails_is_stuck(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", "exit 3")
                .back("pin", "exit 4")
                .back("switch", "echo never")
                .folder(),
        );
        let end = tail.end();
        assert_eq!(end.outcome, Outcome::Stuck);
        assert_eq!((end.step.as_deref(), end.back_step.as_deref()), (Some("switch"), Some("pin")));
    }

    fn a_basis_that_no_longer_holds_is_refused(world) {
        let basis = "printf 'file .env\\tsha256:1\\tsha256:2\\n'; echo looked >&2; exit 1";
        let mut tail = world.started(
            &Operation::promotion().step("pull", "echo never").with("basis.sh", basis).folder(),
        );
        let end = tail.end();
        assert_eq!((end.outcome, end.step.as_deref()), (Outcome::Refused, Some("basis")));
        assert_eq!(tail.difference, b"file .env\tsha256:1\tsha256:2\n");
        assert_eq!(tail.printed(), "looked\n");
        // The next one, whose basis holds, goes on.
        let mut tail = world.started(
            &Operation::promotion().step("pull", "echo pulled").with("basis.sh", "exit 0").folder(),
        );
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.story()[1..3], ["basis", "basis=0"]);
    }

    fn cancel_interrupts_a_step_that_can_be(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("verify", "echo verifying; exec sleep 600")
                .back("pin", "echo back")
                .folder(),
        );
        tail.until_printed("verifying");
        assert_eq!(world.cancel(tail.id), b"{\"cancelling\":1}\n");
        let end = tail.end();
        assert_eq!((end.outcome, end.why.as_deref()), (Outcome::Cancelled, Some("cancel")));
        assert_eq!(
            tail.story(),
            ["forward", "verify", "verify=143 cancel", "cancel", "back", "pin", "pin=0", "Cancelled"]
        );
        assert_eq!(world.cancel(tail.id), b"{\"failed\":\"ended\"}\n");
    }

    fn cancel_waits_for_a_step_that_cannot_be_interrupted(world) {
        let go = world.root.join("go");
        let mut tail = world.started(
            &Operation::promotion()
                .step_as(
                    "migrate",
                    "60 no probe",
                    &format!("mkfifo {0}; echo migrating; read x <{0}; echo migrated", go.display()),
                )
                .step("switch", "echo never")
                .back("pin", "echo back")
                .folder(),
        );
        tail.until_printed("migrating");
        world.cancel(tail.id);
        fs::write(&go, "x\n").unwrap();
        let end = tail.end();
        // The next step never began: that is no failure of its own.
        assert_eq!((end.outcome, end.why.as_deref()), (Outcome::Cancelled, Some("cancel")));
        assert_eq!(tail.printed(), "migrating\nmigrated\nback\n");
        let record = world.records().pop().unwrap();
        assert_eq!(record.remarks(), ["cancelled by it's me"]);
    }

    fn a_step_over_its_limit_ends_with_all_that_it_started(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step_as(
                    "verify",
                    "1 no safe",
                    "sh -c 'trap \"\" TERM; echo grandchild $$; while :; do sleep 1; done' & \
                     echo hanging; wait",
                )
                .back("pin", "echo back")
                .folder(),
        );
        tail.until_printed("grandchild ");
        let group = tail.group();
        let end = tail.end();
        assert_eq!((end.outcome, end.why.as_deref()), (Outcome::WentBack, Some("limit")));
        let printed = tail.printed();
        let pid = printed.split("grandchild ").nth(1).unwrap().lines().next().unwrap();
        let grandchild = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        assert!(!lives(grandchild) && !lives(group), "outlived its step");
    }

    fn what_a_step_leaves_running_does_not_meet_the_next_one(world) {
        let mut tail = world.started(
            &Operation::promotion()
                .step("left", "sleep 600 & echo $! >left")
                .step("next", "read pid <left; if grep -q ') [^Z] ' /proc/$pid/stat; then echo met; fi")
                .folder(),
        );
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert!(!tail.printed().contains("met"));
    }

    fn operations_are_numbered_one_after_the_other(world) {
        for n in 1..=3 {
            let mut tail = world.started(&Operation::promotion().step("pull", ":").folder());
            assert_eq!((tail.id, tail.end().outcome), (OperationId(n), Outcome::Succeeded));
            eventually("its supervisor ends too", || !lives(world.process(tail.id, "supervisor")));
        }
        let numbers: Vec<_> = world.records().iter().map(|r: &Record| r.operation.0).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}
