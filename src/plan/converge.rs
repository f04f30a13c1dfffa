//! Steps in the order that every switch has, whichever way it goes: pin, switch layer by layer, restart,
//! verify, observe.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::Environment,
    release::{
        ServiceName,
        plan::{Again, ImageName, Intent, PinFile, Step},
    },
};

use super::{
    Making,
    steps::{LOOKS, MARGIN, Manners, last_words, observe, step},
    strategy::Way,
    switch::Switch,
};

/// What happens from the pin on: the same forward and back.
pub(super) struct Convergence<'a> {
    pub environment: &'a Environment,
    pub pins: Vec<PinFile>,
    /// What is switched; of it, the services that have an image in `expected`.
    pub switch: &'a Switch,
    pub expected: &'a BTreeMap<ServiceName, ImageName>,
    /// Whether each layer is watched for the stabilisation window before the next one is touched. Not on
    /// the way back, nor where somebody waits for a rollback: there all are watched together at the end.
    pub watched: bool,
    /// For how long new containers have to hold before the old ones beside them go. Not on the way back:
    /// there the new ones have been before, and those beside them may be why somebody waits.
    pub proven_for: Duration,
    /// Whether somebody may end the switch in the middle: only where a way back follows.
    pub interruptible: bool,
    pub checks: Vec<Step>,
}

/// Pin, switch layer by layer, restart, verify, observe.
///
/// All pins are written at once, before the first layer. A plain `docker compose up -d` by somebody in the
/// middle then completes the whole release, old or new; with a pin a layer it would settle on a mixture that
/// nobody has chosen, and so would a server that reboots there.
pub(super) fn converge(to: Convergence<'_>) -> Vec<Step> {
    let changes = Manners {
        changes: true,
        interruptible: false,
        ..LOOKS
    };
    let mut steps = vec![step(
        "pin",
        Intent::Pin {
            files: to.pins.clone(),
        },
        changes,
    )];
    let layers: Vec<Vec<ServiceName>> = to
        .switch
        .layers
        .iter()
        .map(|layer| {
            let touched = layer.iter().filter(|s| to.expected.contains_key(*s));
            touched.cloned().collect()
        })
        .filter(|layer: &Vec<ServiceName>| !layer.is_empty())
        .collect();
    for (index, layer) in layers.iter().enumerate() {
        let number = (layers.len() > 1).then_some(index + 1);
        steps.extend(switch_layer(&to, layer, number));
        // What was rolled has been watched before its old containers went.
        let recreated = |service| to.switch.ways.get(service) == Some(&Way::Recreate);
        if to.watched && index + 1 < layers.len() && layer.iter().any(recreated) {
            let id = format!("verify-layer-{}", index + 1);
            steps.push(health(id, to.environment, layer.clone()));
        }
    }
    steps.extend(verified(
        to.environment,
        layers.into_iter().flatten().collect(),
        to.interruptible,
        to.checks,
    ));
    steps
}

/// Restart, verify, observe: what follows once `services` run. `interruptible`: whether somebody may end
/// the restart in the middle.
pub(super) fn verified(
    environment: &Environment,
    services: Vec<ServiceName>,
    interruptible: bool,
    checks: Vec<Step>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut verified = services;
    let restarted: Vec<ServiceName> = environment
        .restart
        .iter()
        .filter(|service| !verified.contains(service))
        .cloned()
        .collect();
    if !restarted.is_empty() {
        verified.extend(restarted.iter().cloned());
        steps.push(step(
            "restart",
            Intent::Restart {
                services: restarted,
            },
            Manners {
                limit: environment.health_timeout + MARGIN,
                again: Again::Safe,
                interruptible,
                changes: true,
            },
        ));
    }
    steps.push(health("verify-health", environment, verified));
    steps.extend(checks);
    steps.push(observe(environment));
    steps
}

/// Back to what ran before a switch, after what sets the schema right (`schema`); nothing where nothing
/// ran.
pub(super) fn way_back(
    making: &Making<'_>,
    switch: &Switch,
    migrates: bool,
    schema: Vec<Step>,
    checks: Vec<Step>,
) -> Vec<Step> {
    if switch.former.is_empty() {
        return Vec::new();
    }
    let mut back = vec![last_words(&switch.expected, migrates)];
    back.extend(schema);
    back.extend(converge(Convergence {
        environment: making.environment,
        pins: making.survey.former_pins.clone(),
        switch,
        expected: &switch.former,
        proven_for: Duration::ZERO,
        watched: false,
        interruptible: false,
        checks,
    }));
    back
}

/// One layer: the services that are rolled each by itself, the others together.
fn switch_layer(to: &Convergence<'_>, layer: &[ServiceName], number: Option<usize>) -> Vec<Step> {
    let manners = |stable_for: Duration| Manners {
        limit: to.environment.health_timeout + stable_for + MARGIN,
        again: Again::Safe,
        interruptible: to.interruptible,
        changes: true,
    };
    let mut steps = Vec::new();
    let mut recreated: BTreeMap<ServiceName, ImageName> = BTreeMap::new();
    let mut order = Vec::new();
    for service in layer {
        let Some(expected) = to.expected.get(service) else {
            continue;
        };
        if let Some(Way::Roll { replicas }) = to.switch.ways.get(service) {
            let stable_for = to.proven_for;
            let intent = Intent::Roll {
                service: service.clone(),
                expected: expected.clone(),
                replicas: *replicas,
                stable_for,
                dependencies: to.switch.dependencies,
                reason: to.switch.reasons.get(service).cloned().unwrap_or_default(),
            };
            let id = format!("roll-{}", service.slug());
            steps.push(step(id, intent, manners(stable_for)));
        } else {
            order.push(service.clone());
            recreated.insert(service.clone(), expected.clone());
        }
    }
    if !order.is_empty() {
        let id = number.map_or_else(|| "switch".to_owned(), |number| format!("switch-{number}"));
        let mut reasons = to.switch.reasons.clone();
        reasons.retain(|service, _| recreated.contains_key(service));
        let intent = Intent::Switch {
            services: order,
            expected: recreated,
            dependencies: to.switch.dependencies,
            reasons,
        };
        steps.insert(0, step(id, intent, manners(Duration::ZERO)));
    }
    steps
}

/// Waits until all are healthy, and nothing has restarted for the stabilisation window.
fn health(id: impl Into<String>, environment: &Environment, services: Vec<ServiceName>) -> Step {
    let intent = Intent::Health {
        services,
        stable_for: environment.stable_for,
    };
    let manners = Manners {
        limit: environment.health_timeout + environment.stable_for + MARGIN,
        ..LOOKS
    };
    step(id, intent, manners)
}
