//! A Compose project of the real world, of its own for each test: `shop`, with a database, a backend
//! and a proxy. It is removed when it is dropped.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use super::real_world::{Compose, RealWorld, run, script};

/// Versions of `acme/shop-backend`, and how they behave.
pub mod version {
    /// Healthy.
    pub const FORMER: &str = "v20260122.1";
    /// Healthy, and newer.
    pub const CANDIDATE: &str = "v20260123.1";
    /// Healthy, and older than both.
    pub const OTHER: &str = "v20260121.1";
    /// Never healthy.
    pub const UNHEALTHY: &str = "v20260125.1";
    /// Healthy, and crashes three seconds later.
    pub const CRASHING: &str = "v20260126.1";
}

/// Which application the project's backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// `acme/shop-backend`: a status URL, no schema.
    Plain,
    /// `acme/shop-migrating`: Alembic and the database.
    Migrating,
}

/// A project that runs.
pub struct Project {
    world: RealWorld,
    compose: Compose,
    directory: PathBuf,
    _parent: tempfile::TempDir,
}

/// One of its containers, as the Engine knows it.
#[derive(Debug, Clone)]
pub struct Container {
    /// The image as it was asked for.
    pub reference: String,
    /// `healthy`, `unhealthy`, `starting`.
    pub health: String,
    /// The container's ID: another one after it was recreated.
    pub id: String,
}

impl Project {
    /// Lays out a fresh project and brings that version up by plain `docker compose`.
    #[track_caller]
    pub fn up(world: &RealWorld, compose: Compose, application: Application, tag: &str) -> Self {
        Self::up_from(world.registry(), world, compose, application, tag)
    }

    /// The same with the images of another address of the registry.
    #[track_caller]
    pub fn up_from(
        registry: &str,
        world: &RealWorld,
        compose: Compose,
        application: Application,
        tag: &str,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let parent = tempfile::tempdir().expect("a temporary directory");
        let directory = parent
            .path()
            .join(format!("shop-{}-{number}", std::process::id()));
        let project = Self {
            world: world.clone(),
            compose,
            directory,
            _parent: parent,
        };
        run(Command::new(script())
            .arg("project")
            .arg(&project.directory)
            .args([
                "--tag",
                tag,
                "--compose",
                compose.series(),
                "--registry",
                registry,
                "--application",
                match application {
                    Application::Plain => "shop-backend",
                    Application::Migrating => "shop-migrating",
                },
            ]));
        project
    }

    /// Its name, which is its directory's.
    pub fn name(&self) -> &str {
        self.directory
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name of ours")
    }

    /// Where its files lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The container under the service's canonical name.
    #[track_caller]
    pub fn container(&self, service: &str) -> Container {
        let name = format!("{}-{service}", self.name());
        let text = run(self
            .world
            .docker(self.compose)
            .args(["container", "inspect", &name]));
        let found: Value = serde_json::from_str(&text).expect("docker prints JSON");
        let field = |path: &str| {
            found
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("docker inspect {name} has no {path}"))
                .to_owned()
        };
        Container {
            reference: field("/0/Config/Image"),
            health: field("/0/State/Health/Status"),
            id: field("/0/Id"),
        }
    }

    /// What a variable of its `.env` holds.
    pub fn variable(&self, name: &str) -> Option<String> {
        let text =
            std::fs::read_to_string(self.directory.join(".env")).expect("the project's .env");
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        let _ = Command::new(script())
            .arg("project-down")
            .arg(&self.directory)
            .output();
        // What operations have kept stays on an Engine for good, and this one serves every test.
        let kept = format!("reference=flightdeck.keep/{}/*", self.name());
        let list = ["images", "--format", "{{.Repository}}:{{.Tag}}", "--filter"];
        let mut images = self.world.docker(self.compose);
        if let Ok(output) = images.args(list).arg(kept).output() {
            let names = String::from_utf8_lossy(&output.stdout);
            let mut remove = self.world.docker(self.compose);
            let _ = remove.arg("rmi").args(names.lines()).output();
        }
    }
}
