//! Plans: what is to be done, from what it was made, in which steps, and what happens on failure.
//!
//! A plan is data. The room `plan` makes it, a target renders its steps as commands, the screen and
//! `--dry-run` show it, the server keeps it beside the journal. It carries no secrets: what must travel
//! with it and must not be seen goes as [`Attachment`]s, which are never serialised.

mod attachment;
mod database;
mod gate;
mod image;
mod intent;
mod request;
mod schema;
mod step;
mod words;

pub use attachment::Attachment;
pub use database::{BackupTool, HeadsFormat, HeadsQuery, RestoreFrom};
pub use gate::{Gate, LOCK_GATE, Verdict};
pub use image::ImageName;
pub use intent::{Intent, PinFile, Removal};
pub use request::{
    CLEAN_UP_KEEP, CLEAN_UP_OLDER_THAN, ChosenVersion, Deed, MarkedRelease, Request, RollbackTo,
};
pub use schema::{SchemaChoice, SchemaOffer};
pub use step::{Again, OnStepFailure, Step};
pub use words::counted;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    EnvironmentName, ImageId, ServiceName,
    operation::{Direction, OperationId},
    record::Release,
};

/// The format that plans, journals and ledgers of this version are written in.
pub const FORMAT: u32 = 1;

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

    /// Whether plans of this kind have a way back to what ran before. One of a newer kind may.
    pub fn has_way_back(self) -> bool {
        match self {
            Self::Promote | Self::Rollback | Self::Restore | Self::Unknown => true,
            Self::Adopt | Self::Migrate | Self::CleanUp | Self::Lock | Self::MarkBad => false,
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
    /// How long containers may take to become healthy: as configured, or longer where their own health
    /// check gives them longer to start.
    #[serde(default)]
    pub health_timeout: Duration,
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
    /// The image IDs of each concerned service's containers then; empty if none ran.
    pub images: BTreeMap<ServiceName, Vec<ImageId>>,
    /// From where each concerned service's containers were made then: Compose's labels for the directory and
    /// the files, with a comma between.
    #[serde(default)]
    pub made_from: BTreeMap<ServiceName, Vec<String>>,
    /// Hashes of pin, compose and environment files then, as `algorithm:hex`, by absolute path.
    pub files: BTreeMap<String, String>,
    /// The schema's heads then, where the plan depends on them.
    pub schema_heads: Option<Vec<String>>,
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
}
