//! The log of everything that was asked of the embedded world: the evidence that watch mode changes
//! nothing.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// At which of the world's doors something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The Engine's API.
    Engine,
    /// The `docker` command.
    Docker,
    /// The registry.
    Registry,
    /// GitHub's API.
    GitHub,
}

/// One thing that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where.
    pub door: Door,
    /// `GET /version`; for the `docker` command its arguments.
    pub what: String,
    /// Whether it asks to change something.
    pub changes: bool,
}

/// The last things that were asked.
#[derive(Debug, Default)]
pub struct RequestLog {
    kept: Mutex<(VecDeque<Asked>, u64)>,
}

/// So many are kept: a demonstration may run for weeks.
const KEPT: usize = 10_000;

impl RequestLog {
    /// Notes one.
    pub fn note(&self, asked: Asked) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0.len() == KEPT {
            kept.0.pop_front();
            kept.1 += 1;
        }
        kept.0.push_back(asked);
    }

    /// What is kept, oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0.iter().cloned().collect()
    }

    /// How many are no longer kept.
    pub fn forgotten(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
