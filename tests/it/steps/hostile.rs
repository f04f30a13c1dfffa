//! What is configured and typed, through a step's script or a survey's to the programs that it calls: each
//! is given byte for byte what was meant. The scripts themselves, their folder and their names are in
//! `runner/hostile.rs`.

use std::{
    cell::RefCell, collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, time::Duration,
};

use flightdeck::{
    config::{Backup, Environment, Host, Migration, MigrationTool, Reach, Target},
    release::{
        Fault,
        check::{Check, HttpCheck, HttpMeans, JsonField, JsonMeans},
        hook::{Hook, HookCommand, HookWhen, Notification, NotificationFormat, NotificationMeans},
        operation::{OperationId, Outcome},
        plan::{
            Attachment, BackupTool, Basis, Deed, HeadsFormat, HeadsQuery, ImageName, Intent,
            PinFile, Plan, Removal, Request, RestoreFrom, Step,
        },
        text::clean,
    },
    target::compose::{
        connection::facts::{self, Endpoint, SocketState},
        pin::hash::Algorithm,
        render,
        script::{Access, Nonce, Place, quote, tail, upload},
        shell::{Shell, ShellOutput},
        survey,
    },
};
use futures::{FutureExt as _, executor::block_on, future::BoxFuture};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    name,
    shells::{Server, servers},
    step,
};
use crate::runner::hostile::{file_name, of_some, text};

/// Writes down what it is given, as `docker`, `sudo` and what else it is called, and answers as if all were
/// well. Behind sudo two words and perhaps an endpoint come before docker's own.
const RECORDER: &str = r#"#!/bin/sh
here=${0%/*}
printf '%s\0' "${0##*/}" "${DOCKER_HOST-}" "$@" >"$here/calls/$$"
case ${0##*/} in
curl)
	case "$*" in
	*' -K -') cat >"$here/told" && printf 200 ;;
	*) cat "$here/answer" ;;
	esac
	exit
	;;
jq) cat >"$here/read" && echo equal && exit ;;
sudo)
	shift 3
	[ "$1" != -H ] || shift 2
	;;
esac
for last; do :; done
case "$1:$*:$last" in
ps:*--format*) ;;
ps:*) echo c0ffee ;;
image:*) echo "sha256:1111111111111111111111111111111111111111111111111111111111111111" ;;
inspect:*:fd-*) exit 1 ;;
inspect:*working_dir*) printf 'backend %s\n' "$(cat "$here/made-from")" ;;
inspect:*) echo 'backend 1 c0ffee /shop-backend-1 sha256:1111111111111111111111111111111111111111111111111111111111111111 running healthy 0 t 0' ;;
wait:*) echo 0 ;;
esac
"#;

const IMAGE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// What an operator means to say, each of it in its own place.
#[derive(Debug, Clone)]
struct Meant {
    operator: String,
    reason: String,
    words: Vec<String>,
    command: String,
    one: String,
    other: String,
    line: String,
    directory: String,
    file: String,
    second: String,
    behind_sudo: bool,
}

/// No command can be given a NUL.
fn word() -> impl Strategy<Value = String> + Clone {
    text().prop_map(|text| text.replace('\0', ""))
}

/// The name of a file as a configuration may have it.
fn path() -> impl Strategy<Value = String> + Clone {
    file_name().prop_map(|name| name.replace(|c: char| c.is_control() || c == ',', ""))
}

fn meant() -> impl Strategy<Value = Meant> {
    let words = (
        (word(), word()),
        prop::collection::vec(word(), 1..8),
        word(),
        (word(), word()),
        word(),
    );
    let names = (path(), path(), path(), any::<bool>());
    (words, names).prop_map(|(words, (directory, file, second, behind_sudo))| {
        let ((operator, reason), words, command, (one, other), line) = words;
        let line = line.replace(|c: char| c.is_control(), "");
        Meant {
            operator,
            reason,
            words,
            command,
            one,
            other,
            line: line.trim().to_owned(),
            directory,
            file: format!("1{file}"),
            second: format!("2{second}"),
            behind_sudo,
        }
    })
}

/// A server whose programs write down what they are given, and a directory on it.
struct Recorded<'a> {
    server: &'a Server,
    meant: &'a Meant,
    directory: String,
}

impl<'a> Recorded<'a> {
    fn new(server: &'a Server, meant: &'a Meant) -> Self {
        for program in ["docker", "sudo", "curl", "jq"] {
            let path = server.write(&format!("bin/{program}"), RECORDER);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let calls = server.file("bin/calls");
        let _ = fs::remove_dir_all(&calls);
        fs::create_dir(&calls).unwrap();
        let directory = server.file(&meant.directory);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        let recorded = Self {
            server,
            meant,
            directory: directory.to_str().unwrap().to_owned(),
        };
        recorded.write(&meant.file, "former\n");
        recorded.write(&meant.second, "services: {}\n");
        recorded.write("docker-compose.yml", "services: {}\n");
        recorded
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name:?}: {error}"))
    }

    fn environment(&self) -> Environment {
        let mut environment = self.server.environment();
        let Target::Compose(compose) = &mut environment.target;
        // The server's own directory is the home there.
        compose.directory = format!("~/{}", self.meant.directory);
        compose.files.push(self.meant.second.clone());
        compose.environment_files = vec![self.meant.file.clone()];
        compose.host.socket = Some(format!("/run/{}", self.meant.one));
        if self.meant.behind_sudo {
            let prefix = ["sudo", "-u", &self.meant.other, "docker"];
            compose.host.docker = prefix.map(str::to_owned).to_vec();
        }
        environment
    }

    /// Every call: the program, its `DOCKER_HOST`, its arguments.
    fn calls(&self) -> Vec<Vec<String>> {
        let files = fs::read_dir(self.server.file("bin/calls")).unwrap();
        files
            .map(|file| {
                let call = fs::read_to_string(file.unwrap().path()).unwrap();
                let words = call.strip_suffix('\0').unwrap().split('\0');
                words.map(str::to_owned).collect()
            })
            .collect()
    }

    /// Some call of `program` has `words` in a row.
    fn assert_given(&self, program: &str, words: &[&str]) {
        let calls = self.calls();
        let is_given = calls
            .iter()
            .filter(|call| call[0] == program)
            .any(|call| call[2..].windows(words.len()).any(|given| given == words));
        assert!(is_given, "{program} was never given {words:?}: {calls:#?}");
    }

    /// Docker was always asked as the host's configuration says, and somewhere with `words`.
    fn assert_docker_given(&self, words: &[&str]) {
        let endpoint = format!("unix:///run/{}", self.meant.one);
        let program = if self.meant.behind_sudo {
            let before = ["-u", &self.meant.other, "docker", "-H", &endpoint];
            for call in self.calls().iter().filter(|call| call[0] == "sudo") {
                assert_eq!(call[2..7], before);
            }
            "sudo"
        } else {
            for call in self.calls().iter().filter(|call| call[0] == "docker") {
                assert_eq!(call[1], endpoint);
            }
            "docker"
        };
        self.assert_given(program, words);
    }
}

/// What prints `text` into a file of the project's directory.
fn print(text: &str, file: &str) -> String {
    format!("printf %s {} >{file}", quote(text).unwrap())
}

fn check(name: &str, check: Check) -> Intent {
    Intent::Check {
        name: name.to_owned(),
        check,
        attempts: 1,
        interval: Duration::ZERO,
        timeout: Duration::from_secs(20),
    }
}

fn steps(recorded: &Recorded<'_>) -> Vec<Step> {
    let meant = recorded.meant;
    let backend = || name("backend");
    let image = || ImageName::Id(IMAGE.parse().unwrap());
    let heads = || HeadsQuery {
        command: meant.words.clone(),
        format: HeadsFormat::Lines,
    };
    let postgres = BackupTool::PgDump {
        service: backend(),
        database: meant.one.clone(),
        user: meant.other.clone(),
    };
    let by_command = |backup: &str, restore: &str| BackupTool::Command {
        backup: backup.to_owned(),
        restore: Some(restore.to_owned()),
    };
    let http = HttpCheck {
        request_headers: BTreeMap::from([("X-Probe".to_owned(), meant.line.clone())]),
        headers: BTreeMap::from([("x-asked".to_owned(), meant.line.clone())]),
        body: Some(meant.one.clone()),
        json: vec![JsonField {
            path: meant.words.clone(),
            value: json!(meant.other),
        }],
        json_means: Some(JsonMeans::Jq),
        ..HttpCheck::get(format!("http://{}", meant.other), HttpMeans::Curl)
    };
    let hook = |act| {
        Intent::Hook(Hook {
            name: "hook".to_owned(),
            when: HookWhen::Before,
            outcomes: Vec::new(),
            act,
            secrets: Vec::new(),
        })
    };
    let told = "printf '%s\\0' \"$FD_OPERATOR\" \"$FD_REASON\" >told";
    let intents = [
        Intent::Snapshot {
            files: vec![recorded.path(&meant.file)],
            keep: BTreeMap::new(),
        },
        Intent::KnowsSchema {
            service: backend(),
            image: image(),
            heads: heads(),
            at: Some(meant.words.clone()),
        },
        Intent::Backup { tool: postgres },
        Intent::Backup {
            tool: by_command(
                &format!("{}; echo saved", print(&meant.command, "backup")),
                "",
            ),
        },
        Intent::Migrate {
            service: backend(),
            image: image(),
            command: meant.words.clone(),
            heads: Some(heads()),
            summary: String::new(),
        },
        Intent::Pin {
            files: vec![PinFile {
                path: recorded.path(&meant.file),
                expected: Some(Algorithm::Sha256.fingerprint(b"former\n")),
                attachment: Some("candidate".to_owned()),
                summary: Vec::new(),
            }],
        },
        Intent::Restore {
            tool: by_command("", "printf %s \"$FD_HANDLE\" >handle"),
            from: RestoreFrom::Handle(meant.one.clone()),
        },
        check(
            &meant.one,
            Check::Command {
                command: print(&meant.command, "check"),
            },
        ),
        check(
            "exec",
            Check::Exec {
                service: backend(),
                command: meant.words.clone(),
            },
        ),
        check("http", Check::Http(http)),
        hook(HookCommand::Command(told.to_owned())),
        hook(HookCommand::Exec {
            service: backend(),
            command: meant.words.clone(),
        }),
        Intent::Notify(Notification {
            name: "webhook".to_owned(),
            when: HookWhen::Before,
            outcomes: Vec::new(),
            format: NotificationFormat::Json,
            means: NotificationMeans::Curl,
        }),
        Intent::CleanUp {
            removals: vec![
                Removal::Container {
                    id: format!("x{}", meant.one),
                    name: meant.other.clone(),
                },
                Removal::Backup {
                    handle: meant.second.clone(),
                    size: 1,
                },
            ],
        },
    ];
    let numbered = intents.into_iter().enumerate();
    numbered
        .map(|(number, intent)| Step {
            limit: Duration::from_secs(60),
            ..step(&format!("step-{number}"), intent)
        })
        .collect()
}

fn plan(recorded: &Recorded<'_>) -> Plan {
    let meant = recorded.meant;
    let basis = Basis {
        images: BTreeMap::from([(name("backend"), vec![IMAGE.parse().unwrap()])]),
        made_from: BTreeMap::from([(name("backend"), vec![meant.line.clone()])]),
        files: BTreeMap::from([(
            recorded.path(&meant.file),
            Algorithm::Sha256.fingerprint(b"former\n"),
        )]),
        ..Basis::default()
    };
    Plan {
        operator: meant.operator.clone(),
        reason: meant.reason.clone(),
        attachments: vec![Attachment {
            name: "candidate".to_owned(),
            bytes: b"candidate\n".to_vec().into(),
        }],
        ..recorded.server.plan(steps(recorded), basis)
    }
}

/// What curl makes of its configuration's one value.
fn unquoted(config: &str) -> Value {
    let text = config
        .lines()
        .find_map(|line| line.strip_prefix("data-binary = \"")?.strip_suffix('"'))
        .unwrap();
    let mut characters = text.chars();
    let mut value = String::new();
    while let Some(c) = characters.next() {
        value.extend(if c == '\\' {
            characters.next()
        } else {
            Some(c)
        });
    }
    serde_json::from_str(&value).unwrap()
}

#[test]
fn every_program_that_a_step_calls_is_given_what_was_meant() {
    for server in &servers() {
        of_some(3, meant(), |meant| {
            let recorded = Recorded::new(server, &meant);
            server.write("bin/made-from", &meant.line);
            let head = format!("HTTP/1.1 200 OK\r\nX-Asked: {}\r\n\r\n", meant.line);
            server.write("bin/answer", &format!("{head}before{}after", meant.one));
            let environment = recorded.environment();
            let mut folder = render::folder(&plan(&recorded), &environment, &BTreeMap::new())
                .unwrap_or_else(|fault| panic!("{fault}"));
            folder.add("secrets/step-12/curl", Access::Secret, "url = \"x\"\n");
            let place = Place {
                directory: recorded.directory.clone(),
                project: "shop".to_owned(),
            };
            server.sh(&upload(&folder, &Nonce::random(), &place).unwrap());
            // Ends with the operation.
            server.sh(&tail(&place, OperationId(1)).unwrap());
            let end = recorded.read(".flightdeck/shop/operations/000001/end.json");
            let end: Value = serde_json::from_str(&end).unwrap();
            let output = recorded.read(".flightdeck/shop/operations/000001/output.log");
            assert_eq!(end["outcome"], json!(Outcome::Succeeded), "{output}");

            let copy = format!(".flightdeck/shop/releases/000001/{}", meant.file);
            assert_eq!(recorded.read(&copy), "former\n");
            assert_eq!(recorded.read(&meant.file), "candidate\n");
            assert!(
                !fs::exists(recorded.path(&meant.second)).unwrap(),
                "{output}"
            );
            for (file, text) in [
                ("backup", &meant.command),
                ("check", &meant.command),
                ("handle", &meant.one),
            ] {
                assert_eq!(recorded.read(file), *text, "{file}");
            }
            let told = format!("{}\0{}\0", meant.operator, meant.reason);
            assert_eq!(recorded.read("told"), told);
            assert!(
                output.contains(&format!("{}: holds\n", meant.one)),
                "{output}"
            );

            let words: Vec<&str> = meant.words.iter().map(String::as_str).collect();
            let after = |before: &[&'static str]| [before, &words].concat();
            recorded.assert_docker_given(&after(&["exec", "c0ffee"]));
            recorded.assert_docker_given(&after(&["run", "--rm", "--no-deps", "-T", "backend"]));
            recorded.assert_docker_given(&after(&["--name", "fd-shop-1-step-4", "backend"]));
            let reason = format!("FD_REASON={}", meant.reason);
            recorded.assert_docker_given(&[
                "-e",
                &reason,
                "-e",
                "FD_OUTCOME=",
                "-e",
                "FD_STEP=",
                "-e",
                "FD_CHANGED=",
                "c0ffee",
            ]);
            recorded.assert_docker_given(&["--env-file", &meant.file]);
            recorded.assert_docker_given(&["-f", "docker-compose.yml", "-f", &meant.second]);
            let (database, user) = (
                format!("--dbname={}", meant.one),
                format!("--username={}", meant.other),
            );
            recorded.assert_docker_given(&["--no-password", &user, &database]);
            recorded.assert_docker_given(&["-U", &meant.other, "-d", &meant.one]);
            recorded.assert_docker_given(&["rm", &format!("x{}", meant.one)]);

            let header = format!("X-Probe: {}", meant.line);
            let url = format!("http://{}", meant.other);
            recorded.assert_given("curl", &["--header", &header, &url]);
            let (path, value) = (
                json!(meant.words).to_string(),
                json!(meant.other).to_string(),
            );
            recorded.assert_given(
                "jq",
                &["--argjson", "path", &path, "--argjson", "value", &value],
            );
            let told = unquoted(&server.read("bin/told"));
            assert_eq!(
                (&told["operator"], &told["reason"]),
                (&json!(meant.operator), &json!(meant.reason))
            );
        });
    }
}

/// The server's shell, and what it answered.
struct Answering<'a>(&'a Server, std::sync::Mutex<Vec<u8>>);

impl Shell for Answering<'_> {
    fn run(&self, script: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        let stdout = self.0.sh(&script);
        self.1.lock().unwrap().extend_from_slice(&stdout);
        let output = ShellOutput {
            status: 0,
            stdout,
            stderr: Vec::new(),
        };
        async { Ok(output) }.boxed()
    }
}

#[test]
fn every_program_that_a_survey_asks_is_given_what_was_meant() {
    for server in &servers() {
        of_some(3, meant(), |meant| {
            let recorded = Recorded::new(server, &meant);
            let mut environment = recorded.environment();
            environment.migration = Some(Migration {
                service: name("backend"),
                tool: MigrationTool::Alembic {
                    command: meant.words.clone(),
                },
            });
            environment.backup = Some(Backup {
                tool: BackupTool::PgDump {
                    service: name("backend"),
                    database: meant.one.clone(),
                    user: meant.other.clone(),
                },
                keep: 1,
                stop: None,
                timeout: Duration::from_secs(60),
            });
            let mut neighbour = environment.clone();
            let Target::Compose(compose) = &mut neighbour.target;
            compose.project = meant.second.clone();
            let ledger = format!(".flightdeck/{}", meant.second);
            fs::create_dir_all(recorded.path(&ledger)).unwrap();
            recorded.write(
                &format!("{ledger}/ledger.jsonl"),
                "the neighbour's ledger\n",
            );

            for deed in [
                Deed::Restore { operation: None },
                Deed::CleanUp {
                    keep: 1,
                    older_than: Duration::ZERO,
                },
            ] {
                let request = Request {
                    environment: environment.name.clone(),
                    deed,
                    reason: String::new(),
                    overrides: Vec::new(),
                };
                let shell = Answering(server, Default::default());
                let neighbours = [neighbour.clone()];
                let taken = jiff::Timestamp::UNIX_EPOCH;
                // What it makes of such a server is nothing to ask here.
                let _ = block_on(survey::take(
                    &shell,
                    &environment,
                    &BTreeMap::new(),
                    &neighbours,
                    &request,
                    taken,
                ));
                let answered = shell.1.into_inner().unwrap();
                let answered = String::from_utf8_lossy(&answered);
                let hash = Algorithm::Sha256.fingerprint(b"former\n");
                assert!(answered.contains(&hash), "{answered}");
                let is_neighbours = matches!(request.deed, Deed::CleanUp { .. });
                assert_eq!(
                    answered.contains("the neighbour's ledger"),
                    is_neighbours,
                    "{answered}"
                );
            }
            let words: Vec<&str> = meant.words.iter().map(String::as_str).collect();
            recorded.assert_docker_given(&[&["exec", "c0ffee"], &words[..], &["current"]].concat());
            recorded.assert_docker_given(&[&["exec", "c0ffee"], &words[..], &["history"]].concat());
            recorded.assert_docker_given(&["--env-file", &meant.file]);
            recorded.assert_docker_given(&["-f", "docker-compose.yml", "-f", &meant.second]);
            recorded.assert_docker_given(&["-U", &meant.other, "-d", &meant.one]);
        });
    }
}

#[test]
fn a_server_that_is_met_first_is_asked_by_the_hosts_own_words() {
    for server in &servers() {
        of_some(4, meant(), |meant| {
            let recorded = Recorded::new(server, &meant);
            let words = ["sudo", "-u", &meant.other, "docker"];
            let mut host = Host {
                reach: Reach::Local,
                docker: words.map(str::to_owned).to_vec(),
                socket: None,
            };
            let shell = Answering(server, Default::default());
            block_on(facts::ask(&shell, &host)).unwrap();
            recorded.assert_given(
                "sudo",
                &["-u", &meant.other, "docker", "context", "inspect"],
            );

            let path = format!("/run/{}", meant.line);
            host.socket = Some(path.clone());
            let facts = block_on(facts::ask(&shell, &host)).unwrap();
            let there = Endpoint::Socket {
                path: clean(&path),
                state: SocketState::Missing,
            };
            assert_eq!(facts.endpoint, there);
        });
    }
}

#[test]
fn a_backup_is_known_by_exactly_what_its_command_printed_last() {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._:/@+,-".contains(c);
    for server in servers() {
        let server = RefCell::new(server);
        let most = prop::sample::select(
            ('\u{1}'..'\u{80}')
                .filter(|c| plain(*c))
                .collect::<Vec<_>>(),
        );
        let character = prop_oneof![100 => most, 4 => Just('\n'), 1 => any::<char>()];
        let printed = prop::collection::vec(character, 0..60);
        of_some(8, printed, |printed| {
            let printed: String = printed.into_iter().filter(|c| *c != '\0').collect();
            let mut server = server.borrow_mut();
            server.write("printed", &printed);
            let tool = BackupTool::Command {
                backup: "cat printed".to_owned(),
                restore: None,
            };
            let steps = vec![step("backup", Intent::Backup { tool })];
            let basis = server.basis();
            let (record, output) = server.operate(steps, &[], basis);
            let mut lines = printed
                .split('\n')
                .map(|line| line.trim_matches([' ', '\t']));
            let handle = lines.rfind(|line| !line.is_empty());
            let handle = handle.filter(|handle| handle.chars().all(plain));
            assert_eq!(
                record.results.get("backup").map(String::as_str),
                handle,
                "{output}"
            );
            assert_eq!(
                record.outcome == Outcome::Succeeded,
                handle.is_some(),
                "{output}"
            );
        });
    }
}
