//! What an HTTP check asks and what it makes of the answer, under each shell.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::{Command, Stdio},
    time::Duration,
};

use flightdeck::{
    release::{
        check::{
            Check, CheckAnswer, CheckVerdict, HttpCheck, HttpMeans, HttpMethod, JsonField,
            JsonMeans, Statuses,
        },
        operation::{Direction, OperationId, Outcome},
        plan::{Intent, OnStepFailure, Step},
    },
    target::compose::script::{VerdictReply, verdict, verdict_reply},
};
use serde_json::json;

use super::{shells::servers, step};

const BODY: &str = r#"{"db":{"ok":true,"name":"it's \"up\""},"workers":[{"load":1.0}]}"#;

/// Answers with a body of JSON, and in a header with what it was asked; for as long as the test runs.
fn answering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let mut words = head.first().map_or("", String::as_str).split(' ');
            let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let probe = head
                .iter()
                .find_map(|line| line.strip_prefix("X-Probe: "))
                .unwrap_or("none");
            let status = match path {
                "/moved" => "302 Found",
                "/gone" => "404 Not Found",
                _ => "200 OK",
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nX-Asked: {method} {probe}\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                BODY.len()
            );
            if method != "HEAD" {
                let _ = stream.write_all(BODY.as_bytes());
            }
        }
    });
    url
}

fn is_here(program: &str) -> bool {
    Command::new(program)
        .arg("--help")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

fn ask(id: &str, check: Check) -> Step {
    let intent = Intent::Check {
        name: id.to_owned(),
        check,
        attempts: 1,
        interval: Duration::ZERO,
        timeout: Duration::from_secs(10),
    };
    // So that one operation asks all of them.
    Step {
        failure: OnStepFailure::Reported,
        ..step(id, intent)
    }
}

fn field(path: &str, value: serde_json::Value) -> JsonField {
    JsonField {
        path: path.split('.').map(str::to_owned).collect(),
        value,
    }
}

#[test]
fn statuses_headers_and_methods_are_judged_alike_by_curl_and_wget() {
    let url = answering();
    for mut server in servers() {
        for means in [HttpMeans::Curl, HttpMeans::Wget] {
            let http = |path: &str| HttpCheck::get(format!("{url}{path}"), means.clone());
            let status = |ranges: &str| {
                Statuses(
                    ranges
                        .split(' ')
                        .map(|range| range.parse().unwrap())
                        .collect(),
                )
            };
            let header = |text: &str| BTreeMap::from([("x-asked".to_owned(), text.to_owned())]);
            // The wget of busybox 1.35 looks by GET.
            let head = if means == HttpMeans::Curl {
                "HEAD"
            } else {
                "none"
            };
            let checks = [
                (
                    "range",
                    "holds",
                    HttpCheck {
                        status: status("404 2xx"),
                        ..http("/")
                    },
                ),
                (
                    "gone",
                    "holds",
                    HttpCheck {
                        status: status("404"),
                        ..http("/gone")
                    },
                ),
                (
                    "moved",
                    "holds",
                    HttpCheck {
                        status: status("301-303"),
                        ..http("/moved")
                    },
                ),
                (
                    "other",
                    "answered 404, not 2xx or 302",
                    HttpCheck {
                        status: status("2xx 302"),
                        ..http("/gone")
                    },
                ),
                (
                    "sent",
                    "holds",
                    HttpCheck {
                        request_headers: BTreeMap::from([(
                            "X-Probe".to_owned(),
                            "it's $HOME".to_owned(),
                        )]),
                        headers: header("GET it's $HOME"),
                        ..http("/")
                    },
                ),
                (
                    "head",
                    "holds",
                    HttpCheck {
                        method: HttpMethod::Head,
                        headers: header(head),
                        ..http("/")
                    },
                ),
                (
                    "header",
                    "its header x-asked is not POST but: GET none",
                    HttpCheck {
                        headers: header("POST"),
                        ..http("/")
                    },
                ),
                (
                    "missing",
                    "without the header Server",
                    HttpCheck {
                        headers: BTreeMap::from([("Server".to_owned(), String::new() + "x")]),
                        ..http("/")
                    },
                ),
            ];
            let steps = checks
                .iter()
                .map(|(id, _, http)| ask(id, Check::Http(http.clone())))
                .collect();
            let (record, output) = server.operate(steps, &[], server.basis());
            assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
            for (id, words, _) in &checks {
                assert!(
                    output
                        .lines()
                        .any(|line| line.starts_with(&format!("{id}: ")) && line.contains(words)),
                    "{means:?}: {id}: {words}: {output}"
                );
            }
            assert_eq!(record.reported(), Some("other,header,missing"), "{output}");
        }
    }
}

#[test]
fn fields_of_json_are_read_by_jq_and_by_python() {
    let url = answering();
    let (present, absent): (Vec<_>, Vec<_>) =
        [("jq", JsonMeans::Jq), ("python3", JsonMeans::Python)]
            .into_iter()
            .partition(|(program, _)| is_here(program));
    for (program, _) in absent {
        // libtest captures `print!` but not this.
        let _ = writeln!(std::io::stderr(), "not run: {program} is not here");
    }
    for mut server in servers() {
        for (_, json_means) in &present {
            let check = |fields: Vec<JsonField>| {
                Check::Http(HttpCheck {
                    json: fields,
                    json_means: Some(json_means.clone()),
                    ..HttpCheck::get(&url, HttpMeans::Curl)
                })
            };
            let checks = [
                (
                    "same",
                    "holds",
                    vec![
                        field("db.ok", json!(true)),
                        field("db.name", json!("it's \"up\"")),
                        field("workers.0.load", json!(1)),
                    ],
                ),
                (
                    "other",
                    "db.ok is not false but true",
                    vec![field("db.ok", json!(false))],
                ),
                (
                    "kind",
                    "db.ok is not 1 but true",
                    vec![field("db.ok", json!(1))],
                ),
                (
                    "gone",
                    "workers.7.load is not 1 but null",
                    vec![field("workers.7.load", json!(1))],
                ),
                (
                    "deep",
                    "db.ok.x is not 1 but null",
                    vec![field("db.ok.x", json!(1))],
                ),
            ];
            let steps = checks
                .iter()
                .map(|(id, _, fields)| ask(id, check(fields.clone())))
                .collect();
            let (record, output) = server.operate(steps, &[], server.basis());
            for (id, words, _) in &checks {
                assert!(
                    output
                        .lines()
                        .any(|line| line.starts_with(&format!("{id}: ")) && line.contains(words)),
                    "{json_means:?}: {id}: {words}: {output}"
                );
            }
            assert_eq!(record.reported(), Some("other,kind,gone,deep"), "{output}");
        }
    }
}

#[test]
fn an_attempt_that_hangs_is_ended_and_the_next_one_made() {
    // Takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    for mut server in servers() {
        let hang = |id: &str, check| {
            let mut step = ask(id, check);
            if let Intent::Check {
                attempts, timeout, ..
            } = &mut step.intent
            {
                (*attempts, *timeout) = (2, Duration::from_secs(1));
            }
            step
        };
        // What a hanging command has started is ended with it too, before the next step begins.
        let child = server.file("child");
        let hanging = format!("sleep 600 & echo $! >{}; wait", child.display());
        let steps = vec![
            hang("http", Check::Http(HttpCheck::get(&url, HttpMeans::Curl))),
            hang("command", Check::Command { command: hanging }),
        ];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert!(
            output.contains("http: attempt 2 of 2: no answer"),
            "{output}"
        );
        assert!(
            output.contains("command: attempt 2 of 2: it took longer than 1 s"),
            "{output}"
        );
        assert_eq!(record.reported(), Some("http,command"), "{output}");
        let stat = format!("/proc/{}/stat", server.read("child").trim());
        let gone = std::fs::read_to_string(stat).map_or(true, |stat| stat.contains(") Z "));
        assert!(gone, "{output}");
    }
}

#[test]
fn a_check_from_here_waits_for_the_first_verdict_of_whoever_follows() {
    let check = || Check::Http(HttpCheck::get("http://shop.example.com/", HttpMeans::Here));
    for mut server in servers() {
        let asked = [
            (
                CheckVerdict::Holds,
                "verify-check-1",
                "holds, seen from there",
            ),
            (
                CheckVerdict::Fails("answered 502,\nnot 'it'".to_owned()),
                "verify-check-2",
                "does not hold, seen from there: answered 502, not 'it'",
            ),
        ];
        let steps = asked.iter().map(|(_, id, _)| ask(id, check())).collect();
        let plan = server.plan(steps, server.basis());
        let operation = server.start(&plan, &[]);
        let say = |operation: OperationId, step: &str, verdict_: &CheckVerdict| {
            let answer = CheckAnswer {
                operation,
                direction: Direction::Forward,
                step: step.to_owned(),
                verdict: verdict_.clone(),
            };
            let reply = server.sh(&verdict(&server.place(), &answer).unwrap());
            verdict_reply(&reply).unwrap()
        };
        for (verdict, id, _) in &asked {
            // The step may not have begun yet, and the other side tries again then.
            for verdict in [&CheckVerdict::Asking, verdict] {
                while say(operation, id, verdict) == VerdictReply::NotWaiting {}
            }
        }
        let (record, output) = server.ended(operation);
        for (_, id, words) in &asked {
            assert!(
                output.contains(&id.to_string()) && output.contains(words),
                "{output}"
            );
        }
        assert_eq!(record.reported(), Some("verify-check-2"), "{output}");
        assert_eq!(record.not_verified(), None);
        // Too late, and elsewhere.
        let late = say(operation, "verify-check-1", &CheckVerdict::Holds);
        assert_eq!(late, VerdictReply::NotWaiting);
        let elsewhere = say(OperationId(7), "verify-check-1", &CheckVerdict::Holds);
        assert_eq!(elsewhere, VerdictReply::Missing);
    }
}
