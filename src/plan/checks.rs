//! The configured checks as steps, each with the means that was found for it.

use crate::{
    config::{CheckRule, Probe},
    release::{
        Fault, FaultKind, ServiceName,
        plan::{Check, HttpMeans, Step},
        survey::Means,
    },
};

use super::{Making, steps};

/// The checks of an environment, in order.
///
/// # Errors
/// An HTTP check that nothing on the server can ask: said now, not when everything has been switched.
pub(super) fn steps(making: &Making<'_>) -> Result<Vec<Step>, Fault> {
    making
        .environment
        .checks
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            let check = check(making, rule)?;
            Ok(steps::check(index + 1, rule, check))
        })
        .collect()
}

fn check(making: &Making<'_>, rule: &CheckRule) -> Result<Check, Fault> {
    Ok(match &rule.probe {
        Probe::Http {
            url,
            status,
            body,
            inside,
        } => Check::Http {
            url: url.to_string(),
            status: *status,
            body: body.clone(),
            means: means(&making.survey.means, inside.as_ref()).ok_or_else(|| {
                let place = inside.as_ref().map_or_else(
                    || "on the server".to_owned(),
                    |service| format!("in a running container of {service}"),
                );
                making
                    .fault(
                        FaultKind::Unsupported,
                        format!("the check {:?} has nothing to ask with: neither curl nor wget {place}", rule.name),
                    )
                    .remedy("install curl, ask from another service's container (inside = …), or use a command")
            })?,
        },
        Probe::Command(command) => Check::Command {
            command: command.clone(),
        },
        Probe::Exec { service, command } => Check::Exec {
            service: service.clone(),
            command: command.clone(),
        },
    })
}

fn means(means: &Means, inside: Option<&ServiceName>) -> Option<HttpMeans> {
    match inside {
        None if means.curl => Some(HttpMeans::Curl),
        None if means.wget => Some(HttpMeans::Wget),
        Some(service) if means.curl_in.contains(service) => {
            Some(HttpMeans::CurlIn(service.clone()))
        }
        Some(service) if means.wget_in.contains(service) => {
            Some(HttpMeans::WgetIn(service.clone()))
        }
        _ => None,
    }
}
