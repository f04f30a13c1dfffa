//! How a step names an image to the Engine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::release::{ImageId, ImageReference};

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
