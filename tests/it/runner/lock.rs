//! A lock by hand: a claim with a message and no process.

use std::{fs, thread};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{
        Access, Folder, Nonce, Refusal, StartReply, UnlockReply, lock, start_reply, unlock,
        unlock_reply,
    },
};

use serde_json::{Value, json};

use super::{operation::Operation, under_each_shell, world::World};

/// What a lock by hand is made from.
pub(super) fn folder() -> Folder {
    folder_of("mira", "database \"maintenance\"")
}

fn folder_of(operator: &str, reason: &str) -> Folder {
    let mut folder = Folder::new();
    let head = |value: Value| value.to_string().strip_suffix('}').unwrap().to_owned();
    let who =
        json!({"v": 1, "kind": "lock", "operator": operator, "origin": "laptop", "reason": reason});
    let mut record = who.clone();
    record["environment"] = "production".into();
    record["before"] = json!({"services": {}});
    record["after"] = json!({"services": {}});
    folder.add("who.json", Access::Shared, head(who));
    folder.add("record.json", Access::Shared, head(record));
    folder
}

pub(super) fn locked(world: &World) -> OperationId {
    start(world, &folder())
}

pub(super) fn locked_by(world: &World, operator: &str, reason: &str) -> OperationId {
    start(world, &folder_of(operator, reason))
}

fn start(world: &World, folder: &Folder) -> OperationId {
    let script = lock(folder, &Nonce::random(), &world.place).unwrap();
    match start_reply(&world.run(&script)).unwrap() {
        StartReply::Started(id) => id,
        other => panic!("not locked: {other:?}"),
    }
}

/// The ledger's lines.
pub(super) fn lines(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.state().join("ledger.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn unlocked(world: &World, id: OperationId) -> UnlockReply {
    unlocked_by(world, id, "jo's")
}

pub(super) fn unlocked_by(world: &World, id: OperationId, operator: &str) -> UnlockReply {
    let who = json!({"operator": operator, "origin": "desk"});
    unlock_reply(&world.run(&unlock(&world.place, id, &who).unwrap())).unwrap()
}

under_each_shell! {
    fn it_stands_until_it_is_unlocked(world) {
        let id = locked(world);
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Lock, 1));
        let rollback = Operation::rollback().step("switch", "echo switched");
        assert_eq!(world.refusal(&rollback.folder()), (Refusal::Lock, 1));
        // It may be passed, which is written down, and stands nevertheless.
        let passing = rollback.with("passes", "lock\n").folder();
        assert_eq!(world.started(&passing).end().outcome, Outcome::Succeeded);
        assert_eq!(lines(world)[0]["passed_lock"], 1);
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Lock, 1));

        assert_eq!(unlocked(world, id), UnlockReply::Unlocked);
        let record = &lines(world)[1];
        assert_eq!((&record["operation"], &record["kind"], &record["outcome"]), (&1.into(), &"lock".into(), &"succeeded".into()));
        assert_eq!((&record["operator"], &record["reason"]), (&"mira".into(), &"database \"maintenance\"".into()));
        assert_eq!(record["unlocked_by"]["operator"], "jo's");
        assert_eq!(unlocked(world, id), UnlockReply::Ended);
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        assert!(lines(world)[2].get("passed_lock").is_none());
    }

    fn only_a_lock_is_unlocked(world) {
        assert_eq!(unlocked(world, OperationId(1)), UnlockReply::Missing);
        let mut tail = world.started(&Operation::promotion().step("wait", "echo hangs; exec sleep 600").folder());
        tail.until_printed("hangs");
        assert_eq!(unlocked(world, tail.id), UnlockReply::NotALock);
        world.cancel(tail.id);
        assert_eq!(tail.end().outcome, Outcome::Cancelled);
        assert_eq!(unlocked(world, tail.id), UnlockReply::NotALock);
    }

    fn it_is_not_unlocked_under_an_operation_that_passed_it(world) {
        let id = locked(world);
        let rollback = Operation::rollback().step("wait", "echo hangs; exec sleep 600").with("passes", "lock\n");
        let mut tail = world.started(&rollback.folder());
        tail.until_printed("hangs");
        assert_eq!(unlocked(world, id), UnlockReply::Held);
        world.cancel(tail.id);
        tail.end();
        assert_eq!(unlocked(world, id), UnlockReply::Unlocked);
    }

    fn of_many_who_unlock_one_does(world) {
        let id = locked(world);
        let replies: Vec<UnlockReply> = thread::scope(|scope| {
            let threads: Vec<_> = (0..12).map(|_| scope.spawn(|| unlocked(world, id))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let winners = replies.iter().filter(|reply| **reply == UnlockReply::Unlocked).count();
        assert_eq!(winners, 1, "{replies:?}");
        assert!(replies.iter().all(|r| matches!(r, UnlockReply::Unlocked | UnlockReply::Ended)), "{replies:?}");
        assert!(lines(world).iter().all(|line| *line == lines(world)[0]));
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
        let mut names: Vec<_> = fs::read_dir(world.folder(id)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            ["claim", "end.json", "output.log", "record.json", "results", "runner.log", "runner.sh", "unlocked", "who.json"]
        );
    }

    fn who_died_unlocking_is_finished_by_the_next(world) {
        let id = locked(world);
        assert_eq!(unlocked(world, id), UnlockReply::Unlocked);
        // As if he had died before the last two of his three deeds.
        fs::remove_file(world.folder(id).join("end.json")).unwrap();
        fs::remove_file(world.state().join("ledger.jsonl")).unwrap();
        assert_eq!(world.refusal(&Operation::short().folder()), (Refusal::Lock, 1));
        assert_eq!(unlocked(world, id), UnlockReply::Ended);
        assert_eq!(lines(world)[0]["unlocked_by"]["operator"], "jo's");
        assert_eq!(world.started(&Operation::short().folder()).end().outcome, Outcome::Succeeded);
    }
}
