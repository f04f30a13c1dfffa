//! Reading what a plan is made from: at most two round trips over a [`Shell`], and nothing changes.
//!
//! The first trip reads what is there. A request that changes pins needs a second: Compose itself says
//! what it would make of the candidate files. What speaks against any plan (step 0 of an operation) is
//! refused here, in words.

mod frames;
mod pins;
mod read;
mod refuse;
mod scripts;
mod services;
mod storage;

use std::collections::BTreeMap;

use jiff::Timestamp;

use self::frames::Part;
use super::shell::{Shell, ShellOutput};
use crate::{
    config::{Environment, Service, Target},
    plan,
    release::{
        Fault, FaultKind, ServiceName,
        plan::{Deed, Request},
        survey::Survey,
    },
};

/// The project's directory cannot be entered.
const NO_DIRECTORY: i32 = 3;

/// Surveys an environment for `request`. `neighbours` are the other environments on the same host;
/// `taken` is the time by our clock.
///
/// # Errors
/// The link's faults; refusals in words: no Compose v2, another project than the configured one, pin
/// files that could not be replaced, a rollback with nothing to go back to.
pub async fn take(
    shell: &dyn Shell,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    neighbours: &[Environment],
    request: &Request,
    taken: Timestamp,
) -> Result<Survey, Fault> {
    let script = scripts::first(environment, services, neighbours, request)
        .map_err(|e| bad(environment, e))?;
    let parts = parts(environment, shell.run(script).await?)?;
    refuse::first(environment, &parts)?;
    let files = read::files(environment, services, &parts)?;
    let mut survey = read::survey(environment, &parts, &files, taken)?;
    let logical = read::place(&parts, "logical").unwrap_or_default();
    refuse::other_project(environment, services, &survey, logical)?;
    if let Deed::CleanUp { .. } = request.deed {
        survey.clean_up = Some(storage::clean_up(environment, neighbours, &parts)?);
    }

    let wanted = plan::wanted(environment, services, request, &survey)?;
    if wanted.pins.is_empty() {
        return Ok(survey);
    }
    let pins = pins::Pins::render(environment, services, &wanted, &survey, &files)?;
    refuse::unwritable_pins(environment, &pins, &files)?;
    let path_from = path_from(request, environment, services, &survey);
    let script = scripts::second(
        environment,
        services,
        &pins.candidates,
        path_from.as_deref(),
    )
    .map_err(|e| bad(environment, e))?;
    let answered = self::parts(environment, shell.run(script).await?)?;
    survey.candidate_services = self::services::read(environment, &answered)?;
    self::services::distrust_stale_hashes(&mut survey, environment, services, &answered);
    if let Some(path) = answered.get("path").filter(|part| part.status == 0) {
        survey.schema_path = read::revisions(&path.bytes, path_from.as_deref());
    }
    pins.into_survey(&mut survey);
    Ok(survey)
}

/// The revision that a rollback's release was recorded at, where it has one.
fn path_from(
    request: &Request,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
) -> Option<String> {
    let Deed::Rollback { to, .. } = &request.deed else {
        return None;
    };
    let heads = plan::recorded_heads(environment, services, to, survey)?;
    match heads.as_slice() {
        [] => Some("base".to_owned()),
        [head] if plan::schema::is_revision(head) => Some(head.clone()),
        _ => None,
    }
}

fn parts(environment: &Environment, output: ShellOutput) -> Result<BTreeMap<String, Part>, Fault> {
    let Target::Compose(compose) = &environment.target;
    if output.status == NO_DIRECTORY {
        return Err(Fault::new(
            FaultKind::Missing,
            environment.name.as_str(),
            format!(
                "its directory {} on {} cannot be entered",
                compose.directory,
                compose.host.label()
            ),
        )
        .because(said(&output))
        .remedy("correct the environment's directory, or the permissions on the server"));
    }
    frames::read(&output.stdout).ok_or_else(|| {
        Fault::new(
            FaultKind::Malformed,
            compose.host.label(),
            "the server did not answer the survey's script as a POSIX shell would",
        )
        .because(said(&output))
    })
}

fn said(output: &ShellOutput) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim();
    let begin = text.char_indices().rev().nth(499).map_or(0, |(at, _)| at);
    text[begin..].to_owned()
}

fn bad(environment: &Environment, error: impl std::fmt::Display) -> Fault {
    Fault::new(
        FaultKind::Invalid,
        environment.name.as_str(),
        "its configuration holds something that no command can be given",
    )
    .because(error)
}

/// The environment's own files, each once, as the configuration names them: compose, environment, pin.
fn files(environment: &Environment, services: &BTreeMap<ServiceName, Service>) -> Vec<String> {
    let Target::Compose(compose) = &environment.target;
    let mut all: Vec<String> = Vec::new();
    let pins = scripts::pin_files(environment, services);
    for file in compose
        .files
        .iter()
        .chain(&compose.environment_files)
        .chain(&pins)
    {
        if !all.contains(file) {
            all.push(file.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests;
