//! Cleaning up: names of images, backups and containers that nothing needs any more. What is needed is
//! found first, and everything else is judged against it.

mod images;
mod needed;

use std::time::Duration;

use crate::release::{
    Fault, FaultKind,
    plan::{Intent, OnFailure, Plan, PlanKind, Removal},
    survey::{BackupFile, CleanUp},
    text::bytes,
};

use self::{images::images, needed::needed};
use super::{
    Draft, Making, holder,
    steps::{self, LOOKS, Manners},
};

const LIMIT: Duration = Duration::from_secs(1800);
/// How many images a survey tells of at most.
const MOST_IMAGES: usize = 300;

pub(super) fn plan(making: &Making<'_>, keep: usize, older_than: Duration) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::CleanUp)?;
    let seen = survey.clean_up.as_ref().ok_or_else(|| {
        making.fault(
            FaultKind::Malformed,
            "the server did not tell what there is to clean up",
        )
    })?;
    let needed = needed(making, seen, keep);
    let containers = containers(seen);
    let images = images(making, seen, &needed, older_than, &mut warnings);
    let backups = backups(making);
    if containers.is_empty() && images.is_empty() && backups.is_empty() {
        return Err(making
            .fault(
                FaultKind::Invalid,
                "there is nothing to clean up: what is there is needed, or not old enough",
            )
            .remedy(format!(
                "`flightdeck clean-up {}` with a smaller --keep or --older-than takes more",
                making.environment.name
            )));
    }
    said_before(making, seen, keep, &images, &backups, &mut warnings);
    // An image that a leftover container holds goes once that is gone.
    let forward = [
        ("remove-containers", containers),
        ("remove-images", images),
        ("remove-backups", backups),
    ]
    .into_iter()
    .filter(|(_, removals)| !removals.is_empty())
    .map(|(id, removals)| {
        let manners = Manners {
            limit: LIMIT,
            ..LOOKS
        };
        steps::step(id, Intent::CleanUp { removals }, manners)
    })
    .collect();
    Ok(making.plan(Draft {
        kind: PlanKind::CleanUp,
        after: making.running.clone(),
        gates,
        warnings,
        forward,
        back: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        depends_on_schema: false,
    }))
}

fn containers(seen: &CleanUp) -> Vec<Removal> {
    seen.containers
        .iter()
        .filter(|container| container.is_left_over)
        .map(|container| Removal::Container {
            id: container.id.clone(),
            name: container.name.clone(),
        })
        .collect()
}

/// Those of ours beyond the number that stays, the oldest first, and what an operation left half written.
fn backups(making: &Making<'_>) -> Vec<Removal> {
    let (Some(backup), Some(there)) = (&making.environment.backup, &making.survey.backups) else {
        return Vec::new();
    };
    let (partial, mut whole): (Vec<&BackupFile>, Vec<&BackupFile>) =
        there.files.iter().partition(|file| file.is_partial());
    whole.sort_by(|a, b| a.handle.cmp(&b.handle));
    let beyond = whole.len().saturating_sub(backup.keep);
    partial
        .into_iter()
        .chain(whole.into_iter().take(beyond))
        .map(|file| Removal::Backup {
            handle: file.handle.clone(),
            size: file.size,
        })
        .collect()
}

fn said_before(
    making: &Making<'_>,
    seen: &CleanUp,
    keep: usize,
    images: &[Removal],
    backups: &[Removal],
    warnings: &mut Vec<String>,
) {
    let told: Option<u64> = images
        .iter()
        .filter_map(|removal| match removal {
            Removal::Image {
                all: true, frees, ..
            } => Some(*frees),
            _ => None,
        })
        .sum();
    let of_backups: u64 = backups
        .iter()
        .map(|removal| match removal {
            Removal::Backup { size, .. } => *size,
            _ => 0,
        })
        .sum();
    warnings.push(match told {
        Some(of_images) => {
            let parts: Vec<String> = [(of_images, "images"), (of_backups, "backups")]
                .into_iter()
                .filter(|(size, _)| *size > 0)
                .map(|(size, what)| format!("{} of {what}", bytes(size)))
                .collect();
            let shared = "layers that only the removed images share come on top";
            match parts.as_slice() {
                [] => format!("frees names alone; {shared}"),
                parts => format!(
                    "frees at least {}: {}; {shared}",
                    bytes(of_images + of_backups),
                    parts.join(", ")
                ),
            }
        }
        None => format!(
            "frees {} of backups; what the images free is not known: the Engine did not tell in time",
            bytes(of_backups)
        ),
    });
    let releases = match keep {
        1 => "the last healthy release".to_owned(),
        keep => format!("the last {keep} healthy releases"),
    };
    warnings.push(format!(
        "what any container there uses, what is pinned and {releases} of each environment there stay"
    ));
    for neighbour in &seen.neighbours {
        if neighbour.records.is_none() {
            warnings.push(format!(
                "the ledger of {} cannot be read: what it needs is told by its keep tags alone",
                neighbour.environment
            ));
        }
    }
    if making.survey.images.len() >= MOST_IMAGES {
        warnings.push(
            "there are more images than were looked at: clean up again afterwards".to_owned(),
        );
    }
}

#[cfg(test)]
mod tests;
