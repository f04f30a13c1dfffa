//! The right to change things, by type.
//!
//! What changes things takes a [`Confirmed`] value, and that is made only from a [`Permit`]. Watch mode
//! is a program without one: there is no check to forget.

use super::plan::Plan;

/// The right to change things. The front door mints it, except in watch mode; a test reads the sources
/// and holds that nobody else does.
#[derive(Debug, Clone, Copy)]
pub struct Permit {
    _only_minted: (),
}

impl Permit {
    /// Makes the right to change things. For `main.rs` and tests alone.
    pub fn mint() -> Self {
        Self { _only_minted: () }
    }
}

/// Something that an operator has confirmed.
#[derive(Debug, Clone)]
pub struct Confirmed<T> {
    inner: T,
    permit: Permit,
}

impl<T> Confirmed<T> {
    /// What was confirmed.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// The right that it was confirmed with.
    pub fn permit(&self) -> Permit {
        self.permit
    }
}

/// Why a plan is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// The word typed is not the environment's.
    #[error("type {expected:?} to confirm")]
    Word {
        /// What has to be typed.
        expected: String,
    },
    /// Gates are closed and were not overridden.
    #[error("closed gates: {}", names.join(", "))]
    Gates {
        /// Their names.
        names: Vec<String>,
    },
}

/// How an operator confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// By typing a word.
    Typed(&'a str),
    /// By a button, where no word is asked for.
    Button,
    /// By `--yes` on the command line: stands for every word, not for gates.
    YesFlag,
}

impl Plan {
    /// Confirms the plan, or says what is missing.
    ///
    /// # Errors
    /// A word that does not match exactly, a button where a word is asked for, or a closed gate.
    pub fn confirm(
        &self,
        permit: Permit,
        answer: Answer<'_>,
    ) -> Result<Confirmed<Plan>, NotConfirmed> {
        let closed: Vec<String> = self.closed_gates().map(|g| g.name.clone()).collect();
        if !closed.is_empty() {
            return Err(NotConfirmed::Gates { names: closed });
        }
        let matches = match (&self.confirm, answer) {
            (_, Answer::YesFlag) | (None, _) => true,
            (Some(words), Answer::Typed(typed)) => words.matches(typed),
            (Some(_), Answer::Button) => false,
        };
        match (&self.confirm, matches) {
            (Some(words), false) => Err(NotConfirmed::Word {
                expected: words.short.clone().unwrap_or_else(|| words.name.clone()),
            }),
            _ => Ok(Confirmed {
                inner: self.clone(),
                permit,
            }),
        }
    }
}

/// An operation to be recovered, confirmed by somebody who may change things.
impl Permit {
    /// Wraps something that needs no word: cancelling what one sees running.
    pub fn confirm<T>(self, inner: T) -> Confirmed<T> {
        Confirmed {
            inner,
            permit: self,
        }
    }
}
