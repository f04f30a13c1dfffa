//! Secret bytes that travel with a plan, and are never part of what is written down of it.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice};

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
