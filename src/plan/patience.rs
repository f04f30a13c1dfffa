//! How long steps wait for containers: to start as long as their own health check gives them, to stop as
//! long as the compose file does. A limit that fell sooner would call a slow start a failure, and end a
//! step between two containers.

use std::time::Duration;

use crate::{
    config::Environment,
    release::{
        ServiceName,
        observation::Image,
        plan::{Intent, Plan, Step},
        survey::Survey,
    },
};

/// What a container may take to become healthy after its start period: only then its checks count.
const AFTER_START: Duration = Duration::from_secs(30);

/// Makes `plan` wait as long as its containers may take.
pub(super) fn extend(plan: &mut Plan, environment: &Environment, survey: &Survey) {
    let mut slow = Vec::new();
    for service in environment.services.iter().chain(&environment.restart) {
        let Some(period) = start_period(plan, survey, service) else {
            continue;
        };
        let needs = period.saturating_add(AFTER_START);
        if needs > environment.health_timeout
            && steps(plan).any(|step| waits(step).contains(service))
        {
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
/// shall run, where it lies on the server, else as those that run were told.
fn start_period(plan: &Plan, survey: &Survey, service: &ServiceName) -> Option<Duration> {
    let compose = survey.candidate_services.get(service);
    let configured = compose.and_then(|compose| compose.start_period);
    configured.or_else(|| match wanted(plan, survey, service) {
        Some(image) => image.start_period,
        None => survey
            .containers
            .of(service)
            .filter_map(|container| container.start_period)
            .max(),
    })
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
