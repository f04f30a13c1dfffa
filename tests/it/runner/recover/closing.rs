//! What is told of an outcome, and what comes of it where that is interrupted too.

use super::*;

under_each_shell! {
    fn the_closing_list_hears_how_it_ended(world) {
        let heard = "echo \"heard $FD_OUTCOME $FD_STEP $FD_DIRECTION\"";
        let operation = Operation::promotion()
            .step("switch", "exit 5")
            .back("pin", "echo back")
            .closing("notify", heard)
            .closing("broken", "exit 9")
            .closing("last", "echo last; [ ! -e end.json ] && echo held");
        let mut tail = world.started(&operation.folder());
        let end = tail.end();
        assert_eq!((end.outcome, end.step.as_deref(), end.exit), (Outcome::WentBack, Some("switch"), Some(5)));
        assert_eq!(tail.printed(), "back\nheard went_back switch closing\nlast\nheld\n");
        assert_eq!(world.records()[0].results["reported"], "closing/broken");
        assert!(world.records()[0].times.contains_key("closing/notify"));
    }

    fn a_runner_killed_in_the_closing_list_keeps_the_outcome(world) {
        let operation = Operation::promotion()
            .step("switch", ":")
            .back("pin", "echo never")
            .closing("first", "echo first")
            .closing("notify", "echo notifying; exec sleep 600")
            .closing("last", "echo last $FD_OUTCOME");
        let mut tail = world.started(&operation.folder());
        tail.until_printed("notifying");
        world.kill(tail.id, "pid");
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "first\nnotifying\nlast succeeded\n");
        assert_eq!(world.records()[0].results["reported"], "closing/notify");
    }

    fn a_crash_in_the_closing_list_is_resumed_without_telling_twice(world) {
        let operation = Operation::promotion()
            .step("switch", "echo switched")
            .closing("first", "echo first")
            .closing("notify", "echo hangs; exec sleep 600")
            .closing("last", "echo last");
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "last\n");
        // Nobody knows whether the one that was broken off was done: nobody says that it was.
        let story = tail.story();
        let has = |line: &str| story.iter().any(|told| told == line);
        assert!(has("notify=? signal") && has("first held") && !has("notify held"), "{story:?}");
        let records = world.records();
        assert_eq!(outcomes(world), [(1, Outcome::Interrupted), (2, Outcome::Succeeded)]);
        assert_eq!(records[0].step.as_deref(), Some("notify"));
        assert_eq!(records[1].results["reported"], "closing/notify");
        assert!(!records[1].times.contains_key("closing/notify"), "{:?}", records[1].times);
    }

    fn what_crashed_in_its_closing_list_keeps_the_outcome_it_had_come_to(world) {
        let mark = world.root.join("repaired");
        let operation = Operation::promotion()
            .step("switch", "exit 5")
            .back("pin", "echo pinned back")
            .back("switch", &format!("[ -e {} ] || exit 6", mark.display()))
            .closing("notify", &hangs_once(world, "notify"))
            .closing("last", "echo last $FD_OUTCOME $FD_STEP $FD_CHANGED");
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        let end = tail.end();
        assert_eq!(
            (end.outcome, end.changed, end.step.as_deref(), end.exit, end.back_step.as_deref()),
            (Outcome::Stuck, true, Some("switch"), Some(5), Some("switch"))
        );
        assert_eq!(tail.printed(), "last stuck switch true\n");
        // It has ended so now, and what is stuck goes on where it failed; whoever hears of it
        // hears of another outcome.
        fs::write(&mark, "").unwrap();
        let mut again = world.started(&Operation::recovery(tail.id, "resume"));
        assert_eq!(again.end().outcome, Outcome::WentBack);
        assert_eq!(again.printed(), "notify\nnotify done\nlast went_back switch true\n");
    }

    fn what_crashes_twice_in_its_closing_list_is_told_once(world) {
        let operation = Operation::promotion()
            .step("switch", "exit 5")
            .with("changes_from", "later\n")
            .closing("first", &hangs_once(world, "first"))
            .closing("second", &hangs_once(world, "second"))
            .closing("last", "echo last $FD_OUTCOME $FD_STEP $FD_CHANGED");
        let dead = starts_and_crashes(world, &operation);
        let mut second = world.started(&Operation::recovery(dead, "resume"));
        second.until_printed("hangs");
        world.crash(&second);
        let mut third = world.started(&Operation::recovery(second.id, "resume"));
        let end = third.end();
        assert_eq!((end.outcome, end.changed, end.step.as_deref()), (Outcome::WentBack, false, Some("switch")));
        assert_eq!(third.printed(), "last went_back switch false\n");
        assert_eq!(world.records()[2].results["reported"], "closing/first,closing/second");
        let story = third.story();
        assert!(!story.iter().any(|told| told.ends_with("held") && told != "switch held"), "{story:?}");
    }

    fn a_recovery_whose_runner_dies_before_the_rest_is_told_keeps_the_outcome(world) {
        let operation = Operation::promotion()
            .step("switch", "echo switched")
            .back("pin", "echo never")
            .closing("notify", &hangs_once(world, "notify"))
            .closing("last", &hangs_once(world, "last"));
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "resume"));
        tail.until_printed("hangs");
        world.kill(tail.id, "pid");
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert_eq!(tail.printed(), "last\nhangs\n");
        assert_eq!(world.records()[1].results["reported"], "closing/notify,closing/last");
    }

    fn what_crashed_in_its_closing_list_can_still_go_back(world) {
        let operation = Operation::promotion()
            .step("switch", "echo switched")
            .back("pin", "echo pinned back")
            .closing("notify", &hangs_once(world, "notify"));
        let dead = starts_and_crashes(world, &operation);
        let mut tail = world.started(&Operation::recovery(dead, "back"));
        assert_eq!(tail.end().outcome, Outcome::WentBack);
        assert_eq!(tail.printed(), "pinned back\nnotify\nnotify done\n");
    }
}
