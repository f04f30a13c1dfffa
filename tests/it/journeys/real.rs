//! The real world: a project of its own on a real Engine, over real ssh.

use std::{fs, path::Path, process::Command};

use super::world::{self, Version, Which, World};
use crate::support::{
    project::{Application, Project, version},
    real_world::{Compose, RealWorld, SpareRegistry, run},
    terminal::Program,
};

/// A project of the real world, with a configuration for it.
pub struct Real {
    world: RealWorld,
    compose: Compose,
    application: Application,
    project: Project,
    registry: String,
    spare: Option<SpareRegistry>,
    home: tempfile::TempDir,
}

impl Real {
    /// A server that flightdeck has never seen; `None` where no real world was asked for.
    #[track_caller]
    pub fn never_seen(compose: Compose) -> Option<Self> {
        Some(Self::lay(
            RealWorld::get()?,
            compose,
            Application::Plain,
            None,
        ))
    }

    /// A server whose release has been adopted.
    #[track_caller]
    pub fn adopted(compose: Compose, application: Application) -> Option<Self> {
        let real = Self::lay(RealWorld::get()?, compose, application, None);
        real.command(&["adopt", "production", "--yes"]);
        Some(real)
    }

    /// A server on which another version of Compose has made what runs; its release has been adopted.
    #[track_caller]
    pub fn made_by(former: Compose, compose: Compose) -> Option<Self> {
        let mut real = Self::lay(RealWorld::get()?, former, Application::Plain, None);
        real.compose = compose;
        fs::write(real.configuration(), real.text()).expect("the configuration");
        real.command(&["adopt", "production", "--yes"]);
        Some(real)
    }

    /// A server whose release has been adopted, with a registry of its own, which can be taken away.
    #[track_caller]
    pub fn with_own_registry(compose: Compose) -> Option<Self> {
        let world = RealWorld::get()?;
        let spare = SpareRegistry::open(&world);
        let real = Self::lay(world, compose, Application::Plain, Some(spare));
        real.command(&["adopt", "production", "--yes"]);
        Some(real)
    }

    #[track_caller]
    fn lay(
        world: RealWorld,
        compose: Compose,
        application: Application,
        spare: Option<SpareRegistry>,
    ) -> Self {
        let registry = match &spare {
            Some(spare) => spare.address(),
            None => world.registry().to_owned(),
        };
        let project = Project::up_from(&registry, &world, compose, application, version::FORMER);
        let home = tempfile::tempdir().expect("a temporary directory");
        let real = Self {
            world,
            compose,
            application,
            project,
            registry,
            spare,
            home,
        };
        fs::write(real.configuration(), real.text()).expect("the configuration");
        real
    }

    fn configuration(&self) -> std::path::PathBuf {
        self.home.path().join("flightdeck.toml")
    }

    fn repository(&self) -> &'static str {
        match self.application {
            Application::Plain => "acme/shop-backend",
            Application::Migrating => "acme/shop-migrating",
        }
    }

    /// GitHub does not answer: nothing here needs it.
    fn text(&self) -> String {
        let migration = match self.application {
            Application::Plain => "",
            Application::Migrating => {
                "migration = { service = \"backend\", tool = \"alembic\" }\n\
                 backup = { tool = \"pg_dump\", service = \"database\", database = \"shop\", user = \"shop\" }\n"
            }
        };
        format!(
            r#"[github]
repository = "acme/shop"
api = "http://{closed}"

{login}

[services.backend]
image = "{registry}/{repository}"
pin = "BACKEND_IMAGE_TAG"

[environments.production]
host = "{host}"
ssh_config = "{ssh_config}"
directory = "{directory}"
services = ["backend"]
confirm = "prod"
restart = ["proxy"]
health_timeout = "60s"
stable_for = "5s"
{migration}
[[environments.production.checks]]
name = "status"
http = "http://127.0.0.1:8080/api/v1/status/"
body = "ok"
inside = "proxy"
attempts = 10
interval = "1s"
"#,
            closed = self.world.closed(),
            registry = self.registry,
            login = self.world.registry_table(&self.registry),
            repository = self.repository(),
            host = self.world.host(self.compose),
            ssh_config = self.world.ssh_config().display(),
            directory = self.project.directory().display(),
        )
    }
}

impl World for Real {
    fn program(&self, arguments: &[&str]) -> Program {
        let (_, password) = self.world.registry_login();
        world::program(
            &self.configuration(),
            self.home.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        )
    }

    fn environment(&self) -> &str {
        "production"
    }

    fn word(&self) -> Option<&str> {
        Some("prod")
    }

    fn directory(&self) -> &Path {
        self.project.directory()
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.docker(self.compose);
        command.args(arguments).current_dir(self.directory());
        command
    }

    fn canonical(&self, service: &str) -> String {
        format!("{}-{service}", self.project.name())
    }

    fn services(&self) -> &[&str] {
        &["database", "backend", "proxy"]
    }

    fn version(&self, which: Which) -> Version {
        let tag = match which {
            Which::Former => version::FORMER,
            Which::Candidate => version::CANDIDATE,
            Which::FailsCheck => version::UNHEALTHY,
            Which::Crashes => version::CRASHING,
            Which::Other => version::OTHER,
        };
        // Asked at the address that is never taken away.
        let (user, password) = self.world.registry_login();
        let headers = run(Command::new("curl").args([
            "-fsI",
            "-u",
            &format!("{user}:{password}"),
            "-H",
            "Accept: application/vnd.docker.distribution.manifest.v2+json",
            &format!(
                "http://{}/v2/{}/manifests/{tag}",
                self.world.registry(),
                self.repository()
            ),
        ]));
        let digest = headers
            .lines()
            .find_map(|line| line.strip_prefix("Docker-Content-Digest: "))
            .expect("a digest");
        Version {
            tag: tag.to_owned(),
            digest: digest.trim().to_owned(),
        }
    }

    fn last_words(&self, which: Which) -> &str {
        match which {
            Which::FailsCheck => "cannot read the price list",
            _ => "out of handles",
        }
    }

    fn cut_off(&self) {
        self.spare.as_ref().expect("a registry of its own").close();
    }
}
