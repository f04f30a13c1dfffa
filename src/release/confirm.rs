//! The right to change things, by type.
//!
//! What changes things takes a [`Confirmed`] value, and that is made only from a [`Permit`]. Watch mode
//! is a program without one: there is no check to forget.

use super::plan::{ConfirmWords, Gate, LOCK_GATE, Plan, PlanKind};

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
    #[error("closed gates: {}", told(gates))]
    Gates {
        /// Those.
        gates: Vec<Gate>,
    },
}

/// `lock (mira since …)`
fn told(gates: &[Gate]) -> String {
    let gates = gates.iter();
    let words = gates.map(|gate| format!("{} ({})", gate.name, gate.detail));
    words.collect::<Vec<_>>().join(", ")
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
    /// The closed gate that typing the environment's name passes: a lock by hand, for a rollback.
    pub fn gate_passed_by_name(&self) -> Option<&str> {
        self.closed_gates()
            .find(|gate| self.kind == PlanKind::Rollback && gate.name == LOCK_GATE)
            .map(|gate| gate.name.as_str())
    }

    /// Confirms the plan, or says what is missing. A lock that a rollback passed by the environment's
    /// name stands as overridden in what is confirmed.
    ///
    /// # Errors
    /// A word that does not match exactly, a button where a word is asked for, or a closed gate.
    pub fn confirm(
        &self,
        permit: Permit,
        answer: Answer<'_>,
    ) -> Result<Confirmed<Plan>, NotConfirmed> {
        let mut inner = self.clone();
        let by_name = matches!(answer, Answer::Typed(typed) if typed == self.environment.as_str());
        if by_name && self.gate_passed_by_name().is_some() {
            let gates = inner.gates.iter_mut();
            gates
                .filter(|gate| gate.name == LOCK_GATE)
                .for_each(|gate| gate.overridden = true);
        }
        let gates: Vec<Gate> = inner.closed_gates().cloned().collect();
        if !gates.is_empty() {
            return Err(NotConfirmed::Gates { gates });
        }
        permit.confirm_with(inner, self.confirm.as_ref(), answer)
    }
}

impl Permit {
    /// Wraps something that needs no word: cancelling what one sees running.
    pub fn confirm<T>(self, inner: T) -> Confirmed<T> {
        Confirmed {
            inner,
            permit: self,
        }
    }

    /// Wraps something that asks for one of `words`, where there are any.
    ///
    /// # Errors
    /// A word that does not match exactly, or a button where a word is asked for.
    pub fn confirm_with<T>(
        self,
        inner: T,
        words: Option<&ConfirmWords>,
        answer: Answer<'_>,
    ) -> Result<Confirmed<T>, NotConfirmed> {
        let matches = match (words, answer) {
            (_, Answer::YesFlag) | (None, _) => true,
            (Some(words), Answer::Typed(typed)) => words.matches(typed),
            (Some(_), Answer::Button) => false,
        };
        match (words, matches) {
            (Some(words), false) => Err(NotConfirmed::Word {
                expected: words.short.clone().unwrap_or_else(|| words.name.clone()),
            }),
            _ => Ok(self.confirm(inner)),
        }
    }
}
