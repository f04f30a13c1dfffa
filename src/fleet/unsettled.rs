//! Operations after which the ledger does not say what runs: they failed half-way, or have not ended.
//! What they have changed is their doing and nobody else's.

use crate::release::{
    ServiceName,
    observation::Files,
    operation::{Liveness, OperationId, OperationState, Outcome},
    record::{Record, Release, ServiceRelease},
};

/// Whose doing something is, where that is an operation of which nobody knows what it has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBy {
    /// Which operation.
    pub operation: OperationId,
    /// How that stands, as the end of a sentence: `is stuck`.
    standing: &'static str,
}

impl LeftBy {
    /// Its name and how it stands, in the middle of a sentence.
    pub fn words(&self) -> String {
        format!("operation {}, which {}", self.operation, self.standing)
    }
}

/// What such an operation may have changed.
#[derive(Debug)]
pub(super) struct Unsettled<'a> {
    /// Which one; `None` while it runs: what it changes then is no news.
    pub by: Option<LeftBy>,
    before: &'a Release,
    after: &'a Release,
    /// Whether it may have written the files of the way back, of which no fingerprint is recorded.
    went_back: bool,
}

/// Those that came after `known`, the newest first.
pub(super) fn since(files: &Files, known: Option<OperationId>) -> Vec<Unsettled<'_>> {
    let under_way = files.operation.as_ref().filter(|held| held.end.is_none());
    let ended = files
        .records
        .iter()
        .rev()
        .filter(|record| Some(record.operation) > known)
        .filter(|record| record.runs().is_none() && record.counts());
    under_way
        .and_then(held)
        .into_iter()
        .chain(ended.map(recorded))
        .collect()
}

fn recorded(record: &Record) -> Unsettled<'_> {
    let standing = match record.outcome {
        Outcome::Interrupted => "was interrupted",
        Outcome::Abandoned => "was abandoned",
        Outcome::Unknown => "ended as only a newer flightdeck knows",
        _ => "is stuck",
    };
    Unsettled {
        by: Some(LeftBy {
            operation: record.operation,
            standing,
        }),
        before: &record.before,
        after: &record.after,
        went_back: record.other.contains_key("back_step")
            || record.times.keys().any(|step| step.starts_with("back/")),
    }
}

/// `None` before its plan has been read, and for a lock by hand.
fn held(operation: &OperationState) -> Option<Unsettled<'_>> {
    let plan = operation.plan.as_ref()?;
    let standing = match operation.liveness {
        Liveness::Alive => None,
        Liveness::Orphaned | Liveness::Dead => Some("was interrupted"),
        Liveness::Unknown => Some("has not ended"),
    };
    Some(Unsettled {
        by: standing.map(|standing| LeftBy {
            operation: operation.id,
            standing,
        }),
        before: &plan.before,
        after: &plan.after,
        went_back: true,
    })
}

impl Unsettled<'_> {
    /// What a service was to change from and to; `None` where it was not to change.
    fn change(&self, service: &ServiceName) -> Option<(Option<&ServiceRelease>, &ServiceRelease)> {
        let after = self.after.services.get(service)?;
        let before = self.before.services.get(service);
        let changes = before.is_none_or(|before| !before.is_same_image(after));
        changes.then_some((before, after))
    }

    /// Whether it has brought what a service runs.
    pub fn brought(&self, service: &ServiceName, running: &ServiceRelease) -> bool {
        self.change(service)
            .is_some_and(|(_, after)| after.is_same_image(running))
    }

    /// Whether it has pinned what `is_pinned` recognises, where a service runs another: forward, or on its
    /// way back from what runs still.
    pub fn pinned(
        &self,
        service: &ServiceName,
        running: &ServiceRelease,
        is_pinned: impl Fn(&ServiceRelease) -> bool,
    ) -> bool {
        self.change(service).is_some_and(|(before, after)| {
            is_pinned(after) || (before.is_some_and(&is_pinned) && after.is_same_image(running))
        })
    }

    /// Whether it has left a file so; `None` where that cannot be told.
    pub fn wrote(&self, file: &str, hash: &str) -> Option<bool> {
        let Some(pinned) = self.after.pinned_file(file) else {
            return Some(false);
        };
        if pinned == hash {
            Some(true)
        } else {
            (!self.went_back).then_some(false)
        }
    }
}
