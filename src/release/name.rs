//! Names that the configuration gives to environments and services.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a word cannot be a name here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{word:?} is not a name: use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or a digit"
)]
pub struct BadName {
    /// The word as it was given.
    pub word: String,
}

fn checked(word: &str) -> Result<Arc<str>, BadName> {
    let ok = (1..=63).contains(&word.len())
        && word.as_bytes()[0].is_ascii_alphanumeric()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    ok.then(|| Arc::from(word)).ok_or_else(|| BadName {
        word: word.to_owned(),
    })
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(word: &str) -> Result<Self, BadName> {
                checked(word).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(word: String) -> Result<Self, BadName> {
                word.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name!(
    /// An environment: a place where releases run, such as `production`.
    EnvironmentName
);
name!(
    /// A service: a part of a release with an image of its own, named as in the compose file.
    ServiceName
);
