//! What is asked after a switch.

use std::{collections::BTreeMap, time::Duration};

use crate::release::{
    ServiceName,
    check::{HttpMethod, JsonField, Statuses},
};

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

impl CheckRule {
    /// How long all its attempts may take together: every one to its end, and the pauses between.
    pub fn longest(&self) -> Duration {
        (self.interval + self.timeout) * self.attempts.max(1)
    }
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
