//! How long steps wait for containers: to start as long as their own health check gives them, to stop as
//! long as the compose file does. A limit that fell sooner would call a slow start a failure, and end a
//! step between two containers.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{Environment, Service},
    release::{
        Fault, ImageReference, ServiceName,
        observation::Image,
        plan::{Deed, Intent, Plan, Request, Step},
        survey::Survey,
        version::VersionDetails,
    },
};

use super::Context;

/// What a container may take to become healthy after its start period: only then its checks count.
const AFTER_START: Duration = Duration::from_secs(30);

/// The images that `request` brings to the server and of which only their registry can tell how long a
/// start may take: they do not lie there yet, and the compose file says nothing. A rollback needs no
/// registry.
pub fn unseen_images(
    services: &BTreeMap<ServiceName, Service>,
    request: &Request,
    survey: &Survey,
) -> Vec<ImageReference> {
    let Deed::Promote { versions, .. } = &request.deed else {
        return Vec::new();
    };
    versions
        .iter()
        .filter(|(name, _)| configured(survey, name).is_none())
        .filter_map(|(name, version)| {
            Some(ImageReference {
                repository: services.get(name)?.repository.clone(),
                tag: Some(version.tag.clone()),
                digest: Some(version.digest.clone()),
            })
        })
        .filter(|reference| survey.image_here(reference).is_none())
        .collect()
}

/// Makes `plan` wait as long as its containers may take.
pub(super) fn extend(
    plan: &mut Plan,
    environment: &Environment,
    survey: &Survey,
    context: &Context,
) {
    let (mut slow, mut untold) = (Vec::new(), Vec::new());
    for service in environment.services.iter().chain(&environment.restart) {
        if !steps(plan).any(|step| waits(step).contains(service)) {
            continue;
        }
        if let Some(Err(fault)) = told(plan, survey, context, service) {
            untold.push((service, fault));
        }
        let Some(period) = start_period(plan, survey, context, service) else {
            continue;
        };
        let needs = period.saturating_add(AFTER_START);
        if needs > environment.health_timeout {
            plan.health_timeout = plan.health_timeout.max(needs);
            slow.push((service, period));
        }
    }
    for (service, period) in slow {
        plan.warnings.push(format!(
            "{service} may take {} s to start, as its health check says: what is not healthy is given up \
             after {} s, not after the {} s of health_timeout",
            period.as_secs(),
            plan.health_timeout.as_secs(),
            environment.health_timeout.as_secs()
        ));
    }
    for (service, fault) in untold {
        plan.warnings.push(format!(
            "how long {service} may take to start cannot be told before its image is pulled ({}: {}): what is \
             not healthy is given up after {} s",
            fault.subject,
            fault.message,
            plan.health_timeout.as_secs()
        ));
    }
    let longer = plan
        .health_timeout
        .saturating_sub(environment.health_timeout);
    for step in [&mut plan.forward, &mut plan.back].into_iter().flatten() {
        if !waits(step).is_empty() {
            step.limit = step.limit.saturating_add(longer);
        }
        let stopping: Vec<Duration> = stops(step)
            .iter()
            .map(|service| to_stop(survey, service))
            .collect();
        // Compose may stop them one after the other.
        for period in stopping {
            step.limit = step.limit.saturating_add(period);
        }
    }
}

fn steps(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.forward.iter().chain(&plan.back)
}

/// The services whose health a step waits for.
fn waits(step: &Step) -> &[ServiceName] {
    match &step.intent {
        Intent::Health { services, .. }
        | Intent::Switch { services, .. }
        | Intent::Restart { services } => services,
        Intent::Roll { service, .. } => std::slice::from_ref(service),
        _ => &[],
    }
}

/// The services whose containers a step stops.
fn stops(step: &Step) -> &[ServiceName] {
    match &step.intent {
        Intent::Stop { services } => services,
        Intent::Health { .. } => &[],
        _ => waits(step),
    }
}

/// How long a service's containers may take to start: as the compose file says, else the image that
/// shall run, from the server or its registry, else as those that run were told.
fn start_period(
    plan: &Plan,
    survey: &Survey,
    context: &Context,
    service: &ServiceName,
) -> Option<Duration> {
    configured(survey, service).or_else(|| {
        if let Some(image) = wanted(plan, survey, service) {
            return image.start_period;
        }
        if let Some(Ok(details)) = told(plan, survey, context, service) {
            return details.start_period;
        }
        let running = survey.containers.of(service);
        running.filter_map(|container| container.start_period).max()
    })
}

/// What the compose file says of it.
fn configured(survey: &Survey, service: &ServiceName) -> Option<Duration> {
    survey.candidate_services.get(service)?.start_period
}

/// What the registry says of the image that a service shall run after; `None` where it was not asked.
fn told<'a>(
    plan: &Plan,
    survey: &Survey,
    context: &'a Context,
    service: &ServiceName,
) -> Option<Result<&'a VersionDetails, &'a Fault>> {
    if configured(survey, service).is_some() || wanted(plan, survey, service).is_some() {
        return None;
    }
    let digest = plan.after.services.get(service)?.digest.as_ref()?;
    Some(context.unseen.get(digest)?.as_ref())
}

/// The image that a service shall run after, where it lies on the server.
fn wanted<'a>(plan: &Plan, survey: &'a Survey, service: &ServiceName) -> Option<&'a Image> {
    let release = plan.after.services.get(service)?;
    let mut images = survey
        .images
        .iter()
        .chain(survey.containers.images.values());
    images.find(|image| {
        Some(&image.id) == release.image_id.as_ref()
            || release.digest.is_some()
                && image.digest_in(&release.repository) == release.digest.as_ref()
    })
}

/// How long a service's containers may take to stop: as they were made, or as they would be made now.
fn to_stop(survey: &Survey, service: &ServiceName) -> Duration {
    [&survey.services, &survey.candidate_services]
        .into_iter()
        .filter_map(|services| services.get(service)?.stop_grace_period)
        .max()
        .unwrap_or_default()
}
