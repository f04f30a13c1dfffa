//! Health and checks: what does not hold says why.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    time::Duration,
};

use flightdeck::release::{
    check::{Check, HttpCheck, HttpMeans},
    plan::Intent,
};

use super::{name, shells::servers, step};

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
