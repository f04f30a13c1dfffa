//! What built the versions: workflow runs of GitHub Actions.
//!
//! Only reads here. Knows no environment, no screen and no plan.

use std::sync::Arc;

use crate::release::{observed::Link, workflow::Runs};

/// What GitHub tells. State: a newer one replaces the older.
#[derive(Debug, Clone)]
pub enum RunsReading {
    /// How the link stands.
    Link(Link),
    /// The newest runs with their jobs, whole.
    Runs(Arc<Runs>),
}
