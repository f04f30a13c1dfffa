//! Bringing a backup of the database back: what runs is stopped, the database is put in its place whole
//! or not at all, and what was stopped is started again.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    config::Backup,
    release::{
        Fault, FaultKind, ServiceName,
        operation::OperationId,
        plan::{
            Again, BackupTool, Intent, OnFailure, Plan, PlanKind, RestoreFrom, SchemaChoice,
            SchemaOffer, Step,
        },
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
fn usable(configured: &Backup, recorded: &Recorded, survey: &Survey) -> Result<(), String> {
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
        warnings.push(format!(
            "the schema goes from {} to {}: the image that runs may need what is then missing",
            schema::words(&now),
            schema::words(heads)
        ));
    }
}

/// The services that are stopped meanwhile: those configured, else those that use the database as far as
/// the compose file tells. Only what runs is stopped, and started again.
fn stopped(
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
fn stop(services: &[ServiceName]) -> Option<Step> {
    power(
        "stop",
        Intent::Stop {
            services: services.to_vec(),
        },
        services,
    )
}

/// The step that starts them again as they are; none where there are none.
fn start(services: &[ServiceName]) -> Option<Step> {
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

/// A backup that holds the schema as a release had it.
pub(super) struct Holding {
    recorded: Recorded,
    obstacle: Option<String>,
}

/// The newest backup that holds these heads: one that can be brought back, if there is any.
pub(super) fn holding(making: &Making<'_>, heads: &[String]) -> Option<Holding> {
    let configured = making.environment.backup.as_ref()?;
    let mut holding: Vec<Holding> = backup::recorded(&making.survey.records)
        .into_iter()
        .filter(|recorded| {
            let held = recorded.heads.as_deref();
            held.is_some_and(|held| schema::is_same(held, heads))
        })
        .map(|recorded| Holding {
            obstacle: usable(configured, &recorded, making.survey).err(),
            recorded,
        })
        .collect();
    let best = holding
        .iter()
        .position(|holding| holding.obstacle.is_none())
        .unwrap_or(0);
    (!holding.is_empty()).then(|| holding.swap_remove(best))
}

impl Holding {
    /// What a rollback offers with it.
    pub(super) fn offer(&self) -> SchemaOffer {
        SchemaOffer {
            choice: SchemaChoice::Restore,
            obstacle: self.obstacle.clone(),
            consequence: format!(
                "the backup of {} comes back first: what was written to the database since is lost",
                self.recorded.taken
            ),
        }
    }
}

/// What a rollback does before its switch to bring a backup back, and the same for its way back. What is
/// stopped for it and not `switched` afterwards is started again at once.
///
/// # Errors
/// Where no such backup is recorded or can be brought back, or the present state cannot be saved.
pub(super) fn before_switch(
    making: &Making<'_>,
    holding: Option<Holding>,
    switched: &[ServiceName],
    warnings: &mut Vec<String>,
) -> Result<(Vec<Step>, Vec<Step>), Fault> {
    let configured = configured(making)?;
    let Some(holding) = holding else {
        return Err(making
            .fault(
                FaultKind::Missing,
                "no backup is recorded that holds the schema as that release had it",
            )
            .remedy("roll back the image alone"));
    };
    if let Some(why) = holding.obstacle {
        return Err(making
            .fault(FaultKind::Missing, why)
            .remedy("roll back the image alone"));
    }
    said_before(making, &holding.recorded, warnings);
    let stopped = stopped(making, configured, warnings);
    let rest: Vec<ServiceName> = stopped
        .iter()
        .filter(|service| !switched.contains(service))
        .cloned()
        .collect();
    let around = |from| -> Vec<Step> {
        let mut steps: Vec<Step> = stop(&stopped).into_iter().collect();
        steps.push(step(configured, from));
        steps.extend(start(&rest));
        steps
    };
    let mut forward: Vec<Step> = backup::step(making, warnings)?.into_iter().collect();
    forward.extend(around(RestoreFrom::Handle(holding.recorded.handle)));
    Ok((forward, around(RestoreFrom::OwnBackup)))
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

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use super::*;
    use crate::release::{
        operation::Outcome,
        plan::{Deed, RollbackTo},
        record::Record,
        survey::{BackupFile, Backups},
    };

    const PG_DUMP: &str = "[environments.production.backup]\ntool = \"pg_dump\"\nservice = \"database\"\n\
         database = \"shop\"\nuser = \"shop\"\n";

    fn saved(number: u64, handle: &str) -> Record {
        let mut saved = record(number, PlanKind::Promote, 1, 2, Outcome::Succeeded);
        saved.results.insert("backup".to_owned(), handle.to_owned());
        saved
            .results
            .insert("backup_size".to_owned(), "1000".to_owned());
        saved
    }

    fn file(handle: &str, size: u64) -> BackupFile {
        BackupFile {
            handle: handle.to_owned(),
            size,
            is_readable: true,
        }
    }

    fn world(files: Vec<BackupFile>) -> World {
        let mut world = World::with(PG_DUMP);
        world.survey.backups = Some(Backups {
            files,
            free: Some(1_000_000_000),
            database_size: Some(1_000_000),
            trouble: None,
        });
        world.records(vec![saved(3, "3.dump"), saved(4, "4.dump")]);
        world
    }

    fn restore(operation: Option<u64>) -> Deed {
        Deed::Restore {
            operation: operation.map(OperationId),
        }
    }

    fn ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.id.as_str()).collect()
    }

    #[test]
    fn what_uses_the_database_is_stopped_and_comes_back_whatever_happens() {
        let mut world = world(vec![file("3.dump", 1000), file("4.dump", 1000)]);
        let plan = world.plan(restore(None)).unwrap();
        assert_eq!(
            ids(&plan.forward),
            [
                "snapshot",
                "backup",
                "stop",
                "restore",
                "start",
                "restart",
                "verify-health",
                "observe"
            ]
        );
        assert_eq!(
            ids(&plan.back),
            [
                "stop",
                "restore",
                "start",
                "restart",
                "verify-health",
                "observe"
            ]
        );
        assert_eq!(plan.on_failure, OnFailure::GoBack);
        assert!(matches!(
            &plan.forward[2].intent,
            Intent::Stop { services } if services.len() == 1 && services[0].as_str() == "backend"
        ));
        assert_eq!(plan.title(), "restore production: backup 4.dump");
        // Typed in full, not by the short word.
        let confirm = plan.confirm.unwrap();
        assert!(confirm.matches("production") && !confirm.matches("prod"));
        let warned = |words: &str| plan.warnings.iter().any(|w| w.contains(words));
        assert!(warned("is lost") && warned("stopped meanwhile: backend"));
    }

    #[test]
    fn only_what_lies_there_as_it_was_recorded_is_brought_back() {
        let mut world = world(vec![file("3.dump", 1000), file("4.dump", 999)]);
        let plan = world.plan(restore(None)).unwrap();
        assert_eq!(plan.title(), "restore production: backup 3.dump");
        for (operation, words) in [(4, "is not what was recorded"), (5, "recorded no backup")] {
            let fault = world.plan(restore(Some(operation))).unwrap_err();
            assert!(fault.message.contains(words), "{fault}");
            assert!(fault.remedy.contains("000003"), "{fault}");
        }
        world.survey.backups = Some(Backups::default());
        let fault = world.plan(restore(Some(3))).unwrap_err();
        assert!(
            fault.message.contains("not on the server any more"),
            "{fault}"
        );
    }

    #[test]
    fn a_rollback_offers_the_backup_that_holds_the_schema_of_its_release() {
        let migration =
            "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";
        let mut world = World::with(&format!("{migration}{PG_DUMP}"));
        world.runs(2);
        let mut first = record(1, PlanKind::Promote, 1, 1, Outcome::Succeeded);
        first
            .results
            .insert("schema_heads".to_owned(), "a1f3".to_owned());
        let mut second = saved(2, "2.dump");
        for (name, heads) in [("schema_heads_before", "a1f3"), ("schema_heads", "c9e2")] {
            second.results.insert(name.to_owned(), heads.to_owned());
        }
        world.records(vec![first, second]);
        world.survey.schema_heads = Some(vec!["c9e2".to_owned()]);
        world.survey.backups = Some(Backups {
            files: vec![file("2.dump", 1000)],
            ..Backups::default()
        });
        let rollback = |schema| Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema,
            files: false,
        };
        let offered = |plan: &Plan| {
            let offers = plan.schema_offers.iter();
            offers
                .filter(|offer| offer.choice == SchemaChoice::Restore)
                .map(|offer| offer.obstacle.is_none())
                .next()
        };
        let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
        assert_eq!(offered(&plan), Some(true));
        let plan = world.plan(rollback(SchemaChoice::Restore)).unwrap();
        let expected = ["backup", "stop", "restore", "pin", "switch"];
        let all = ids(&plan.forward);
        assert_eq!(all[2..7], expected, "{all:?}");
        assert_eq!(ids(&plan.back)[..3], ["last-words", "stop", "restore"]);
        world.survey.backups = Some(Backups::default());
        let plan = world.plan(rollback(SchemaChoice::ImageOnly)).unwrap();
        assert_eq!(offered(&plan), Some(false));
        let fault = world.plan(rollback(SchemaChoice::Restore)).unwrap_err();
        assert!(fault.message.contains("2.dump"), "{fault}");
    }

    #[test]
    fn a_command_that_failed_leaves_the_database_to_an_operator() {
        let command =
            "[environments.production.backup]\ntool = \"command\"\ncommand = \"./save\"\n";
        let mut world = World::with(command);
        world.records(vec![saved(3, "snap-3")]);
        let fault = world.plan(restore(None)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        let mut world = World::with(&format!("{command}restore = \"./load\"\n"));
        world.records(vec![saved(3, "snap-3")]);
        let plan = world.plan(restore(None)).unwrap();
        assert_eq!(plan.on_failure, OnFailure::Stay);
        let restore = plan.forward.iter().find(|step| step.id == "restore");
        assert_eq!(restore.unwrap().again, Again::Ask);
    }
}
