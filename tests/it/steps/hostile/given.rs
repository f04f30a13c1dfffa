//! What steps call.

use std::{collections::BTreeMap, fs, time::Duration};

use flightdeck::{
    release::{
        check::{Check, HttpCheck, HttpMeans, JsonField, JsonMeans},
        hook::{Hook, HookCommand, HookWhen, Notification, NotificationFormat, NotificationMeans},
        operation::{OperationId, Outcome},
        plan::{
            Attachment, BackupTool, Basis, HeadsFormat, HeadsQuery, ImageName, Intent, PinFile,
            Plan, Removal, RestoreFrom, Step,
        },
    },
    target::compose::{
        pin::hash::Algorithm,
        render,
        script::{Access, Nonce, Place, quote, tail, upload},
    },
};
use serde_json::{Value, json};

use super::{IMAGE, Recorded, meant};
use crate::{
    runner::hostile::of_some,
    steps::{name, shells::servers, step},
};

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
                environment: "production".parse().unwrap(),
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
