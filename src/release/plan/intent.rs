//! What a step does, as data: a target renders it as commands.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{BackupTool, HeadsQuery, ImageName, RestoreFrom};
use crate::release::{
    ImageId, ImageReference, ServiceName,
    check::{Check, answer_time},
    hook::{Hook, Notification},
};

/// What a step does. A target renders it as commands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub enum Intent {
    /// Bring an image onto the server by digest.
    Pull {
        /// For which service.
        service: ServiceName,
        /// Which image, with its digest.
        reference: ImageReference,
    },
    /// Keep an image from being pruned, under a tag of our own.
    Keep {
        /// For which service.
        service: ServiceName,
        /// Which image: by reference with digest, or by ID where it has none.
        image: ImageName,
    },
    /// Run the schema's migration with a service's image.
    Migrate {
        /// With which service's configuration.
        service: ServiceName,
        /// With which image.
        image: ImageName,
        /// The command and its arguments inside the container.
        command: Vec<String>,
        /// How the schema's heads are asked for; `None` where nobody can tell.
        heads: Option<HeadsQuery>,
        /// For people: `a1f3 → c9e2`.
        summary: String,
    },
    /// See that an image knows the revision that the database is at, before anything changes.
    KnowsSchema {
        /// With which service's configuration.
        service: ServiceName,
        /// Which image.
        image: ImageName,
        /// How it is asked.
        heads: HeadsQuery,
        /// The heads that the image which runs told when the plan was made, where it did.
        at: Option<Vec<String>>,
    },
    /// Save the database, before something changes it.
    Backup {
        /// How.
        tool: BackupTool,
    },
    /// Put a backup in the database's place, all of it or nothing.
    Restore {
        /// How.
        tool: BackupTool,
        /// Which backup.
        from: RestoreFrom,
    },
    /// Stop services, so that nothing uses the database.
    Stop {
        /// Which.
        services: Vec<ServiceName>,
    },
    /// Start the containers of stopped services again, as they are.
    Start {
        /// Which.
        services: Vec<ServiceName>,
    },
    /// Remove what nothing needs any more. What somebody has come to use since is left, and said.
    CleanUp {
        /// What.
        removals: Vec<Removal>,
    },
    /// Put the candidate pin files in place, or the former ones on the way back.
    Pin {
        /// The files.
        files: Vec<PinFile>,
    },
    /// Recreate services with what is pinned.
    Switch {
        /// Which.
        services: Vec<ServiceName>,
        /// The image that each must run afterwards: by reference with digest, or by ID.
        expected: BTreeMap<ServiceName, ImageName>,
        /// Whether Compose may look at what they depend on.
        dependencies: bool,
        /// Why each is recreated and not rolled, in words.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        reasons: BTreeMap<ServiceName, String>,
    },
    /// Replace a service's containers with what is pinned without a moment in which none serves: new ones
    /// beside the old, and the old are taken away once the new hold.
    Roll {
        /// Which.
        service: ServiceName,
        /// The image that it must run afterwards: by reference with digest, or by ID.
        expected: ImageName,
        /// How many containers it has.
        replicas: u32,
        /// For how long nothing may restart before the old ones go.
        stable_for: Duration,
        /// Whether Compose may look at what it depends on.
        dependencies: bool,
        /// Why it is rolled, in words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Restart services that only have to notice the change, such as a reverse proxy.
    Restart {
        /// Which.
        services: Vec<ServiceName>,
    },
    /// Wait for health and for the stabilisation window.
    Health {
        /// Of which services.
        services: Vec<ServiceName>,
        /// For how long nothing may restart.
        stable_for: Duration,
    },
    /// Ask whether it works.
    Check {
        /// What for.
        name: String,
        /// How.
        check: Check,
        /// How often at most.
        attempts: u32,
        /// How long between two attempts.
        interval: Duration,
        /// How long one answer may take.
        #[serde(default = "answer_time")]
        timeout: Duration,
    },
    /// A command of the operator's.
    Hook(Hook),
    /// Tell a web address of it.
    Notify(Notification),
    /// Copy the compose and environment files as they were, and take down the containers' last words.
    Snapshot {
        /// Absolute paths.
        files: Vec<String>,
        /// The images that run, to be kept.
        keep: BTreeMap<ServiceName, ImageName>,
    },
    /// Write down what is observed: image IDs, health, schema heads.
    Observe {
        /// Of which services.
        services: Vec<ServiceName>,
        /// How the schema's heads are asked for, where they are.
        heads: Option<(ServiceName, HeadsQuery)>,
    },
    /// Something that only a newer format knows. No plan of this version's has it.
    #[serde(other)]
    Unknown,
}

/// Something that a clean-up removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Removal {
    /// Names of an image; with its last name the image goes.
    Image {
        /// Which image: a name that means another one by then is left.
        id: ImageId,
        /// What people call it.
        label: String,
        /// The names, our own keep tags first.
        references: Vec<ImageReference>,
        /// Whether these are all its names: then it is left whole if it has come to another.
        all: bool,
        /// What it takes by itself, in bytes, where the Engine told.
        frees: Option<u64>,
    },
    /// A stopped container that an ended operation left.
    Container {
        /// Its full ID.
        id: String,
        /// Its name.
        name: String,
    },
    /// A backup of ours.
    Backup {
        /// Its path, relative to the project's directory.
        handle: String,
        /// In bytes.
        size: u64,
    },
}

/// A file that pins versions, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinFile {
    /// Its absolute path on the server.
    pub path: String,
    /// The hash that it must have to be replaced, as `algorithm:hex`; `None` if it must not exist.
    pub expected: Option<String>,
    /// The name of the attachment that it becomes; `None` if it is taken away.
    pub attachment: Option<String>,
    /// What changes in it, in words that hold no secret: `BACKEND_IMAGE_TAG=v2@sha256:…`.
    pub summary: Vec<String>,
}
