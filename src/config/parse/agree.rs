//! Whether what was read agrees with itself: what can only be judged when everything has been read.

use std::ops::Range;

use super::{environment, reader::Fields, service::Services};
use crate::config::{Environment, GateRule, Pin, Target, problem::Problems};
use crate::release::ServiceName;

/// Adds every disagreement between services and environments, and between environments.
pub(super) fn all(
    services: &Services,
    root: &Fields<'_>,
    environments: &[environment::Read],
    p: &mut Problems,
) {
    let all_were_read = root
        .get("environments")
        .and_then(|value| value.get_ref().as_table())
        .is_some_and(|table| table.len() == environments.len());
    if all_were_read {
        for (name, read) in &services.read {
            if !environments.iter().any(|e| e.releases.contains(name)) {
                p.disagree(
                    read.span.clone(),
                    format!("no environment releases {name}"),
                    format!("add {name:?} to the \"services\" of an environment, or take it away"),
                );
            }
        }
    }
    let whole: Vec<(&Environment, &environment::Read)> = environments
        .iter()
        .filter_map(|read| Some((read.environment.as_ref()?, read)))
        .collect();
    for (at, (environment, read)) in whole.iter().enumerate() {
        let same = whole[..at]
            .iter()
            .find(|(other, _)| is_same_place(&other.target, &environment.target));
        if let Some((same, _)) = same {
            p.disagree(
                read.span.clone(),
                format!(
                    "{} is the Compose project that {} is already",
                    environment.name, same.name
                ),
                "give it another host, or a \"project\" of its own",
            );
        }
        for (other, _) in &whole[..at] {
            if let Some((service, pin)) = shared_pin(services, other, environment) {
                p.disagree(
                    read.span.clone(),
                    format!(
                        "{} and {} lie in one directory, and {pin} there would pin {service} for both",
                        other.name, environment.name
                    ),
                    "give each project pins of its own: another service with another variable or file",
                );
            }
        }
        for (gate, span) in environment.gates.iter().zip(&read.gate_spans) {
            gate_can_open(environment, gate, span.clone(), &whole, p);
        }
    }
}

/// Whether two targets are one Compose project: the Engine knows projects by name alone.
fn is_same_place(a: &Target, b: &Target) -> bool {
    let (Target::Compose(a), Target::Compose(b)) = (a, b);
    a.host.reach == b.host.reach && a.host.socket == b.host.socket && a.project == b.project
}

/// What would pin a service of two projects that lie in one directory.
fn shared_pin<'a>(
    services: &'a Services,
    a: &Environment,
    b: &'a Environment,
) -> Option<(&'a ServiceName, &'a str)> {
    let (Target::Compose(in_a), Target::Compose(in_b)) = (&a.target, &b.target);
    let apart = in_a.host.reach != in_b.host.reach
        || in_a.directory != in_b.directory
        || in_a.project == in_b.project;
    if apart {
        return None;
    }
    let mut both = b.services.iter().filter(|name| a.services.contains(name));
    let service = both.next()?;
    let (Pin::Variable { variable: pin, .. } | Pin::Override { file: pin }) =
        &services.read.get(service)?.service.pin;
    Some((service, pin))
}

/// A gate on an environment that runs none of the same services could never open.
fn gate_can_open(
    environment: &Environment,
    gate: &GateRule,
    span: Range<usize>,
    whole: &[(&Environment, &environment::Read)],
    p: &mut Problems,
) {
    let GateRule::HealthyIn {
        environment: name, ..
    } = gate
    else {
        return;
    };
    let shares = whole
        .iter()
        .find(|(other, _)| other.name == *name)
        .is_none_or(|(other, _)| {
            environment
                .services
                .iter()
                .any(|service| other.services.contains(service))
        });
    if !shares {
        p.disagree(
            span,
            format!("{name} runs none of the services of {}", environment.name),
            "this gate could never open",
        );
    }
}
