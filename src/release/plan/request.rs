//! What an operator asks for; with a survey and the configuration it becomes a plan.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::SchemaChoice;
use crate::release::{Digest, EnvironmentName, ImageId, ServiceName, Tag, operation::OperationId};

/// What an operator asks for; with a survey and the configuration it becomes a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Where.
    pub environment: EnvironmentName,
    /// What.
    pub deed: Deed,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
    /// Gates that the operator passes all the same, by name.
    pub overrides: Vec<String>,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Record what runs.
    Adopt,
    /// Bring these versions in: for each service a tag and the digest that it was chosen by.
    Promote {
        /// What to bring in.
        versions: BTreeMap<ServiceName, ChosenVersion>,
        /// Whether a configured migration is run.
        migrate: bool,
    },
    /// Bring a release back.
    Rollback {
        /// To the release after this operation; `None`: the last one recorded healthy.
        to: RollbackTo,
        /// Whether the schema goes back too.
        schema: SchemaChoice,
        /// Whether compose and environment files go back too, to the copies kept with that release.
        #[serde(default)]
        files: bool,
    },
    /// Bring a backup of the database back.
    Restore {
        /// The one that this operation recorded; `None`: the newest that can be brought back.
        operation: Option<OperationId>,
    },
    /// Remove what nothing needs any more.
    CleanUp {
        /// How many healthy releases stay beside what runs.
        keep: usize,
        /// Only images that are older than this.
        older_than: Duration,
    },
    /// Say of a release that no rollback may return to it by default.
    MarkBad {
        /// Which.
        release: MarkedRelease,
    },
    /// Migrate the schema with the images that run, or with these.
    Migrate {
        /// Instead of what runs.
        versions: BTreeMap<ServiceName, ChosenVersion>,
        /// To that revision, downwards if it lies behind; `None`: to the newest.
        to: Option<String>,
    },
}

/// How many healthy releases a clean-up leaves beside what runs, unless asked otherwise.
pub const CLEAN_UP_KEEP: usize = 5;
/// How old an image is at least that a clean-up removes, unless asked otherwise.
pub const CLEAN_UP_OLDER_THAN: Duration = Duration::from_secs(7 * 24 * 3600);

/// A version that an operator chose: by tag for people, by digest for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenVersion {
    /// The tag that was under the cursor.
    pub tag: Tag,
    /// What it pointed at then.
    pub digest: Digest,
    /// The commit it was built from, where it is known.
    pub revision: Option<String>,
}

/// Which release is marked bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkedRelease {
    /// What runs.
    Running,
    /// The release that this operation was to reach.
    Operation(OperationId),
}

/// Which release a rollback returns to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackTo {
    /// The last release recorded healthy that is not the one that runs.
    LastHealthy,
    /// The release that this operation reached.
    Operation(OperationId),
    /// An image that lies on the server and was never recorded healthy here.
    Image {
        /// Of which service.
        service: ServiceName,
        /// Which image.
        image: ImageId,
    },
}
