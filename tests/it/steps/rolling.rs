//! Rolling a service under each shell that servers have, on an Engine of files: what dies, fails or is
//! cancelled in the middle leaves one release, and never nobody who serves.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use flightdeck::{
    release::{
        ImageId,
        operation::{OperationId, Outcome},
        plan::{Attachment, ImageName, Intent, OnFailure, PinFile, Plan, Step},
    },
    target::compose::{pin::hash::Algorithm, script::cancel},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    name,
    shells::{Server, servers},
    step,
};
use crate::{runner::operation::Operation, support::waiting::eventually};

/// A docker that knows the service `backend` alone: a file a container, `NUMBER STATUS IMAGE HASH`. It
/// waits for good where a file `hold-COMMAND` lies, which the first one takes, and says so by
/// `at-COMMAND`; that nobody serves any more it writes down as an outage.
const DOCKER: &str = r#"#!/bin/sh
cd "${0%/*}/../engine" || exit 1
pin=$(sed -n 's/^TAG=//p' ../.env)
pause() {
	mv "../hold-$1" "../held-$1" 2>/dev/null || return 0
	: >"../at-$1"
	while [ -e "../held-$1" ]; do sleep 0.05; done
}
become() {
	read -r number status image hash <"$1"
	echo "$number $2 $image $hash" >"$1.new"
	mv "$1.new" "$1"
}
serves() {
	for container in *; do
		[ -e "../stopping-$container" ] && continue
		read -r number status image hash <"$container"
		[ "$status" = running ] && [ "$image" != "$(cat ../sick)" ] && return
	done
	echo outage >>../outages
}
case " $* " in
*' image inspect '*)
	for image; do :; done
	echo "$image"
	;;
*' ps '*'name=^'*) ;;
*' ps '*'{{.Names}}'*) for container in *; do echo "shop-backend-${container##*0}"; done ;;
*' ps '*) ls -r ;;
*' inspect '*)
	shift 3
	format=
	[ "$1" != --format ] || { format=$2; shift 2; }
	for id; do
		[ -e "$id" ] || { echo "No such container: $id" >&2; missing=yes; continue; }
		read -r number status image hash <"$id"
		health=healthy
		[ "$image" != "$(cat ../sick)" ] || health=unhealthy
		case $format in
		*RestartCount*) echo "backend $number $id /shop-backend-$number $image $status $health 0 t 0" ;;
		*config-hash*) echo "$id $status $image $hash" ;;
		*State.Status*) echo "$status" ;;
		esac
	done
	[ -z "${missing:-}" ]
	;;
*' config --hash '*) echo "backend fingerprint-of-$pin" ;;
*' up '*)
	scale=${*#*backend=}
	scale=${scale%% *}
	while [ "$(ls | wc -l)" -lt "$scale" ]; do
		number=$(($(cat ../number) + 1))
		echo "$number" >../number
		echo "$number created $pin fingerprint-of-$pin" >"$(printf '%064d' "$number")"
	done
	[ ! -e ../refuses ] || { echo 'Error response from daemon: no address is left' >&2; exit 1; }
	for container in *; do
		read -r number status image hash <"$container"
		[ "$status" = running ] || become "$container" running
	done
	pause up
	;;
*' stop '*)
	shift
	for id; do : >"../stopping-$id"; done
	serves
	pause stop
	for id; do become "$id" exited; done
	;;
*' rm '*)
	read -r number status image hash <"$2"
	[ "$status" != running ] || exit 1
	rm "$2" && : >"../removed"
	serves
	;;
*' logs '*) ;;
*) echo "docker: $*" >&2; exit 125 ;;
esac
"#;

fn image(version: u32) -> ImageId {
    let digits = version.to_string().repeat(64);
    format!("sha256:{digits}").parse().unwrap()
}

fn pin(version: u32) -> String {
    format!("TAG={}\n", image(version))
}

/// A container: its ID, whether it runs, and which version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Container {
    id: String,
    status: String,
    version: u32,
}

/// A server whose backend runs at version 1.
struct Shop {
    server: Server,
}

impl Shop {
    fn all() -> Vec<Self> {
        servers().into_iter().map(Self::on).collect()
    }

    fn on(server: Server) -> Self {
        fs::create_dir(server.file("engine")).unwrap();
        let docker = server.write("bin/docker", DOCKER);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
        server.write(".env", &pin(1));
        server.write("number", "1\n");
        server.write("sick", "none\n");
        let one = format!("1 running {0} fingerprint-of-{0}\n", image(1));
        server.write(&format!("engine/{:064}", 1), &one);
        Self { server }
    }

    fn containers(&self) -> Vec<Container> {
        let entries = fs::read_dir(self.server.file("engine")).unwrap();
        let mut found: Vec<Container> = entries
            .map(|entry| {
                let id = entry.unwrap().file_name().into_string().unwrap();
                let line = self.server.read(&format!("engine/{id}"));
                let words: Vec<&str> = line.split_whitespace().collect();
                let version = words[2].chars().last().unwrap().to_digit(10).unwrap();
                Container {
                    id,
                    status: words[1].to_owned(),
                    version,
                }
            })
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    /// Holds that one container runs, with that version, that nothing stops it, and that somebody served
    /// all the time; its ID.
    #[track_caller]
    fn runs(&self, version: u32, said: &str) -> String {
        let containers = self.containers();
        let [one] = &containers[..] else {
            panic!("{containers:?}: {said}");
        };
        assert_eq!(
            (one.status.as_str(), one.version),
            ("running", version),
            "{said}"
        );
        let stopping = self.server.file(&format!("stopping-{}", one.id));
        assert!(!stopping.exists(), "it is being stopped: {said}");
        assert!(
            !self.server.file("outages").exists(),
            "nobody served: {said}"
        );
        assert_eq!(self.server.read(".env"), pin(version));
        one.id.clone()
    }

    /// Version 2 in place of version 1, with so many containers.
    fn promotion(&self, replicas: u32) -> Plan {
        let pins = |expected: u32, attachment: &str| PinFile {
            path: self.server.file(".env").display().to_string(),
            expected: Some(Algorithm::Sha256.fingerprint(pin(expected).as_bytes())),
            attachment: Some(attachment.to_owned()),
            summary: Vec::new(),
        };
        let list = |file: PinFile, version: u32| -> Vec<Step> {
            let roll = Intent::Roll {
                service: name("backend"),
                expected: ImageName::Id(image(version)),
                replicas,
                stable_for: Duration::ZERO,
                dependencies: true,
                reason: String::new(),
            };
            let mut roll = step("roll-backend", roll);
            roll.interruptible = version == 2;
            vec![step("pin", Intent::Pin { files: vec![file] }), roll]
        };
        let attachment = |name: &str, version: u32| Attachment {
            name: name.to_owned(),
            bytes: pin(version).into_bytes().into(),
        };
        Plan {
            back: list(pins(2, "former"), 1),
            on_failure: OnFailure::GoBack,
            attachments: vec![attachment("candidate", 2), attachment("former", 1)],
            ..self
                .server
                .plan(list(pins(1, "candidate"), 2), self.server.basis())
        }
    }

    /// Promotes as far as that command of docker's.
    fn held_at(&mut self, command: &str) -> OperationId {
        self.server.write(&format!("hold-{command}"), "");
        let operation = self.server.start(&self.promotion(1), &[]);
        let at = self.server.file(&format!("at-{command}"));
        eventually("docker is asked", || at.exists());
        operation
    }

    fn kill(&self, operation: OperationId, role: &str) {
        let claim = self
            .server
            .read(&format!(".flightdeck/shop/claims/{operation}"));
        let claim: Value = serde_json::from_str(&claim).unwrap();
        let pid = i32::try_from(claim[role].as_i64().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }

    fn recovered(&mut self, operation: OperationId, choice: &str) -> (Outcome, String) {
        let folder = Operation::recovery(operation, choice);
        let recovery = self.server.start_folder(&folder);
        let (record, output) = self.server.ended(recovery);
        (record.outcome, output)
    }
}

#[test]
fn the_old_one_goes_when_the_new_one_serves() {
    for mut shop in Shop::all() {
        let (record, said) = shop.server.run(&shop.promotion(1), &[]);
        assert_eq!(record.outcome, Outcome::Succeeded, "{said}");
        shop.runs(2, &said);
    }
}

#[test]
fn where_the_new_one_is_not_healthy_or_docker_refuses_it_the_old_one_serves_on() {
    for (obstacle, text) in [("sick", image(2).to_string()), ("refuses", String::new())] {
        for mut shop in Shop::all() {
            let former = shop.containers()[0].id.clone();
            shop.server.write(obstacle, &text);
            let (record, said) = shop.server.run(&shop.promotion(1), &[]);
            assert_eq!(record.outcome, Outcome::WentBack, "{said}");
            assert_eq!(record.step.as_deref(), Some("roll-backend"), "{said}");
            assert_eq!(shop.runs(1, &said), former, "{said}");
            assert!(said.contains("the old one serves on"), "{said}");
        }
    }
}

#[test]
fn what_dies_with_the_new_one_beside_the_old_one_goes_on_or_back() {
    for (choice, outcome, version) in [
        ("resume", Outcome::Succeeded, 2),
        ("back", Outcome::WentBack, 1),
    ] {
        for mut shop in Shop::all() {
            let former = shop.containers()[0].id.clone();
            let dead = shop.held_at("up");
            assert_eq!(shop.containers().len(), 2);
            shop.kill(dead, "supervisor");
            shop.kill(dead, "pid");
            let (ended, said) = shop.recovered(dead, choice);
            assert_eq!(ended, outcome, "{said}");
            let runs = shop.runs(version, &said);
            assert_eq!(runs == former, version == 1, "{said}");
        }
    }
}

/// The Engine goes on stopping a container when whoever asked for it is gone; until it has ended it runs
/// and is healthy, and nothing may rely on it.
#[test]
fn a_container_that_is_being_stopped_is_not_what_anybody_goes_back_to() {
    for way in ["supervisor", "cancel", "back"] {
        for mut shop in Shop::all() {
            let operation = shop.held_at("stop");
            let (outcome, said) = match way {
                "supervisor" => {
                    shop.kill(operation, "pid");
                    let (record, said) = shop.server.ended(operation);
                    (record.outcome, said)
                }
                "cancel" => {
                    let by = json!({"operator": "mira"});
                    let wish = cancel(&shop.server.place(), operation, &by).unwrap();
                    shop.server.sh(&wish);
                    let (record, said) = shop.server.ended(operation);
                    (record.outcome, said)
                }
                _ => {
                    shop.kill(operation, "supervisor");
                    shop.kill(operation, "pid");
                    shop.recovered(operation, way)
                }
            };
            let expected = match way {
                "cancel" => Outcome::Cancelled,
                _ => Outcome::WentBack,
            };
            assert_eq!(outcome, expected, "{way}: {said}");
            shop.runs(1, &said);
        }
    }
}

#[test]
fn what_dies_while_the_old_one_stops_is_gone_on_with() {
    for mut shop in Shop::all() {
        let dead = shop.held_at("stop");
        shop.kill(dead, "supervisor");
        shop.kill(dead, "pid");
        let (outcome, said) = shop.recovered(dead, "resume");
        assert_eq!(outcome, Outcome::Succeeded, "{said}");
        shop.runs(2, &said);
    }
}

#[test]
fn each_of_several_has_one_beside_it() {
    for mut shop in Shop::all() {
        let one = shop.server.read(&format!("engine/{:064}", 1));
        shop.server.write("number", "2\n");
        let two = one.replacen('1', "2", 1);
        shop.server.write(&format!("engine/{:064}", 2), &two);
        let (record, said) = shop.server.run(&shop.promotion(2), &[]);
        assert_eq!(record.outcome, Outcome::Succeeded, "{said}");
        let containers = shop.containers();
        assert_eq!(containers.len(), 2, "{said}");
        assert!(
            containers
                .iter()
                .all(|c| c.version == 2 && c.status == "running")
        );
        assert!(!shop.server.file("outages").exists(), "{said}");
    }
}

/// What a dead operation left created is not started: it is not what shall run.
#[test]
fn what_does_not_run_is_not_started_by_the_way() {
    for mut shop in Shop::all() {
        shop.server.write("number", "2\n");
        let left = format!("2 created {0} fingerprint-of-{0}\n", image(3));
        shop.server.write(&format!("engine/{:064}", 2), &left);
        let (record, said) = shop.server.run(&shop.promotion(1), &[]);
        assert_eq!(record.outcome, Outcome::Succeeded, "{said}");
        shop.runs(2, &said);
        assert!(
            said.contains("a stopped backend 000000000000 removed"),
            "{said}"
        );
    }
}
