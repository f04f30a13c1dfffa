//! What is laid out on a server: the project's files, and flightdeck's configuration of it.

use std::time::Duration;

/// How often health is asked for: often, as every cell waits for it, and no more often than the machine
/// bears, whose time goes into little else.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(3);

/// A project's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// A backend behind a proxy.
    Plain,
    /// The same with a database, which the backend migrates.
    Migrating,
    /// A backend that is rolled, and a frontend that depends on it.
    Several,
}

/// Whose configuration it is.
pub struct Names<'a> {
    pub project: &'a str,
    pub directory: &'a str,
    pub registry: &'a str,
    /// The registry's table of flightdeck's configuration.
    pub login: &'a str,
    /// Where nobody answers.
    pub closed: &'a str,
}

impl Layout {
    pub fn repository(self) -> &'static str {
        match self {
            Self::Migrating => "acme/shop-migrating",
            Self::Plain | Self::Several => "acme/shop-backend",
        }
    }

    /// All services, in the order of their names.
    pub fn services(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["backend", "proxy"],
            Self::Migrating => &["backend", "database", "proxy"],
            Self::Several => &["backend", "frontend", "proxy"],
        }
    }

    /// Those that have versions.
    pub fn released(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Migrating => &["backend"],
            Self::Several => &["backend", "frontend"],
        }
    }

    /// Whether Compose names a service's containers, which then may have several.
    pub fn is_rolled(self, service: &str) -> bool {
        self == Self::Several && service == "backend"
    }

    /// `docker-compose.yml`.
    pub fn compose_file(self, names: &Names<'_>) -> String {
        let (registry, project, repository) = (names.registry, names.project, self.repository());
        let backend_depends = match self {
            Self::Migrating => "\n    depends_on: { database: { condition: service_healthy } }",
            Self::Plain | Self::Several => "",
        };
        let backend_name = match self.is_rolled("backend") {
            true => "stop_grace_period: 2s".to_owned(),
            false => format!("container_name: {project}-backend"),
        };
        let interval = HEALTH_INTERVAL.as_secs();
        let mut text = format!(
            r#"services:
  backend:
    image: {registry}/{repository}:${{BACKEND_IMAGE_TAG:-main}}
    {backend_name}
    restart: unless-stopped
    environment:
      DATABASE_URL: postgresql://shop:${{POSTGRES_PASSWORD}}@database:5432/shop
    healthcheck: {{ interval: {interval}s, timeout: 5s, retries: 60 }}{backend_depends}

  proxy:
    image: {registry}/acme/shop-proxy:${{PROXY_IMAGE_TAG}}
    container_name: {project}-proxy
    restart: unless-stopped
    healthcheck: {{ interval: {interval}s, timeout: 5s, retries: 60 }}
    stop_grace_period: 2s
    depends_on:
      backend: {{ condition: service_healthy }}
"#
        );
        match self {
            Self::Plain => {}
            Self::Migrating => text.push_str(&format!(
                r#"
  database:
    image: {registry}/acme/shop-database:15.1
    container_name: {project}-database
    restart: unless-stopped
    environment:
      POSTGRES_PASSWORD: ${{POSTGRES_PASSWORD}}
    healthcheck: {{ interval: {interval}s, timeout: 5s, retries: 60 }}
"#
            )),
            Self::Several => text.push_str(&format!(
                r#"
  frontend:
    image: {registry}/{repository}:${{FRONTEND_IMAGE_TAG:-main}}
    container_name: {project}-frontend
    restart: unless-stopped
    healthcheck: {{ interval: {interval}s, timeout: 5s, retries: 60 }}
    stop_grace_period: 2s
    depends_on:
      backend: {{ condition: service_healthy }}
"#
            )),
        }
        text
    }

    /// `.env`, with all that has versions at that tag.
    pub fn environment_file(self, tag: &str) -> String {
        let mut text = "POSTGRES_PASSWORD='not-a-secret'\nPROXY_IMAGE_TAG=v20260110.1\n".to_owned();
        for service in self.released() {
            text.push_str(&format!("{}={tag}\n", variable(service)));
        }
        text
    }

    /// flightdeck's configuration.
    pub fn configuration(self, names: &Names<'_>) -> String {
        let mut text = format!(
            r#"[github]
repository = "acme/shop"
api = "http://{closed}"

{login}

[environments.production]
host = "matrix"
ssh_config = "ssh_config"
directory = "{directory}"
services = {released:?}
confirm = "prod"
restart = ["proxy"]
health_timeout = "30s"
stable_for = "1s"
{migration}
[[environments.production.checks]]
name = "status"
http = "http://127.0.0.1:8080/api/v1/status/"
body = "ok"
inside = "proxy"
attempts = 5
interval = "1s"
"#,
            closed = names.closed,
            login = names.login,
            directory = names.directory,
            released = self.released(),
            migration = match self {
                Self::Migrating => "migration = { service = \"backend\", tool = \"alembic\" }",
                Self::Plain | Self::Several => "",
            },
        );
        if self == Self::Migrating {
            text.push_str(
                r#"
[environments.production.backup]
tool = "pg_dump"
service = "database"
database = "shop"
user = "shop"
"#,
            );
        }
        for service in self.released() {
            text.push_str(&format!(
                "\n[services.{service}]\nimage = \"{}/{}\"\npin = \"{}\"\n",
                names.registry,
                self.repository(),
                variable(service)
            ));
            if self.is_rolled(service) {
                text.push_str("strategy = \"rolling\"\n");
            }
        }
        text
    }
}

/// The variable of `.env` that pins a service.
pub fn variable(service: &str) -> String {
    format!("{}_IMAGE_TAG", service.to_uppercase())
}
