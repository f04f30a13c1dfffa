//! Bringing a backup of the database back: what runs is stopped, the database is put in its place whole
//! or not at all, and what was stopped is started again.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    config::Backup,
    release::{
        Fault, FaultKind, ServiceName,
        operation::OperationId,
        plan::{Again, BackupTool, Intent, OnFailure, Plan, PlanKind, RestoreFrom, Step},
        survey::{ComposeService, Survey},
        time::short_age,
    },
};

use super::{
    Draft, Making,
    backup::{self, Recorded},
    checks, holder, running, schema,
    steps::{self, Manners},
};

/// How long stopping and starting services may take.
const POWER: Duration = Duration::from_secs(300);

pub(super) fn plan(making: &Making<'_>, operation: Option<OperationId>) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::Restore)?;
    let configured = configured(making)?;
    let chosen = chosen(making, configured, operation)?;
    said_before(making, &chosen, &mut warnings);
    let stopped = stopped(making, configured, &mut warnings);
    let checks = checks::steps(making, &mut warnings)?;

    let running = steps::images(&making.running, |s| running::image_name(s, survey));
    let mut forward = vec![steps::snapshot(&survey.files, &running)];
    forward.extend(backup::step(making, &mut warnings)?);
    forward.extend(stop(&stopped));
    forward.push(step(configured, RestoreFrom::Handle(chosen.handle.clone())));
    forward.extend(again(making, &stopped, &checks));
    let mut back = vec![step(configured, RestoreFrom::OwnBackup)];
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

/// The backup that is brought back.
fn chosen(
    making: &Making<'_>,
    configured: &Backup,
    operation: Option<OperationId>,
) -> Result<Recorded, Fault> {
    let all = backup::recorded(&making.survey.records);
    let usable = |recorded: &Recorded| usable(configured, recorded, making.survey);
    let Some(operation) = operation else {
        let newest = all.iter().find(|recorded| usable(recorded).is_ok());
        return newest.cloned().ok_or_else(|| {
            making
                .fault(
                    FaultKind::Missing,
                    if all.is_empty() {
                        "no backup is recorded for it"
                    } else {
                        "none of the recorded backups is there any more"
                    },
                )
                .remedy("a backup is made before each migration, once one is configured")
        });
    };
    let Some(recorded) = all.iter().find(|recorded| recorded.operation == operation) else {
        return Err(making
            .fault(
                FaultKind::Missing,
                format!("operation {operation} recorded no backup"),
            )
            .remedy(others(&all)));
    };
    match usable(recorded) {
        Ok(()) => Ok(recorded.clone()),
        Err(why) => Err(making.fault(FaultKind::Missing, why).remedy(others(&all))),
    }
}

fn others(all: &[Recorded]) -> String {
    let others: Vec<String> = all
        .iter()
        .take(5)
        .map(|recorded| {
            format!(
                "{} (before {}, {})",
                recorded.operation, recorded.before, recorded.taken
            )
        })
        .collect();
    if others.is_empty() {
        "no operation recorded one".to_owned()
    } else {
        format!("recorded are those of {}", others.join(", "))
    }
}

/// Whether a recorded backup can be brought back by what is configured, or why not.
pub(super) fn usable(
    configured: &Backup,
    recorded: &Recorded,
    survey: &Survey,
) -> Result<(), String> {
    let handle = &recorded.handle;
    match &configured.tool {
        BackupTool::Command { restore, .. } => restore
            .as_ref()
            .map(|_| ())
            .ok_or_else(|| "no command is configured that brings a backup back".to_owned()),
        BackupTool::PgDump { .. } => {
            let files = survey.backups.as_ref().map(|there| there.files.as_slice());
            let file = files
                .unwrap_or_default()
                .iter()
                .find(|file| file.handle == *handle)
                .ok_or_else(|| format!("the backup {handle} is not on the server any more"))?;
            if !file.is_readable {
                return Err(format!(
                    "the backup {handle} belongs to another user, who alone may read it"
                ));
            }
            match recorded.size {
                Some(size) if size != file.size => Err(format!(
                    "the backup {handle} is not what was recorded: {size} bytes then, {} now",
                    file.size
                )),
                _ => Ok(()),
            }
        }
    }
}

/// How old it is, what is lost, and how the schema and the images will stand to each other.
pub(super) fn said_before(making: &Making<'_>, chosen: &Recorded, warnings: &mut Vec<String>) {
    let age = making.survey.taken.duration_since(chosen.taken);
    let age = Duration::try_from(age).unwrap_or_default();
    let (age, _) = short_age(age, true);
    warnings.push(format!(
        "the backup is {age} old, made before {} (operation {}): what was written to the database since is lost",
        chosen.before, chosen.operation
    ));
    if let (Some(heads), Some((now, _))) = (&chosen.heads, schema::heads_now(making.survey))
        && !schema::is_same(heads, &now)
    {
        warnings.push(format!(
            "the schema goes from {} to {}: the image that runs may need what is then missing",
            schema::words(&now),
            schema::words(heads)
        ));
    }
}

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

/// The step that brings a backup back. It is never ended in the middle by a cancel.
pub(super) fn step(configured: &Backup, from: RestoreFrom) -> Step {
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
    steps.extend(steps::verified(
        making.environment,
        services,
        false,
        checks.to_vec(),
    ));
    steps
}
