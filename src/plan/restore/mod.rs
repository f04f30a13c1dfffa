//! Bringing a backup of the database back: what runs is stopped, the database is put in its place whole
//! or not at all, and what was stopped is started again.

mod choice;
mod rollback;
mod stopped;

pub(super) use rollback::{before_switch, holding};

use std::time::Duration;

use crate::{
    config::Backup,
    release::{
        Fault, FaultKind, ServiceName,
        operation::OperationId,
        plan::{Again, BackupTool, Intent, OnFailure, Plan, PlanKind, RestoreFrom, Step},
        time::short_age,
    },
};

use self::{
    choice::chosen,
    stopped::{start, stop, stopped},
};
use super::{
    Draft, Making,
    backup::{self, Recorded},
    checks, converge, holder, running, schema,
    steps::{self, Manners},
};

pub(super) fn plan(making: &Making<'_>, operation: Option<OperationId>) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::Restore)?;
    let configured = configured(making)?;
    let chosen = chosen(making, configured, operation)?;
    said_before(making, &chosen, &mut warnings);
    said_of_schema(making, &chosen, &mut warnings);
    let stopped = stopped(making, configured, &mut warnings);
    let checks = checks::steps(making, &mut warnings)?;

    let running = steps::images(&making.running, |s| running::image_name(s, survey));
    let mut forward = vec![steps::snapshot(&survey.files, &running)];
    forward.extend(backup::step(making, &mut warnings)?);
    forward.extend(stop(&stopped));
    forward.push(step(configured, RestoreFrom::Handle(chosen.handle.clone())));
    forward.extend(again(making, &stopped, &checks));
    // By then they may run again.
    let mut back: Vec<Step> = stop(&stopped).into_iter().collect();
    back.push(step(configured, RestoreFrom::OwnBackup));
    back.extend(again(making, &stopped, &checks));
    let on_failure = match configured.tool {
        BackupTool::PgDump { .. } => OnFailure::GoBack,
        // How the database is after a command that failed only the command can tell.
        BackupTool::Command { .. } => OnFailure::Stay,
    };
    let mut after = making.running.clone();
    after.schema_heads = chosen.heads;
    Ok(making.plan(Draft {
        kind: PlanKind::Restore,
        after,
        gates,
        warnings,
        forward,
        back,
        on_failure,
        schema_offers: Vec::new(),
        depends_on_schema: false,
    }))
}

fn configured<'a>(making: &'a Making<'_>) -> Result<&'a Backup, Fault> {
    let backup = making.environment.backup.as_ref().ok_or_else(|| {
        making
            .fault(FaultKind::Invalid, "no backup is configured for it")
            .remedy("add a backup to this environment")
    })?;
    match &backup.tool {
        BackupTool::Command { restore: None, .. } => Err(making
            .fault(
                FaultKind::Unsupported,
                "no command is configured that brings a backup back",
            )
            .remedy(
                "add a restore command to this environment's backup, or bring it back by hand",
            )),
        _ => Ok(backup),
    }
}

/// How old it is and what is lost.
fn said_before(making: &Making<'_>, chosen: &Recorded, warnings: &mut Vec<String>) {
    let age = making.survey.taken.duration_since(chosen.taken);
    let age = Duration::try_from(age).unwrap_or_default();
    let (age, _) = short_age(age, true);
    warnings.push(format!(
        "the backup is {age} old, made before {} (operation {}): what was written to the database since is lost",
        chosen.before, chosen.operation
    ));
}

/// How the schema will stand to the images that stay.
fn said_of_schema(making: &Making<'_>, chosen: &Recorded, warnings: &mut Vec<String>) {
    if let (Some(heads), Some((now, _))) = (&chosen.heads, schema::heads_now(making.survey))
        && !schema::is_same(heads, &now)
    {
        let (from, to) = (schema::words(&now), schema::words(heads));
        let unknown = schema::unknown_here(making.survey, heads);
        warnings.push(if unknown.is_empty() {
            format!(
                "the schema goes from {from} to {to}: the image that runs may need what is then missing"
            )
        } else {
            format!(
                "the schema goes from {from} to {to}, and the image that runs does not know {}: the database \
                 will be ahead of it until a version that does is promoted",
                schema::words(&unknown)
            )
        });
    }
}

/// The step that brings a backup back. It is never ended in the middle by a cancel.
fn step(configured: &Backup, from: RestoreFrom) -> Step {
    let again = match configured.tool {
        BackupTool::PgDump { .. } => Again::Safe,
        BackupTool::Command { .. } => Again::Ask,
    };
    let intent = Intent::Restore {
        tool: configured.tool.clone(),
        from,
    };
    let manners = Manners {
        limit: configured.timeout,
        again,
        interruptible: false,
        changes: true,
    };
    steps::step("restore", intent, manners)
}

/// What was stopped runs again, and is verified.
fn again(making: &Making<'_>, stopped: &[ServiceName], checks: &[Step]) -> Vec<Step> {
    let mut services = stopped.to_vec();
    services.extend(
        making
            .environment
            .services
            .iter()
            .filter(|service| !stopped.contains(service))
            .filter(|service| making.survey.containers.of(service).next().is_some())
            .cloned(),
    );
    let mut steps: Vec<Step> = start(stopped).into_iter().collect();
    steps.extend(converge::verified(
        making.environment,
        services,
        false,
        checks.to_vec(),
    ));
    steps
}

#[cfg(test)]
mod tests;
