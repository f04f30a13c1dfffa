//! The files that the embedded world lies in: sockets, the `docker` command, two project directories,
//! and the configuration that fits them.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    docker::{
        SOCKET,
        project::{Location, Project},
    },
    github,
    world::{
        Pace,
        catalogue::{BACKEND, FRONTEND, Version},
    },
};
use crate::{
    config::{Config, parse},
    release::{Fault, FaultKind},
};

/// The environments, in the configuration's order; each is a Compose project of that name.
pub const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

/// The configuration's file, in the world's directory.
pub const CONFIGURATION: &str = "config.toml";

/// What the hook does: a file in the project's directory tells of each operation.
const RELEASE_NOTES: &str =
    "echo \"$FD_KIND $FD_VERSIONS by $FD_OPERATOR: $FD_OUTCOME\" | tee -a release-notes.txt";

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// Makes the directories and the `docker` command, which is `program` by another name.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn make(root: &Path, registry: &str, program: &Path) -> io::Result<Self> {
        let places = Self {
            root: root.canonicalize()?,
        };
        fs::create_dir(places.root.join("bin"))?;
        symlink(program, places.docker())?;
        for environment in ENVIRONMENTS {
            let project = places.project(environment);
            fs::create_dir(&project)?;
            fs::write(project.join("docker-compose.yml"), compose_file(registry))?;
        }
        Ok(places)
    }

    /// The Engine's socket.
    pub fn engine(&self) -> PathBuf {
        self.root.join("engine.sock")
    }

    /// The socket that the `docker` command asks at.
    pub fn control(&self) -> PathBuf {
        self.root.join(SOCKET)
    }

    /// The `docker` command.
    pub fn docker(&self) -> PathBuf {
        self.root.join("bin/docker")
    }

    /// An environment's project directory.
    pub fn project(&self, environment: &str) -> PathBuf {
        self.root.join(environment)
    }

    /// Where flightdeck keeps its own of an environment.
    pub fn ledger_directory(&self, environment: &str) -> PathBuf {
        self.project(environment)
            .join(".flightdeck")
            .join(environment)
    }

    /// Pins versions in an environment's `.env`, and reads the project as Compose does.
    ///
    /// # Errors
    /// Those of the file system; files of the world's own that cannot be read.
    pub fn pin(
        &self,
        environment: &str,
        backend: &Arc<Version>,
        frontend: &Arc<Version>,
    ) -> io::Result<Project> {
        let directory = self.project(environment);
        let text = format!(
            "# What {environment} runs. flightdeck writes the two tags.\n\
             BACKEND_IMAGE_TAG={}\nFRONTEND_IMAGE_TAG={}\nPOSTGRES_PASSWORD=not-a-real-password\n",
            backend.pin(),
            frontend.pin()
        );
        fs::write(directory.join(".env"), text)?;
        Project::load(&Location {
            directory,
            ..Location::default()
        })
        .map_err(io::Error::other)
    }

    /// The configuration for all this. It is also written down, so that a second cockpit, or a command,
    /// can be shown the same world.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`] if the configuration's own rules refuse it; those of the file system.
    pub fn config(&self, registry: &str, github: &str, pace: Pace) -> Result<Config, Fault> {
        let text = self.configuration(registry, github, pace);
        let path = self.root.join(CONFIGURATION);
        fs::write(&path, &text).map_err(|error| {
            Fault::new(
                FaultKind::Failed,
                "demo",
                "its configuration cannot be written",
            )
            .because(error)
            .remedy("look whether $TMPDIR has room")
        })?;
        parse(&text, &path).map_err(|error| {
            Fault::new(
                FaultKind::Invalid,
                "demo",
                "its own configuration is refused: report this",
            )
            .because(error)
        })
    }

    fn configuration(&self, registry: &str, github: &str, pace: Pace) -> String {
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        let seconds = |seconds| {
            let scaled = pace.scaled(Duration::from_secs(seconds)).as_secs_f64();
            format!("{}s", scaled.ceil().max(1.0))
        };
        let mut text = format!(
            "[github]\nrepository = \"{}/{}\"\napi = \"http://{github}\"\npoll = \"{}\"\n\n\
             [registries.\"{registry}\"]\nplain_http = true\n\n\
             [services.backend]\nimage = \"{registry}/{BACKEND}\"\npin = \"BACKEND_IMAGE_TAG\"\n\n\
             [services.frontend]\nimage = \"{registry}/{FRONTEND}\"\npin = \"FRONTEND_IMAGE_TAG\"\n\
             strategy = \"rolling\"\n",
            github::OWNER,
            github::NAME,
            // What stands still is not asked more often than anything else.
            if pace.still {
                "15s".to_owned()
            } else {
                seconds(5)
            },
        );
        for environment in ENVIRONMENTS {
            let protection = if environment == "production" {
                "protected = true\nconfirm = \"prod\"\n\
                 gates = [\"ci\", { healthy_in = \"staging\", for = \"10m\" }]\n\
                 backup = { tool = \"pg_dump\", service = \"db\", database = \"shop\", user = \"shop\" }\n"
            } else {
                "gates = [\"ci\"]\n"
            };
            text.push_str(&format!(
                "\n[environments.{environment}]\nhost = \"local\"\ndirectory = {}\ndocker = [{}]\nsocket = {}\n\
                 restart = [\"nginx\"]\nhealth_timeout = \"60s\"\nstable_for = \"{}\"\n{protection}\
                 migration = {{ service = \"backend\", tool = \"alembic\" }}\n\n\
                 [[environments.{environment}.checks]]\nname = \"status\"\n\
                 http = \"http://127.0.0.1:8000/api/v1/status/\"\ninside = \"backend\"\n\
                 json = {{ status = \"ok\", \"database.connected\" = true }}\n\
                 attempts = 4\ninterval = \"{}\"\n\n\
                 [[environments.{environment}.hooks]]\nname = \"release notes\"\nwhen = \"after\"\n\
                 command = {RELEASE_NOTES:?}\n",
                quoted(&self.project(environment)),
                quoted(&self.docker()),
                quoted(&self.engine()),
                seconds(10),
                seconds(2),
            ));
        }
        text
    }
}

fn compose_file(registry: &str) -> String {
    format!(
        r#"# The shop, as flightdeck's embedded world runs it.
services:
  db:
    image: postgres:16.4-alpine
    restart: unless-stopped
    environment:
      POSTGRES_DB: shop
      POSTGRES_PASSWORD: ${{POSTGRES_PASSWORD:?set it in .env}}
    healthcheck:
      test: ["CMD", "pg_isready", "-d", "shop"]
      interval: 5s

  backend:
    image: {registry}/{BACKEND}:${{BACKEND_IMAGE_TAG:-main}}
    restart: unless-stopped
    environment:
      DATABASE_URL: postgresql://shop:${{POSTGRES_PASSWORD}}@db/shop
    depends_on:
      db:
        condition: service_healthy
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/health/"]
      interval: 5s
      start_period: 20s

  frontend:
    image: {registry}/{FRONTEND}:${{FRONTEND_IMAGE_TAG:-main}}
    restart: unless-stopped
    depends_on:
      - backend
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
      interval: 5s

  nginx:
    image: nginx:1.27-alpine
    restart: unless-stopped
    depends_on:
      - backend
      - frontend
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_an_operator_could_have_written() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::make(root.path(), "127.0.0.1:5000", Path::new("/bin/true")).unwrap();
        let config = places
            .config("127.0.0.1:5000", "127.0.0.1:5001", Pace::REAL)
            .unwrap();
        let names: Vec<&str> = config
            .environments
            .iter()
            .map(|e| e.name.as_str())
            .collect();
        assert_eq!(names, ENVIRONMENTS);
        let production = &config.environments[0];
        assert_eq!(
            production.protection,
            crate::config::Protection::Protected {
                word: Some("prod".to_owned())
            }
        );
        let counted = (
            production.gates.len(),
            production.checks.len(),
            production.hooks.len(),
        );
        assert_eq!(counted, (2, 1, 1));
    }
}
