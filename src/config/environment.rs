//! An environment: a place where releases run, with all that is asked and done there.

use std::time::Duration;

use super::{Backup, CheckRule, GateRule, HookRule, Migration, Target};
use crate::release::{EnvironmentName, ServiceName, plan::ConfirmWords};

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
