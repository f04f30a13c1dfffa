//! The host's follower: what it tells, what it never tells, and when it ends.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    process::{Child, ChildStdin},
    sync::mpsc,
    time::Instant,
};

use flightdeck::target::compose::script::{Frame, Part, Pin, Place, Watched, follow, read_ledger};
use rustix::process::{Signal, kill_process_group};

use super::{operation::Operation, tail::read_frames, under_each_shell, world::World};
use crate::support::waiting::PATIENCE;

pub(super) struct Follower {
    child: Child,
    stdin: Option<ChildStdin>,
    frames: mpsc::Receiver<Frame>,
    told: BTreeMap<(usize, &'static str), String>,
}

impl Follower {
    pub(super) fn of(world: &World, watched: &[Watched]) -> Self {
        let mut child = world.sh().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&follow(watched).unwrap()).unwrap();
        let frames = read_frames(child.stdout.take().unwrap());
        Self {
            child,
            stdin: Some(stdin),
            frames,
            told: BTreeMap::new(),
        }
    }

    fn next(&mut self) -> Frame {
        let frame = self
            .frames
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("in vain; so far {:#?}", self.told));
        if let Some(index) = frame.index {
            let name = match frame.part {
                Part::Fault => "fault",
                Part::Pin => "pin",
                Part::Files => "files",
                Part::Ledger => "ledger",
                Part::LedgerShape => "shape",
                Part::Operation => "operation",
                Part::Plan => "plan",
                Part::Journal => "journal",
                Part::Cancel => "cancel",
                Part::End => "end",
                Part::Liveness => "liveness",
                other => panic!("unexpected {other:?}"),
            };
            let text = String::from_utf8(frame.bytes.to_vec()).unwrap();
            self.told.insert((index, name), text);
        }
        frame
    }

    pub(super) fn until(&mut self, seen: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !seen(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "in vain; so far {:#?}",
                self.told
            );
            self.next();
        }
    }

    pub(super) fn says(&self, part: &'static str) -> &str {
        self.told.get(&(0, part)).map_or("", String::as_str)
    }

    pub(super) fn until_ready(&mut self) {
        while self.next().part != Part::Ready {}
    }

    /// Closes its standard input, and waits for its end.
    pub(super) fn end(mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
        while self.frames.recv_timeout(PATIENCE).is_ok() {}
    }
}

pub(super) fn watched(world: &World) -> Watched {
    Watched {
        place: world.place.clone(),
        pins: vec![
            Pin {
                file: ".env".to_owned(),
                variable: Some("TAG".to_owned()),
            },
            Pin {
                file: "override.yml".to_owned(),
                variable: None,
            },
        ],
        files: vec![
            "compose.yml".to_owned(),
            ".env".to_owned(),
            "missing".to_owned(),
        ],
    }
}

under_each_shell! {
    fn the_first_pass_tells_everything(world) {
        fs::write(world.root.join(".env"), "").unwrap();
        let elsewhere = Watched {
            place: Place {
                environment: "elsewhere".parse().unwrap(),
                directory: "/nowhere/at all".to_owned(),
                project: "x".to_owned(),
            },
            pins: Vec::new(),
            files: Vec::new(),
        };
        let mut follower = Follower::of(world, &[watched(world), elsewhere]);
        assert_eq!(follower.next().part, Part::Clock);
        follower.until_ready();
        let parts = [
            "cancel", "end", "fault", "files", "journal", "ledger", "liveness", "operation", "pin", "plan", "shape",
        ];
        let told = |follower: &Follower, index| -> Vec<_> {
            follower.told.keys().filter(|key| key.0 == index).map(|key| key.1).collect()
        };
        for index in [0, 1] {
            assert_eq!(told(&follower, index), parts[..10]);
        }
        follower.until(|f| [0, 1].iter().all(|index| told(f, *index) == parts));
        assert_eq!(follower.told[&(0, "fault")], "");
        assert_eq!(follower.told[&(1, "fault")], "directory");
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(follower.says("files"), format!("compose.yml\t\n.env\t{empty}\nmissing\t\n"));
        follower.end();
    }

    fn damage_is_told_of_the_whole_ledger(world) {
        world.started(&Operation::promotion().step("pull", ":").folder()).end();
        let ledger = world.state().join("ledger.jsonl");
        let line = fs::read_to_string(&ledger).unwrap();
        let whole = line.trim_end();
        // Torn anywhere, a line is none; one of a newer format and one with more fields are.
        let newer = "{\"v\":2,\"canary\":[]}";
        let more = format!("{},\"approval\":{{\"by\":\"zoë\"}}}}", whole.strip_suffix('}').unwrap());
        let torn: Vec<&str> = whole
            .char_indices()
            .skip(1)
            .step_by(7)
            .map(|(end, _)| &whole[..end])
            .chain([&whole[..whole.len() - 1]])
            .collect();
        let mut text = format!("{whole}\n{newer}\n{more}\n\n");
        text.push_str(&torn.join("\n"));
        text.push('\n');
        for _ in 0..300 {
            text.push_str(&line);
        }
        fs::write(&ledger, &text).unwrap();
        fs::write(world.state().join("ledger.1.jsonl"), format!("{line}{{\"v\":1,\n\u{1}\u{2}\n")).unwrap();
        let mut follower = Follower::of(world, &[watched(world)]);
        follower.until(|f| !f.says("shape").is_empty());
        let numbers: Vec<String> = (5..5 + torn.len()).map(|number| number.to_string()).collect();
        let told = follower.says("shape").trim_end();
        assert_eq!(
            told,
            format!("ledger.1.jsonl\n3\n2\n3\nledger.jsonl\n{}\n{}", text.lines().count(), numbers.join("\n"))
        );
        follower.end();
    }

    fn pinned_variables_and_nothing_else(world) {
        let env = [
            &b"\xef\xbb\xbfTAG=first\r\nSECRET=hunter2\nTAGGED=no\n#TAG=comment\n"[..],
            b"OLDTAG=no\nPASSWORD=\"TAG hunter3\"\n export  TAG = 'v2@sha256:41d0' # d\xc3\xa9j\xc3\xa0\r\n",
            b"LAST=hunter4",
        ]
        .concat();
        fs::write(world.root.join(".env"), env).unwrap();
        fs::write(world.root.join("override.yml"), "services:\n\n  backend: {}\n").unwrap();
        let mut follower = Follower::of(world, &[watched(world)]);
        follower.until_ready();
        assert_eq!(
            follower.says("pin"),
            "0\t export  TAG = 'v2@sha256:41d0' # déjà\r\n1\tservices:\n1\t\n1\t  backend: {}\n"
        );
        assert!(!format!("{:?}", follower.told).contains("hunter"));
        // Replaced by rename, as editors and our own steps do.
        fs::write(world.root.join(".env.new"), "TAG=v3").unwrap();
        fs::rename(world.root.join(".env.new"), world.root.join(".env")).unwrap();
        follower.until(|f| f.says("pin").starts_with("0\tTAG=v3\n"));
        follower.end();
    }

    fn an_operation_from_claim_to_end(world) {
        let mut follower = Follower::of(world, &[watched(world)]);
        follower.until_ready();
        let go = world.root.join("go");
        let mut tail = world.started(
            &Operation::promotion()
                .step_as("wait", "60 no safe", &format!("mkfifo {0}; echo waiting; read x <{0}", go.display()))
                .with("plan.json", "{\"plan\":1}")
                .folder(),
        );
        tail.until_printed("waiting");
        follower.until(|f| f.says("journal").contains("step_start"));
        follower.until(|f| f.says("liveness") == "alive" && !f.says("plan").is_empty());
        assert!(follower.says("operation").starts_with("1\n{\"v\":1,\"kind\":\"promote\""));
        assert_eq!((follower.says("plan"), follower.says("end")), ("{\"plan\":1}", ""));
        world.cancel(tail.id);
        follower.until(|f| f.says("cancel") == "yes");
        fs::write(go, "x\n").unwrap();
        follower.until(|f| f.says("end").contains("\"outcome\":") && f.says("liveness").is_empty());
        follower.until(|f| read_ledger(f.says("ledger").as_bytes()).records.len() == 1);
        follower.end();
    }

    fn a_death_that_touches_no_file_is_seen(world) {
        let mut follower = Follower::of(world, &[watched(world)]);
        let mut tail = world.started(
            &Operation::promotion().step("switch", "echo switching; exec sleep 600").folder(),
        );
        tail.until_printed("switching");
        follower.until(|f| f.says("liveness") == "alive");
        world.kill(tail.id, "supervisor");
        world.kill(tail.id, "pid");
        follower.until(|f| f.says("liveness") == "orphaned");
        kill_process_group(tail.group(), Signal::KILL).unwrap();
        follower.until(|f| f.says("liveness") == "dead");
        assert_eq!(follower.says("end"), "");
        // What was passed and not recovered is still the one to look at.
        let failing = Operation::rollback().step("switch", "exit 1").folder();
        world.started(&failing).end();
        follower.until(|f| f.says("ledger").contains("\"stuck\""));
        assert!(follower.says("operation").starts_with("1\n"));
        let holding = Operation::rollback().step("switch", ":").folder();
        world.started(&holding).end();
        follower.until(|f| f.says("operation").starts_with("3\n") && f.says("liveness").is_empty());
        follower.end();
    }

    fn a_recovery_has_the_plan_of_what_it_recovers_and_it_is_told_again(world) {
        let mut follower = Follower::of(world, &[watched(world)]);
        let mut tail = world.started(
            &Operation::promotion()
                .step("switch", "echo switching; exec sleep 600")
                .back("pin", ":")
                .with("plan.json", "{\"plan\":1}")
                .folder(),
        );
        tail.until_printed("switching");
        follower.until(|f| f.says("liveness") == "alive" && !f.says("plan").is_empty());
        world.kill(tail.id, "supervisor");
        world.kill(tail.id, "pid");
        kill_process_group(tail.group(), Signal::KILL).unwrap();
        follower.until(|f| f.says("liveness") == "dead");
        // Whoever reads this takes nothing of the first one for the second's.
        follower.told.retain(|(_, part), _| *part != "plan");
        world.started(&Operation::recovery(tail.id, "back")).end();
        follower.until(|f| f.says("operation").starts_with("2\n") && f.says("plan") == "{\"plan\":1}");
        follower.end();
    }

    fn it_ends_with_its_standard_input_while_nothing_happens(world) {
        let mut follower = Follower::of(world, &[]);
        follower.until_ready();
        follower.end();
    }

    fn a_tail_ends_with_its_standard_input(world) {
        let mut tail = world.started(
            &Operation::promotion().step("wait", "echo waiting; exec sleep 600").folder(),
        );
        tail.until_printed("waiting");
        let mut other = world.tail(tail.id);
        other.until_printed("waiting");
        other.leave();
        world.cancel(tail.id);
        tail.end();
    }
}
