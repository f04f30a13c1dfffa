//! The steps that ask, change, save or bring back a database.

use super::override_path;
use crate::{
    config::Compose,
    release::{
        ServiceName,
        operation::Direction,
        plan::{BackupTool, HeadsQuery, ImageName, Intent, Plan, RestoreFrom, Step},
    },
    target::compose::{
        docker::quoted as words,
        one_off,
        render::{RenderError, library},
        script::{Unquotable, quote},
    },
};

/// Makes Compose use an image that is not pinned yet.
pub(super) fn with_image(
    plan: &Plan,
    compose: &Compose,
    direction: Direction,
    step: &Step,
    image: &ImageName,
) -> Result<String, RenderError> {
    let mut text = format!(
        "override=\"$FD_FOLDER\"/{}\n",
        override_path(direction, step)
    );
    if let ImageName::Reference(_) = image {
        text.push_str(&candidate_variables(plan, compose, direction, step)?);
    }
    Ok(text)
}

/// How the heads are asked for, as arguments: the answer's format, and the command that asks.
pub(super) fn asked(
    how: &str,
    service: &ServiceName,
    heads: &HeadsQuery,
) -> Result<String, Unquotable> {
    Ok(format!(
        "{} {how} {service} {}",
        library::heads_format(heads.format),
        words(&heads.command)?
    ))
}

pub(super) fn migrate(
    compose: &Compose,
    step: &Step,
    service: &ServiceName,
    command: &[String],
    heads: Option<&HeadsQuery>,
) -> Result<String, RenderError> {
    let ask = |result: &str| -> Result<String, Unquotable> {
        match heads {
            Some(heads) => Ok(format!(
                "note_heads {result} {}\n",
                asked("once", service, heads)?
            )),
            None => Ok(String::new()),
        }
    };
    let mut text = String::new();
    if heads.is_some() {
        // Where it was before the first run, not in the middle of one.
        text.push_str("[ -e \"$FD_FOLDER\"/results/schema_heads_before ] || ");
        text.push_str(&ask("schema_heads_before")?);
    }
    text.push_str(&format!(
        "migrate {} {service} {}\n",
        one_off::name(&quote(&compose.project)?, "\"$FD_FIRST\"", &step.id),
        words(command)?
    ));
    text.push_str(&ask("schema_heads")?);
    text.push_str("exit \"$migrate_exit\"\n");
    Ok(text)
}

/// Lets Compose read the environment files as the next pin makes them: the candidate migrates with the
/// candidate's variables, and the pin is not written yet.
fn candidate_variables(
    plan: &Plan,
    compose: &Compose,
    direction: Direction,
    step: &Step,
) -> Result<String, RenderError> {
    let later = plan
        .steps(direction)
        .iter()
        .skip_while(|other| other.id != step.id);
    let pins = later.filter_map(|step| match &step.intent {
        Intent::Pin { files } => Some(files),
        _ => None,
    });
    let mut text = String::new();
    for pin in pins.flatten() {
        let number = compose
            .environment_files
            .iter()
            .position(|file| is_file(&pin.path, file));
        if let (Some(number), Some(attachment)) = (number, &pin.attachment) {
            text.push_str(&format!(
                "environment_{}=\"$FD_FOLDER\"/attachments/{}\n",
                number + 1,
                quote(attachment)?
            ));
        }
    }
    Ok(text)
}

/// Whether an absolute path is that of a file as the configuration names it.
fn is_file(path: &str, configured: &str) -> bool {
    path == configured
        || path
            .strip_suffix(configured)
            .is_some_and(|before| before.ends_with('/'))
}

pub(super) fn backup(tool: &BackupTool) -> Result<String, RenderError> {
    Ok(match tool {
        BackupTool::PgDump {
            service,
            database,
            user,
        } => format!(
            "backup_postgres {service} {} {}\n",
            quote(database)?,
            quote(user)?
        ),
        BackupTool::Command { backup, .. } => format!("backup_command {}\n", quote(backup)?),
    })
}

pub(super) fn restore(tool: &BackupTool, from: &RestoreFrom) -> Result<String, RenderError> {
    let (first, handle) = match from {
        RestoreFrom::Handle(handle) => (String::new(), quote(handle)?),
        RestoreFrom::OwnBackup => (
            "own_backup\n[ -n \"$handle\" ] || exit 0\n".to_owned(),
            "\"$handle\"".to_owned(),
        ),
    };
    let call = match tool {
        BackupTool::PgDump {
            service,
            database,
            user,
        } => format!(
            "restore_postgres {handle} {service} {} {}\n",
            quote(database)?,
            quote(user)?
        ),
        BackupTool::Command { restore, .. } => match restore {
            Some(restore) => format!("restore_command {handle} {}\n", quote(restore)?),
            None => "fail 'no command is configured that brings a backup back'\n".to_owned(),
        },
    };
    Ok(first + &call)
}
