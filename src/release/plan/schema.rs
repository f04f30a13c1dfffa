//! What a rollback can do about a schema that is elsewhere than with the release it returns to.

use serde::{Deserialize, Serialize};

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
