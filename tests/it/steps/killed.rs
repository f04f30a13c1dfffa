//! What the next operation does about a step that was killed, and about what outlived it.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use flightdeck::release::{
    operation::Outcome,
    plan::{Intent, OnFailure, Plan},
};

use super::{name, shells::servers, step};

#[test]
fn what_a_killed_step_had_told_to_stop_is_started_once_more_when_it_has_ended() {
    let services = || vec![name("backend")];
    for mut server in servers() {
        // It runs when it is looked at first, and has ended a second later.
        let script = "#!/bin/sh\ncase \"$*\" in\n*' stop backend') exit 137 ;;\nps*) echo 0123abcd ;;\n\
                      *StopTimeout*)\n\techo \"backend 0123abcd $(cat state) 30\"\n\techo exited >state\n\t;;\n\
                      start*) echo \"$*\" >>started ;;\nesac\n";
        let docker = server.write("bin/docker", script);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
        server.write("state", "running\n");
        server.write("started", "");
        let stop = Intent::Stop {
            services: services(),
        };
        let (record, output) = server.operate(vec![step("stop", stop)], &[], server.basis());
        assert_eq!(record.step.as_deref(), Some("stop"), "{output}");
        for times in [2, 3] {
            let start = Intent::Start {
                services: services(),
            };
            let (record, output) = server.operate(vec![step("start", start)], &[], server.basis());
            assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
            assert_eq!(
                server.read("started"),
                "start 0123abcd\n".repeat(times),
                "{output}"
            );
        }
    }
}

#[test]
fn who_goes_back_waits_for_a_migration_that_outlived_its_step() {
    for mut server in servers() {
        // Its output is followed as long as it runs.
        let script = "#!/bin/sh\ncase \"$*\" in\n'ps -a '*name=^/?fd-shop-1-*) cat there ;;\n\
                      *State.Status*fd-shop-1-migrate) cat state ;;\n\
                      'logs -f '*fd-shop-1-migrate) echo 'orders have a price'; echo exited >state ;;\n\
                      'wait fd-shop-1-migrate') grep -q exited state && echo 0 ;;\n\
                      'rm fd-shop-1-migrate') : >there ;;\n*' stop backend') exit 1 ;;\nesac\n";
        let docker = server.write("bin/docker", script);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
        server.write("there", "fd-shop-1-migrate\n");
        server.write("state", "running\n");
        let words = Intent::Snapshot {
            files: Vec::new(),
            keep: BTreeMap::new(),
        };
        let stop = Intent::Stop {
            services: vec![name("backend")],
        };
        let plan = Plan {
            back: vec![step("last-words", words)],
            on_failure: OnFailure::GoBack,
            ..server.plan(vec![step("stop", stop)], server.basis())
        };
        let (record, output) = server.run(&plan, &[]);
        assert_eq!(record.outcome, Outcome::WentBack, "{output}");
        for words in [
            "fd-shop-1-migrate has outlived its step",
            "orders have a price",
            "the migration ended with exit code 0",
        ] {
            assert!(output.contains(words), "{words}: {output}");
        }
        assert_eq!(server.read("there"), "", "{output}");
    }
}

#[test]
fn a_container_that_the_engine_has_lost_hold_of_is_made_anew_and_no_other() {
    let lost = "exited task 0123abcd: already exists: unknown";
    let broken = "exited driver failed programming external connectivity";
    for mut server in servers() {
        let script = "#!/bin/sh\ncase \"$*\" in\n*' restart backend') echo >>restarts; [ -e healed ] ;;\nps*) echo 0123abcd ;;\n\
                      *State.Error*) cat state ;;\n\
                      *RestartCount*) echo 'backend 1 0123abcd /shop-backend-1 sha256:a running healthy 0 t 0' ;;\n\
                      *' up '*'--no-deps --force-recreate'*backend) echo \"$*\" >>anew; : >healed ;;\nesac\n";
        let docker = server.write("bin/docker", script);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
        // Compose gives up the others where one cannot be restarted: all are restarted once more.
        for (state, outcome, times, restarts) in [
            (broken, Outcome::Stuck, 0, 1),
            (lost, Outcome::Succeeded, 1, 2),
            (
                "running task 0123abcd: already exists",
                Outcome::Stuck,
                0,
                1,
            ),
        ] {
            server.write("state", state);
            server.write("anew", "");
            server.write("restarts", "");
            let _ = fs::remove_file(server.file("healed"));
            let restart = Intent::Restart {
                services: vec![name("backend")],
            };
            let forward = vec![step("restart", restart)];
            let (record, output) = server.operate(forward, &[], server.basis());
            assert_eq!(record.outcome, outcome, "{state}: {output}");
            let anew = server.read("anew").lines().count();
            assert_eq!(anew, times, "{state}: {output}");
            let again = server.read("restarts").lines().count();
            assert_eq!(again, restarts, "{state}: {output}");
        }
    }
}

#[test]
fn a_switch_and_a_start_have_a_lost_container_made_anew_too() {
    let services = || vec![name("backend")];
    let switch = || Intent::Switch {
        services: services(),
        expected: BTreeMap::new(),
        dependencies: false,
        reasons: BTreeMap::new(),
    };
    let start = || Intent::Start {
        services: services(),
    };
    for mut server in servers() {
        let script = "#!/bin/sh\ncase \"$*\" in\n\
                      *' up '*'--no-deps --force-recreate'*backend) echo \"$*\" >>anew; : >healed ;;\n\
                      *' up '* | start*) [ -e healed ] ;;\nps*) echo 0123abcd ;;\n\
                      *State.Error*) cat state ;;\n\
                      *RestartCount*) echo 'backend 1 0123abcd /shop-backend-1 sha256:a running healthy 0 t 0' ;;\nesac\n";
        let docker = server.write("bin/docker", script);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
        for (state, outcome, times) in [
            ("exited driver failed", Outcome::Stuck, 0),
            ("created task 0123: already exists", Outcome::Succeeded, 1),
        ] {
            for intent in [switch(), start()] {
                server.write("state", state);
                server.write("anew", "");
                let _ = fs::remove_file(server.file("healed"));
                let forward = vec![step("run", intent)];
                let (record, output) = server.operate(forward, &[], server.basis());
                assert_eq!(record.outcome, outcome, "{state}: {output}");
                let anew = server.read("anew").lines().count();
                assert_eq!(anew, times, "{state}: {output}");
            }
        }
    }
}
