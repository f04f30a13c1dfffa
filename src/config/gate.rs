//! What has to hold before a promotion.

use std::time::Duration;

use crate::release::EnvironmentName;

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
