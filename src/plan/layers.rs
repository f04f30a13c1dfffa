//! In which order services are switched: what a service depends on comes first, and the configuration may
//! say more. A layer holds services of which none depends on another.

use std::collections::{BTreeMap, BTreeSet};

use crate::release::{Fault, FaultKind, ServiceName, plan::Deed, survey::ComposeService};

use super::Making;

/// `services` in layers, each in the order in which they were given. A rollback is not refused over their
/// order: where the configuration's layers cannot be kept, it goes by what depends on what, and says so in
/// `warnings`.
///
/// # Errors
/// Of anything but a rollback: layers of the configuration that put a service before one that it depends
/// on. Compose would recreate both at once.
pub(super) fn of(
    making: &Making<'_>,
    services: &[ServiceName],
    warnings: &mut Vec<String>,
) -> Result<Vec<Vec<ServiceName>>, Fault> {
    let compose = &making.survey.candidate_services;
    let dependent: Before<'_> = services
        .iter()
        .map(|service| {
            let mut below = dependencies(std::slice::from_ref(service), compose);
            below.retain(|below| services.contains(below));
            (service, below)
        })
        .collect();
    let before = match configured(making, services, dependent.clone()) {
        Err(fault) if matches!(making.request.deed, Deed::Rollback { .. }) => {
            warnings.push(format!(
                "{}: the layers are not kept, and what a service depends on comes first",
                fault.message
            ));
            dependent
        }
        before => before?,
    };
    Ok(in_layers(services, &before))
}

/// What comes before each service.
type Before<'a> = BTreeMap<&'a ServiceName, BTreeSet<ServiceName>>;

/// What comes before each service, by the configuration's layers too.
fn configured<'a>(
    making: &Making<'_>,
    services: &'a [ServiceName],
    mut before: Before<'a>,
) -> Result<Before<'a>, Fault> {
    let layers = &making.environment.layers;
    for (at, layer) in layers.iter().enumerate() {
        let earlier: Vec<&ServiceName> = layers[..at].iter().flatten().collect();
        for service in layer {
            for first in &earlier {
                if before
                    .get(*first)
                    .is_some_and(|below| below.contains(service))
                {
                    return Err(making
                        .fault(
                            FaultKind::Invalid,
                            format!(
                                "its layers switch {first} before {service}, on which it depends"
                            ),
                        )
                        .remedy(format!(
                            "put {service} into a layer before {first}'s, or take it out of the compose \
                             file's depends_on"
                        )));
                }
            }
            if let Some(below) = before.get_mut(service) {
                let earlier = earlier.iter().filter(|first| services.contains(first));
                below.extend(earlier.map(|first| (*first).clone()));
            }
        }
    }
    Ok(before)
}

/// Each service one layer above the highest of those that come before it.
fn in_layers(services: &[ServiceName], before: &Before<'_>) -> Vec<Vec<ServiceName>> {
    let mut layers: Vec<Vec<ServiceName>> = Vec::new();
    let mut open: Vec<&ServiceName> = services.iter().collect();
    while !open.is_empty() {
        let (mut ready, mut rest): (Vec<&ServiceName>, Vec<&ServiceName>) =
            open.iter().partition(|service| {
                let below = before.get(**service);
                !below.is_some_and(|below| open.iter().any(|other| below.contains(*other)))
            });
        // A circle, which Compose itself refuses to read.
        if ready.is_empty() {
            std::mem::swap(&mut ready, &mut rest);
        }
        layers.push(ready.into_iter().cloned().collect());
        open = rest;
    }
    layers
}

/// All that `services` depend on, themselves left out.
pub(super) fn dependencies(
    services: &[ServiceName],
    compose: &BTreeMap<ServiceName, ComposeService>,
) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&ServiceName> = services.iter().collect();
    while let Some(service) = open.pop() {
        for below in compose.get(service).iter().flat_map(|s| &s.depends_on) {
            if found.insert(below.clone()) {
                open.push(below);
            }
        }
    }
    found.retain(|service| !services.contains(service));
    found
}
