//! Saving the database before something changes it, and what the ledger knows of what was saved.

use jiff::Timestamp;

use crate::release::{
    Fault, FaultKind,
    operation::{OperationId, timestamp},
    plan::{Again, BackupTool, Intent, Step},
    record::Record,
    survey::Backups,
    text::bytes,
};

use super::{
    Making, schema,
    steps::{self, LOOKS, Manners},
};

/// A dump is compressed: where there is less room than this part of the database, it cannot be enough.
const LEAST_PART: u64 = 10;

/// A backup that an operation recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The operation that made it.
    pub operation: OperationId,
    /// What brings it back.
    pub handle: String,
    /// In bytes, where it is a file.
    pub size: Option<u64>,
    /// When that operation began, by the server's clock: not later than it was taken.
    pub taken: Timestamp,
    /// The schema's heads that it holds, where they are recorded.
    pub heads: Option<Vec<String>>,
    /// What that operation was, in words: `promote v2`.
    pub before: String,
}

/// The backups that the ledger knows, the newest first.
pub fn recorded(records: &[Record]) -> Vec<Recorded> {
    let mut found: Vec<(Recorded, bool)> = Vec::new();
    for record in records.iter().rev() {
        let Some(handle) = record.backup() else {
            continue;
        };
        // What the last line says of it counts; but who only went on with an operation has not made its
        // backup, nor was it taken when they began.
        if let Some((known, is_makers)) = found.iter_mut().find(|(known, _)| known.handle == handle)
        {
            if !*is_makers {
                known.operation = record.operation;
                known.taken = timestamp(record.started);
                known.before = before(record);
                *is_makers = record.made_backup();
            }
            continue;
        }
        let heads = record.results.get("schema_heads_before");
        let recorded = Recorded {
            operation: record.operation,
            handle: handle.to_owned(),
            size: record
                .results
                .get("backup_size")
                .and_then(|size| size.parse().ok()),
            taken: timestamp(record.started),
            heads: heads
                .map(|line| schema::heads_of_result(line))
                .or_else(|| record.before.schema_heads.clone()),
            before: before(record),
        };
        found.push((recorded, record.made_backup()));
    }
    found.into_iter().map(|(recorded, _)| recorded).collect()
}

fn before(record: &Record) -> String {
    format!(
        "{} {}",
        record.kind.verb(),
        record.after.changed_since(&record.before).label()
    )
}

/// The step that saves the database, where that is configured.
///
/// # Errors
/// A database that cannot be saved: it does not run, does not answer, or there is no room.
pub(super) fn step(making: &Making<'_>, warnings: &mut Vec<String>) -> Result<Option<Step>, Fault> {
    let Some(backup) = &making.environment.backup else {
        return Ok(None);
    };
    let again = match &backup.tool {
        BackupTool::PgDump { service, .. } => {
            if let Some(there) = &making.survey.backups {
                can_be_saved(making, service.as_str(), there)?;
                warnings.extend(room(making, there)?);
                warnings.extend(too_many(making, there, backup.keep));
            }
            Again::Safe
        }
        BackupTool::Command { .. } => Again::Ask,
    };
    let intent = Intent::Backup {
        tool: backup.tool.clone(),
    };
    let manners = Manners {
        limit: backup.timeout,
        again,
        ..LOOKS
    };
    Ok(Some(steps::step("backup", intent, manners)))
}

fn can_be_saved(making: &Making<'_>, service: &str, there: &Backups) -> Result<(), Fault> {
    match &there.trouble {
        None => Ok(()),
        Some(trouble) => Err(making
            .fault(
                FaultKind::Missing,
                format!("the database in {service} cannot be saved or brought back"),
            )
            .because(trouble)
            .remedy("start it, or correct service, database and user of the environment's backup")),
    }
}

/// Whether there is room for it: refused where there cannot be enough, else a warning where it may not be.
fn room(making: &Making<'_>, there: &Backups) -> Result<Option<String>, Fault> {
    let (Some(free), Some(database)) = (there.free, there.database_size) else {
        return Ok(Some(
            "whether there is room for the backup could not be told".to_owned(),
        ));
    };
    let last = recorded(&making.survey.records)
        .into_iter()
        .find_map(|backup| backup.size);
    // Somewhat more than last time, or what no dump of it can be smaller than.
    let least = last.map_or(database / LEAST_PART, |last| last + last / 5);
    if free < least {
        let measure = match last {
            Some(last) => format!("the last one took {}", bytes(last)),
            None => format!("the database takes {}", bytes(database)),
        };
        return Err(making
            .fault(
                FaultKind::Invalid,
                format!(
                    "there is no room for the backup: {} are free on the server, {measure}",
                    bytes(free)
                ),
            )
            .remedy("make room: `flightdeck clean-up` removes old images and backups"));
    }
    Ok((last.is_none() && free < database).then(|| {
        format!(
            "the backup may not fit: {} are free on the server, the database takes {}",
            bytes(free),
            bytes(database)
        )
    }))
}

fn too_many(making: &Making<'_>, there: &Backups, keep: usize) -> Option<String> {
    let whole: Vec<u64> = there
        .files
        .iter()
        .filter(|file| !file.is_partial())
        .map(|file| file.size)
        .collect();
    (whole.len() > keep).then(|| {
        format!(
            "{} backups lie on the server ({}), {keep} are to stay: `flightdeck clean-up {}` removes the others",
            whole.len(),
            bytes(whole.iter().sum()),
            making.environment.name
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use super::*;
    use crate::release::{
        operation::Outcome,
        plan::{Deed, Plan, PlanKind},
    };

    pub const CONFIG: &str = "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n\
         [environments.production.backup]\ntool = \"pg_dump\"\nservice = \"database\"\n\
         database = \"shop\"\nuser = \"shop\"\nkeep = 2\n";

    fn world(backups: Backups) -> World {
        let mut world = World::with(CONFIG);
        world.survey.backups = Some(backups);
        world
    }

    fn roomy() -> Backups {
        Backups {
            free: Some(10_000_000_000),
            database_size: Some(100_000_000),
            ..Backups::default()
        }
    }

    fn ids(plan: &Plan) -> Vec<&str> {
        plan.forward.iter().map(|step| step.id.as_str()).collect()
    }

    #[test]
    fn the_database_is_saved_right_before_every_migration_and_before_nothing_else() {
        let mut world = world(roomy());
        let plan = world.plan(promote(2)).unwrap();
        let at = ids(&plan).iter().position(|id| *id == "backup").unwrap();
        assert_eq!(ids(&plan)[at + 1], "migrate");
        // What fails there has changed nothing.
        assert!(plan.forward[..=at].iter().all(|step| !step.changes));
        let migrate = Deed::Migrate {
            versions: Default::default(),
            to: None,
        };
        assert!(ids(&world.plan(migrate).unwrap()).contains(&"backup"));
        let Deed::Promote { versions, .. } = promote(2) else {
            unreachable!("it is a promotion")
        };
        let without = Deed::Promote {
            versions,
            migrate: false,
        };
        assert!(!ids(&world.plan(without).unwrap()).contains(&"backup"));
    }

    #[test]
    fn a_database_that_cannot_be_saved_refuses_the_migration() {
        let mut world = world(Backups {
            trouble: Some("role \"shop\" does not exist".to_owned()),
            ..roomy()
        });
        let fault = world.plan(promote(2)).unwrap_err();
        assert!(fault.to_string().contains("role \"shop\""), "{fault}");
        assert!(fault.remedy.contains("user"), "{fault}");
    }

    #[test]
    fn room_is_looked_at_before() {
        let free = |free| Backups {
            free: Some(free),
            ..roomy()
        };
        let warning = |plan: &Plan| plan.warnings.iter().any(|w| w.contains("may not fit"));
        assert!(!warning(
            &world(free(200_000_000)).plan(promote(2)).unwrap()
        ));
        assert!(warning(&world(free(50_000_000)).plan(promote(2)).unwrap()));
        let fault = world(free(5_000_000)).plan(promote(2)).unwrap_err();
        assert!(fault.message.contains("5.0 MB are free"), "{fault}");
        // Once there was one, its size is what counts.
        let mut known = record(1, PlanKind::Promote, 3, 1, Outcome::Succeeded);
        known
            .results
            .insert("backup".to_owned(), "a.dump".to_owned());
        known
            .results
            .insert("backup_size".to_owned(), "1000000".to_owned());
        let mut world = world(free(5_000_000));
        world.records(vec![known]);
        assert!(!warning(&world.plan(promote(2)).unwrap()));
    }

    #[test]
    fn a_backup_holds_the_schema_from_before_its_migration() {
        let mut saved = record(3, PlanKind::Promote, 1, 2, Outcome::WentBack);
        for (name, value) in [
            ("backup", "a.dump"),
            ("backup_size", "7"),
            ("schema_heads_before", "a1f3,b2c4"),
            ("schema_heads", "c9e2"),
        ] {
            saved.results.insert(name.to_owned(), value.to_owned());
        }
        let other = record(4, PlanKind::Promote, 2, 3, Outcome::Succeeded);
        let all = recorded(&[saved, other]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].operation, all[0].size), (OperationId(3), Some(7)));
        assert_eq!(
            all[0].heads,
            Some(vec!["a1f3".to_owned(), "b2c4".to_owned()])
        );
        assert_eq!(all[0].before, "promote v2");
    }

    #[test]
    fn a_backup_is_as_old_as_the_operation_that_made_it_whoever_recovered_that() {
        let with_backup = |operation, recovers, times: &[&str]| {
            let mut record = record(operation, PlanKind::Promote, 1, 2, Outcome::WentBack);
            record.recovers = recovers;
            record
                .results
                .insert("backup".to_owned(), "a.dump".to_owned());
            record.times = times.iter().map(|step| ((*step).to_owned(), 1)).collect();
            record
        };
        let mut died = with_backup(3, None, &["backup"]);
        died.outcome = Outcome::Interrupted;
        let handed_on = with_backup(4, Some(OperationId(3)), &["back/pin"]);
        let all = recorded(&[died.clone(), handed_on.clone()]);
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].operation, all[0].taken),
            (OperationId(3), timestamp(died.started))
        );
        assert!(!handed_on.remarks().contains(&"made a backup".to_owned()));
        // It was killed in the middle of it, and what went on made it again.
        let again = with_backup(4, Some(OperationId(3)), &["backup", "migrate"]);
        assert_eq!(recorded(&[died, again])[0].operation, OperationId(4));
    }
}
