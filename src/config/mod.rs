//! The checked configuration: what `config.toml` says, once it is known to make sense.
//!
//! Everything here is pure: where the file lies and reading it is [`locate`]'s; secrets are held as
//! references and resolved by whoever needs them. Nothing here knows a target's client or a screen.

mod check;
mod database;
mod environment;
mod gate;
mod hook;
pub mod keys;
pub mod locate;
mod parse;
mod problem;
mod service;
mod target;

pub use check::{AskedFrom, CheckRule, HttpRule, Probe};
pub use database::{Backup, Migration, MigrationTool};
pub use environment::{Environment, Protection};
pub use gate::GateRule;
pub use hook::{HookAction, HookRule, WebhookAddress};
pub use parse::parse;
pub use problem::{ConfigError, Problem};
pub use service::{Pin, PinForm, Service, Strategy};
pub use target::{Compose, Host, Reach, Target};

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::release::{EnvironmentName, Repository, ServiceName, version::TagConvention};

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
