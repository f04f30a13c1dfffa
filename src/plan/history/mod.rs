//! What the ledger proves: which releases were healthy here, which were not, how long steps take.

mod past;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

pub use past::{Bad, bad, mark, past, past_of};

use crate::release::{
    operation::{OperationId, Outcome},
    plan::PlanKind,
    record::{Record, Release},
};

/// A release that the ledger proves healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The operation that a rollback is told to come here: the newest that brought it, else the newest after
    /// which it ran. `None` if it was only found here, before [`seen`](Self::seen).
    pub operation: Option<OperationId>,
    /// The newest operation that saw it healthy.
    pub seen: OperationId,
    /// The release, with what the operation's steps found out filled in.
    pub release: Release,
}

impl Proven {
    /// Where it is recorded, in words: `operation 000042`.
    pub fn words(&self) -> String {
        self.operation.map_or_else(
            || format!("what ran before operation {}", self.seen),
            |operation| format!("operation {operation}"),
        )
    }
}

/// The releases proven healthy of which no image is proven [`bad`], the newest evidence first, each once.
///
/// Evidence of health: an operation succeeded with it, went back to it, or found it healthy before it
/// began.
pub fn healthy(records: &[Record]) -> Vec<Proven> {
    let mut proven: Vec<Proven> = Vec::new();
    for record in records.iter().rev() {
        for (release, is_after) in seen_healthy(record) {
            let release = completed(record, release, is_after);
            let known = proven
                .iter_mut()
                .find(|proven| is_same(&proven.release, &release));
            match known {
                // Its heads may have been told only at another time: an image that the database has
                // left behind cannot tell them.
                Some(known) => {
                    known.release.schema_heads =
                        known.release.schema_heads.take().or(release.schema_heads);
                }
                None if release.services.is_empty() || !bad(records, &release).is_empty() => {}
                None => proven.push(Proven {
                    operation: named_by(records, &release),
                    seen: record.operation,
                    release,
                }),
            }
        }
    }
    proven
}

/// The releases that an operation saw healthy; with each, whether its steps ended with it.
fn seen_healthy(record: &Record) -> impl Iterator<Item = (&Release, bool)> {
    let after = record.proves_healthy().map(|after| (after, true));
    let found_healthy = record.results.get("before_healthy").map(String::as_str) == Some("yes");
    // What a clean-up that failed had to do with is no evidence of what runs.
    let came_back = record.outcome == Outcome::WentBack && record.kind != PlanKind::CleanUp;
    let before = (came_back || found_healthy).then_some((&record.before, false));
    after.into_iter().chain(before)
}

/// The operation that names a release: where a rollback to that operation goes is this release.
fn named_by(records: &[Record], release: &Release) -> Option<OperationId> {
    let newest = |names: &dyn Fn(&Record) -> bool| {
        let mut reached = records.iter().rev().filter(|record| {
            names(record) && record.runs().is_some_and(|runs| is_same(runs, release))
        });
        reached.next().map(|record| record.operation)
    };
    newest(&|record| record.brings_release() && record.outcome == Outcome::Succeeded)
        .or_else(|| newest(&|_| true))
}

/// The release that an operation reached, with what its steps found out; `None` if nobody knows what
/// ran when it ended.
pub fn reached(record: &Record) -> Option<Release> {
    let release = record.runs()?;
    Some(completed(
        record,
        release,
        record.outcome == Outcome::Succeeded,
    ))
}

/// Whether the ledger proves that these images were healthy together, and not bad since.
pub fn is_proven_healthy(records: &[Record], release: &Release) -> bool {
    healthy(records)
        .iter()
        .any(|proven| is_same(&proven.release, release))
}

/// Whether both name the same services with the same images.
fn is_same(a: &Release, b: &Release) -> bool {
    a.services.len() == b.services.len() && a.is_same_images(b)
}

fn completed(record: &Record, release: &Release, is_after: bool) -> Release {
    let mut release = release.clone();
    if !is_after {
        return release;
    }
    if let Some(heads) = record.results.get("schema_heads") {
        release.schema_heads = Some(super::schema::heads_of_result(heads));
    }
    if let Some(images) = record.results.get("images") {
        for pair in images.split(',') {
            if let Some((service, id)) = pair.split_once('@')
                && let Some((_, release)) = release
                    .services
                    .iter_mut()
                    .find(|(name, _)| name.as_str() == service)
                && let Ok(id) = id.parse()
            {
                release.image_id.get_or_insert(id);
            }
        }
    }
    release
}

/// How long each step took: the median of its last five times.
pub fn estimates(records: &[Record], kind: PlanKind) -> BTreeMap<String, Duration> {
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for record in records.iter().rev().filter(|record| record.kind == kind) {
        for (step, seconds) in &record.times {
            let known = times.entry(step).or_default();
            if known.len() < 5 {
                known.push(*seconds);
            }
        }
    }
    times
        .into_iter()
        .map(|(step, mut seconds)| {
            seconds.sort_unstable();
            let median = seconds[seconds.len() / 2];
            (
                step.to_owned(),
                Duration::from_secs(u64::try_from(median).unwrap_or_default()),
            )
        })
        .collect()
}
