//! Recovery: an operation that stopped half-way goes on, is taken back or is given up, from what lies
//! in its own folder.

mod closing;

use std::{fs, os::unix::fs::symlink};

use flightdeck::{
    release::operation::{Direction, OperationId, Outcome},
    target::compose::script::{Refusal, StartReply},
};

use super::{
    operation::Operation,
    under_each_shell,
    world::{World, lives},
};
use crate::support::waiting::eventually;

/// A script that says `name`, and hangs on its first run only.
fn hangs_once(world: &World, name: &str) -> String {
    let mark = world.root.join(format!("{name}.hung"));
    let mark = mark.display();
    format!(
        "echo {name}; [ -e {mark} ] || {{ : >{mark}; echo hangs; exec sleep 600; }}; echo {name} done"
    )
}

/// Where [`hangs_once`] has hung, it does not hang any more.
fn starts_and_crashes(world: &World, operation: &Operation) -> OperationId {
    let mut tail = world.started(&operation.folder());
    tail.until_printed("hangs");
    world.crash(&tail);
    tail.id
}

fn refused(world: &World, operation: OperationId, choice: &str) -> (Refusal, u64) {
    world.refusal(&Operation::recovery(operation, choice))
}

fn outcomes(world: &World) -> Vec<(u64, Outcome)> {
    world
        .records()
        .iter()
        .map(|r| (r.operation.0, r.outcome))
        .collect()
}

/// A promotion whose step `switch` hangs on its first run.
fn promotion(world: &World) -> Operation {
    Operation::promotion()
        .step("pull", "echo pulled; echo kept >results/backup")
        .step("switch", &hangs_once(world, "switch"))
        .step("verify", "echo verified $FD_FIRST $FD_OPERATION")
        .back("pin", "echo pinned back")
        .back("switch", &hangs_once(world, "back"))
        .with("changes_from", "switch\n")
}

under_each_shell! {
    fn resuming_goes_on_with_the_step_at_which_it_stopped(world) {
        let dead = starts_and_crashes(world, &promotion(world));
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "switch\nswitch done\nverified 1 2\n");
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::Succeeded)]);
        let records = world.records();
        assert_eq!(records[0].step.as_deref(), Some("switch"));
        // What the former found out belongs to the release all the same.
        assert_eq!(records[1].results["backup"], "kept");
        assert_eq!(records[1].recovers, Some(OperationId(1)));
        assert_eq!(refused(world, dead, "resume"), (Refusal::Superseded, 2));
        assert_eq!(refused(world, tail.id, "resume"), (Refusal::Ended, 2));
    }

    fn going_back_converges_on_the_release_before(world) {
        fs::write(world.root.join("back.hung"), "").unwrap();
        let dead = starts_and_crashes(world, &promotion(world));
        let mut tail = world.started(&Operation::recovery(dead, "back"));
        let end = tail.end();
        assert_eq!((end.outcome, end.changed, end.step.as_deref()), (Outcome::WentBack, true, Some("switch")));
        assert_eq!(tail.printed(), "pinned back\nback\nback done\n");
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::WentBack)]);
    }

    fn what_has_changed_nothing_needs_no_way_back(world) {
        let operation = Operation::promotion()
            .step("pull", &hangs_once(world, "pull"))
            .step("switch", "echo never")
            .back("pin", "echo never")
            .with("changes_from", "switch\n");
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "back"));
        let end = tail.end();
        assert_eq!((end.outcome, end.changed), (Outcome::WentBack, false));
        assert_eq!(tail.printed(), "");
    }

    fn once_back_has_begun_resuming_is_going_back(world) {
        let operation = Operation::promotion()
            .step("switch", "exit 7")
            .back("pin", "echo pinned back")
            .back("switch", &hangs_once(world, "back"));
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        let end = tail.end();
        assert_eq!((end.outcome, end.step.as_deref(), end.exit), (Outcome::WentBack, Some("switch"), Some(7)));
        // The pin held; only the step that was broken off is run again.
        assert_eq!(tail.printed(), "back\nback done\n");
    }

    fn abandoning_only_looks(world) {
        let operation = promotion(world)
            .step("observe", "echo observed; echo yes >results/healthy; echo x@1 >results/images");
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "abandon"));
        let end = tail.end();
        assert_eq!((end.outcome, end.changed, end.step.as_deref()), (Outcome::Abandoned, true, Some("switch")));
        assert_eq!(tail.printed(), "observed\n");
        let records = world.records();
        assert_eq!(records[1].results["images"], "x@1");
        assert_eq!(records[1].proves_healthy(), None);
        // Others may begin, and who has thought better of it may still go on.
        let mut tail = world.started(&Operation::recovery(tail.id, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "switch\nswitch done\nverified 1 3\nobserved\n");
    }

    fn a_recovery_can_be_recovered(world) {
        let operation = promotion(world).step("late", &hangs_once(world, "late"));
        let dead = starts_and_crashes(world, &operation);
        let mut second = world.started(&Operation::recovery(dead, "resume"));
        second.until_printed("hangs");
        world.crash(&second);
        assert_eq!(refused(world, dead, "resume"), (Refusal::Superseded, 2));
        let mut third = world.started(&Operation::recovery(second.id, "resume"));
        assert_eq!(third.end().outcome, Outcome::Succeeded);
        assert_eq!(third.printed(), "late\nlate done\n");
        assert_eq!(
            outcomes(world),
            [(1, Outcome::Interrupted), (2, Outcome::Interrupted), (3, Outcome::Succeeded)]
        );
        assert_eq!(world.claim(third.id)["first"], 1);
    }

    fn a_recovery_that_fails_goes_back_as_its_plan_would(world) {
        let operation = Operation::promotion()
            .step("pin", "echo pinned")
            .step("switch", &hangs_once(world, "switch"))
            .step("verify", "exit 3")
            .back("pin", "echo pinned back");
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        let end = tail.end();
        assert_eq!((end.outcome, end.step.as_deref()), (Outcome::WentBack, Some("verify")));
        assert_eq!(tail.printed(), "switch\nswitch done\npinned back\n");
        // It answers for the one that it has taken up.
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::WentBack)]);
        // Taken back once more, all of the way back is run again.
        let mut back = world.started(&Operation::recovery(tail.id, "back"));
        assert_eq!(back.end().outcome, Outcome::WentBack);
        assert_eq!(back.printed(), "pinned back\n");
        // Resumed once more, it begins from the first step, as nothing of it is left.
        let mut again = world.started(&Operation::recovery(back.id, "resume"));
        assert_eq!(again.end().outcome, Outcome::WentBack);
        assert_eq!(again.printed(), "pinned\nswitch\nswitch done\npinned back\n");
    }

    fn a_stuck_operation_goes_on_where_it_failed(world) {
        let mark = world.root.join("repaired");
        let operation = Operation::rollback()
            .step("pin", "echo pinned")
            .step("switch", &format!("echo switching; [ -e {} ]", mark.display()))
            .back("pin", "echo pinned back");
        let mut stuck = world.started(&operation.folder());
        assert_eq!(stuck.end().outcome, Outcome::Stuck);
        fs::write(mark, "").unwrap();
        let mut tail = world.started(&Operation::recovery(stuck.id, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "switching\n");
        assert_eq!(outcomes(world), [(1, Outcome::Stuck), (2, Outcome::Succeeded)]);
    }

    fn a_recovery_whose_runner_is_killed_goes_back_once(world) {
        let operation = promotion(world).step("late", &hangs_once(world, "late"));
        fs::write(world.root.join("back.hung"), "").unwrap();
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        tail.until_printed("hangs");
        world.kill(tail.id, "pid");
        assert_eq!(tail.end().outcome, Outcome::WentBack);
        assert!(tail.printed().ends_with("pinned back\nback\nback done\n"));
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::WentBack)]);
    }

    fn a_step_that_has_to_be_asked_for_is_asked_for(world) {
        let operation = Operation::promotion()
            .step("pull", "echo pulled")
            .step_as("hook", "60 yes ask", &hangs_once(world, "hook"))
            .step("verify", "echo verified");
        let dead = starts_and_crashes(world, &operation);
        let StartReply::Refused { why, at, .. } = world.start(&Operation::recovery(dead, "resume")) else {
            panic!("not refused")
        };
        assert_eq!((why, at), (Refusal::Ask, Some((Direction::Forward, "hook".to_owned()))));
        let mut tail = world.started(&Operation::recovery(dead, "resume skip"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "verified\n");
        assert_eq!(world.records()[1].results["skipped"], "hook");
    }

    fn who_asks_ends_nothing(world) {
        let operation = Operation::promotion().step_as("hook", "60 yes ask", "echo hangs; exec sleep 600");
        let mut tail = world.started(&operation.folder());
        tail.until_printed("hangs");
        world.kill_both(tail.id);
        assert_eq!(refused(world, tail.id, "resume"), (Refusal::Ask, 1));
        assert!(lives(tail.group()));
        assert_eq!(world.started(&Operation::recovery(tail.id, "abandon")).end().outcome, Outcome::Abandoned);
        assert!(!lives(tail.group()));
    }

    fn what_outlives_its_step_is_told_of_to_who_resumes_it(world) {
        // As a migration's container does: how it ended is known once only.
        let operation = Operation::promotion()
            .step("migrate", "if [ -e one.exit ]; then cat one.exit; exit; fi; echo first >one.exit; echo hangs; exec sleep 600")
            .step("switch", "exit 1")
            .back("pin", ":");
        let dead = starts_and_crashes(world, &operation);
        let mut resumed = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(resumed.end().outcome, Outcome::WentBack);
        assert_eq!(resumed.printed(), "first\n");
        // Begun anew, it does not take the former run for its own.
        let mut anew = world.started(&Operation::recovery(resumed.id, "resume"));
        anew.until_printed("hangs");
        world.cancel(anew.id);
        assert_eq!(anew.end().outcome, Outcome::Cancelled);
    }

    fn copies_of_what_was_before_go_along(world) {
        let operation = promotion(world)
            .step("late", "cat ../../releases/${FD_FOLDER##*/}/.env");
        let dead = starts_and_crashes(world, &operation);
        let copy = world.state().join("releases/000001");
        fs::create_dir_all(&copy).unwrap();
        fs::write(copy.join(".env"), "TAG=v1\n").unwrap();
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert!(tail.printed().ends_with("TAG=v1\n"));
    }

    /// The containers of a server that was restarted are not those of the notes.
    fn notes_to_compare_with_do_not_go_along(world) {
        let operation = promotion(world)
            .step("late", "[ ! -e containers.forward ] && [ ! -e steady.forward ] && cat switched");
        let dead = starts_and_crashes(world, &operation);
        for (name, text) in [("containers.forward", "web 1\n"), ("steady.forward", "web 1\n"), ("switched", "yes\n")] {
            fs::write(world.folder(dead).join(name), text).unwrap();
        }
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded, "{}", tail.printed());
        assert!(tail.printed().ends_with("yes\n"));
    }

    fn a_plan_without_a_way_back_is_not_taken_back(world) {
        let operation = Operation::promotion().step("switch", &hangs_once(world, "switch"));
        let dead = starts_and_crashes(world, &operation);
        assert_eq!(refused(world, dead, "back"), (Refusal::NoWayBack, 1));
    }

    fn a_backup_or_a_lock_between_does_not_supersede(world) {
        let operation = Operation::rollback().step("switch", &format!("[ -e {}/repaired ]", world.root.display()));
        let mut stuck = world.started(&operation.folder());
        assert_eq!(stuck.end().outcome, Outcome::Stuck);
        fs::write(world.root.join("repaired"), "").unwrap();
        let backup = Operation::promotion()
            .with("who.json", "{\"v\":1,\"kind\":\"backup\",\"operator\":\"mira\",\"origin\":\"x\"")
            .step("dump", "echo dumped");
        assert_eq!(world.started(&backup.folder()).end().outcome, Outcome::Succeeded);
        assert_eq!(world.started(&Operation::recovery(stuck.id, "resume")).end().outcome, Outcome::Succeeded);
    }

    fn a_step_that_may_run_again_does(world) {
        let operation = Operation::promotion()
            .step_as("hook", "60 yes ask", &hangs_once(world, "hook"));
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume again"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "hook\nhook done\n");
    }

    fn what_still_runs_of_it_is_ended_first(world) {
        // One part in the step's own group, one in a session of its own.
        let pids = world.root.join("pids");
        let step = format!(
            "if [ -e {0} ]; then while read pid; do if grep -qs ') [^Z] ' /proc/$pid/stat; then echo met; fi; done <{0}; exit; fi
             setsid sh -c 'echo $$ >>{0}; trap \"\" HUP; while :; do sleep 1; done' &
             echo $$ >>{0}; echo hangs; exec sleep 600",
            pids.display()
        );
        let mut tail = world.started(&Operation::promotion().step("switch", &step).folder());
        tail.until_printed("hangs");
        let written = || fs::read_to_string(&pids).is_ok_and(|text| text.lines().count() == 2);
        eventually("both have said who they are", written);
        world.kill_both(tail.id);
        assert_eq!(refused(world, OperationId(9), "resume"), (Refusal::Missing, 9));
        let mut recovery = world.started(&Operation::recovery(tail.id, "resume"));
        assert_eq!(recovery.end().outcome, Outcome::Succeeded);
        assert_eq!(recovery.printed(), "");
    }

    fn who_lives_is_not_recovered(world) {
        let mut tail = world.started(&Operation::promotion().step("switch", "echo hangs; exec sleep 600").folder());
        tail.until_printed("hangs");
        for choice in ["resume", "back", "abandon"] {
            assert_eq!(refused(world, tail.id, choice), (Refusal::Held, 1));
        }
        world.cancel(tail.id);
        assert_eq!(tail.end().outcome, Outcome::Cancelled);
    }

    fn what_came_to_nothing_does_not_supersede(world) {
        let dead = starts_and_crashes(world, &promotion(world));
        let refused_one = Operation::rollback().step("switch", "echo never").with("basis.sh", "exit 1");
        assert_eq!(world.started(&refused_one.folder()).end().outcome, Outcome::Refused);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
    }

    fn after_a_reboot_it_goes_on(world) {
        let dead = starts_and_crashes(world, &promotion(world));
        let rebooted = world.through(|proc| {
            fs::write(proc.join("sys/kernel/random/boot_id"), "another-boot\n").unwrap();
        });
        let mut recovery = rebooted.started(&Operation::recovery(dead, "resume"));
        assert_eq!(recovery.end().outcome, Outcome::Succeeded);
        assert_eq!(recovery.printed(), "switch\nswitch done\nverified 1 2\n");
    }

    fn who_has_looked_himself_may_say_that_it_is_dead(world) {
        let dead = starts_and_crashes(world, &promotion(world));
        let elsewhere = world.through(|proc| {
            fs::remove_file(proc.join("self/ns/pid")).unwrap();
            symlink("pid:[1]", proc.join("self/ns/pid")).unwrap();
        });
        assert_eq!(refused(&elsewhere, dead, "resume"), (Refusal::Unknown, 1));
        // Only of the one that he has named, and only to recover it.
        let rollback = Operation::rollback().with("passes", "interrupted\nunknown\n");
        assert!(matches!(
            elsewhere.start(&rollback.folder()),
            StartReply::Refused { why: Refusal::Unknown, .. }
        ));
        let mut tail = elsewhere.started(&Operation::recovery_over(dead, "resume", "unknown"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::Succeeded)]);
        let short = Operation::promotion().step("pull", ":");
        assert_eq!(world.started(&short.folder()).end().outcome, Outcome::Succeeded);
    }

    fn a_lock_is_passed_by_a_recovery_that_may(world) {
        let mut stuck = world.started(&Operation::rollback().step("switch", "exit 1").folder());
        assert_eq!(stuck.end().outcome, Outcome::Stuck);
        let lock = crate::runner::lock::locked(world);
        assert_eq!(refused(world, stuck.id, "abandon"), (Refusal::Lock, 2));
        let mut tail = world.started(&Operation::recovery_over(stuck.id, "abandon", "lock"));
        assert_eq!(tail.end().outcome, Outcome::Abandoned);
        assert_eq!(refused(world, lock, "abandon"), (Refusal::Lock, 2));
    }

    fn a_failure_that_may_be_is_reported(world) {
        let operation = Operation::promotion()
            .step_as("hook", "60 yes ask reported", "echo hooked; exit 4")
            .step("switch", "echo switched");
        let mut tail = world.started(&operation.folder());
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "hooked\nswitched\n");
        assert_eq!(world.records()[0].results["reported"], "hook");
    }

    fn secrets_are_removed_with_the_end(world) {
        let operation = Operation::promotion().step("switch", "cat secrets/TOKEN; echo");
        let mut folder = operation.folder();
        folder.add("secrets/TOKEN", flightdeck::target::compose::script::Access::Secret, "hush");
        let mut tail = world.started(&folder);
        tail.end();
        assert_eq!(tail.printed(), "hush\n");
        assert!(!world.folder(tail.id).join("secrets").exists());
    }
}
