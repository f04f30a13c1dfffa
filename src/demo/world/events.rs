//! What the Engine tells to those who listen.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

/// One event of the Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `container` or `image`.
    pub kind: &'static str,
    /// `start`, `die`, `health_status: healthy`, …
    pub action: String,
    /// The container's ID, or the image's reference.
    pub id: String,
    /// The container's labels, image and name, and what the action adds.
    pub attributes: BTreeMap<String, String>,
    /// When it happened.
    pub at: Timestamp,
}

/// The last events, numbered from 0.
#[derive(Debug, Default)]
pub struct Events {
    kept: VecDeque<Event>,
    first: u64,
}

/// Events that are kept for late listeners.
const KEPT: usize = 1024;

impl Events {
    /// Adds one.
    pub fn push(&mut self, event: Event) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(event);
    }

    /// The number that the next one gets.
    pub fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }

    /// Those from number `from` on that are still kept.
    pub fn since(&self, from: u64) -> impl Iterator<Item = &Event> {
        self.kept
            .iter()
            .skip(usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX))
    }
}
