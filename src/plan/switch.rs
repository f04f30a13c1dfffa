//! What a switch touches: exactly the chosen services, or the plan names the others.

use std::collections::BTreeMap;

use crate::release::{
    Fault, FaultKind, ImageReference, ServiceName,
    plan::{Deed, ImageName},
    record::ServiceRelease,
};

use super::{
    Making, layers, running,
    strategy::{self, Way},
};

/// What a switch recreates.
pub(super) struct Switch {
    /// The chosen services, and those that the same pins move with them.
    pub services: Vec<ServiceName>,
    /// The same in the order in which they are switched, a layer when the one before it holds.
    pub layers: Vec<Vec<ServiceName>>,
    /// How each of them is switched.
    pub ways: BTreeMap<ServiceName, Way>,
    /// Why it is switched so, in words.
    pub reasons: BTreeMap<ServiceName, String>,
    /// The image that each must run afterwards.
    pub expected: BTreeMap<ServiceName, ImageName>,
    /// The image that each runs now, for the way back; those that run none are left out.
    pub former: BTreeMap<ServiceName, ImageName>,
    /// Whether Compose may look at what they depend on.
    pub dependencies: bool,
    /// What an operator should know before.
    pub warnings: Vec<String>,
}

/// Judges the candidate pins, as Compose itself resolved them.
///
/// # Errors
/// A service that the compose files do not have; a pin that the compose file does not use; a pin that
/// moves a service which was not chosen to an image that nobody chose.
pub(super) fn judge(
    making: &Making<'_>,
    chosen: &BTreeMap<ServiceName, ServiceRelease>,
    name: impl Fn(&ServiceRelease) -> ImageName,
) -> Result<Switch, Fault> {
    let survey = making.survey;
    let mut switch = Switch {
        services: Vec::new(),
        layers: Vec::new(),
        ways: BTreeMap::new(),
        reasons: BTreeMap::new(),
        expected: BTreeMap::new(),
        former: BTreeMap::new(),
        dependencies: true,
        warnings: Vec::new(),
    };
    // In the configuration's order: what is listed first is switched first.
    for service in &making.environment.services {
        let Some(release) = chosen.get(service) else {
            continue;
        };
        is_used(making, service, release)?;
        choose_way(making, service, service, &mut switch);
        switch.services.push(service.clone());
        switch.expected.insert(service.clone(), name(release));
    }
    followers(making, chosen, &mut switch)?;
    for service in &switch.services {
        if let Some(container) = survey.containers.of(service).next() {
            switch
                .former
                .insert(service.clone(), ImageName::Id(container.image_id.clone()));
        }
    }
    switch.layers = layers::of(making, &switch.services, &mut switch.warnings)?;
    judge_dependencies(making, &mut switch);
    judge_restarts(making, &mut switch);
    Ok(switch)
}

fn choose_way(
    making: &Making<'_>,
    service: &ServiceName,
    leader: &ServiceName,
    switch: &mut Switch,
) {
    let (way, reason) = strategy::way(making, service, leader, &mut switch.warnings);
    switch.ways.insert(service.clone(), way);
    switch.reasons.insert(service.clone(), reason);
}

/// Whether the compose file takes the service's image from its pin.
fn is_used(
    making: &Making<'_>,
    service: &ServiceName,
    release: &ServiceRelease,
) -> Result<(), Fault> {
    let Some(compose) = making.survey.candidate_services.get(service) else {
        return Err(making
            .fault(
                FaultKind::Invalid,
                format!("its compose files have no service {service}"),
            )
            .remedy("name the service as the compose file does, and all its compose files"));
    };
    if running::means(&compose.image, release, making.survey)
        || keeps(&compose.image, release, making)
    {
        return Ok(());
    }
    Err(making
        .fault(
            FaultKind::Invalid,
            format!(
                "with {service} pinned to {}, Compose would still run {}",
                release.reference(),
                compose.image
            ),
        )
        .remedy(
            "let the compose file take the service's image from the variable that is configured as its \
             pin, and look for a later file that sets the variable again",
        ))
}

/// Whether a reference of ours keeps the image of `release`.
fn keeps(reference: &str, release: &ServiceRelease, making: &Making<'_>) -> bool {
    let resolved = running::resolved(reference, making.survey);
    resolved.is_some_and(|image| Some(&image.id) == release.image_id.as_ref())
}

/// Services that the same pins move: those that come to a chosen image are switched too.
fn followers(
    making: &Making<'_>,
    chosen: &BTreeMap<ServiceName, ServiceRelease>,
    switch: &mut Switch,
) -> Result<(), Fault> {
    let survey = making.survey;
    for (service, candidate) in &survey.candidate_services {
        let now = survey.services.get(service);
        if chosen.contains_key(service) || now.is_some_and(|now| now.image == candidate.image) {
            continue;
        }
        let reference: Option<ImageReference> = candidate.image.parse().ok();
        let leader = reference.and_then(|reference| {
            chosen.iter().find(|(_, release)| {
                reference.repository == release.repository && reference.digest == release.digest
            })
        });
        let Some((leader, _)) = leader else {
            // An image that a file names comes back with the file, and with the next `up`.
            if matches!(making.request.deed, Deed::Rollback { files: true, .. }) {
                continue;
            }
            return Err(making
                .fault(
                    FaultKind::Invalid,
                    format!(
                        "the same pin would also move {service} from {} to {}",
                        now.map_or("nothing", |now| now.image.as_str()),
                        candidate.image
                    ),
                )
                .remedy(format!(
                    "give {service} a variable of its own in the compose file"
                )));
        };
        switch.warnings.push(format!(
            "{service} is recreated too: it runs from the same pin as {leader}"
        ));
        choose_way(making, service, leader, switch);
        if let Some(expected) = switch.expected.get(leader).cloned() {
            switch.expected.insert(service.clone(), expected);
            switch.services.push(service.clone());
        }
    }
    Ok(())
}

/// What Compose would do to the services that the switched ones depend on.
fn judge_dependencies(making: &Making<'_>, switch: &mut Switch) {
    let survey = making.survey;
    let below = layers::dependencies(&switch.services, &survey.candidate_services);
    let disturbed: Vec<(&ServiceName, String)> = below
        .iter()
        .filter_map(|service| Some((service, disturbance(making, service)?)))
        .collect();
    switch.dependencies = disturbed.is_empty();
    if !disturbed.is_empty() && no_deps_changes_the_hash(&survey.compose_version) {
        switch.dependencies = true;
        for (service, why) in &disturbed {
            switch
                .warnings
                .push(format!("{service} is touched too: {why}"));
        }
    }
    for (service, compose) in &survey.candidate_services {
        let Some(why) = disturbance(making, service) else {
            continue;
        };
        // A service without containers that nothing here needs is the operator's choice.
        let concerned = below.contains(service) || survey.containers.of(service).next().is_some();
        let said = switch.dependencies && below.contains(service);
        if concerned && !said && !switch.services.contains(service) && !compose.image.is_empty() {
            switch.warnings.push(format!(
                "left alone, but a plain `docker compose up -d` would touch {service}: {why}"
            ));
        }
    }
}

/// A rolled service is never gone, but what is restarted after it is, for a moment.
fn judge_restarts(making: &Making<'_>, switch: &mut Switch) {
    let rolls = switch.ways.values().any(|way| *way != Way::Recreate);
    let restarted: Vec<&str> = making
        .environment
        .restart
        .iter()
        .filter(|service| !switch.services.contains(service))
        .map(ServiceName::as_str)
        .collect();
    if rolls && !restarted.is_empty() {
        switch.warnings.push(format!(
            "{} is restarted after the switch, and gone for that moment",
            restarted.join(", ")
        ));
    }
}

/// What `up` would do to a service that was not chosen; `None` if nothing.
fn disturbance(making: &Making<'_>, service: &ServiceName) -> Option<String> {
    let survey = making.survey;
    let compose = survey.candidate_services.get(service)?;
    let mut containers = survey.containers.of(service).peekable();
    if containers.peek().is_none() {
        return Some("it does not run, and would be started".to_owned());
    }
    let resolved = running::resolved(&compose.image, survey);
    containers.find_map(|container| {
        if compose.config_hash.is_empty() {
            return Some("it reads the pin itself, and its configuration changes with it".to_owned());
        }
        if container.config_hash != compose.config_hash {
            return Some(if container.compose_version == survey.compose_version {
                "its configuration is another than its container was made from".to_owned()
            } else {
                format!(
                    "its container was made by Compose {}, here is {}, and their fingerprints differ",
                    container.compose_version, survey.compose_version
                )
            });
        }
        resolved
            .is_some_and(|image| image.id != container.image_id)
            .then(|| format!("{} means another image by now than it runs", compose.image))
    })
}

/// Compose 2.26 to 2.29: `--no-deps` changes the service's fingerprint, and the next `up` by hand
/// recreates it and what hangs on it.
fn no_deps_changes_the_hash(version: &str) -> bool {
    let mut parts = version
        .trim_start_matches('v')
        .split(['.', '-', '+'])
        .map_while(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(2), Some(26..=29)))
}
