//! Names that the configuration gives to environments and services.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::written::written;

/// Why a word cannot be a name here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} is not a name: use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or a digit"
)]
pub struct BadName {
    /// The word as it was given.
    pub word: String,
}

fn check(word: &str) -> Result<(), BadName> {
    let ok = word.len() <= 63
        && word.starts_with(|first: char| first.is_ascii_alphanumeric())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    ok.then_some(()).ok_or_else(|| BadName {
        word: word.to_owned(),
    })
}

written!(
    /// An environment: a place where releases run, such as `production`.
    EnvironmentName,
    BadName,
    check
);
written!(
    /// A service: a part of a release with an image of its own, named as in the compose file.
    ServiceName,
    BadName,
    check
);

impl ServiceName {
    /// The name as part of a step's id: in `[a-z0-9-]`.
    pub fn slug(&self) -> String {
        slug(self.as_str())
    }
}

/// A text as part of a step's id: in `[a-z0-9-]`.
pub fn slug(text: &str) -> String {
    text.chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => c,
            _ => '-',
        })
        .collect()
}
