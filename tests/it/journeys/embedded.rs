//! The embedded world, shared by all the cockpits of a journey.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use flightdeck::{
    clock::Clock,
    demo::{
        Demo, Options,
        requests::{Asked, Door},
        world::catalogue::recent,
    },
};
use tokio::runtime::Runtime;

use super::world::{self, Version, Which, World};
use crate::support::terminal::Program;

/// One of the two environments of an embedded world.
pub struct Embedded {
    environment: &'static str,
    directory: PathBuf,
    home: tempfile::TempDir,
    demo: Demo,
    /// What the world lives on; it goes last.
    _runtime: Runtime,
}

impl Embedded {
    /// Production: protected, and staging runs a newer version.
    pub fn production() -> Self {
        Self::start("production")
    }

    /// Staging: not protected, and the registry has versions that fail.
    pub fn staging() -> Self {
        Self::start("staging")
    }

    /// Production without anything of flightdeck's.
    pub fn never_seen() -> Self {
        let world = Self::production();
        std::fs::remove_dir_all(world.directory.join(".flightdeck")).expect("the world's ledger");
        world
    }

    fn start(environment: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads");
        let options = Options {
            speed: 5.0,
            still: true,
            program: Some(env!("CARGO_BIN_EXE_flightdeck").into()),
            ..Options::default()
        };
        let demo = runtime
            .block_on(flightdeck::demo::start(options, Clock::system()))
            .expect("an embedded world");
        Self {
            environment,
            directory: demo.directory().join(environment),
            home: tempfile::tempdir().expect("a temporary directory"),
            demo,
            _runtime: runtime,
        }
    }

    /// What was asked of the world that changes something.
    pub fn changes(&self) -> Vec<Asked> {
        assert_eq!(self.demo.requests().forgotten(), 0);
        let mut asked = self.demo.requests().asked();
        asked.retain(|asked| asked.changes);
        asked
    }
}

impl World for Embedded {
    fn program(&self, arguments: &[&str]) -> Program {
        let configuration = self.demo.configuration();
        world::program(&configuration, self.home.path(), &[], arguments)
    }

    fn environment(&self) -> &str {
        self.environment
    }

    fn way(&self) -> &str {
        if self.word().is_some() { "" } else { "l" }
    }

    fn word(&self) -> Option<&str> {
        (self.environment == "production").then_some("prod")
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.demo.directory().join("bin/docker"));
        command.args(arguments).current_dir(&self.directory);
        command
    }

    fn canonical(&self, service: &str) -> String {
        format!("{}-{service}-1", self.environment)
    }

    fn services(&self) -> &[&str] {
        &["db", "backend", "frontend", "nginx"]
    }

    fn version(&self, which: Which) -> Version {
        let position = match (which, self.environment) {
            (Which::Former, "production") => recent::PRODUCTION,
            (Which::Former, _) | (Which::Candidate, "production") => recent::STAGING,
            (Which::Candidate, _) => recent::NEWEST,
            (Which::FailsCheck, _) => recent::FAILS_CHECK,
            (Which::Crashes, _) => recent::CRASHES,
            (Which::Other, _) => recent::BEFORE,
        };
        self.demo.look(|world| {
            let version = world.catalogue.recent(position);
            Version {
                tag: version.tag.to_string(),
                digest: version.digest.to_string(),
            }
        })
    }

    fn last_words(&self, which: Which) -> &str {
        match which {
            Which::FailsCheck => "ERROR GET /api/v1/status/ 503",
            _ => "KeyError: 'CHF'",
        }
    }

    fn cut_off(&self) {
        self.demo.close(Door::Registry);
        self.demo.close(Door::GitHub);
    }
}
