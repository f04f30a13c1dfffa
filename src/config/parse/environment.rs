//! `[environments.NAME]`: where releases run, and what they are.

use std::{ops::Range, path::Path};

use toml::Spanned;

use super::{
    backup, checks, compose, hooks,
    reader::{self, Fields, Value},
    rules::{self, Neighbours},
    service::Services,
};
use crate::config::{Environment, Protection, Target, keys, problem::Problems};
use crate::release::{EnvironmentName, ServiceName};

/// How long a service may take to become healthy, unless configured, in seconds.
const HEALTH_TIMEOUT: u64 = 120;
/// For how long nothing may restart after it was healthy, unless configured, in seconds.
const STABLE_FOR: u64 = 10;

/// An environment as it was read, and where.
pub(super) struct Read {
    /// `None` if something in its table is wrong.
    pub(super) environment: Option<Environment>,
    /// The services that it releases.
    pub(super) releases: Vec<ServiceName>,
    /// Where its name is written.
    pub(super) span: Range<usize>,
    /// Where each gate is written.
    pub(super) gate_spans: Vec<Range<usize>>,
}

/// Reads one environment. `base` is the directory of the configuration.
pub(super) fn read(
    name: &Spanned<&str>,
    value: &Value<'_>,
    services: &Services,
    neighbours: &Neighbours<'_>,
    base: &Path,
    p: &mut Problems,
) -> Option<Read> {
    let parsed = reader::parse::<EnvironmentName>(name, p);
    let fields = Fields::open(
        value,
        name.span(),
        format!("[environments.{}]", name.get_ref()),
        keys::ENVIRONMENT,
        p,
    )?;
    let own = released_here(&fields, services, p);
    let layers = layers(&fields, &own, p);
    let target = compose::read(&fields, base, p);
    if let Some(Target::Compose(compose)) = &target {
        compose::pins_reach(&fields, &own, services, compose, p);
    }
    let gates = rules::gates(&fields, name.get_ref(), neighbours, p);
    let (gates, gate_spans) = gates.into_iter().unzip();
    let checks = checks::read(&fields, p);
    let hooks = hooks::read(&fields, p);
    let migration = rules::migration(&fields, &own, p);
    let backup = backup::read(&fields, p);
    let restart = fields
        .parsed_list::<ServiceName>("restart", p)
        .unwrap_or_default()
        .into_iter()
        .map(Spanned::into_inner)
        .collect();
    let health_timeout = fields.seconds("health_timeout", 1..=3600, HEALTH_TIMEOUT, p);
    let stable_for = fields.seconds("stable_for", 0..=600, STABLE_FOR, p);
    let protection = protection(&fields, name.get_ref(), p);
    let releases = own.clone();
    let environment = parsed.zip(target).map(|(name, target)| Environment {
        name,
        target,
        services: own,
        layers,
        protection,
        gates,
        checks,
        hooks,
        migration,
        backup,
        restart,
        health_timeout,
        stable_for,
    });
    Some(Read {
        environment,
        releases,
        span: name.span(),
        gate_spans,
    })
}

/// The services that are released here: those named, or all.
fn released_here(fields: &Fields<'_>, services: &Services, p: &mut Problems) -> Vec<ServiceName> {
    let Some(named) = fields.parsed_list::<ServiceName>("services", p) else {
        return services.names.clone();
    };
    if named.is_empty()
        && let Some(list) = fields.get("services")
    {
        p.add(
            list.span(),
            format!("{} releases no service", fields.name()),
            "name one, or leave \"services\" out for all of them",
        );
    }
    for service in &named {
        if !services.names.contains(service.get_ref()) {
            let known = services.names.iter().map(ServiceName::as_str);
            p.disagree(
                service.span(),
                format!("there is no [services.{}]", service.get_ref()),
                keys::did_you_mean(service.get_ref().as_str(), known),
            );
        }
    }
    named.into_iter().map(Spanned::into_inner).collect()
}

/// The services that are switched one after the other.
fn layers(fields: &Fields<'_>, own: &[ServiceName], p: &mut Problems) -> Vec<Vec<ServiceName>> {
    let mut layers: Vec<Vec<ServiceName>> = Vec::new();
    let mut seen: Vec<ServiceName> = Vec::new();
    for names in fields.parsed_lists::<ServiceName>("layers", p) {
        let mut layer = Vec::new();
        for name in names {
            let span = name.span();
            let name = name.into_inner();
            if !own.contains(&name) {
                p.disagree(
                    span,
                    format!("{name} is not released to {}", fields.name()),
                    keys::did_you_mean(name.as_str(), own.iter().map(ServiceName::as_str)),
                );
            } else if seen.contains(&name) {
                p.add(
                    span,
                    format!("{name} is in two layers"),
                    "name it where it is switched",
                );
            } else {
                seen.push(name.clone());
                layer.push(name);
            }
        }
        if !layer.is_empty() {
            layers.push(layer);
        }
    }
    layers
}

/// Whether the name has to be typed: as configured, else where the name says that it matters.
fn protection(fields: &Fields<'_>, name: &str, p: &mut Problems) -> Protection {
    let word = fields.text("confirm", p).and_then(|word| {
        let ok = (1..=63).contains(&word.get_ref().len())
            && word.get_ref().chars().all(|c| c.is_ascii_graphic());
        if !ok {
            p.add(
                word.span(),
                format!("{:?} is not a word to type", word.get_ref()),
                "use letters, digits and punctuation, without spaces",
            );
        }
        ok.then(|| (*word.get_ref()).to_owned())
    });
    let protected = fields.flag("protected", p);
    if protected == Some(false)
        && let Some(span) = fields.key_span("confirm")
    {
        p.add(
            span,
            "an environment that is not protected asks for no word",
            "take \"confirm\" or \"protected = false\" away",
        );
    }
    if protected.unwrap_or(word.is_some() || sounds_like_production(name)) {
        Protection::Protected { word }
    } else {
        Protection::Open
    }
}

/// `production`, `eks-prod`, `shop_live`: protected unless the configuration says otherwise.
fn sounds_like_production(name: &str) -> bool {
    name.to_ascii_lowercase()
        .split(['-', '_', '.'])
        .any(|part| matches!(part, "production" | "prod" | "prd" | "live"))
}
