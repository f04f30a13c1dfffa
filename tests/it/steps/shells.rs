//! On this machine alone, under each shell that servers have: what steps do without docker, and with one
//! that answers from files.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use flightdeck::{
    config::{self, Environment, Host, Protection, Reach, Target},
    release::{
        operation::OperationId,
        plan::{Attachment, Basis, FORMAT, OnFailure, Plan, PlanKind, Step},
        record::{Record, Release},
    },
    target::compose::{
        render,
        script::{
            Access, Folder, Nonce, Place, StartReply, read_ledger, start_reply, tail, upload,
        },
    },
};

use super::{name, words};

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
            environment: "production".parse().unwrap(),
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
