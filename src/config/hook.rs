//! What is done or told before and after an operation.

use std::{collections::BTreeMap, time::Duration};

use super::SecretReference;
use crate::release::{
    ServiceName,
    hook::{HookWhen, NotificationFormat},
    operation::Outcome,
    plan::PlanKind,
};

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
    /// Of those that run before: whether a failure stops the operation, unless that is a rollback.
    pub blocking: bool,
    /// Whether it stops a rollback too: only where the configuration says both, that it blocks and that it
    /// belongs to rollbacks.
    pub blocks_rollback: bool,
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
