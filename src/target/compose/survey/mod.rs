//! Reading what a plan is made from: at most two round trips over a [`Shell`], and nothing changes.
//!
//! The first trip reads what is there. A request that changes pins needs a second: Compose itself says
//! what it would make of the candidate files. What speaks against any plan (step 0 of an operation) is
//! refused here, in words.

mod copies;
mod frames;
mod pins;
mod read;
mod refuse;
mod scripts;
mod services;
mod storage;
mod surroundings;

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
        survey::{SchemaRevision, Survey},
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
    let undo = Undo::of(environment, services, request, &survey);
    if wanted.pins.is_empty() && undo.questions.is_empty() {
        return Ok(survey);
    }
    let others = copies::wanted(environment, services, request, &survey, &files);
    let mut changed = Vec::new();
    if matches!(request.deed, Deed::Rollback { files: true, .. }) && !others.is_empty() {
        let script = scripts::copies(environment, services, &others, request)
            .map_err(|e| bad(environment, e))?;
        let answered = self::parts(environment, shell.run(script).await?)?;
        changed = copies::found(environment, services, &others, &answered);
        copies::refuse_lost(environment, &changed)?;
    }
    let pins = match wanted.pins.is_empty() {
        true => None,
        false => {
            let pins =
                pins::Pins::render(environment, services, &wanted, &survey, &files, &changed)?;
            refuse::unwritable_pins(environment, &pins, &files)?;
            Some(pins)
        }
    };
    let candidates = pins.as_ref().map_or(&[][..], |pins| &pins.candidates);
    // Where they come back they are known already.
    let unknown = if changed.is_empty() { &others[..] } else { &[] };
    let script = scripts::second(
        environment,
        services,
        candidates,
        &undo.questions,
        unknown,
        request,
    )
    .map_err(|e| bad(environment, e))?;
    let answered = self::parts(environment, shell.run(script).await?)?;
    if let Some(pins) = pins {
        survey.candidate_services = self::services::read(environment, &answered)?;
        self::services::distrust_stale_hashes(&mut survey, environment, services, &answered);
        pins.into_survey(&mut survey);
    }
    if changed.is_empty() {
        changed = copies::found(environment, services, &others, &answered);
    } else {
        survey.changed_settings = copies::settings_that_differ(
            parts.get("config"),
            answered.get("config"),
            wanted.pins.keys(),
        );
    }
    survey.changed_files = changed.into_iter().map(|found| found.changed).collect();
    survey.schema_undone = undo.judged(environment, &answered);
    Ok(survey)
}

/// What is asked of the revisions that a request would undo.
#[derive(Default)]
struct Undo {
    way: Option<plan::schema::WayDown>,
    questions: Vec<Vec<String>>,
}

impl Undo {
    fn of(
        environment: &Environment,
        services: &BTreeMap<ServiceName, Service>,
        request: &Request,
        survey: &Survey,
    ) -> Self {
        let Some(migration) = &environment.migration else {
            return Self::default();
        };
        let recorded = match &request.deed {
            Deed::Rollback { to, .. } => plan::recorded_heads(environment, services, to, survey),
            _ => None,
        };
        let way = plan::schema::way_of(migration, &request.deed, recorded.as_deref(), survey);
        let questions = way
            .as_ref()
            .map_or_else(Vec::new, |way| plan::schema::tool(migration).ask_undo(way));
        Self { way, questions }
    }

    fn judged(
        self,
        environment: &Environment,
        answered: &BTreeMap<String, Part>,
    ) -> Vec<SchemaRevision> {
        let (Some(migration), Some(way)) = (&environment.migration, self.way) else {
            return Vec::new();
        };
        let answers: Vec<Option<String>> = (0..self.questions.len())
            .map(|number| {
                let part = answered.get(&format!("undo-{number}"))?;
                (part.status == 0).then(|| String::from_utf8_lossy(&part.bytes).into_owned())
            })
            .collect();
        plan::schema::tool(migration).judge(way, &answers)
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
pub(super) fn files(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Vec<String> {
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
