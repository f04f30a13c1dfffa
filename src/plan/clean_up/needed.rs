//! Which images stay.

use std::collections::BTreeSet;

use crate::{
    plan::{Making, history, running},
    release::{
        ImageId,
        record::{Record, Release},
        survey::CleanUp,
    },
};

/// The images that stay: what any container there was made from, what is pinned, and the last `keep`
/// healthy releases of every environment there beside what it runs.
pub(super) fn needed(making: &Making<'_>, seen: &CleanUp, keep: usize) -> BTreeSet<ImageId> {
    let survey = making.survey;
    let mut needed: BTreeSet<ImageId> = seen
        .containers
        .iter()
        .filter(|container| !container.is_left_over)
        .map(|container| container.image_id.clone())
        .collect();
    for compose in survey.services.values() {
        needed.extend(running::resolved(&compose.image, survey).map(|image| image.id.clone()));
    }
    let mut take = |release: &Release| {
        for service in release.services.values() {
            needed.extend(service.image_id.clone());
            needed.extend(running::image_here(service, survey).map(|image| image.id.clone()));
        }
    };
    take(&making.running);
    let neighbours = seen.neighbours.iter();
    let ledgers = neighbours.filter_map(|neighbour| neighbour.records.as_deref());
    for records in ledgers.chain([survey.records.as_slice()]) {
        for release in kept(records, keep) {
            take(&release);
        }
    }
    needed
}

/// What a ledger says of the release that runs, and its last `keep` healthy ones beside that.
fn kept(records: &[Record], keep: usize) -> Vec<Release> {
    let runs = records.last().and_then(history::reached);
    let mut kept: Vec<Release> = history::healthy(records)
        .into_iter()
        .map(|proven| proven.release)
        .filter(|release| {
            runs.as_ref()
                .is_none_or(|runs| !running::runs_all(release, runs))
        })
        .take(keep)
        .collect();
    kept.extend(runs);
    kept
}
