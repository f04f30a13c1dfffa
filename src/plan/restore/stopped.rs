//! What uses the database, and is stopped while it is replaced.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    config::Backup,
    plan::{
        Making,
        steps::{self, Manners},
    },
    release::{
        ServiceName,
        plan::{Again, BackupTool, Intent, Step},
        survey::{ComposeService, Survey},
    },
};

/// How long stopping and starting services may take.
const POWER: Duration = Duration::from_secs(300);

/// The services that are stopped meanwhile: those configured, else those that use the database as far as
/// the compose file tells. Only what runs is stopped, and started again.
pub(super) fn stopped(
    making: &Making<'_>,
    configured: &Backup,
    warnings: &mut Vec<String>,
) -> Vec<ServiceName> {
    let survey = making.survey;
    let using: BTreeSet<ServiceName> = match (&configured.stop, &configured.tool) {
        (Some(stop), _) => stop.iter().cloned().collect(),
        (None, BackupTool::PgDump { service, .. }) => survey
            .services
            .iter()
            .filter(|(name, compose)| {
                compose.depends_on.contains(service)
                    || making.environment.services.contains(name)
                        && leads_to(survey, compose, service)
            })
            .map(|(name, _)| name.clone())
            .collect(),
        (None, BackupTool::Command { .. }) => making.environment.services.iter().cloned().collect(),
    };
    let stopped: Vec<ServiceName> = using
        .into_iter()
        .filter(|service| survey.containers.of(service).next().is_some())
        .collect();
    if stopped.is_empty() {
        warnings.push(
            "no service is known that uses the database: nothing is stopped, and it fails where somebody uses it"
                .to_owned(),
        );
    } else {
        let names: Vec<&str> = stopped.iter().map(ServiceName::as_str).collect();
        warnings.push(format!("stopped meanwhile: {}", names.join(", ")));
    }
    stopped
}

/// Whether a service depends on `below`, itself or through others.
fn leads_to(survey: &Survey, from: &ComposeService, below: &ServiceName) -> bool {
    let mut seen: BTreeSet<&ServiceName> = BTreeSet::new();
    let mut open: Vec<&ServiceName> = from.depends_on.iter().collect();
    while let Some(service) = open.pop() {
        if service == below {
            return true;
        }
        if seen.insert(service) {
            open.extend(
                survey
                    .services
                    .get(service)
                    .iter()
                    .flat_map(|s| &s.depends_on),
            );
        }
    }
    false
}

/// The step that stops them; none where there are none.
pub(super) fn stop(services: &[ServiceName]) -> Option<Step> {
    power(
        "stop",
        Intent::Stop {
            services: services.to_vec(),
        },
        services,
    )
}

/// The step that starts them again as they are; none where there are none.
pub(super) fn start(services: &[ServiceName]) -> Option<Step> {
    power(
        "start",
        Intent::Start {
            services: services.to_vec(),
        },
        services,
    )
}

fn power(id: &str, intent: Intent, services: &[ServiceName]) -> Option<Step> {
    let manners = Manners {
        limit: POWER,
        again: Again::Safe,
        interruptible: false,
        changes: true,
    };
    (!services.is_empty()).then(|| steps::step(id, intent, manners))
}
