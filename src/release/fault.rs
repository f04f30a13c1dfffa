//! One kind of error for all that can go wrong outside: what status lines, JSON and records show.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// What sort of thing went wrong; decides whether waiting helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Nobody answers: network, name, a refused or broken connection. Retried.
    Unreachable,
    /// The other side does not accept who we are. Final until somebody changes it.
    Authentication,
    /// The server's host key is unknown or has changed. Final until somebody looks at it.
    HostKey,
    /// We are known and may not do this. Final until somebody changes it.
    Permission,
    /// What was asked for does not exist.
    Missing,
    /// The other side asks us to wait.
    RateLimited,
    /// No answer in time; whether the deed was done is not known.
    TimedOut,
    /// Somebody else holds the environment, or changed it since the plan was made.
    Conflict,
    /// The other side cannot do what is needed: a version too old, a command that is missing.
    Unsupported,
    /// An answer that cannot be understood.
    Malformed,
    /// The operator's own input or configuration.
    Invalid,
    /// A command that ran and failed.
    Failed,
}

impl FaultKind {
    /// Whether it is the way there that failed: asking again makes sense as soon as somebody answers.
    pub fn is_of_the_link(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut)
    }

    /// Whether trying again later can help without anybody doing something first.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Unreachable | Self::RateLimited | Self::TimedOut | Self::Malformed | Self::Failed
        )
    }
}

/// An error from outside: what failed, on what, and what to do next. Cheap to clone; its texts are
/// cleaned of control sequences when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The sort of thing that went wrong.
    pub kind: FaultKind,
    /// On what it failed: a host, a repository, a file.
    pub subject: Arc<str>,
    /// What failed, in words, without a full stop.
    pub message: Arc<str>,
    /// What to do next, in words; empty if there is nothing but waiting.
    pub remedy: Arc<str>,
    /// What the other side said, for those who want to know exactly; may be empty.
    pub source: Arc<str>,
}

impl Fault {
    /// A fault of `kind` on `subject`, with what failed in words.
    pub fn new(kind: FaultKind, subject: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            subject: super::text::clean(subject.as_ref()).into(),
            message: super::text::clean(message.as_ref()).into(),
            remedy: "".into(),
            source: "".into(),
        }
    }

    /// The same fault, with what to do next.
    #[must_use]
    pub fn remedy(mut self, remedy: impl AsRef<str>) -> Self {
        self.remedy = super::text::clean(remedy.as_ref()).into();
        self
    }

    /// The same fault, with what the other side said.
    #[must_use]
    pub fn because(mut self, source: impl fmt::Display) -> Self {
        self.source = super::text::clean(&source.to_string()).into();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)?;
        if !self.source.is_empty() {
            write!(f, " ({})", self.source)?;
        }
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
