//! A server with one environment to release to, as a journey needs it; and what can be seen there
//! without flightdeck.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use flightdeck::{
    release::{
        operation::{JournalLine, OperationId},
        record::Record,
    },
    target::compose::script::{JournalLines, read_ledger},
};
use rustix::process::Pid;
use serde_json::Value;

use crate::support::{real_world::run, terminal::Program};

/// A version that a journey promotes.
#[derive(Debug, Clone)]
pub struct Version {
    /// Its tag.
    pub tag: String,
    /// Its manifest's digest.
    pub digest: String,
}

/// Which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// What runs when the journey begins.
    Former,
    /// Another one that is sound.
    Candidate,
    /// Its check fails.
    FailsCheck,
    /// Healthy, and crashes within the stabilisation window.
    Crashes,
    /// Sound, and neither of the first two.
    Other,
}

/// A container, as the Engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Another one after it was recreated.
    pub id: String,
    /// `healthy`, `unhealthy`, `starting`.
    pub health: String,
    /// Its image.
    pub image: String,
}

/// A server with one environment to release to.
pub trait World {
    /// flightdeck, where this environment is configured.
    fn program(&self, arguments: &[&str]) -> Program;

    /// The environment's name.
    fn environment(&self) -> &str;

    /// What the keys of pane 1 are that lead to it.
    fn way(&self) -> &str {
        ""
    }

    /// The short word that confirms a change; `None` where a dialog does.
    fn word(&self) -> Option<&str>;

    /// The project's directory, which is its Compose project's name too.
    fn directory(&self) -> &Path;

    /// `docker` in that directory, as a person there would type it.
    fn docker(&self, arguments: &[&str]) -> Command;

    /// The name that a service's container has by the compose file.
    fn canonical(&self, service: &str) -> String;

    /// The services of the compose file.
    fn services(&self) -> &[&str];

    /// A version of the backend.
    fn version(&self, which: Which) -> Version;

    /// Something that the version says before it fails.
    fn last_words(&self, which: Which) -> &str;

    /// The registry and GitHub are gone from here on.
    fn cut_off(&self);

    /// flightdeck's own files for the environment.
    fn state(&self) -> PathBuf {
        let directory = self.directory();
        let project = directory.file_name().expect("a directory with a name");
        directory.join(".flightdeck").join(project)
    }

    /// The folder of an operation.
    fn operation(&self, id: OperationId) -> PathBuf {
        self.state().join("operations").join(id.to_string())
    }

    /// The ledger, oldest first; empty where there is none.
    #[track_caller]
    fn ledger(&self) -> Vec<Record> {
        let Ok(bytes) = fs::read(self.state().join("ledger.jsonl")) else {
            return Vec::new();
        };
        let ledger = read_ledger(&bytes);
        assert_eq!(ledger.damaged, 0, "damaged lines in the ledger");
        ledger.records
    }

    /// The ledger's last line.
    #[track_caller]
    fn last_record(&self) -> Record {
        self.ledger().pop().expect("a line in the ledger")
    }

    /// The newest claim's number.
    #[track_caller]
    fn newest_claim(&self) -> OperationId {
        let claims = fs::read_dir(self.state().join("claims")).expect("the claims");
        claims
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .max()
            .expect("a claim")
    }

    /// The journal of an operation, as far as it is.
    #[track_caller]
    fn journal(&self, id: OperationId) -> Vec<JournalLine> {
        let bytes = fs::read(self.operation(id).join("journal.jsonl")).expect("the journal");
        JournalLines::new().push(&bytes)
    }

    /// The process that runs an operation's steps.
    #[track_caller]
    fn runner(&self, id: OperationId) -> Pid {
        self.process(id, "pid")
    }

    /// The process that waits for an operation's runner.
    #[track_caller]
    fn supervisor(&self, id: OperationId) -> Pid {
        self.process(id, "supervisor")
    }

    /// A process of an operation's, by its name in the claim.
    #[track_caller]
    fn process(&self, id: OperationId, role: &str) -> Pid {
        let path = self.state().join("claims").join(id.to_string());
        let claim: Value =
            serde_json::from_slice(&fs::read(path).expect("the claim")).expect("a claim is JSON");
        let number = claim[role].as_i64().and_then(|n| i32::try_from(n).ok());
        number
            .and_then(Pid::from_raw)
            .expect("a process in the claim")
    }

    /// What `docker inspect` says of the service's container under its canonical name.
    #[track_caller]
    fn container(&self, service: &str) -> Container {
        let name = self.canonical(service);
        let found = json(&run(&mut self.docker(&["inspect", &name])));
        let field = |path: &str| {
            let value = found.pointer(path).and_then(Value::as_str);
            value
                .unwrap_or_else(|| panic!("docker inspect {name} has no {path}"))
                .to_owned()
        };
        Container {
            id: field("/0/Id"),
            health: found
                .pointer("/0/State/Health/Status")
                .and_then(Value::as_str)
                .unwrap_or("none")
                .to_owned(),
            image: field("/0/Image"),
        }
    }

    /// All containers, in the order of the services.
    #[track_caller]
    fn containers(&self) -> Vec<Container> {
        let services = self.services().iter();
        services.map(|service| self.container(service)).collect()
    }

    /// The schema's revision, as Alembic tells it in the container that runs.
    #[track_caller]
    fn schema(&self) -> String {
        let current = ["compose", "exec", "-T", "backend", "alembic", "current"];
        let said = run(&mut self.docker(&current));
        let word = said.split_whitespace().next();
        word.expect("a revision").to_owned()
    }

    /// Holds that the backend's container under its canonical name is healthy and runs that version,
    /// and that it is the only one.
    #[track_caller]
    fn runs(&self, version: &Version) {
        let container = self.container("backend");
        assert_eq!(container.health, "healthy", "{container:?}");
        let image = json(&run(&mut self.docker(&[
            "image",
            "inspect",
            &container.image,
        ])));
        let digests = image.pointer("/0/RepoDigests").map(Value::to_string);
        assert!(
            digests.is_some_and(|digests| digests.contains(&version.digest)),
            "the backend does not run {version:?}: {image:#}"
        );
        let all = run(&mut self.docker(&["compose", "ps", "-a", "-q", "backend"]));
        assert_eq!(all.lines().count(), 1, "containers of the backend: {all}");
    }

    /// Holds that `.env` pins that version by tag and digest.
    #[track_caller]
    fn pins(&self, version: &Version) {
        let pinned = self.pin();
        assert_eq!(pinned, format!("{}@{}", version.tag, version.digest));
    }

    /// What `.env` pins the backend to.
    #[track_caller]
    fn pin(&self) -> String {
        let text = fs::read_to_string(self.directory().join(".env")).expect("the project's .env");
        text.lines()
            .find_map(|line| line.strip_prefix("BACKEND_IMAGE_TAG="))
            .expect("the variable that pins the backend")
            .to_owned()
    }

    /// Runs a command of flightdeck's that is refused; what it complained of.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.program(arguments).command().output();
        let output = output.expect("flightdeck");
        assert!(!output.status.success(), "{arguments:?} was not refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs a command of flightdeck's to its end, without a terminal.
    #[track_caller]
    fn command(&self, arguments: &[&str]) -> String {
        run(&mut self.program(arguments).command())
    }

    /// Runs a command of flightdeck's that ends with that exit code; what it said.
    #[track_caller]
    fn ends_with(&self, arguments: &[&str], code: i32) -> String {
        let output = self.program(arguments).command().output();
        let output = output.expect("flightdeck");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("docker prints JSON")
}

/// flightdeck with that configuration, in an environment of its own below `home`.
pub fn program(
    configuration: &Path,
    home: &Path,
    more: &[(&str, &str)],
    arguments: &[&str],
) -> Program {
    let mut environment = vec![
        ("HOME".into(), home.into()),
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("TERM".into(), "xterm-256color".into()),
        ("LANG".into(), "C.UTF-8".into()),
        ("USER".into(), "mira".into()),
    ];
    environment.extend(more.iter().map(|(name, value)| (name.into(), value.into())));
    let mut all = vec!["--config".into(), configuration.into()];
    all.extend(arguments.iter().map(Into::into));
    Program {
        file: env!("CARGO_BIN_EXE_flightdeck").into(),
        arguments: all,
        environment,
        directory: home.to_owned(),
    }
}
