//! Where a rollback goes: what may be returned to, what the ledger says of it, and whether its images
//! still lie on the server.

use std::collections::BTreeMap;

use crate::{
    config::{Environment, Service},
    release::{
        Fault, FaultKind, ImageId, ServiceName,
        operation::{OperationId, OperationState, Outcome},
        plan::RollbackTo,
        record::{Release, ServiceRelease},
        survey::Survey,
    },
};

use crate::plan::{Wanted, history, running};

/// Where a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct Target {
    pub(super) release: Release,
    /// Where it is recorded, in words, if nobody has named it, or if it is not what the name suggests.
    pub(super) recorded: Option<String>,
}

/// The releases that a rollback may return to, the default first: proven healthy, not proven bad since,
/// and not what runs and is pinned now.
pub fn candidates(survey: &Survey, running: &Release) -> Vec<history::Proven> {
    history::healthy(&survey.records)
        .into_iter()
        .filter(|proven| !is_in_place(&proven.release, survey, running))
        .collect()
}

/// The schema's heads that were recorded with the release that a rollback returns to.
pub fn recorded_heads(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    to: &RollbackTo,
    survey: &Survey,
) -> Option<Vec<String>> {
    let running = running::release(environment, services, survey);
    let target = target(environment, services, to, survey, &running).ok()?;
    target.release.schema_heads
}

/// The fingerprints that compose and environment files had when the release that a rollback returns to was
/// brought in, by absolute path; empty where they are not recorded. Not those from before an operation that
/// left it: whoever prepares a release changes the files first.
pub fn recorded_files(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    to: &RollbackTo,
    survey: &Survey,
) -> BTreeMap<String, String> {
    let running = running::release(environment, services, survey);
    let Ok(target) = target(environment, services, to, survey, &running) else {
        return BTreeMap::new();
    };
    let brought_in = survey.records.iter().rev().find(|record| {
        record.outcome == Outcome::Succeeded
            && record.brings_release()
            && record.after.services.len() == target.release.services.len()
            && record.after.is_same_images(&target.release)
    });
    brought_in.map_or(target.release.files, |record| record.after.files.clone())
}

fn is_in_place(release: &Release, survey: &Survey, running: &Release) -> bool {
    running::runs_all(release, running)
        && release
            .services
            .iter()
            .all(|(name, release)| running::is_pinned(name, release, survey))
}

pub(in crate::plan) fn target(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    to: &RollbackTo,
    survey: &Survey,
    running: &Release,
) -> Result<Target, Fault> {
    let target = match to {
        RollbackTo::LastHealthy => candidates(survey, running)
            .into_iter()
            .next()
            .map(|proven| Target {
                recorded: Some(format!(
                    "the last release recorded healthy: {}",
                    proven.words()
                )),
                release: proven.release,
            })
            .ok_or_else(|| nothing_recorded(environment, services, survey, running))?,
        RollbackTo::Operation(operation) => recorded(environment, survey, *operation)?,
        RollbackTo::Image { service, image } => {
            local(environment, services, survey, service, image)?
        }
    };
    refuse_absent(environment, &target, survey, running)?;
    Ok(target)
}

fn recorded(
    environment: &Environment,
    survey: &Survey,
    operation: OperationId,
) -> Result<Target, Fault> {
    let fault = |message: String| {
        Fault::new(FaultKind::Missing, environment.name.as_str(), message)
            .remedy("choose another entry of the history")
    };
    let record = survey
        .records
        .iter()
        .rev()
        .find(|record| record.operation == operation)
        .ok_or_else(|| fault(format!("the ledger has no operation {operation}")))?;
    let release = history::reached(record).ok_or_else(|| {
        fault(format!(
            "operation {operation} {}: nobody knows what ran after it",
            record.outcome.words()
        ))
    })?;
    // What is offered by this number comes with all that later operations have found out of it.
    let proven = history::healthy(&survey.records)
        .into_iter()
        .find(|proven| proven.operation == Some(operation));
    let ended_elsewhere = record.brings_release() && record.outcome != Outcome::Succeeded;
    Ok(Target {
        recorded: ended_elsewhere.then(|| {
            format!(
                "what ran after operation {operation} ({})",
                record.ended_words()
            )
        }),
        release: proven.map_or(release, |proven| proven.release),
    })
}

fn local(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
    name: &ServiceName,
    id: &ImageId,
) -> Result<Target, Fault> {
    let service = crate::plan::service(environment, services, name)?;
    let image = survey
        .images
        .iter()
        .chain(survey.containers.images.values())
        .find(|image| image.id == *id)
        .ok_or_else(|| {
            Fault::new(
                FaultKind::Missing,
                environment.name.as_str(),
                format!("the image {} does not lie on the server", id.short()),
            )
        })?;
    let release = Release {
        services: [(name.clone(), running::of_image(image, &service.repository))].into(),
        ..Release::default()
    };
    Ok(Target {
        release,
        recorded: None,
    })
}

/// First contact, or nothing else was ever healthy: offers the images that lie on the server.
fn nothing_recorded(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
    running: &Release,
) -> Fault {
    let fault = Fault::new(
        FaultKind::Missing,
        environment.name.as_str(),
        if survey.records.is_empty() && interrupted(survey).is_none() {
            "nothing is recorded here: flightdeck has never released to this server"
        } else {
            "no other release is recorded healthy here"
        },
    );
    let offers: Vec<String> = local_images(environment, services, survey, running)
        .into_iter()
        .map(|(service, release)| {
            let id = release.image_id.as_ref().map_or("", ImageId::short);
            let past = history::past_of(&survey.records, &service, &release);
            format!("{service} {} (image {id}, {past})", release.label())
        })
        .collect();
    let other = if offers.is_empty() {
        "no other image of its services lies on the server: promote a version".to_owned()
    } else {
        format!(
            "choose an image that lies on the server: {}",
            offers.join(", ")
        )
    };
    fault.remedy(match left_half_way(environment, survey) {
        Some(ways) => format!("{ways}; else {other}"),
        None => other,
    })
}

/// The operation that is to be recovered, in words that say how: it is set right by itself, since it knows
/// what ran before.
fn left_half_way(environment: &Environment, survey: &Survey) -> Option<String> {
    let last = survey.records.last();
    let (operation, state, kind) = match (interrupted(survey), last) {
        (Some(held), _) => (held.id, "was interrupted", held.claim.plan_kind()),
        (None, Some(last)) if last.outcome == Outcome::Stuck => {
            (last.operation, "is stuck", last.kind)
        }
        _ => return None,
    };
    let recover = format!("`flightdeck recover {}", environment.name);
    Some(if kind.has_way_back() {
        format!(
            "operation {operation} {state}: {recover} back` brings back what ran before it, `resume` goes on"
        )
    } else {
        format!("operation {operation} {state}: {recover} resume` goes on with it")
    })
}

fn interrupted(survey: &Survey) -> Option<&OperationState> {
    survey.holder().filter(|held| !held.is_lock())
}

/// The images of the services' repositories that lie on the server and do not run, newest first: what a
/// rollback offers where nothing is recorded.
pub fn local_images(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
    running: &Release,
) -> Vec<(ServiceName, ServiceRelease)> {
    let mut images: Vec<_> = survey.images.iter().collect();
    images.sort_by_key(|image| std::cmp::Reverse(image.created));
    let mut offers = Vec::new();
    for name in &environment.services {
        let Some(service) = services.get(name) else {
            continue;
        };
        for image in &images {
            let of_repository = image
                .tags
                .iter()
                .chain(&image.repository_digests)
                .any(|known| known.repository == service.repository);
            let runs = running
                .services
                .get(name)
                .is_some_and(|runs| runs.image_id.as_ref() == Some(&image.id));
            if of_repository && !runs {
                offers.push((name.clone(), running::of_image(image, &service.repository)));
            }
        }
    }
    offers
}

/// The services that a rollback switches: those that run something else, or are pinned to it.
fn switched(
    environment: &Environment,
    target: &Target,
    survey: &Survey,
    running: &Release,
) -> BTreeMap<ServiceName, ServiceRelease> {
    target
        .release
        .services
        .iter()
        .filter(|(name, _)| environment.services.contains(name))
        .filter(|(name, release)| {
            let runs = running.services.get(*name);
            !(runs.is_some_and(|runs| runs.is_same_image(release))
                && running::is_pinned(name, release, survey))
        })
        .map(|(name, release)| {
            let mut release = release.clone();
            if let Some(image) = running::image_here(&release, survey) {
                release.image_id = Some(image.id.clone());
            }
            (name.clone(), release)
        })
        .collect()
}

pub(in crate::plan) fn wanted(
    environment: &Environment,
    target: &Target,
    survey: &Survey,
    running: &Release,
) -> Wanted {
    let pins = switched(environment, target, survey, running);
    let mut after = running.clone();
    after.services.extend(pins.clone());
    Wanted { after, pins }
}

/// Refuses where an image is gone, and says what is still there.
fn refuse_absent(
    environment: &Environment,
    target: &Target,
    survey: &Survey,
    running: &Release,
) -> Result<(), Fault> {
    let lies_here = |release: &ServiceRelease| running::image_here(release, survey).is_some();
    let gone: Vec<String> = switched(environment, target, survey, running)
        .iter()
        .filter(|(_, release)| !lies_here(release))
        .map(|(name, release)| format!("{name} {}", release.label()))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let there: Vec<String> = candidates(survey, running)
        .iter()
        .filter(|proven| proven.release.services.values().all(lies_here))
        .map(|proven| format!("{} ({})", proven.release.label(), proven.words()))
        .collect();
    let remedy = if there.is_empty() {
        "promote it again: that pulls it from the registry".to_owned()
    } else {
        format!(
            "these are there: {}; or promote it again, which pulls it",
            there.join(", ")
        )
    };
    Err(Fault::new(
        FaultKind::Missing,
        environment.name.as_str(),
        format!(
            "its image no longer lies on the server: {}",
            gone.join(", ")
        ),
    )
    .remedy(remedy))
}
