//! Which of the recorded backups is brought back, and why one cannot be.

use crate::{
    config::Backup,
    plan::{
        Making,
        backup::{self, Recorded},
    },
    release::{Fault, FaultKind, operation::OperationId, plan::BackupTool, survey::Survey},
};

/// The backup that is brought back.
pub(super) fn chosen(
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
    // Also where it only went on with the operation that made it.
    let records = making.survey.records.iter().rev();
    let handle = records
        .filter(|record| record.operation == operation)
        .find_map(|record| record.backup());
    let Some(recorded) = all
        .iter()
        .find(|recorded| Some(recorded.handle.as_str()) == handle)
    else {
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
