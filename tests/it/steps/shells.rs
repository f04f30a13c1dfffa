//! On this machine alone, under each shell that servers have: what steps do without docker, and with one
//! that answers from files.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use flightdeck::{
    config::{self, Environment, Host, Protection, Reach, Target},
    release::{
        check::{Check, HttpCheck, HttpMeans},
        operation::{OperationId, Outcome},
        plan::{
            Attachment, BackupTool, Basis, FORMAT, HeadsFormat, HeadsQuery, ImageName, Intent,
            OnFailure, OnStepFailure, PinFile, Plan, PlanKind, Removal, RestoreFrom, Step,
        },
        record::{Record, Release},
    },
    target::compose::{
        pin::hash::Algorithm,
        render,
        script::{
            Access, Folder, Nonce, Place, StartReply, read_ledger, start_reply, tail, upload,
        },
    },
};

use super::{name, step, words};

/// A server without docker, whose `sh` and small commands are those of one shell.
pub(super) struct Server {
    directory: tempfile::TempDir,
    path: String,
    operations: u64,
}

/// Every shell of the field that is installed here.
pub(super) fn servers() -> Vec<Server> {
    let mut servers = Vec::new();
    for shell in ["/bin/dash", "/bin/busybox", "/bin/bash"] {
        if !Path::new(shell).exists() {
            // libtest captures `print!` but not this.
            let _ = writeln!(
                std::io::stderr(),
                "not run: under {shell}, which is not here"
            );
            continue;
        }
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).unwrap();
        if shell.ends_with("busybox") {
            for applet in [
                "sh",
                "setsid",
                "cp",
                "mv",
                "ls",
                "readlink",
                "sha256sum",
                "cmp",
                "sort",
            ] {
                symlink(shell, bin.join(applet)).unwrap();
            }
        } else {
            symlink(shell, bin.join("sh")).unwrap();
        }
        let path = std::env::var("PATH").unwrap();
        servers.push(Server {
            path: format!("{}:{path}", bin.display()),
            directory,
            operations: 0,
        });
    }
    servers
}

impl Server {
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// A docker whose containers are the lines of a file, as the steps ask for them.
    pub(super) fn docker_answers(&self, containers: &str) {
        self.write("containers", containers);
        let script = format!(
            "#!/bin/sh\ncase $1 in\nps) cut -d ' ' -f 3 {0} ;;\ninspect) cat {0} ;;\nesac\n",
            self.file("containers").display()
        );
        let docker = self.write("bin/docker", &script);
        fs::set_permissions(docker, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn environment(&self) -> Environment {
        Environment {
            name: "production".parse().unwrap(),
            target: Target::Compose(config::Compose {
                host: Host {
                    reach: Reach::Local,
                    docker: words(&["docker"]),
                    socket: None,
                },
                directory: self.directory.path().display().to_string(),
                files: words(&["docker-compose.yml"]),
                environment_files: words(&[".env"]),
                project: "shop".to_owned(),
            }),
            services: vec![name("backend")],
            layers: Vec::new(),
            protection: Protection::Open,
            gates: Vec::new(),
            checks: Vec::new(),
            hooks: Vec::new(),
            migration: None,
            backup: None,
            restart: Vec::new(),
            health_timeout: Duration::from_secs(1),
            stable_for: Duration::ZERO,
        }
    }

    /// Runs steps as an operation, with these attachments and this basis.
    pub(super) fn operate(
        &mut self,
        forward: Vec<Step>,
        attachments: &[(&str, &str)],
        basis: Basis,
    ) -> (Record, String) {
        let attachments = attachments.iter().map(|(name, text)| Attachment {
            name: (*name).to_owned(),
            bytes: text.as_bytes().to_vec().into(),
        });
        let plan = Plan {
            attachments: attachments.collect(),
            ..self.plan(forward, basis)
        };
        self.run(&plan, &[])
    }

    /// A promotion of nothing, with these steps.
    pub(super) fn plan(&self, forward: Vec<Step>, basis: Basis) -> Plan {
        Plan {
            v: FORMAT,
            kind: PlanKind::Promote,
            environment: "production".parse().unwrap(),
            operator: "mira".to_owned(),
            origin: "laptop".to_owned(),
            reason: String::new(),
            basis,
            before: Release::default(),
            after: Release::default(),
            gates: Vec::new(),
            warnings: Vec::new(),
            forward,
            back: Vec::new(),
            closing: Vec::new(),
            on_failure: OnFailure::Stay,
            schema_offers: Vec::new(),
            health_timeout: Duration::from_secs(1),
            confirm: None,
            attachments: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            directory: self.directory.path().display().to_string(),
            project: "shop".to_owned(),
        }
    }

    /// Runs a plan to its end, with secrets by their paths in its folder; returns its record, and all
    /// that it printed.
    pub(super) fn run(&mut self, plan: &Plan, secrets: &[(&str, &str)]) -> (Record, String) {
        let operation = self.start(plan, secrets);
        self.ended(operation)
    }

    /// Starts a plan.
    pub(super) fn start(&mut self, plan: &Plan, secrets: &[(&str, &str)]) -> OperationId {
        let mut folder = render::folder(plan, &self.environment(), &BTreeMap::new()).unwrap();
        for (path, text) in secrets {
            folder.add(*path, Access::Secret, *text);
        }
        self.start_folder(&folder)
    }

    /// Starts what is laid out already.
    pub(super) fn start_folder(&mut self, folder: &Folder) -> OperationId {
        let place = self.place();
        let reply = self.sh(&upload(folder, &Nonce::random(), &place).unwrap());
        let StartReply::Started(operation) = start_reply(&reply).unwrap() else {
            panic!("not started: {}", String::from_utf8_lossy(&reply));
        };
        self.operations += 1;
        assert_eq!(operation, OperationId(self.operations));
        operation
    }

    /// Waits for an operation's end; its record, and all that it printed.
    pub(super) fn ended(&self, operation: OperationId) -> (Record, String) {
        // Ends with the operation.
        self.sh(&tail(&self.place(), operation).unwrap());
        let ledger = read_ledger(self.read(".flightdeck/shop/ledger.jsonl").as_bytes());
        let folder = format!(".flightdeck/shop/operations/{operation}");
        let mut output = self.read(&format!("{folder}/output.log"));
        output += &fs::read_to_string(self.file(&format!("{folder}/basis.difference")))
            .unwrap_or_default();
        let complaints = self.read(&format!("{folder}/runner.log"));
        // A shell says of a child that a signal has ended just that.
        let ended = |line: &&str| !line.contains("Killed") && !line.contains("Terminated");
        assert_eq!(complaints.lines().find(ended), None);
        (ledger.records.last().cloned().unwrap(), output)
    }

    /// What the next operation's basis has to say of the last one.
    pub(super) fn basis(&self) -> Basis {
        Basis {
            last_operation: (self.operations > 0).then_some(OperationId(self.operations)),
            ..Basis::default()
        }
    }

    /// Runs a script as the program does: on the standard input of the server's `sh`.
    pub(super) fn sh(&self, script: &[u8]) -> Vec<u8> {
        let mut child = Command::new(self.file("bin/sh"))
            .env("PATH", &self.path)
            .env("HOME", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // In one piece: the shell may have ended with the script's last line.
        input.write_all(&[script, b"exit\n"].concat()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(input);
        output.stdout
    }
}

fn hash(text: &str) -> String {
    Algorithm::Sha256.fingerprint(text.as_bytes())
}

fn pin(path: &Path, expected: Option<&str>, attachment: Option<&str>) -> Vec<Step> {
    let file = PinFile {
        path: path.display().to_string(),
        expected: expected.map(hash),
        attachment: attachment.map(str::to_owned),
        summary: Vec::new(),
    };
    vec![step("pin", Intent::Pin { files: vec![file] })]
}

#[test]
fn a_pin_is_compared_and_swapped_with_its_mode_and_through_links() {
    const NEW: &[(&str, &str)] = &[("candidate", "TAG=v2\n")];
    for mut server in servers() {
        let real = server.write("shared.env", "TAG=v1\n");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o604)).unwrap();
        let link = server.file("a link.env");
        symlink("shared.env", &link).unwrap();
        for _ in 0..2 {
            // The second time it is done already.
            let steps = pin(&link, Some("TAG=v1\n"), Some("candidate"));
            let (record, output) = server.operate(steps, NEW, server.basis());
            assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
            assert_eq!(server.read("shared.env"), "TAG=v2\n");
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o604);
        }
        // Somebody else was there.
        server.write("shared.env", "TAG=v3\n");
        let steps = pin(&link, Some("TAG=v1\n"), Some("candidate"));
        let (record, output) = server.operate(steps, NEW, server.basis());
        assert_eq!(record.outcome, Outcome::Stuck);
        assert!(output.contains("changed by somebody"), "{output}");
        assert_eq!(server.read("shared.env"), "TAG=v3\n");
        // A file of our own, made and taken away again.
        let own = server.file("versions.yml");
        let steps = pin(&own, None, Some("candidate"));
        let (record, output) = server.operate(steps, NEW, server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("versions.yml"), "TAG=v2\n");
        let steps = pin(&own, Some("TAG=v2\n"), None);
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert!(!own.exists());
        // Nothing of ours stays beside them.
        let mut names: Vec<String> = fs::read_dir(server.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, [".flightdeck", "a link.env", "bin", "shared.env"]);
    }
}

#[test]
fn of_two_pins_none_is_written_where_one_cannot_be() {
    for mut server in servers() {
        let first = server.write("first.env", "TAG=v1\n");
        let second = server.write("second.env", "somebody's\n");
        let mut steps = pin(&first, Some("TAG=v1\n"), Some("candidate"));
        let mut more = pin(&second, Some("TAG=v1\n"), Some("candidate"));
        if let (Intent::Pin { files }, Intent::Pin { files: others }) =
            (&mut steps[0].intent, &mut more[0].intent)
        {
            files.append(others);
        }
        let (record, _) = server.operate(steps, &[("candidate", "TAG=v2\n")], server.basis());
        assert_eq!(record.outcome, Outcome::Stuck);
        assert_eq!(server.read("first.env"), "TAG=v1\n");
    }
}

#[test]
fn copies_of_what_was_are_their_owners_alone() {
    for mut server in servers() {
        let file = server.write(".env", "PASSWORD=secret\n");
        let files = vec![file.display().to_string()];
        let keep = BTreeMap::new();
        let steps = vec![step("snapshot", Intent::Snapshot { files, keep })];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        let copy = ".flightdeck/shop/releases/000001/.env";
        assert_eq!(server.read(copy), "PASSWORD=secret\n");
        let mode = fs::metadata(server.file(copy)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

fn backup_command(command: &str) -> Step {
    let tool = BackupTool::Command {
        backup: command.to_owned(),
        restore: None,
    };
    step("backup", Intent::Backup { tool })
}

#[test]
fn a_backup_command_is_known_by_its_last_line_or_nothing_goes_on() {
    for mut server in servers() {
        let steps = vec![backup_command(
            "echo made; echo; echo ' arn:aws:rds/snap-42 '; echo",
        )];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(record.results["backup"], "arn:aws:rds/snap-42");
        assert_eq!(record.results.get("backup_size"), None);
        for (command, words) in [
            ("echo snap-42; exit 3", "exit code 3"),
            ("true", "printed no handle"),
            ("echo 'snap $(reboot)'", "cannot be recorded"),
            ("printf '%0600d' 0", "too long"),
        ] {
            let after = Check::Command {
                command: "touch migrated".to_owned(),
            };
            let after = Intent::Check {
                name: "migrate".to_owned(),
                check: after,
                attempts: 1,
                interval: Duration::ZERO,
                timeout: Duration::from_secs(10),
            };
            let steps = vec![backup_command(command), step("migrate", after)];
            let (record, output) = server.operate(steps, &[], server.basis());
            assert_eq!(record.step.as_deref(), Some("backup"), "{output}");
            assert!(output.contains(words), "{command}: {output}");
            assert_eq!(record.results.get("backup"), None);
            assert!(!server.file("migrated").exists(), "it went on: {command}");
        }
        // One that names a file has a size.
        let steps = vec![backup_command("printf 12345 >dump; echo dump")];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.results["backup_size"], "5", "{output}");
    }
}

#[test]
fn a_restore_command_gets_the_handle_as_it_is() {
    const HANDLE: &str = "it's $(reboot) \"$HOME\" `reboot`";
    for mut server in servers() {
        let tool = BackupTool::Command {
            backup: String::new(),
            restore: Some("printf %s \"$FD_HANDLE\" >got".to_owned()),
        };
        let from = RestoreFrom::Handle(HANDLE.to_owned());
        let steps = vec![step("restore", Intent::Restore { tool, from })];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("got"), HANDLE);
    }
}

#[test]
fn a_database_that_was_not_touched_is_not_brought_back() {
    for mut server in servers() {
        let tool = || BackupTool::Command {
            backup: "echo own".to_owned(),
            restore: Some(
                "printf '%s ' \"$FD_HANDLE\" >>got; test \"$FD_HANDLE\" = own".to_owned(),
            ),
        };
        let restore = |id: &str, from| step(id, Intent::Restore { tool: tool(), from });
        let save = || step("backup", Intent::Backup { tool: tool() });
        let steps = vec![save(), restore("back", RestoreFrom::OwnBackup)];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert!(output.contains("was not touched"), "{output}");
        assert!(!server.file("got").exists());
        // Touched, and then back to what this operation saved before.
        let mut touch = restore("restore", RestoreFrom::Handle("older".to_owned()));
        touch.failure = OnStepFailure::Reported;
        let steps = vec![save(), touch, restore("back", RestoreFrom::OwnBackup)];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("got"), "older own ");
    }
}

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
fn a_basis_that_does_not_hold_is_refused_with_what_differs() {
    let id = |digit: &str| format!("sha256:{}", digit.repeat(64));
    for mut server in servers() {
        let file = server.write("docker-compose.yml", "services: {}\n");
        server.docker_answers(&format!(
            "backend 2 b /shop-backend-2 {} running healthy 0 t 0\nbackend 1 a /shop-backend-1 {} running healthy 0 t 0\nproxy 1 c /shop-proxy-1 {} running none 0 t 0\n",
            id("2"),
            id("1"),
            id("3"),
        ));
        let images = |backend: &[&str]| {
            let of = |ids: &[&str]| ids.iter().map(|digit| id(digit).parse().unwrap()).collect();
            BTreeMap::from([(name("backend"), of(backend)), (name("proxy"), of(&["3"]))])
        };
        let basis = Basis {
            last_operation: None,
            // A recreation that was killed leaves two of one number: in no order.
            images: images(&["2", "1"]),
            made_from: BTreeMap::new(),
            files: BTreeMap::from([(file.display().to_string(), hash("services: {}\n"))]),
            schema_heads: None,
        };
        let (record, output) = server.operate(Vec::new(), &[], basis.clone());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");

        let basis = Basis {
            images: images(&["1", "4"]),
            ..basis
        };
        server.write("docker-compose.yml", "services: {a: {}}\n");
        let (record, output) = server.operate(Vec::new(), &[], basis);
        assert_eq!(record.outcome, Outcome::Refused);
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines[0], "last operation\t0\t1");
        assert_eq!(
            lines[1],
            "image of backend\t111111111111, 444444444444\t111111111111, 222222222222"
        );
        assert!(
            lines[2].starts_with(&format!("{}\t", file.display())),
            "{output}"
        );
        assert_eq!(lines.len(), 3, "{output}");
    }
}

#[test]
fn what_restarts_after_it_was_healthy_does_not_pass() {
    let image = format!("sha256:{}", "1".repeat(64));
    let line = |state: &str| format!("backend 1 a /shop-backend-1 {image} {state}\n");
    let health = || {
        let intent = Intent::Health {
            services: vec![name("backend")],
            stable_for: Duration::ZERO,
        };
        step("verify-health", intent)
    };
    for mut server in servers() {
        for (state, words) in [
            ("running healthy 0 t0 0", "backend: healthy"),
            ("running none 0 t0 0", "backend: healthy"),
            ("running unhealthy 0 t0 0", "not healthy within 1 s"),
            ("exited none 0 t0 137", "exited (exit code 137)"),
        ] {
            server.docker_answers(&line(state));
            let (_, output) = server.operate(vec![health()], &[], server.basis());
            assert!(output.contains(words), "{state}: {output}");
        }
        server.docker_answers("");
        let (_, output) = server.operate(vec![health()], &[], server.basis());
        assert!(output.contains("backend has no container"), "{output}");
        // Between the two looks it crashed and came back.
        server.docker_answers(&line("running healthy 0 t0 0"));
        let crash = format!(
            "printf '{}' >{}",
            line("running healthy 1 t1 0").trim_end(),
            server.file("containers").display()
        );
        let between = Intent::Check {
            name: "crash".to_owned(),
            check: Check::Command { command: crash },
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        };
        let mut again = health();
        again.id = "verify-again".to_owned();
        let steps = vec![health(), step("verify-check-1", between), again];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.step.as_deref(), Some("verify-again"), "{output}");
        assert!(
            output.contains("restarted after it was healthy"),
            "{output}"
        );
    }
}

#[test]
fn a_check_says_why_each_attempt_failed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/status", listener.local_addr().unwrap());
    let servers = servers();
    let requests = servers.len() * 2 * 3;
    let answers = std::thread::spawn(move || {
        // Statuses first: a stream is waited for only where one is still to come.
        let statuses = ["503 Busy", "200 OK", "200 OK"].repeat(requests / 3);
        for (status, stream) in statuses.into_iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines = head.map_while(Result::ok);
            assert!(lines.take_while(|line| !line.is_empty()).count() > 0);
            let body = "{\"status\":\"ok\"}";
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    for mut server in servers {
        for means in [HttpMeans::Curl, HttpMeans::Wget] {
            let check = |body: &str| {
                Check::Http(HttpCheck {
                    body: Some(body.to_owned()),
                    ..HttpCheck::get(url.clone(), means.clone())
                })
            };
            let ask = |id: &str, body: &str, attempts| {
                let intent = Intent::Check {
                    name: "status".to_owned(),
                    check: check(body),
                    attempts,
                    interval: Duration::ZERO,
                    timeout: Duration::from_secs(10),
                };
                step(id, intent)
            };
            let steps = vec![
                ask("verify-check-1", "\"ok\"", 2),
                ask("verify-check-2", "\"good\"", 1),
            ];
            let (record, output) = server.operate(steps, &[], server.basis());
            assert!(
                output.contains("status: attempt 1 of 2: answered 503, not 200"),
                "{output}"
            );
            assert!(output.contains("status: holds"), "{output}");
            assert!(
                output.contains("its text does not hold: \"good\""),
                "{output}"
            );
            assert_eq!(record.step.as_deref(), Some("verify-check-2"));
        }
    }
    answers.join().unwrap();
}

#[test]
fn shellcheck_has_nothing_to_say_of_what_travels() {
    if Command::new("shellcheck")
        .arg("--version")
        .output()
        .is_err()
    {
        let _ = writeln!(std::io::stderr(), "not run: shellcheck is not here");
        return;
    }
    let Some(mut server) = servers().into_iter().next() else {
        return;
    };
    let backend = || name("backend");
    let image = || {
        let reference = format!("ghcr.io/acme/shop@sha256:{}", "1".repeat(64));
        ImageName::Reference(reference.parse().unwrap())
    };
    let postgres = || BackupTool::PgDump {
        service: backend(),
        database: "shop".to_owned(),
        user: "it's".to_owned(),
    };
    let hostile = || words(&["sh", "-c", "echo '$(reboot)' `reboot` \"$HOME\"; exit"]);
    let heads = || HeadsQuery {
        command: hostile(),
        format: HeadsFormat::Rails,
    };
    let mut steps = pin(Path::new("/it's $HOME/.env"), Some("A"), Some("candidate"));
    let intents = [
        Intent::Snapshot {
            files: words(&["/it's $HOME/.env"]),
            keep: BTreeMap::from([(backend(), image())]),
        },
        Intent::Keep {
            service: backend(),
            image: image(),
        },
        Intent::KnowsSchema {
            service: backend(),
            image: image(),
            heads: heads(),
            at: Some(hostile()),
        },
        Intent::Migrate {
            service: backend(),
            image: image(),
            command: hostile(),
            heads: Some(heads()),
            summary: String::new(),
        },
        Intent::Backup { tool: postgres() },
        Intent::Backup {
            tool: BackupTool::Command {
                backup: "echo 'snap-1'".to_owned(),
                restore: None,
            },
        },
        Intent::Stop {
            services: vec![backend()],
        },
        Intent::Restore {
            tool: postgres(),
            from: RestoreFrom::OwnBackup,
        },
        Intent::Restore {
            tool: BackupTool::Command {
                backup: String::new(),
                restore: Some("echo \"$FD_HANDLE\"".to_owned()),
            },
            from: RestoreFrom::Handle("it's $HOME".to_owned()),
        },
        Intent::Start {
            services: vec![backend()],
        },
        Intent::CleanUp {
            removals: vec![
                Removal::Image {
                    id: format!("sha256:{}", "1".repeat(64)).parse().unwrap(),
                    label: "backend v1".to_owned(),
                    references: vec!["flightdeck.keep/shop/backend:1".parse().unwrap()],
                    all: true,
                    frees: None,
                },
                Removal::Container {
                    id: "c0ffee".to_owned(),
                    name: "fd-shop-1-migrate".to_owned(),
                },
                Removal::Backup {
                    handle: "it's $HOME".to_owned(),
                    size: 1,
                },
            ],
        },
        Intent::Switch {
            services: vec![backend()],
            expected: BTreeMap::from([(backend(), image())]),
            dependencies: false,
            reasons: BTreeMap::new(),
        },
        Intent::Roll {
            service: backend(),
            expected: image(),
            replicas: 2,
            stable_for: Duration::ZERO,
            dependencies: false,
            reason: String::new(),
        },
        Intent::Restart {
            services: vec![backend()],
        },
        Intent::Check {
            name: "it's".to_owned(),
            check: Check::Exec {
                service: backend(),
                command: hostile(),
            },
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        },
        Intent::Observe {
            services: vec![backend()],
            heads: Some((backend(), heads())),
        },
    ];
    for (number, intent) in intents.into_iter().enumerate() {
        steps.push(step(&format!("step-{number}"), intent));
    }
    let ids: Vec<String> = steps.iter().map(|step| step.id.clone()).collect();
    server.operate(steps, &[("candidate", "TAG=v2\n")], server.basis());
    // Of what is excluded: a part is used by some steps and set by others, a word is split and a
    // pattern matched on purpose, as the sources say in comments that do not travel.
    let said = Command::new("shellcheck")
        .args(["--shell=sh", "--external-sources"])
        .arg("--exclude=SC2016,SC2034,SC2086,SC2154,SC2254")
        .arg("basis.sh")
        .args(ids.iter().map(|id| format!("forward/{id}.sh")))
        .current_dir(server.file(".flightdeck/shop/operations/000001"))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{words}");
}
