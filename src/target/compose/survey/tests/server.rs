//! A directory here, a shell, and a `docker` that answers as told.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::config::{self, Config};

const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];
pub const REPOSITORY: &str = "ghcr.io/acme/shop-backend";
pub const ENVIRONMENT_FILE: &str = "SECRET='it is'\nBACKEND_IMAGE_TAG=v1\n";

/// What `docker` answers, by a file each; `compose config` looks at the environment file that it is given.
pub const DOCKER: &str = r#"#!/bin/sh
here=${0%/*}
case $1 in
--version) cat "$here/version"; exit ;;
version) echo 28.2.2; exit ;;
esac
case "$*" in
'compose version --short') cat "$here/compose-version" ;;
'ps '*) [ ! -e "$here/denied" ] || { cat "$here/denied" >&2; exit 1; }; cat "$here/ids" ;;
'image ls '*) ;;
'inspect --format '*) echo ;;
'image inspect '*) cat "$here/images" ;;
'inspect '*) cat "$here/containers" ;;
'exec '*' alembic current') echo 'welcome, friend'; cat "$here/current" ;;
'exec '*' alembic history -v') cat "$here/history" ;;
'exec '*' grep -Hn '*) cat "$here/scripts" ;;
'run --rm --network none --pull never '*' alembic history -v') cat "$here/history" ;;
*' config '*)
	[ -z "${BACKEND_IMAGE_TAG+x}" ] || { echo 'a login shell reached Compose' >&2; exit 1; }
	file=.env
	for word; do
		[ "${before-}" != --env-file ] || file=$word
		before=$word
	done
	tag=$(sed -n 's/^BACKEND_IMAGE_TAG=//p' "$file")
	case "$*" in
	*--hash*) echo "backend hash-$tag"; echo 'database hash-database' ;;
	*--images*) echo postgres:16 ;;
	*) sed "s|@TAG@|$tag|" "$here/config" ;;
	esac ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac
"#;

const HISTORY: &str = "\
Rev: c9e2 (head)
Parent: a1f3
Path: /app/it's one.py

    orders have a price

Rev: a1f3
Parent: <base>
Path: /app/two.py

    orders

";
const SCRIPTS: &str = "\
/app/it's one.py:1:def upgrade():
/app/it's one.py:2:    op.add_column()
/app/it's one.py:3:def downgrade():
/app/it's one.py:4:    raise NotImplementedError
";

pub struct Server {
    _root: tempfile::TempDir,
    pub directory: PathBuf,
    pub answers: PathBuf,
    pub shell: &'static [&'static str],
    /// Which programs the scripts find beside `docker`.
    pub path: String,
    pub trips: Mutex<usize>,
}

impl Server {
    pub fn new(shell: &'static [&'static str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        let directory = base.join("srv with space");
        let answers = base.join("bin");
        fs::create_dir_all(&directory).unwrap();
        fs::create_dir_all(&answers).unwrap();
        let server = Self {
            _root: root,
            path: format!("{}:{}", answers.display(), std::env::var("PATH").unwrap()),
            directory,
            answers,
            shell,
            trips: Mutex::new(0),
        };
        server.lay(".env", ENVIRONMENT_FILE);
        server.lay("docker-compose.yml", "services: {}\n");
        server.answer("docker", DOCKER);
        fs::set_permissions(
            server.answers.join("docker"),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        server.answer("version", "Docker version 28.2.2, build e6534b4\n");
        server.answer("compose-version", "2.40.3\n");
        server.answer("ids", "aaaa\n");
        server.answer("current", "c9e2 (head)\n");
        server.answer("history", HISTORY);
        server.answer("scripts", SCRIPTS);
        server.answer(
            "config",
            &json!({"services": {
                "backend": {"image": format!("{REPOSITORY}:@TAG@"), "depends_on": {"database": {}}},
                "database": {"image": "postgres:16", "environment": {"PASSWORD": "SECRET"}},
            }})
            .to_string(),
        );
        server.answer("containers", &json!([server.container("")]).to_string());
        server.answer("images", &json!([image(1), image(2)]).to_string());
        server
    }

    pub fn container(&self, elsewhere: &str) -> Value {
        json!({
            "Id": "a".repeat(64), "Name": "/shop-backend-1", "Image": image_id(1).as_str(), "RestartCount": 0,
            "State": {"Status": "running", "StartedAt": "2026-01-01T00:00:00Z", "Health": {"Status": "healthy"}},
            "Config": {"Image": format!("{REPOSITORY}:v1"), "Labels": {
                "com.docker.compose.project": "shop", "com.docker.compose.service": "backend",
                "com.docker.compose.container-number": "1", "com.docker.compose.config-hash": "hash-v1",
                "com.docker.compose.version": "2.40.3",
                "com.docker.compose.project.working_dir": format!("{}{elsewhere}", self.directory.display()),
                "com.docker.compose.project.config_files": format!("{}/docker-compose.yml", self.directory.display()),
            }},
        })
    }

    pub fn lay(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn answer(&self, name: &str, text: &str) {
        fs::write(self.answers.join(name), text).unwrap();
    }

    pub fn config(&self) -> Config {
        let text = format!(
            "[services.backend]\nimage = {REPOSITORY:?}\npin = \"BACKEND_IMAGE_TAG\"\n\
             [environments.production]\nhost = \"local\"\ndirectory = {:?}\nproject = \"shop\"\n\
             [environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n",
            self.directory
        );
        config::parse(&text, Path::new("flightdeck.toml")).unwrap()
    }

    pub fn survey(&self, deed: Deed) -> Result<Survey, Fault> {
        self.survey_through(self, deed)
    }

    /// A survey of this server that goes through another shell than its own.
    pub fn survey_through(&self, shell: &dyn Shell, deed: Deed) -> Result<Survey, Fault> {
        let config = self.config();
        let request = Request {
            environment: of("production"),
            deed,
            reason: String::new(),
            overrides: Vec::new(),
        };
        futures::executor::block_on(take(
            shell,
            &config.environments[0],
            &config.services,
            &[],
            &request,
            Timestamp::UNIX_EPOCH,
        ))
    }
}

impl Shell for Server {
    fn run(&self, script: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        *self.trips.lock().unwrap() += 1;
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .env("PATH", &self.path)
            .env("BACKEND_IMAGE_TAG", "from-bashrc")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&script).unwrap();
        let output = child.wait_with_output().unwrap();
        let answer = ShellOutput {
            status: output.status.code().unwrap_or(128),
            stdout: [b"Welcome to shop-1!\n".as_slice(), &output.stdout].concat(),
            stderr: output.stderr,
        };
        Box::pin(async move { Ok(answer) })
    }
}

pub fn image(n: u8) -> Value {
    json!({
        "Id": image_id(n).as_str(), "RepoTags": [format!("{REPOSITORY}:v{n}")],
        "RepoDigests": [format!("{REPOSITORY}@{}", digest(n))], "Config": {"Labels": {}},
    })
}

pub fn servers() -> impl Iterator<Item = Server> {
    SHELLS.into_iter().filter_map(|shell| {
        let there = Command::new(shell[0])
            .args(["-c", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        if !there {
            println!("not tried under {}: it is not installed", shell.join(" "));
        }
        there.then(|| Server::new(shell))
    })
}
