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
    /// Which operation.
    pub operation: OperationId,
    /// What brings it back.
    pub handle: String,
    /// In bytes, where it is a file.
    pub size: Option<u64>,
    /// When that operation began, by the server's clock.
    pub taken: Timestamp,
    /// The schema's heads that it holds, where they are recorded.
    pub heads: Option<Vec<String>>,
    /// What that operation was, in words: `promote v2`.
    pub before: String,
}

/// The backups that the ledger knows, the newest first.
pub fn recorded(records: &[Record]) -> Vec<Recorded> {
    let mut found: Vec<Recorded> = Vec::new();
    for record in records.iter().rev() {
        let Some(handle) = record.results.get("backup") else {
            continue;
        };
        // The last line of an operation counts.
        if found.iter().any(|known| known.handle == *handle) {
            continue;
        }
        let heads = record.results.get("schema_heads_before");
        found.push(Recorded {
            operation: record.operation,
            handle: handle.clone(),
            size: record
                .results
                .get("backup_size")
                .and_then(|size| size.parse().ok()),
            taken: timestamp(record.started),
            heads: heads
                .map(|line| schema::heads_of_result(line))
                .or_else(|| record.before.schema_heads.clone()),
            before: format!(
                "{} {}",
                record.kind.verb(),
                record.after.changed_since(&record.before).label()
            ),
        });
    }
    found
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
