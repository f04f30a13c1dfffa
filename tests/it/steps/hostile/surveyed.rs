//! What surveys ask, and what a server is asked that is met first.

use std::{collections::BTreeMap, fs, time::Duration};

use flightdeck::{
    config::{Backup, Host, Migration, MigrationTool, Reach, Target},
    release::{
        Fault,
        plan::{BackupTool, Deed, Request},
        text::clean,
    },
    target::compose::{
        connection::facts::{self, Endpoint, SocketState},
        pin::hash::Algorithm,
        shell::{Shell, ShellOutput},
        survey,
    },
};
use futures::{FutureExt as _, executor::block_on, future::BoxFuture};

use super::{Recorded, meant};
use crate::{
    runner::hostile::of_some,
    steps::{
        name,
        shells::{Server, servers},
    },
};

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
