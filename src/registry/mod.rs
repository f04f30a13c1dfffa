//! Where versions come from: any OCI registry with basic or token authentication, GHCR first.
//!
//! Only reads (`pull` scope). Knows no environment, no screen and no plan.

use std::sync::Arc;

use crate::release::{observed::Link, version::Versions};

/// What a registry tells of one repository. State: a newer one replaces the older.
#[derive(Debug, Clone)]
pub enum VersionsReading {
    /// How the link stands.
    Link(Link),
    /// The tags as far as they are known, whole and in order.
    Versions(Arc<Versions>),
}
