//! What was read on a server for one plan: everything that the plan is made from and the screen does
//! not know anyway. Read-only: making a plan changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    EnvironmentName, ImageId, ImageReference, Repository, ServiceName,
    observation::{Containers, Image},
    operation::{OperationId, OperationState},
    plan::{Attachment, PinFile},
    record::Record,
};

/// The answers for one plan.
#[derive(Debug, Clone)]
pub struct Survey {
    /// When it was taken, by our clock.
    pub taken: Timestamp,
    /// The environment's containers and their images.
    pub containers: Containers,
    /// The services of which a container keeps something in a volume that nobody named: only Compose's own
    /// recreation hands it on.
    pub anonymous_volumes: BTreeSet<ServiceName>,
    /// The project's services as Compose resolves them with the pins that are in place.
    pub services: BTreeMap<ServiceName, ComposeService>,
    /// The same with the candidate pins; empty if the request changes no pin.
    pub candidate_services: BTreeMap<ServiceName, ComposeService>,
    /// The version of Compose on the server.
    pub compose_version: String,
    /// The project's directory, absolute, symlinks resolved.
    pub directory: String,
    /// Hashes of compose, environment and pin files, by absolute path.
    pub files: BTreeMap<String, String>,
    /// The pin files: what forward makes of them. Empty if the request changes no pin.
    pub candidate_pins: Vec<PinFile>,
    /// The pin files: what back makes of them.
    pub former_pins: Vec<PinFile>,
    /// The bytes of both.
    pub attachments: Vec<Attachment>,
    /// For a rollback: the files that are another now than with the release that it returns to.
    pub changed_files: Vec<ChangedFile>,
    /// Where those come back: the settings that change with them, by their paths in `docker compose config`.
    pub changed_settings: Vec<String>,
    /// Images of the services' repositories that lie on the server.
    pub images: Vec<Image>,
    /// What there is to ask an HTTP server with.
    pub means: Means,
    /// What an operator should know of the server before anything is done there: a disk that is nearly
    /// full, a neighbour that takes the same pin.
    pub warnings: Vec<String>,
    /// The newest operation's number; `None` on first contact.
    pub last_operation: Option<OperationId>,
    /// The operation that holds the environment or was interrupted, if there is one.
    pub operation: Option<OperationState>,
    /// The ledger, oldest first.
    pub records: Vec<Record>,
    /// The schema's heads, where they were asked for and could be told.
    pub schema_heads: Option<Vec<String>>,
    /// Why they could not be told although they were asked for, in the tool's words, cleaned.
    pub schema_trouble: Option<String>,
    /// The revisions that the image which runs knows, newest first, where it was asked and could tell;
    /// and those that the database has beside them, where the tool tells.
    pub schema_history: Vec<SchemaRevision>,
    /// The revisions that a chosen image knows, newest first, where it lies on the server, was asked and
    /// could tell without a database.
    pub candidate_history: Option<Vec<SchemaRevision>>,
    /// The revisions that the request would undo, newest first, each with what is known of that.
    pub schema_undone: Vec<SchemaRevision>,
    /// What there is for backups, where the request makes one or brings one back.
    pub backups: Option<Backups>,
    /// What a clean-up has to know, where the request is one.
    pub clean_up: Option<CleanUp>,
}

impl Survey {
    /// The operation or the lock that holds the environment and has not ended, whether it still runs or not.
    pub fn holder(&self) -> Option<&OperationState> {
        self.operation.as_ref().filter(|held| held.end.is_none())
    }
}

/// What there is for backups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backups {
    /// Those of ours that lie on the server.
    pub files: Vec<BackupFile>,
    /// Free room where they are written, in bytes.
    pub free: Option<u64>,
    /// What the database takes, in bytes.
    pub database_size: Option<u64>,
    /// Why the database could not be asked, in its own words, cleaned.
    pub trouble: Option<String>,
}

/// A backup of ours on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Its path, relative to the project's directory.
    pub handle: String,
    /// In bytes.
    pub size: u64,
    /// Whether this user may read it.
    pub is_readable: bool,
}

impl BackupFile {
    /// Whether it was never finished.
    pub fn is_partial(&self) -> bool {
        self.handle.ends_with(".part")
    }
}

/// What a clean-up has to know beside the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CleanUp {
    /// The repositories of this environment's own keep tags.
    pub keep_tags: BTreeSet<Repository>,
    /// Every container on that Engine, running or not.
    pub containers: Vec<User>,
    /// What each image takes by itself, in bytes, by the first twelve digits of its ID; empty where the
    /// Engine did not tell in time.
    pub unique_sizes: BTreeMap<String, u64>,
    /// The ledgers of the configuration's other environments on that Engine.
    pub neighbours: Vec<Neighbour>,
}

/// A container, as far as a clean-up has to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its full ID.
    pub id: String,
    /// Its name without the leading slash.
    pub name: String,
    /// The image that it was made from.
    pub image_id: ImageId,
    /// Whether an ended operation of this environment left it, stopped.
    pub is_left_over: bool,
}

/// Another environment on the same Engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// Its name.
    pub environment: EnvironmentName,
    /// Its ledger, oldest first; `None` if it could not be read.
    pub records: Option<Vec<Record>>,
}

/// A service as `docker compose config` resolves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeService {
    /// Its image, as Compose would ask for it.
    pub image: String,
    /// `docker compose config --hash`.
    pub config_hash: String,
    /// What it depends on.
    pub depends_on: BTreeSet<ServiceName>,
    /// Its fixed container name, if it has one.
    pub container_name: Option<String>,
    /// Its `pull_policy`, if it has one.
    pub pull_policy: Option<String>,
    /// Whether it has a health check of its own in the compose file.
    pub has_health_check: bool,
    /// How long it may take to start, as its health check in the compose file says.
    pub start_period: Option<Duration>,
    /// How long it may take to stop before it is killed, where the compose file says.
    pub stop_grace_period: Option<Duration>,
    /// How many containers it has, where the file says.
    pub replicas: Option<u32>,
    /// What only one container of it can have at a time.
    pub exclusive: Vec<Exclusive>,
}

/// Something that only one container of a service can have at a time: a second one cannot run beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusive {
    /// A fixed container name.
    Name(String),
    /// A fixed port of the host.
    HostPort(String),
    /// The host's network.
    HostNetwork,
    /// A fixed address in a network.
    Address(String),
    /// Its namespaces or volumes are used by another service, which would have to be recreated with it.
    Lent(ServiceName),
    /// One container on every host, by its deployment mode.
    Global,
}

/// A compose or environment file that is another now than with the release that a rollback returns to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its absolute path.
    pub path: String,
    /// Its fingerprint then, as `algorithm:hex`.
    pub hash: String,
    /// What differs, in words that hold no value.
    pub differs: Vec<String>,
}

/// What there is to ask an HTTP server and to read JSON with. Containers are looked into only where a
/// check or a hook may need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Means {
    /// `curl` on the server.
    pub curl: bool,
    /// `wget` on the server.
    pub wget: bool,
    /// Whether that is GNU's, which can read an address from a file.
    pub wget_is_gnu: bool,
    /// `jq` on the server.
    pub jq: bool,
    /// `python3` on the server.
    pub python: bool,
    /// Services in whose running containers there is a `curl`.
    pub curl_in: BTreeSet<ServiceName>,
    /// Services in whose running containers there is a `wget`.
    pub wget_in: BTreeSet<ServiceName>,
    /// Services in whose running containers there is a `jq`.
    pub jq_in: BTreeSet<ServiceName>,
    /// Services in whose running containers there is a `python3`.
    pub python_in: BTreeSet<ServiceName>,
}

/// One revision of a schema's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRevision {
    /// Its name.
    pub revision: String,
    /// The revisions that it follows: none at a root, several where it merges.
    pub parents: Vec<String>,
    /// Other revisions that have to be there before it.
    pub depends_on: Vec<String>,
    /// The names of its branch, by which some tools take it too.
    pub labels: Vec<String>,
    /// What it says of itself, cleaned.
    pub message: String,
    /// Whether the database has it, where the tool tells that with each.
    pub standing: Standing,
    /// Its script's path in the image, where the tool tells.
    pub script: Option<String>,
    /// Whether it can be undone.
    pub undo: Undo,
}

impl SchemaRevision {
    /// A revision of which no more is known than its name and what it says of itself.
    pub fn new(revision: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            revision: revision.into(),
            parents: Vec::new(),
            depends_on: Vec::new(),
            labels: Vec::new(),
            message: message.into(),
            standing: Standing::Untold,
            script: None,
            undo: Undo::Unknown,
        }
    }
}

/// Where a revision stands, as a tool that asks its database tells it with the revision's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The tool does not tell: its graph does, from the heads down.
    Untold,
    /// The database has it.
    Applied,
    /// The database has it, and the image that was asked has no script for it.
    Missing,
    /// The image has a script for it, and the database does not have it.
    Pending,
}

/// Whether a revision can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// Its own script says how.
    Possible,
    /// It says nothing of it: going below it leaves the schema as this revision made it. In words.
    Nothing(String),
    /// It refuses to be undone. In words.
    Refused(String),
    /// It was not asked, or the tool cannot tell before it tries.
    Unknown,
}

impl Survey {
    /// The image on the server for a reference with digest, if it lies there.
    pub fn image_here(&self, reference: &ImageReference) -> Option<&Image> {
        let digest = reference.digest.as_ref()?;
        self.images
            .iter()
            .chain(self.containers.images.values())
            .find(|image| image.digest_in(&reference.repository) == Some(digest))
    }

    /// Whether an image lies on the server, by its ID.
    pub fn has_image(&self, id: &ImageId) -> bool {
        self.containers.images.contains_key(id) || self.images.iter().any(|image| image.id == *id)
    }
}
