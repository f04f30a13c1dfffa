//! Plans: what is to be done, from what it was made, in which steps, and what happens on failure.
//!
//! A plan is data. The room `plan` makes it, a target renders its steps as commands, the screen and
//! `--dry-run` show it, the server keeps it beside the journal. It carries no secrets: what must travel
//! with it and must not be seen goes as [`Attachment`]s, which are never serialised.

use std::{collections::BTreeMap, fmt, time::Duration};

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};

pub use super::check::{Check, HttpCheck, HttpMeans};
use super::{
    Digest, EnvironmentName, ImageId, ImageReference, ServiceName,
    check::answer_time,
    hook::{Hook, Notification},
    operation::{Direction, OperationId},
    record::Release,
};

/// The format that plans, journals and ledgers of this version are written in.
pub const FORMAT: u32 = 1;

/// The gate that a lock by hand is: closed for a rollback until the environment's name is typed.
pub const LOCK_GATE: &str = "lock";

/// What kind of deed a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Record what runs, change nothing.
    Adopt,
    /// Bring a version into the environment.
    Promote,
    /// Bring an earlier release back.
    Rollback,
    /// Migrate the schema, without a switch.
    Migrate,
    /// Bring a backup of the database back.
    Restore,
    /// Remove images, backups and containers that nothing needs any more.
    CleanUp,
    /// Keep others from changing the environment, by hand and with a message.
    Lock,
    /// Say of a release that no rollback may return to it by default.
    MarkBad,
    /// A kind of a newer format.
    #[serde(other)]
    Unknown,
}

impl PlanKind {
    /// The verb for it, as screens write it.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Promote => "promote",
            Self::Rollback => "roll back",
            Self::Migrate => "migrate",
            Self::Restore => "restore",
            Self::CleanUp => "clean up",
            Self::Lock => "lock",
            Self::MarkBad => "mark bad",
            Self::Unknown => "newer kind",
        }
    }
}

/// What is to be done, with everything that an operator has to know before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The format's version.
    pub v: u32,
    /// What kind of deed it is.
    pub kind: PlanKind,
    /// Where.
    pub environment: EnvironmentName,
    /// Who does it.
    pub operator: String,
    /// From which machine.
    pub origin: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// What it was made from; refused where that no longer holds.
    pub basis: Basis,
    /// What runs before.
    pub before: Release,
    /// What shall run after.
    pub after: Release,
    /// What has to hold, and whether it does.
    pub gates: Vec<Gate>,
    /// What the operator should know before: "nginx is recreated too".
    pub warnings: Vec<String>,
    /// Doing it.
    pub forward: Vec<Step>,
    /// Going back to `before`, whatever forward had reached.
    pub back: Vec<Step>,
    /// Once the outcome is known, whichever it is: telling others of it. What fails there is reported
    /// and changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closing: Vec<Step>,
    /// What happens when forward fails.
    pub on_failure: OnFailure,
    /// What a rollback could do about the schema; empty where the schema is no question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_offers: Vec<SchemaOffer>,
    /// What must be typed to confirm it; `None` where a dialog is enough.
    pub confirm: Option<ConfirmWords>,
    /// Secret bytes that travel with it, by the name that steps use.
    #[serde(skip)]
    pub attachments: Vec<Attachment>,
}

/// What confirms a dangerous plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmWords {
    /// The environment's name.
    pub name: String,
    /// Its short word, where the configuration gives one.
    pub short: Option<String>,
}

impl ConfirmWords {
    /// Whether `typed` is one of the words, exactly.
    pub fn matches(&self, typed: &str) -> bool {
        typed == self.name || self.short.as_deref() == Some(typed)
    }
}

/// What happens when forward fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Back to the release before.
    GoBack,
    /// Stay as it is and say so: there is no release before that is recorded healthy.
    Stay,
}

/// What a plan was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The newest operation then; `None` on first contact.
    pub last_operation: Option<OperationId>,
    /// Each concerned service's containers' image IDs then, in order; empty if none ran.
    pub images: BTreeMap<ServiceName, Vec<ImageId>>,
    /// From where each concerned service's containers were made then, in order: Compose's labels for the
    /// directory and the files, with a comma between.
    #[serde(default)]
    pub made_from: BTreeMap<ServiceName, Vec<String>>,
    /// Hashes of pin, compose and environment files then, as `algorithm:hex`, by absolute path.
    pub files: BTreeMap<String, String>,
    /// The schema's heads then, where the plan depends on them.
    pub schema_heads: Option<Vec<String>>,
}

/// Something that has to hold before a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name: `ci`, `staging healthy`.
    pub name: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why, in words.
    pub detail: String,
    /// Whether the operator passed it all the same; recorded.
    pub overridden: bool,
}

/// Whether a gate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It cannot be told, and unknown is not passed.
    Unknown,
}

impl Plan {
    /// The gates that keep this plan from starting.
    pub fn closed_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates
            .iter()
            .filter(|g| g.verdict != Verdict::Passed && !g.overridden)
    }

    /// One of its lists.
    pub fn steps(&self, direction: Direction) -> &[Step] {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Back => &self.back,
            Direction::Closing => &self.closing,
        }
    }

    /// One line: `promote production: backend v1 → v2`, with the services that change.
    pub fn title(&self) -> String {
        let what = match self.kind {
            PlanKind::Restore => self.restored(),
            PlanKind::CleanUp => self.removed(),
            _ => None,
        };
        if let Some(what) = what {
            return format!("{} {}: {what}", self.kind.verb(), self.environment);
        }
        let is_told_whole = matches!(self.kind, PlanKind::Adopt | PlanKind::MarkBad);
        let changed = if is_told_whole {
            self.after.clone()
        } else {
            self.after.changed_since(&self.before)
        };
        let changes: Vec<String> = changed
            .services
            .iter()
            .map(|(name, to)| match self.before.services.get(name) {
                Some(from) if !is_told_whole && from.label() != to.label() => {
                    format!("{name} {} → {}", from.label(), to.label())
                }
                _ => format!("{name} {}", to.label()),
            })
            .collect();
        format!(
            "{} {}: {}",
            self.kind.verb(),
            self.environment,
            changes.join(", ")
        )
    }
}

impl Plan {
    /// The backup that it brings back.
    fn restored(&self) -> Option<String> {
        self.forward.iter().find_map(|step| match &step.intent {
            Intent::Restore {
                from: RestoreFrom::Handle(handle),
                ..
            } => Some(format!("backup {handle}")),
            _ => None,
        })
    }

    /// What it removes, counted.
    fn removed(&self) -> Option<String> {
        let (mut images, mut containers, mut backups) = (0, 0, 0);
        for step in &self.forward {
            let Intent::CleanUp { removals } = &step.intent else {
                continue;
            };
            for removal in removals {
                match removal {
                    Removal::Image { .. } => images += 1,
                    Removal::Container { .. } => containers += 1,
                    Removal::Backup { .. } => backups += 1,
                }
            }
        }
        let counted: Vec<String> = [
            (images, "image"),
            (containers, "container"),
            (backups, "backup"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
        (!counted.is_empty()).then(|| counted.join(", "))
    }
}

/// One step of a plan: an intent, and how it behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in its list, `[a-z0-9-]+`, used in file names and journals: `pull-backend`.
    pub id: String,
    /// What it does.
    pub intent: Intent,
    /// How long it may take.
    pub limit: Duration,
    /// How long it took before, where the ledger tells.
    pub estimate: Option<Duration>,
    /// What a second run of it means.
    pub again: Again,
    /// Whether it may be ended in the middle when somebody cancels.
    pub interruptible: bool,
    /// Whether the environment is another after it than before; forward's first such step is where
    /// going back begins to mean something.
    pub changes: bool,
    /// What its failure means for its list.
    #[serde(default, skip_serializing_if = "OnStepFailure::is_stops")]
    pub failure: OnStepFailure,
}

/// What a step's failure means for the list that it is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStepFailure {
    /// The list has failed.
    #[default]
    Stops,
    /// It is journaled and recorded among the results as `reported`, and the list goes on.
    Reported,
}

impl OnStepFailure {
    fn is_stops(&self) -> bool {
        *self == Self::Stops
    }
}

/// What a second run of a step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// The same as one run.
    Safe,
    /// The step looks first whether it was done, or still runs.
    Probe,
    /// Nobody knows: an operator's own command. Ask.
    Ask,
}

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

/// How a migration tool is asked, in a service's container, where the schema is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsQuery {
    /// The command and its arguments inside the container.
    pub command: Vec<String>,
    /// How its answer is read.
    pub format: HeadsFormat,
}

/// How a tool's answer names the schema's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadsFormat {
    /// One head a line, alone or before a bracket: Alembic's `current`, and most commands.
    Lines,
    /// Django's `showmigrations --plan`: the last `[X]` of each app.
    Django,
    /// Rails' `db:migrate:status`: the newest version that is `up`.
    Rails,
    /// Flyway's `info -outputType=json`: its `schemaVersion`.
    Flyway,
}

/// How a database is saved and brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum BackupTool {
    /// `pg_dump` and `pg_restore` in the database's own container. A backup's handle is its file's path,
    /// relative to the project's directory.
    PgDump {
        /// The database's service.
        service: ServiceName,
        /// The database.
        database: String,
        /// Who owns it.
        user: String,
    },
    /// Commands of the operator's on the server, in the project's directory, for `sh -c`.
    Command {
        /// Prints the backup's handle as its last line.
        backup: String,
        /// Brings back the backup whose handle is `$FD_HANDLE`; `None` where nothing can.
        restore: Option<String>,
    },
}

/// Which backup is brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreFrom {
    /// The one with this handle, which an operation recorded.
    Handle(String),
    /// The one that this operation made before it began to restore; nothing is done where it never came
    /// to that.
    OwnBackup,
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

/// How a step names an image to the Engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageName {
    /// By reference with its digest.
    Reference(ImageReference),
    /// By ID, for images that no registry has seen.
    Id(ImageId),
}

impl ImageName {
    /// What people call it: the tag, else the short digest or ID.
    pub fn label(&self) -> String {
        match self {
            Self::Reference(reference) => match (&reference.tag, &reference.digest) {
                (Some(tag), _) => tag.to_string(),
                (None, Some(digest)) => digest.short().to_owned(),
                (None, None) => reference.to_string(),
            },
            Self::Id(id) => id.short().to_owned(),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(reference) => write!(f, "{reference}"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
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

/// Secret bytes that travel with a plan.
#[derive(Clone)]
pub struct Attachment {
    /// `[a-z0-9.-]+`, unique in the plan.
    pub name: String,
    /// What it holds.
    pub bytes: SecretSlice<u8>,
}

impl PartialEq for Attachment {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.bytes.expose_secret() == other.bytes.expose_secret()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({:?}, secret)", self.name)
    }
}

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
    pub tag: super::Tag,
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

/// What a rollback does about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaChoice {
    /// Nobody said: the images alone where that release ran at the same revision or nobody knows, and
    /// where the environment is not protected; else a refusal that says what there is to choose from.
    Undecided,
    /// The images alone.
    ImageOnly,
    /// Downgrade to the revision recorded with that release, with the image that runs now, then switch.
    Downgrade,
    /// Bring back the newest backup that holds the schema as that release had it, then switch.
    Restore,
}

impl SchemaChoice {
    /// The word for it, as the command line takes it; `None` for no choice.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Undecided => None,
            Self::ImageOnly => Some("image-only"),
            Self::Downgrade => Some("downgrade"),
            Self::Restore => Some("restore"),
        }
    }
}

/// One of the things that a rollback can do about a schema that is elsewhere than with that release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaOffer {
    /// What is chosen.
    pub choice: SchemaChoice,
    /// Why it cannot be done, in words; `None` if it can.
    pub obstacle: Option<String>,
    /// What follows from it, in words.
    pub consequence: String,
}
