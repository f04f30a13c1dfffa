//! Hooks, webhooks and their secrets, under each shell.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use flightdeck::release::{
    check::Check,
    hook::{Hook, HookCommand, HookWhen, Notification, NotificationFormat, NotificationMeans},
    operation::Outcome,
    plan::{Intent, OnFailure, OnStepFailure, Plan, Step},
};

use super::{
    shells::{Server, servers},
    step,
};

const SECRET: &str = "s3cr3t \"quoted\" $HOME";

fn hook(id: &str, when: HookWhen, command: &str, secrets: &[&str]) -> Step {
    let hook = Hook {
        name: id.to_owned(),
        when,
        outcomes: Vec::new(),
        act: HookCommand::Command(command.to_owned()),
        secrets: secrets.iter().map(|name| (*name).to_owned()).collect(),
    };
    Step {
        changes: false,
        failure: match when {
            HookWhen::Before => OnStepFailure::Stops,
            HookWhen::After => OnStepFailure::Reported,
        },
        ..step(id, Intent::Hook(hook))
    }
}

fn notify(id: &str, when: HookWhen, format: NotificationFormat, means: NotificationMeans) -> Step {
    let notification = Notification {
        name: id.to_owned(),
        when,
        outcomes: Vec::new(),
        format,
        means,
    };
    Step {
        limit: Duration::from_secs(15),
        failure: OnStepFailure::Reported,
        ..step(id, Intent::Notify(notification))
    }
}

fn plan(server: &Server, forward: Vec<Step>, closing: Vec<Step>) -> Plan {
    Plan {
        reason: "it's \"time\" <!channel>".to_owned(),
        on_failure: OnFailure::Stay,
        closing,
        ..server.plan(forward, server.basis())
    }
}

/// All that lies in an operation's folder and in the ledger, but for the runner's own text.
fn left(at: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &left(&path);
        } else {
            text += &String::from_utf8_lossy(&fs::read(&path).unwrap());
        }
    }
    text
}

#[test]
fn a_hook_is_given_its_secrets_as_files_and_they_are_gone_when_it_is_over() {
    for mut server in servers() {
        let seen = server.file("seen");
        let look = format!(
            "ls -l \"$FD_SECRETS/TOKEN\" >{0}; cat \"$FD_SECRETS/TOKEN\" >>{0}; echo >>{0}
             echo \"$FD_KIND $FD_ENVIRONMENT by $FD_OPERATOR: $FD_REASON, ${{FD_OUTCOME:-none}}\" >>{0}",
            seen.display()
        );
        let after = format!(
            "echo \"$FD_OUTCOME at '$FD_STEP'\" >>{}; exit 7",
            seen.display()
        );
        let forward = vec![hook("hook-1", HookWhen::Before, &look, &["TOKEN"])];
        let closing = vec![
            hook("hook-2", HookWhen::After, &after, &[]),
            hook("hook-3", HookWhen::After, "true", &["GONE"]),
        ];
        let plan = plan(&server, forward, closing);
        let (record, output) = server.run(&plan, &[("secrets/hook-1/TOKEN", SECRET)]);
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        let seen = server.read("seen");
        assert!(seen.starts_with("-rw-------"), "{seen}");
        assert!(seen.contains(SECRET), "{seen}");
        assert!(
            seen.contains("promote production by mira: it's \"time\" <!channel>, none"),
            "{seen}"
        );
        assert!(seen.contains("succeeded at ''"), "{seen}");
        // What fails after it changes nothing, and is told.
        assert!(output.contains("the hook failed: exit code 7"), "{output}");
        assert!(output.contains("its secret GONE is not here"), "{output}");
        assert_eq!(
            record.reported(),
            Some("closing/hook-2,closing/hook-3"),
            "{output}"
        );
        let folder = server.file(".flightdeck");
        assert!(!left(&folder).contains("s3cr3t"));
        assert!(!folder.join("shop/operations/000001/secrets").exists());
    }
}

#[test]
fn a_failing_hook_before_stops_before_anything_changes() {
    for mut server in servers() {
        let touched = server.file("touched");
        let change = Intent::Check {
            name: "change".to_owned(),
            check: Check::Command {
                command: format!("echo >{}", touched.display()),
            },
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        };
        let told = server.file("told");
        let tell = format!(
            "echo \"$FD_OUTCOME at $FD_STEP, changed: $FD_CHANGED\" >{}",
            told.display()
        );
        let mut only_success = hook("hook-3", HookWhen::After, "exit 1", &[]);
        if let Intent::Hook(hook) = &mut only_success.intent {
            hook.outcomes = vec![Outcome::Succeeded];
        }
        let forward = vec![
            hook(
                "hook-1",
                HookWhen::Before,
                "echo 'the freeze is on'; exit 3",
                &[],
            ),
            step("change", change),
        ];
        let closing = vec![hook("hook-2", HookWhen::After, &tell, &[]), only_success];
        let plan = plan(&server, forward, closing);
        let (record, output) = server.run(&plan, &[]);
        assert_eq!(record.outcome, Outcome::WentBack, "{output}");
        assert_eq!(record.step.as_deref(), Some("hook-1"));
        assert_eq!(
            record.ended_words(),
            "stopped at hook-1 before anything changed"
        );
        // The hook's own exit code, not that of the script that ran it.
        assert_eq!(record.other["exit"], 3, "{output}");
        assert!(output.contains("the freeze is on"), "{output}");
        assert!(!touched.exists());
        assert_eq!(server.read("told"), "went_back at hook-1, changed: false\n");
        assert!(
            output.contains("nothing to do: the outcome is went_back"),
            "{output}"
        );
        assert_eq!(record.reported(), None);
    }
}

/// A web server that takes notifications: the address, and each request's head and body.
fn listening(status: &'static str) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/services/T0/s3cr3t",
        listener.local_addr().unwrap()
    );
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = sender.send((head, String::from_utf8(body).unwrap()));
        }
    });
    (url, receiver)
}

#[test]
fn a_webhook_is_told_as_json_and_its_address_is_nowhere_to_be_read() {
    let (url, told) = listening("200 OK");
    let curl = format!("url = \"{url}\"\n");
    for mut server in servers() {
        // Its shell finds its own wget, which cannot keep an address out of sight.
        let shell = fs::read_link(server.file("bin/sh")).unwrap();
        let (means, file) = if shell.ends_with("busybox") {
            (NotificationMeans::Curl, ("secrets/hook-3/curl", &curl))
        } else {
            (NotificationMeans::Wget, ("secrets/hook-3/address", &url))
        };
        let forward = vec![notify(
            "hook-1",
            HookWhen::Before,
            NotificationFormat::Slack,
            NotificationMeans::Curl,
        )];
        let closing = vec![
            notify(
                "hook-2",
                HookWhen::After,
                NotificationFormat::Json,
                NotificationMeans::Curl,
            ),
            notify("hook-3", HookWhen::After, NotificationFormat::Slack, means),
        ];
        let plan = plan(&server, forward, closing);
        let (record, output) = server.run(
            &plan,
            &[
                ("secrets/hook-1/curl", &curl),
                ("secrets/hook-2/curl", &curl),
                (file.0, file.1),
            ],
        );
        assert_eq!(
            (record.outcome, record.reported()),
            (Outcome::Succeeded, None),
            "{output}"
        );
        let next = || {
            let (head, body) = told.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(head.starts_with("POST /services/T0/s3cr3t "), "{head}");
            assert!(
                head.to_ascii_lowercase()
                    .contains("content-type: application/json"),
                "{head}"
            );
            serde_json::from_str::<serde_json::Value>(&body).unwrap()
        };
        let began = next();
        // What somebody wrote as a reason calls nobody.
        let text = began["text"].as_str().unwrap();
        assert!(
            text.contains("(it's \"time\" &lt;!channel&gt;) begins"),
            "{text}"
        );
        assert_eq!(began.as_object().unwrap().len(), 1);
        let ended = next();
        assert_eq!(ended["environment"], "production");
        assert_eq!(ended["reason"], "it's \"time\" <!channel>");
        assert_eq!(ended["outcome"], "succeeded");
        assert_eq!(ended["operation"], record.operation.0);
        assert_eq!(ended["changed"], true);
        assert!(ended["seconds"].is_number() && ended["step"].is_null());
        let text = next()["text"].as_str().unwrap().to_owned();
        assert!(text.contains("succeeded after"), "{text}");
        assert!(
            !left(&server.file(".flightdeck")).contains("s3cr3t"),
            "{output}"
        );
    }
}

#[test]
fn a_webhook_that_refuses_is_reported_without_its_address() {
    let (url, _told) = listening("500 No");
    let curl = format!("url = \"{url}\"\n");
    for mut server in servers() {
        let closing = [NotificationMeans::Curl, NotificationMeans::Wget]
            .into_iter()
            .enumerate()
            .map(|(number, means)| {
                let id = format!("hook-{}", number + 1);
                notify(&id, HookWhen::After, NotificationFormat::Json, means)
            })
            .collect();
        let plan = plan(&server, Vec::new(), closing);
        let secrets = [
            ("secrets/hook-1/curl", curl.as_str()),
            ("secrets/hook-2/address", &url),
        ];
        let (record, output) = server.run(&plan, &secrets);
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(record.reported(), Some("closing/hook-1,closing/hook-2"));
        assert!(output.contains("it answered 500"), "{output}");
        assert!(
            !left(&server.file(".flightdeck")).contains("s3cr3t"),
            "{output}"
        );
    }
}

#[test]
fn a_webhook_hears_of_what_stopped_before_any_change_that_nothing_changed() {
    let (url, told) = listening("200 OK");
    let curl = format!("url = \"{url}\"\n");
    for mut server in servers() {
        let freeze = hook("hook-freeze", HookWhen::Before, "exit 3", &[]);
        let change = Intent::Check {
            name: "change".to_owned(),
            check: Check::Command {
                command: "true".to_owned(),
            },
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        };
        let closing = [NotificationFormat::Slack, NotificationFormat::Json]
            .into_iter()
            .enumerate()
            .map(|(number, format)| {
                let id = format!("hook-{number}");
                notify(&id, HookWhen::After, format, NotificationMeans::Curl)
            })
            .collect();
        let plan = plan(&server, vec![freeze, step("change", change)], closing);
        let secrets = [
            ("secrets/hook-0/curl", curl.as_str()),
            ("secrets/hook-1/curl", &curl),
        ];
        let (record, output) = server.run(&plan, &secrets);
        assert_eq!(record.outcome, Outcome::WentBack, "{output}");
        let next = || -> serde_json::Value {
            let (_, body) = told.recv_timeout(Duration::from_secs(10)).unwrap();
            serde_json::from_str(&body).unwrap()
        };
        let text = next()["text"].as_str().unwrap().to_owned();
        assert!(
            text.contains("stopped at hook-freeze before anything changed after"),
            "{text}"
        );
        let body = next();
        assert_eq!(
            (&body["outcome"], &body["changed"], &body["step"]),
            (&"went_back".into(), &false.into(), &"hook-freeze".into())
        );
    }
}
