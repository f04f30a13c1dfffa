//! What does not agree of a service: what runs, what is pinned, what the ledger says; and whose doing that
//! is.

use crate::release::{
    ServiceName, Tag,
    observation::Files,
    record::{Record, ServiceRelease},
};

use super::unsettled::{self, LeftBy, Unsettled};

/// What does not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// What is pinned is not what runs: the next `up` by hand would change it.
    Pin {
        /// What is pinned.
        pinned: String,
        /// The operation that pinned it and did not get further.
        left_by: Option<LeftBy>,
    },
    /// The last release in the ledger is not what runs: somebody else deployed.
    Ledger {
        /// What the ledger says.
        recorded: String,
    },
    /// The last release in the ledger is not what runs: an operation brought it and did not hold.
    Left {
        /// What the ledger says.
        recorded: String,
        /// That operation.
        left_by: LeftBy,
    },
    /// The tag that it was asked for with points at something else by now.
    Tag {
        /// The tag.
        tag: Tag,
    },
    /// Its containers run different images.
    Mixed,
}

impl Drift {
    /// The words for it.
    pub fn words(&self) -> String {
        match self {
            Self::Pin { pinned, left_by } => {
                let by = left_by.as_ref().map(|by| format!(" by {}", by.words()));
                let comma = if by.is_some() { ";" } else { "," };
                format!(
                    "pinned {pinned}{}{comma} runs another: the next `up` would change it",
                    by.unwrap_or_default()
                )
            }
            Self::Ledger { recorded } => {
                format!("the ledger says {recorded}: somebody else deployed")
            }
            Self::Left { recorded, left_by } => format!(
                "left so by {}; before it the ledger says {recorded}",
                left_by.words()
            ),
            Self::Tag { tag } => format!("{tag} points at another image by now"),
            Self::Mixed => "its containers run different images".to_owned(),
        }
    }

    /// One word for narrow places.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pin { .. } => "pin",
            Self::Ledger { .. } => "ledger",
            Self::Left { .. } => "left",
            Self::Tag { .. } => "tag",
            Self::Mixed => "mixed",
        }
    }

    /// The operation whose doing it is, where that is one that left things half done.
    pub fn left_by(&self) -> Option<&LeftBy> {
        match self {
            Self::Pin { left_by, .. } => left_by.as_ref(),
            Self::Left { left_by, .. } => Some(left_by),
            Self::Ledger { .. } | Self::Tag { .. } | Self::Mixed => None,
        }
    }
}

/// What a server's files say of a service and what runs does not.
pub(super) fn from_files(
    files: &Files,
    service: &ServiceName,
    running: &ServiceRelease,
) -> Vec<Drift> {
    let known = files.records.iter().rev().find(|r| r.runs().is_some());
    let unsettled = unsettled::since(files, known.map(|record| record.operation));
    let recorded = known.and_then(Record::runs);
    let recorded = recorded.and_then(|release| release.services.get(service));
    let pin = pin(files, &unsettled, service, running);
    // What a newer flightdeck has recorded since is nobody else's deed.
    let recorded = recorded.filter(|_| files.newer.is_none());
    let ledger = recorded.and_then(|recorded| ledger(recorded, &unsettled, service, running));
    pin.into_iter().chain(ledger).collect()
}

fn pin(
    files: &Files,
    unsettled: &[Unsettled<'_>],
    service: &ServiceName,
    running: &ServiceRelease,
) -> Option<Drift> {
    let pinned = files.pins.get(service)?;
    let digest = pinned.rsplit_once('@').map(|(_, digest)| digest);
    let tag = pinned
        .split('@')
        .next()
        .and_then(|rest| rest.rsplit([':', '/']).next());
    let is_pinned = |release: &ServiceRelease| match (digest, &release.digest) {
        (Some(pinned), Some(digest)) => pinned == digest.as_str(),
        _ => tag == release.tag.as_ref().map(Tag::as_str),
    };
    if is_pinned(running) {
        return None;
    }
    let by = unsettled
        .iter()
        .find(|operation| operation.pinned(service, running, is_pinned));
    let left_by = match by {
        // It has pinned and is about to switch.
        Some(Unsettled { by: None, .. }) => return None,
        Some(Unsettled { by, .. }) => by.clone(),
        None => None,
    };
    Some(Drift::Pin {
        pinned: tag.unwrap_or(pinned).to_owned(),
        left_by,
    })
}

fn ledger(
    recorded: &ServiceRelease,
    unsettled: &[Unsettled<'_>],
    service: &ServiceName,
    running: &ServiceRelease,
) -> Option<Drift> {
    if recorded.is_same_image(running) {
        return None;
    }
    let recorded = recorded.label();
    let by = unsettled
        .iter()
        .find(|operation| operation.brought(service, running));
    match by {
        None => Some(Drift::Ledger { recorded }),
        Some(operation) => operation
            .by
            .clone()
            .map(|left_by| Drift::Left { recorded, left_by }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::fixture::{digest, record, release},
        release::{
            operation::{Claim, Liveness, OperationId, OperationState, Outcome},
            plan::PlanKind,
        },
    };

    fn promoted(number: u64, from: u8, to: u8) -> Record {
        record(number, PlanKind::Promote, from, to, Outcome::Succeeded)
    }

    fn rolled_back(number: u64, from: u8, to: u8, outcome: Outcome) -> Record {
        record(number, PlanKind::Rollback, from, to, outcome)
    }

    fn files(records: Vec<Record>, pinned: u8) -> Files {
        let pin = format!("v{pinned}@{}", digest(pinned));
        Files {
            pins: [("backend".parse().unwrap(), pin)].into(),
            records,
            ..Files::default()
        }
    }

    fn told(files: &Files, runs: u8) -> Vec<String> {
        let service = "backend".parse().unwrap();
        let running = &release(runs).services[&service];
        let found = from_files(files, &service, running);
        found.iter().map(Drift::words).collect()
    }

    #[test]
    fn what_a_stuck_operation_left_is_its_own_deed_and_what_came_after_is_somebody_elses() {
        let stuck = || {
            let stuck = rolled_back(11, 2, 1, Outcome::Stuck);
            vec![promoted(10, 1, 2), stuck]
        };
        let left = "left so by operation 000011, which is stuck; before it the ledger says v2";
        assert_eq!(told(&files(stuck(), 1), 1), [left]);
        // It pinned and did not get to the switch.
        assert_eq!(
            told(&files(stuck(), 1), 2),
            [
                "pinned v1 by operation 000011, which is stuck; runs another: the next `up` would change it"
            ]
        );
        assert_eq!(told(&files(stuck(), 2), 2), [""; 0]);
        // Somebody came after it.
        let elses = "the ledger says v2: somebody else deployed";
        assert_eq!(told(&files(stuck(), 3), 3), [elses]);
        assert_eq!(
            told(&files(stuck(), 3), 1),
            [
                "pinned v3, runs another: the next `up` would change it",
                left
            ]
        );
        // Somebody came before it, and it changed nothing of that.
        let records = vec![
            promoted(10, 1, 2),
            rolled_back(11, 3, 1, Outcome::Interrupted),
        ];
        assert_eq!(told(&files(records, 3), 3), [elses]);
        // Once somebody knows again what runs, it is over.
        let mut records = stuck();
        records.push(promoted(12, 1, 2));
        assert_eq!(told(&files(records, 1), 1).len(), 1);
    }

    #[test]
    fn what_an_operation_changes_while_it_runs_is_no_drift_and_if_it_dies_it_is_what_it_left() {
        let held = |liveness| {
            let mut files = files(vec![promoted(10, 1, 2)], 3);
            let plan = crate::plan::fixture::World::new()
                .plan(crate::plan::fixture::promote(3))
                .unwrap();
            files.operation = Some(OperationState {
                id: OperationId(11),
                claim: Claim {
                    operator: "mira".to_owned(),
                    origin: "laptop".to_owned(),
                    reason: String::new(),
                    kind: "promote".to_owned(),
                    at: Some(1),
                    nonce: "n".to_owned(),
                },
                plan: Some(Box::new(plan)),
                journal: Vec::new(),
                liveness,
                cancelling: false,
                end: None,
            });
            files
        };
        assert_eq!(told(&held(Liveness::Alive), 2), [""; 0]);
        assert_eq!(told(&held(Liveness::Alive), 3), [""; 0]);
        let left = told(&held(Liveness::Dead), 3);
        assert_eq!(
            left,
            ["left so by operation 000011, which was interrupted; before it the ledger says v2"]
        );
        // Not what somebody else does beside it.
        let elses = "the ledger says v2: somebody else deployed";
        assert_eq!(told(&held(Liveness::Alive), 4), [elses]);
    }
}
