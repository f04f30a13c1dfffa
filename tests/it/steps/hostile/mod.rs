//! What is configured and typed, through a step's script or a survey's to the programs that it calls: each
//! is given byte for byte what was meant. The scripts themselves, their folder and their names are in
//! `runner/hostile.rs`.

mod given;
mod surveyed;

use std::{fs, os::unix::fs::PermissionsExt as _};

use flightdeck::config::{Environment, Target};
use proptest::prelude::*;

use super::shells::Server;
use crate::runner::hostile::{file_name, text};

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
