//! Surveys by the shells that servers have, of a directory here and a `docker` that answers as told.

mod hostile;
mod newer;
mod shellcheck;

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::{
    config::{self, Config},
    plan::fixture::{digest, image_id, of, promote},
    release::{
        operation::Liveness,
        plan::{Request, RollbackTo, SchemaChoice},
    },
    target::compose::pin::hash::Algorithm,
};

const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];
const REPOSITORY: &str = "ghcr.io/acme/shop-backend";
const ENVIRONMENT_FILE: &str = "SECRET='it is'\nBACKEND_IMAGE_TAG=v1\n";

/// What `docker` answers, by a file each; `compose config` looks at the environment file that it is given.
const DOCKER: &str = r#"#!/bin/sh
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

struct Server {
    _root: tempfile::TempDir,
    directory: PathBuf,
    answers: PathBuf,
    shell: &'static [&'static str],
    /// Which programs the scripts find beside `docker`.
    path: String,
    trips: Mutex<usize>,
}

impl Server {
    fn new(shell: &'static [&'static str]) -> Self {
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

    fn container(&self, elsewhere: &str) -> Value {
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

    fn lay(&self, name: &str, text: &str) {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn answer(&self, name: &str, text: &str) {
        fs::write(self.answers.join(name), text).unwrap();
    }

    fn config(&self) -> Config {
        let text = format!(
            "[services.backend]\nimage = {REPOSITORY:?}\npin = \"BACKEND_IMAGE_TAG\"\n\
             [environments.production]\nhost = \"local\"\ndirectory = {:?}\nproject = \"shop\"\n\
             [environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n",
            self.directory
        );
        config::parse(&text, Path::new("flightdeck.toml")).unwrap()
    }

    fn survey(&self, deed: Deed) -> Result<Survey, Fault> {
        self.survey_through(self, deed)
    }

    /// A survey of this server that goes through another shell than its own.
    fn survey_through(&self, shell: &dyn Shell, deed: Deed) -> Result<Survey, Fault> {
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

fn image(n: u8) -> Value {
    json!({
        "Id": image_id(n).as_str(), "RepoTags": [format!("{REPOSITORY}:v{n}")],
        "RepoDigests": [format!("{REPOSITORY}@{}", digest(n))], "Config": {"Labels": {}},
    })
}

fn servers() -> impl Iterator<Item = Server> {
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

#[test]
fn a_promotion_is_surveyed_in_two_trips_and_its_pins_are_rendered() {
    for server in servers() {
        let survey = server.survey(promote(2)).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 2);
        assert_eq!(survey.directory, server.directory.to_str().unwrap());
        assert_eq!(survey.schema_heads, Some(vec!["c9e2".to_owned()]));
        let backend = |services: &BTreeMap<ServiceName, crate::release::survey::ComposeService>| {
            services[&of::<ServiceName>("backend")].image.clone()
        };
        assert_eq!(backend(&survey.services), format!("{REPOSITORY}:v1"));
        assert_eq!(
            backend(&survey.candidate_services),
            format!("{REPOSITORY}:v2@{}", digest(2))
        );
        let env = format!("{}/.env", survey.directory);
        let known = Algorithm::Sha256.fingerprint(ENVIRONMENT_FILE.as_bytes());
        assert_eq!(survey.files[&env], known);
        let candidate = &survey.candidate_pins[0];
        assert_eq!((&candidate.path, &candidate.expected), (&env, &Some(known)));
        let bytes = |name: &str| {
            let found = survey.attachments.iter().find(|a| a.name == name).unwrap();
            String::from_utf8(found.bytes.expose_secret().to_vec()).unwrap()
        };
        let becomes = format!("SECRET='it is'\nBACKEND_IMAGE_TAG=v2@{}\n", digest(2));
        assert_eq!(bytes("candidate-1"), becomes);
        assert_eq!(bytes("former-1"), ENVIRONMENT_FILE);
        assert_eq!(
            survey.former_pins[0].expected,
            Some(Algorithm::Sha256.fingerprint(becomes.as_bytes()))
        );
        assert!(!format!("{survey:?}").contains("SECRET"));
        assert_eq!(
            fs::read_to_string(&env).unwrap(),
            ENVIRONMENT_FILE,
            "it only looks"
        );
    }
}

#[test]
fn a_promotion_asks_what_runs_and_the_candidate_which_revisions_they_know() {
    for server in servers() {
        let survey = server.survey(promote(2)).unwrap();
        let names = |known: &[SchemaRevision]| -> Vec<String> {
            known.iter().map(|known| known.revision.clone()).collect()
        };
        assert_eq!(names(&survey.schema_history), ["c9e2", "a1f3"]);
        assert_eq!(survey.candidate_history, Some(survey.schema_history));
        // It lies on the server no longer, or not yet.
        let script = DOCKER.replace(
            "'image inspect '*)",
            "'image inspect --format '*) exit 1 ;;\n'image inspect '*)",
        );
        server.answer("docker", &script);
        assert_eq!(server.survey(promote(2)).unwrap().candidate_history, None);
    }
}

#[test]
fn revisions_that_would_be_undone_are_asked_whether_they_can() {
    for server in servers() {
        let down = Deed::Migrate {
            versions: BTreeMap::new(),
            to: Some("a1f3".to_owned()),
        };
        let survey = server.survey(down.clone()).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 2);
        assert_eq!(survey.schema_undone[0].revision, "c9e2");
        assert_eq!(
            survey.schema_undone[0].undo,
            crate::release::survey::Undo::Refused(
                "its downgrade() is: raise NotImplementedError".to_owned()
            )
        );
        // The database is ahead of the image that runs.
        let ahead = "FAILED: Can't locate revision identified by 'e5c8'\n";
        server.answer("current", ahead);
        let script = DOCKER.replace("cat \"$here/current\"", "cat \"$here/current\"; exit 255");
        server.answer("docker", &script);
        let survey = server.survey(down).unwrap();
        assert_eq!(survey.schema_heads, None);
        let trouble = survey.schema_trouble.unwrap();
        assert!(trouble.contains("Can't locate revision"), "{trouble}");
    }
}

#[test]
fn adopting_takes_one_trip() {
    for server in servers() {
        let survey = server.survey(Deed::Adopt).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 1);
        assert_eq!((survey.last_operation, survey.records.len()), (None, 0));
    }
}

#[test]
fn without_sha256sum_files_are_told_apart_by_cksum() {
    for mut server in servers() {
        let tools = server.answers.join("tools");
        fs::create_dir(&tools).unwrap();
        for tool in [
            "cat", "cksum", "head", "id", "ls", "mktemp", "readlink", "rm", "sed", "setsid", "sh",
            "sort", "tail", "wc",
        ] {
            let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|directory| directory.join(tool))
                .find(|path| path.exists());
            std::os::unix::fs::symlink(found.unwrap(), tools.join(tool)).unwrap();
        }
        // busybox looks for its own applets first, sha256sum among them.
        if server.shell[0] == "busybox" {
            continue;
        }
        server.path = format!("{}:{}", server.answers.display(), tools.display());
        let shell = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|directory| directory.join(server.shell[0]))
            .find(|path| path.exists())
            .unwrap();
        std::os::unix::fs::symlink(shell, tools.join(server.shell[0])).unwrap();
        let survey = server.survey(promote(2)).unwrap();
        let known = Algorithm::Cksum.fingerprint(ENVIRONMENT_FILE.as_bytes());
        assert_eq!(survey.candidate_pins[0].expected, Some(known));
        let former = survey.former_pins[0].expected.as_deref().unwrap();
        assert_eq!(Algorithm::of(former), Some(Algorithm::Cksum));
    }
}

#[test]
fn what_speaks_against_any_plan_is_refused_in_words() {
    type Break = fn(&Server);
    let cases: [(&str, Break); 8] = [
        ("podman", |s| s.answer("version", "podman version 4.3.1\n")),
        ("Compose v2 is needed", |s| s.answer("compose-version", "")),
        ("too old", |s| s.answer("compose-version", "1.29.2\n")),
        ("may not speak to the Docker Engine", |s| {
            s.answer(
                "denied",
                "permission denied while trying to connect to the Docker daemon socket\n",
            );
        }),
        ("does not answer", |s| {
            s.answer(
                "denied",
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
            );
        }),
        ("runs from", |s| {
            s.answer(
                "containers",
                &json!([s.container("/elsewhere")]).to_string(),
            )
        }),
        ("Compose cannot read its files", |s| {
            s.answer(
                "docker",
                &DOCKER.replace("sed \"s|@TAG@|$tag|\" \"$here/config\"", "exit 15"),
            );
        }),
        ("cannot be entered", |s| {
            fs::rename(&s.directory, s.answers.join("gone")).unwrap()
        }),
    ];
    for (words, make) in cases {
        for server in servers() {
            make(&server);
            let fault = server.survey(promote(2)).unwrap_err();
            assert!(fault.message.contains(words), "{:?}: {fault}", server.shell);
            assert!(!fault.remedy.is_empty(), "{fault}");
        }
    }
}

#[test]
fn what_runs_and_is_not_what_is_pinned_is_what_back_pins() {
    for server in servers() {
        server.lay(".env", "BACKEND_IMAGE_TAG=v9\n");
        let survey = server.survey(promote(2)).unwrap();
        let former = survey
            .attachments
            .iter()
            .find(|a| a.name == "former-1")
            .unwrap();
        let expected = format!("BACKEND_IMAGE_TAG=v1@{}\n", digest(1));
        assert_eq!(former.bytes.expose_secret(), expected.as_bytes());
    }
}

#[test]
fn who_holds_the_environment_is_told() {
    let claim = |more: &str| {
        format!(
            "{{\"v\":1,\"kind\":\"{more},\"operator\":\"jo\",\"origin\":\"desk\",\"reason\":\"r\",\"nonce\":\"n\",\"over\":0,\"at\":5}}\n"
        )
    };
    for server in servers() {
        server.lay(".flightdeck/shop/claims/000007", &claim("lock\",\"pid\":0"));
        let untold = server.survey(Deed::Adopt).unwrap();
        assert_eq!(untold.operation, None, "nobody has been told of it yet");
        server.lay(".flightdeck/shop/operations/000007/output.log", "");
        let held = server.survey(Deed::Adopt).unwrap();
        let operation = held.operation.unwrap();
        assert_eq!(
            (operation.claim.kind.as_str(), operation.liveness),
            ("lock", Liveness::Alive)
        );
        assert_eq!(held.last_operation.unwrap().0, 7);

        server.lay(
            ".flightdeck/shop/operations/000007/end.json",
            "{\"v\":1,\"outcome\":\"succeeded\"}\n",
        );
        let free = server.survey(Deed::Adopt).unwrap();
        assert_eq!((free.operation, free.last_operation.unwrap().0), (None, 7));
    }
}

#[test]
fn a_container_that_hangs_holds_up_a_rollback_less_than_any_other_plan() {
    let server = Server::new(&["sh"]);
    // Writes down how long which command may take.
    server.answer(
        "timeout",
        "#!/bin/sh\nhere=${0%/*}\necho \"$*\" >>\"$here/limits\"\nshift\nexec \"$@\"\n",
    );
    let program = server.answers.join("timeout");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let rollback = Deed::Rollback {
        to: RollbackTo::Image {
            service: of("backend"),
            image: image_id(2),
        },
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    for (deed, seconds) in [(promote(2), 40), (rollback, 20)] {
        server.answer("limits", "");
        server.survey(deed).unwrap();
        let limits = fs::read_to_string(server.answers.join("limits")).unwrap();
        let asked: Vec<&str> = limits
            .lines()
            .filter(|line| line.contains("alembic current"))
            .collect();
        let expected = format!("{seconds} docker exec aaaa alembic current");
        assert_eq!(asked, [expected], "{limits}");
    }
}

#[test]
fn a_script_that_was_cut_off_runs_nothing() {
    let server = Server::new(&["sh"]);
    let config = server.config();
    let request = Request {
        environment: of("production"),
        deed: Deed::Adopt,
        reason: String::new(),
        overrides: Vec::new(),
    };
    let script = scripts::first(&config.environments[0], &config.services, &[], &request).unwrap();
    for cut in [
        script.len() / 2,
        script.len() - 1,
        script.len() - 2,
        script.len() - 10,
    ] {
        let output = futures::executor::block_on(server.run(script[..cut].to_vec())).unwrap();
        let whole = frames::read(&output.stdout).is_some();
        assert!(
            !whole || cut == script.len() - 1,
            "cut at {cut} of {}",
            script.len()
        );
    }
}
