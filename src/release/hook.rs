//! Hooks: what an operator wants done or told before and after an operation.

use serde::{Deserialize, Serialize};

use super::{ServiceName, operation::Outcome};

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookWhen {
    /// With everything at hand, before anything is changed.
    Before,
    /// Once the outcome is known.
    After,
}

impl HookWhen {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// A command of the operator's that belongs to an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// What people call it.
    pub name: String,
    /// When it runs.
    pub when: HookWhen,
    /// Of those that run after: for which outcomes; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// What it does.
    pub act: HookCommand,
    /// The names of the secrets that it is given; never their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// What a hook runs, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookCommand {
    /// On the server, in the project's directory, for `sh -c`.
    Command(String),
    /// Inside a service's container.
    Exec {
        /// In whose.
        service: ServiceName,
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// Tells a web address of an operation. The address itself is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// What people call it.
    pub name: String,
    /// When it is told.
    pub when: HookWhen,
    /// Of those that are told after: for which outcomes; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// What is sent.
    pub format: NotificationFormat,
    /// With what it is sent.
    pub means: NotificationMeans,
}

/// What is sent to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationFormat {
    /// `{"text": …}` alone, as Slack, Mattermost and Rocket.Chat take it.
    Slack,
    /// All that is known, as fields of a JSON object.
    Json,
}

impl NotificationFormat {
    /// The word for it in configurations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Json => "json",
        }
    }
}

/// With what a notification is sent; found when the plan is made. Each of them takes the address from a
/// file, so that it is in no argument list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationMeans {
    /// `curl` on the server.
    Curl,
    /// GNU `wget` on the server.
    Wget,
    /// `curl` in that service's container.
    CurlIn(ServiceName),
}
