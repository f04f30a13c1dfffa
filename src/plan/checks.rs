//! The configured checks as steps, each with the means that was found for it.

use crate::{
    config::{AskedFrom, CheckRule, HttpRule, Probe},
    release::{
        Fault, FaultKind, ServiceName,
        check::{Check, HttpCheck, HttpMeans, JsonMeans, Statuses},
        plan::{Deed, Step},
    },
};

use super::{Making, steps};

/// The checks of an environment, in order; what an operator should know of them goes to `warnings`.
///
/// # Errors
/// An HTTP check that nothing on the server can ask, or whose answer nothing there can read: said now,
/// not when everything has been switched. A rollback goes on without such a check, and says so.
pub(super) fn steps(making: &Making<'_>, warnings: &mut Vec<String>) -> Result<Vec<Step>, Fault> {
    let mut found = Vec::new();
    for (index, rule) in making.environment.checks.iter().enumerate() {
        match check(making, rule, warnings) {
            Ok(check) => found.push(steps::check(index + 1, rule, check)),
            Err(lack) if matches!(making.request.deed, Deed::Rollback { .. }) => {
                warnings.push(format!(
                    "left out, since a rollback waits for nothing: {lack}"
                ));
            }
            Err(lack) => {
                return Err(making
                    .fault(FaultKind::Unsupported, &lack.what)
                    .remedy(lack.remedy));
            }
        }
    }
    Ok(found)
}

/// What keeps a check from being asked.
struct Lack {
    what: String,
    remedy: &'static str,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

fn check(making: &Making<'_>, rule: &CheckRule, warnings: &mut Vec<String>) -> Result<Check, Lack> {
    if let Some(service) = asked_in(&rule.probe)
        && is_nowhere(making, service)
    {
        return Err(Lack {
            what: format!(
                "the check {:?} is asked inside {service}, and the compose file has no such service",
                rule.name
            ),
            remedy: "correct `inside` of this check, or add the service",
        });
    }
    Ok(match &rule.probe {
        Probe::Http(http) => Check::Http(http_check(making, rule, http, warnings)?),
        Probe::Command(command) => Check::Command {
            command: command.clone(),
        },
        Probe::Exec { service, command } => Check::Exec {
            service: service.clone(),
            command: command.clone(),
        },
    })
}

/// The service in whose container a check is asked.
fn asked_in(probe: &Probe) -> Option<&ServiceName> {
    match probe {
        Probe::Http(HttpRule {
            from: AskedFrom::Container(service),
            ..
        })
        | Probe::Exec { service, .. } => Some(service),
        Probe::Http(_) | Probe::Command(_) => None,
    }
}

/// Whether neither the compose file nor what runs has such a service.
fn is_nowhere(making: &Making<'_>, service: &ServiceName) -> bool {
    let known = &making.survey.services;
    !known.is_empty() && !known.contains_key(service) && !runs(making, service)
}

fn http_check(
    making: &Making<'_>,
    rule: &CheckRule,
    http: &HttpRule,
    warnings: &mut Vec<String>,
) -> Result<HttpCheck, Lack> {
    let means = means(making, rule, &http.from)?;
    match &means {
        HttpMeans::AnyIn(service) => warnings.push(format!(
            "no container of {service} runs: with what the check {:?} is asked there is found when it is \
             asked, and if it has neither curl nor wget the release counts as not verified",
            rule.name
        )),
        HttpMeans::Here => warnings.push(format!(
            "the check {:?} is asked from here, by whoever follows: if nobody does, nothing comes back for \
             it, and the release counts as not verified",
            rule.name
        )),
        _ => {}
    }
    let reads_body = http.body.is_some() || !http.json.is_empty();
    if reads_body && by_wget(&means) && !is_all_good(&http.status) {
        return Err(Lack {
            what: format!(
                "the check {:?} reads what comes with {}, which only curl shows, and there is only wget",
                rule.name, http.status
            ),
            remedy: "install curl, ask from another service's container (inside = …), or use a command",
        });
    }
    let json_means = json_means(making, rule, http, &means)?;
    Ok(HttpCheck {
        url: http.url.to_string(),
        method: http.method,
        request_headers: http.request_headers.clone(),
        status: http.status.clone(),
        headers: http.headers.clone(),
        body: http.body.clone(),
        json: http.json.clone(),
        means,
        json_means,
    })
}

fn by_wget(means: &HttpMeans) -> bool {
    matches!(means, HttpMeans::Wget | HttpMeans::WgetIn(_))
}

/// Whether only statuses are wanted with which wget gives the body.
fn is_all_good(statuses: &Statuses) -> bool {
    let good = 200..=299;
    statuses
        .0
        .iter()
        .all(|range| good.contains(&range.from) && good.contains(&range.to))
}

fn means(making: &Making<'_>, rule: &CheckRule, from: &AskedFrom) -> Result<HttpMeans, Lack> {
    let means = &making.survey.means;
    let lack = |place: String| Lack {
        what: format!(
            "the check {:?} has nothing to ask with: neither curl nor wget {place}",
            rule.name
        ),
        remedy: "install curl, ask from another service's container (inside = …), or use a command",
    };
    match from {
        AskedFrom::Here => Ok(HttpMeans::Here),
        AskedFrom::Server if means.curl => Ok(HttpMeans::Curl),
        AskedFrom::Server if means.wget => Ok(HttpMeans::Wget),
        AskedFrom::Server => Err(lack("on the server".to_owned())),
        AskedFrom::Container(service) if means.curl_in.contains(service) => {
            Ok(HttpMeans::CurlIn(service.clone()))
        }
        AskedFrom::Container(service) if means.wget_in.contains(service) => {
            Ok(HttpMeans::WgetIn(service.clone()))
        }
        // A service that is down is the very reason to release: it is not known what it will have.
        AskedFrom::Container(service) if !runs(making, service) => {
            Ok(HttpMeans::AnyIn(service.clone()))
        }
        AskedFrom::Container(service) => {
            Err(lack(format!("in the running container of {service}")))
        }
    }
}

fn runs(making: &Making<'_>, service: &ServiceName) -> bool {
    making.survey.containers.health(service).is_running()
}

fn json_means(
    making: &Making<'_>,
    rule: &CheckRule,
    http: &HttpRule,
    asked: &HttpMeans,
) -> Result<Option<JsonMeans>, Lack> {
    // Whoever asks from here reads it by itself.
    if http.json.is_empty() || *asked == HttpMeans::Here {
        return Ok(None);
    }
    let means = &making.survey.means;
    if means.jq {
        return Ok(Some(JsonMeans::Jq));
    }
    if means.python {
        return Ok(Some(JsonMeans::Python));
    }
    // Its own container first.
    let own = match &http.from {
        AskedFrom::Container(service) => Some(service),
        _ => None,
    };
    let places = own.into_iter().chain(&making.environment.services);
    for service in places {
        if means.jq_in.contains(service) {
            return Ok(Some(JsonMeans::JqIn(service.clone())));
        }
        if means.python_in.contains(service) {
            return Ok(Some(JsonMeans::PythonIn(service.clone())));
        }
    }
    match asked {
        HttpMeans::AnyIn(service) => Ok(Some(JsonMeans::AnyIn(service.clone()))),
        _ => Err(Lack {
            what: format!(
                "the check {:?} has nothing to read JSON with: neither jq nor python3 on the server or in \
                 its containers",
                rule.name
            ),
            remedy: "install jq on the server, ask from = \"here\", or look for a text (body = …) instead",
        }),
    }
}
