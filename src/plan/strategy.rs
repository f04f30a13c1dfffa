//! How each service's containers are replaced: recreated, or rolled where the configuration wants it and
//! a second container can run beside the first.

use crate::{
    config::Strategy,
    release::{ServiceName, observation::Health, survey::Exclusive},
};

use super::Making;

/// How a service is switched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// Stopped, and started anew.
    Recreate,
    /// New containers beside the old ones.
    Roll {
        /// How many it has.
        replicas: u32,
    },
}

/// How `service` is switched; `leader` is the service that the configuration knows, where this one only
/// runs from the same pin. With it why, in words; `warnings` say where what is configured cannot be had.
pub(super) fn way(
    making: &Making<'_>,
    service: &ServiceName,
    leader: &ServiceName,
    warnings: &mut Vec<String>,
) -> (Way, String) {
    let configured = making.services.get(leader).map(|known| known.strategy);
    if configured != Some(Strategy::Rolling) {
        return (
            Way::Recreate,
            "no rolling strategy is configured".to_owned(),
        );
    }
    if let Some(why) = obstacle(making, service) {
        warnings.push(format!("{service} is recreated and not rolled: {why}"));
        return (Way::Recreate, why);
    }
    let compose = making.survey.candidate_services.get(service);
    let has_check = compose.is_some_and(|compose| compose.has_health_check)
        || making.survey.containers.of(service).any(|container| {
            matches!(
                container.health,
                Health::Healthy | Health::Starting | Health::Unhealthy
            )
        });
    if !has_check {
        warnings.push(format!(
            "{service} has no health check: while it is rolled, the new one is trusted once it has run for \
             {} s",
            making.environment.stable_for.as_secs()
        ));
    }
    let replicas = compose.and_then(|compose| compose.replicas).unwrap_or(1);
    (
        Way::Roll { replicas },
        "configured, and no container name, host port or address is fixed".to_owned(),
    )
}

/// What keeps a second container from running beside the first; `None` if nothing does.
fn obstacle(making: &Making<'_>, service: &ServiceName) -> Option<String> {
    let survey = making.survey;
    if survey.containers.of(service).next().is_none() {
        return Some("nothing of it runs yet".to_owned());
    }
    let compose = survey.candidate_services.get(service)?;
    if let Some(exclusive) = compose.exclusive.first() {
        return Some(match exclusive {
            Exclusive::Name(name) => format!("it has the fixed container name {name}"),
            Exclusive::HostPort(port) => format!("it publishes host port {port}"),
            Exclusive::HostNetwork => "it uses the host's network".to_owned(),
            Exclusive::Address(address) => format!("it has the fixed address {address}"),
            Exclusive::Lent(other) => format!("{other} is bound to its very container"),
            Exclusive::Global => "it runs once on every host (deploy.mode)".to_owned(),
        });
    }
    if compose.replicas == Some(0) {
        return Some("the compose file gives it no containers".to_owned());
    }
    survey.anonymous_volumes.contains(service).then(|| {
        "it keeps something in a volume without a name, which only a recreation hands on".to_owned()
    })
}
