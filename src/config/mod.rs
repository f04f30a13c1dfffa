//! The checked configuration: what `config.toml` says, once it is known to make sense.
//!
//! Everything here is pure: where the file lies and reading it is [`locate`]'s; secrets are held as
//! references and resolved by whoever needs them. Nothing here knows a target's client or a screen.

mod backup;
mod checks;
mod environment;
mod hooks;
pub mod keys;
pub mod locate;
mod parse;
mod problem;
mod reader;
mod rules;
mod service;

pub use parse::parse;
pub use problem::{ConfigError, Problem};

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::release::{
    EnvironmentName, Repository, ServiceName,
    check::{HttpMethod, JsonField, Statuses},
    hook::{HookWhen, NotificationFormat},
    operation::Outcome,
    plan::{BackupTool, ConfirmWords, PlanKind},
    version::TagConvention,
};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where it was read from.
    pub path: PathBuf,
    /// The repository whose workflow runs are shown, if there is one.
    pub github: Option<GitHub>,
    /// How registries are spoken to, by host; one that is not named is asked without a login.
    pub registries: BTreeMap<String, Registry>,
    /// Services by name.
    pub services: BTreeMap<ServiceName, Service>,
    /// Environments in the order of the file.
    pub environments: Vec<Environment>,
    /// How the cockpit looks.
    pub interface: Interface,
}

impl Config {
    /// An environment by its name.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments.iter().find(|e| e.name == *name)
    }

    /// Each repository of the services, once, in order, with the convention that its tags follow.
    pub fn repositories(&self) -> Vec<(&Repository, &TagConvention)> {
        let mut seen: Vec<(&Repository, &TagConvention)> = Vec::new();
        for service in self.services.values() {
            if !seen
                .iter()
                .any(|(repository, _)| **repository == service.repository)
            {
                seen.push((&service.repository, &service.tags));
            }
        }
        seen
    }
}

/// A secret by reference: never its value in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// The value of an environment variable of ours.
    Variable(String),
    /// What a command prints, without the last line break.
    Command(Vec<String>),
    /// What a file holds, without the last line break. Absolute, or relative to the configuration.
    File(PathBuf),
}

/// The repository whose workflow runs are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct GitHub {
    /// `owner`.
    pub owner: String,
    /// `name`.
    pub name: String,
    /// The token; without one only public repositories answer, and few times.
    pub token: Option<SecretReference>,
    /// The API's base, for GitHub Enterprise and tests.
    pub api: url::Url,
    /// How often runs are asked for while none is under way, and while one is.
    pub poll: Duration,
}

/// How a registry is spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    /// The login, if there is one: user name and password or token.
    pub login: Option<(String, SecretReference)>,
    /// Plain HTTP, for registries on loopback and in tests.
    pub plain_http: bool,
}

/// A part of a release with an image of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, as in the compose file.
    pub name: ServiceName,
    /// Where its images come from.
    pub repository: Repository,
    /// How its tags are written and ordered.
    pub tags: TagConvention,
    /// What pins its version on a Compose server.
    pub pin: Pin,
    /// How its containers are replaced.
    pub strategy: Strategy,
}

/// How a service's containers are replaced by those of another version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The old ones are stopped, then the new ones are started.
    #[default]
    Recreate,
    /// The new ones are started beside the old, which go when the new ones hold; where the compose file
    /// allows it. For services of which two versions may run at once.
    Rolling,
}

/// What pins a service's version on a Compose server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// A variable of a `.env` file that the compose file interpolates.
    Variable {
        /// The file, relative to the environment's directory.
        file: String,
        /// The variable.
        variable: String,
        /// What the variable holds.
        form: PinForm,
    },
    /// An override file of our own that sets the service's `image`; one of the environment's files.
    Override {
        /// The file, relative to the environment's directory.
        file: String,
    },
}

/// What a pinning variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinForm {
    /// `v1@sha256:…`, for `image: repository:${TAG}`.
    Tag,
    /// `repository:v1@sha256:…`, for `image: ${IMAGE}`.
    Reference,
}

/// A place where releases run.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Where it is.
    pub target: Target,
    /// The services that flightdeck releases here, in order.
    pub services: Vec<ServiceName>,
    /// Which services are switched one after the other, beyond what the compose files' `depends_on` says:
    /// each layer once the one before it holds. May be empty.
    pub layers: Vec<Vec<ServiceName>>,
    /// Whether its name has to be typed before it is changed; the short word that serves too.
    pub protection: Protection,
    /// What has to hold before a promotion.
    pub gates: Vec<GateRule>,
    /// What is asked after a switch.
    pub checks: Vec<CheckRule>,
    /// What is done or told before and after an operation.
    pub hooks: Vec<HookRule>,
    /// The schema's migration, if there is one.
    pub migration: Option<Migration>,
    /// How its database is saved, if it is.
    pub backup: Option<Backup>,
    /// Services to restart after a switch, such as a reverse proxy.
    pub restart: Vec<ServiceName>,
    /// How long a service may take to become healthy.
    pub health_timeout: Duration,
    /// For how long nothing may restart after it was healthy.
    pub stable_for: Duration,
}

impl Environment {
    /// What has to be typed before it is changed; `None` where a dialog is enough.
    pub fn confirm_words(&self) -> Option<ConfirmWords> {
        match &self.protection {
            Protection::Open => None,
            Protection::Protected { word } => Some(ConfirmWords {
                name: self.name.to_string(),
                short: word.clone(),
            }),
        }
    }
}

/// Whether an environment's name has to be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// A dialog is enough.
    Open,
    /// The name, or this word, has to be typed.
    Protected {
        /// The short word.
        word: Option<String>,
    },
}

/// Where an environment is.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A Docker Compose project on a server.
    Compose(Compose),
}

/// A Docker Compose project on a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Compose {
    /// The server.
    pub host: Host,
    /// The project's directory on it: absolute, or relative to the login's home with `~/`.
    pub directory: String,
    /// The compose files, relative to the directory, in order.
    pub files: Vec<String>,
    /// The files that feed interpolation, in order; `.env` unless configured.
    pub environment_files: Vec<String>,
    /// The project's name.
    pub project: String,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// How it is reached.
    pub reach: Reach,
    /// The command that runs Docker there: `docker`, or `sudo -n docker`.
    pub docker: Vec<String>,
    /// The Engine's socket there; `None`: what `docker context inspect` and `$DOCKER_HOST` say.
    pub socket: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// This machine.
    Local,
    /// Anything that the operator's ssh understands.
    Ssh {
        /// `shop.example.com`, `deploy@10.0.0.4`, a `Host` of `~/.ssh/config`.
        destination: String,
        /// Another configuration file than the operator's own (`ssh -F`).
        config: Option<PathBuf>,
    },
}

impl Host {
    /// What people call it: the destination, or `local`.
    pub fn label(&self) -> &str {
        match &self.reach {
            Reach::Local => "local",
            Reach::Ssh { destination, .. } => destination,
        }
    }
}

/// A rule that has to hold before a promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateRule {
    /// The newest workflow run of the version's revision has succeeded: of this workflow, or of all.
    Ci {
        /// The workflow's name.
        workflow: Option<String>,
    },
    /// The same digests run healthy in that environment, for so long at least.
    HealthyIn {
        /// Which.
        environment: EnvironmentName,
        /// For how long.
        at_least: Duration,
    },
}

/// Something that is asked after a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRule {
    /// What people call it.
    pub name: String,
    /// What is asked.
    pub probe: Probe,
    /// How often at most.
    pub attempts: u32,
    /// How long between two attempts.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// What a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// An HTTP request.
    Http(HttpRule),
    /// A command on the server, in the project's directory.
    Command(String),
    /// A command in a service's container.
    Exec {
        /// In whose container.
        service: ServiceName,
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// An HTTP request, and what its answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRule {
    /// The address.
    pub url: url::Url,
    /// How it is asked.
    pub method: HttpMethod,
    /// What is sent with it.
    pub request_headers: BTreeMap<String, String>,
    /// The statuses that are good.
    pub status: Statuses,
    /// Headers of the answer, each with a text that it must hold.
    pub headers: BTreeMap<String, String>,
    /// A text that the body must hold.
    pub body: Option<String>,
    /// Fields that the body must have, as JSON.
    pub json: Vec<JsonField>,
    /// From where it is asked.
    pub from: AskedFrom,
}

/// From where an HTTP check is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedFrom {
    /// On the server.
    Server,
    /// In that service's container.
    Container(ServiceName),
    /// By whoever follows the operation, from where they are.
    Here,
}

/// Something that is done or told before or after an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRule {
    /// What people call it; no two of an environment have the same.
    pub name: String,
    /// When.
    pub when: HookWhen,
    /// Of which deeds.
    pub on: Vec<PlanKind>,
    /// Of those that run after: for which outcomes; empty for all.
    pub outcomes: Vec<Outcome>,
    /// What is done.
    pub action: HookAction,
    /// How long it may take.
    pub timeout: Duration,
    /// Of those that run before: whether a failure stops the operation. A rollback is never stopped.
    pub blocking: bool,
    /// What it is given, by name.
    pub secrets: BTreeMap<String, SecretReference>,
}

/// What a hook does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookAction {
    /// A command on the server, in the project's directory, for `sh -c`. Its secrets are files.
    Command(String),
    /// A command in a service's container. Its secret is its standard input.
    Exec {
        /// In whose container.
        service: ServiceName,
        /// The command and its arguments.
        command: Vec<String>,
    },
    /// A web address that is told.
    Webhook {
        /// Which: treated as a secret.
        address: WebhookAddress,
        /// What it is told.
        format: NotificationFormat,
    },
}

/// A webhook's address.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookAddress {
    /// As it is written.
    Literal(url::Url),
    /// Where it is to be found.
    Secret(SecretReference),
}

impl std::fmt::Debug for WebhookAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(secret)"),
            Self::Secret(reference) => f.debug_tuple("Secret").field(reference).finish(),
        }
    }
}

/// How an environment's database is saved before a migration, and brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// With what.
    pub tool: BackupTool,
    /// How many backups of our own a clean-up leaves.
    pub keep: usize,
    /// The services that are stopped while a backup is brought back; `None`: those that depend on the
    /// database's.
    pub stop: Option<Vec<ServiceName>>,
    /// How long saving or bringing back may take.
    pub timeout: Duration,
}

/// A schema's migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// With which service's image and configuration.
    pub service: ServiceName,
    /// The tool, which says how heads are read and how it goes down.
    pub tool: MigrationTool,
}

/// The tools that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationTool {
    /// Alembic; the command that starts it, `alembic` unless configured.
    Alembic {
        /// Such as `["alembic", "-c", "db/alembic.ini"]`.
        command: Vec<String>,
    },
    /// Django's own.
    Django {
        /// Such as `["python", "manage.py"]`.
        command: Vec<String>,
    },
    /// Rails' own.
    Rails {
        /// Such as `["bin/rails"]`.
        command: Vec<String>,
    },
    /// Prisma; where the schema is cannot be read, and it cannot go down.
    Prisma {
        /// Such as `["npx", "prisma"]`.
        command: Vec<String>,
    },
    /// Flyway; it goes down only where `down` says how.
    Flyway {
        /// Such as `["flyway"]`.
        command: Vec<String>,
        /// Goes down to `{revision}`.
        down: Option<Vec<String>>,
    },
    /// Any command.
    Command {
        /// What migrates to the newest.
        up: Vec<String>,
        /// What prints the heads, one a line.
        heads: Option<Vec<String>>,
        /// Goes down to `{revision}`.
        down: Option<Vec<String>>,
    },
}

/// How the cockpit looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// A theme's name, or a path to a theme's file; `None`: by the terminal.
    pub theme: Option<String>,
    /// Log lines kept for each pane.
    pub log_lines: usize,
    /// Other keys for actions: action's name → keys.
    pub keys: BTreeMap<String, Vec<String>>,
}

#[cfg(test)]
mod tests;
