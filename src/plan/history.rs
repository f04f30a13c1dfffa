//! What the ledger proves: which releases were healthy here, which were not, how long steps take.

use std::{collections::BTreeMap, time::Duration};

use crate::release::{
    operation::{OperationId, Outcome},
    plan::PlanKind,
    record::{Record, Release},
};

use super::running;

/// A release that the ledger proves healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The operation that proves it.
    pub operation: OperationId,
    /// The release, with what the operation's steps found out filled in.
    pub release: Release,
}

/// A release that the ledger proves bad, or that an operator marked so.
#[derive(Debug, Clone, PartialEq)]
pub struct Bad<'a> {
    /// The operation that proves or marks it.
    pub record: &'a Record,
    /// The release: of several services perhaps only those that are to blame.
    pub release: &'a Release,
}

impl Bad<'_> {
    /// Why, in words: `marked bad by mira (it loses mails), operation 000042`.
    pub fn words(&self) -> String {
        let record = self.record;
        match record.kind {
            PlanKind::MarkBad if record.reason.is_empty() => {
                format!(
                    "marked bad by {}, operation {}",
                    record.operator, record.operation
                )
            }
            PlanKind::MarkBad => format!(
                "marked bad by {} ({}), operation {}",
                record.operator, record.reason, record.operation
            ),
            _ => format!(
                "failed here at {}, operation {}",
                record.step.as_deref().unwrap_or("an unknown step"),
                record.operation
            ),
        }
    }
}

/// Why `release` counts as bad: the newest evidence, unless it was proven healthy since.
pub fn bad<'a>(records: &'a [Record], release: &Release) -> Option<Bad<'a>> {
    for record in records.iter().rev() {
        let is_healthy = record
            .proves_healthy()
            .is_some_and(|healthy| running::runs_all(release, healthy));
        if is_healthy {
            return None;
        }
        if let Some(bad) = record.proves_bad()
            && running::runs_all(bad, release)
        {
            return Some(Bad {
                record,
                release: bad,
            });
        }
    }
    None
}

/// The releases proven healthy and not proven bad since, the newest evidence first, each once.
///
/// Evidence of health: an operation succeeded with it, went back to it, or found it healthy before it
/// began. A release that was rolled back *from* counts as bad until it is promoted anew, so that a
/// second rollback does not bounce back to it.
pub fn healthy(records: &[Record]) -> Vec<Proven> {
    let mut bad: Vec<&Release> = Vec::new();
    let mut proven: Vec<Proven> = Vec::new();
    for record in records.iter().rev() {
        let mut take = |release: &Release, is_after: bool, bad: &[&Release]| {
            let release = completed(record, release, is_after);
            let known = proven
                .iter_mut()
                .find(|proven| is_same(&proven.release, &release));
            match known {
                // Its heads may have been told only at another time: an image that the database has
                // left behind cannot tell them.
                Some(known) => {
                    known.release.schema_heads =
                        known.release.schema_heads.take().or(release.schema_heads)
                }
                None if release.services.is_empty()
                    || bad.iter().any(|bad| running::runs_all(bad, &release)) => {}
                None => proven.push(Proven {
                    operation: record.operation,
                    release,
                }),
            }
        };
        if let Some(after) = record.proves_healthy() {
            take(after, true, &bad);
        }
        bad.extend(record.proves_bad());
        if record.kind == PlanKind::Rollback && record.outcome == Outcome::Succeeded {
            bad.push(&record.before);
        }
        let found_healthy = record.results.get("before_healthy").map(String::as_str) == Some("yes");
        // What a clean-up that failed had to do with is no evidence of what runs.
        let came_back = record.outcome == Outcome::WentBack && record.kind != PlanKind::CleanUp;
        if came_back || found_healthy {
            take(&record.before, false, &bad);
        }
    }
    proven
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
