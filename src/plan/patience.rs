//! Steps that stop containers have the time for it that the compose file gives them: a limit that fell
//! sooner would end the step between two containers.

use std::time::Duration;

use crate::release::{
    ServiceName,
    plan::{Intent, Plan},
    survey::Survey,
};

/// Adds to the limit of each step how long the containers that it stops may take.
pub(super) fn extend(plan: &mut Plan, survey: &Survey) {
    for step in [&mut plan.forward, &mut plan.back]
        .into_iter()
        .flat_map(|list| list.iter_mut())
    {
        let stopped: &[ServiceName] = match &step.intent {
            Intent::Switch { services, .. }
            | Intent::Restart { services }
            | Intent::Stop { services } => services,
            Intent::Roll { service, .. } => std::slice::from_ref(service),
            _ => &[],
        };
        for service in stopped {
            // Compose may stop them one after the other.
            step.limit = step.limit.saturating_add(to_stop(survey, service));
        }
    }
}

/// How long a service's containers may take to stop: as they were made, or as they would be made now.
fn to_stop(survey: &Survey, service: &ServiceName) -> Duration {
    [&survey.services, &survey.candidate_services]
        .into_iter()
        .filter_map(|services| services.get(service)?.stop_grace_period)
        .max()
        .unwrap_or_default()
}
