//! `[environments.NAME.backup]`: how an environment's database is saved, and brought back.

use toml::Spanned;

use super::reader::{self, Fields};
use crate::config::{Backup, keys, problem::Problems};
use crate::release::{ServiceName, plan::BackupTool};

/// How many backups of our own stay, unless configured.
const KEEP: u64 = 5;
/// How long saving or bringing back may take, unless configured, in seconds.
const TIMEOUT: u64 = 3600;

/// Reads how the database is saved, if it is.
pub(super) fn read(environment: &Fields<'_>, p: &mut Problems) -> Option<Backup> {
    let value = environment.get("backup")?;
    let fields = Fields::open(
        value,
        environment.key_span("backup")?,
        format!("the backup of {}", environment.name()),
        keys::BACKUP,
        p,
    )?;
    let keep = fields.number("keep", 1..=1000, KEEP, p);
    let timeout = fields.seconds("timeout", 1..=86_400, TIMEOUT, p);
    let stop = fields
        .parsed_list::<ServiceName>("stop", p)
        .map(|services| services.into_iter().map(Spanned::into_inner).collect());
    let tool = fields
        .required("tool", "tool = \"pg_dump\" or tool = \"command\"", p)
        .and_then(|value| reader::text(value, "tool", p))?;
    let foreign: &[&str] = match *tool.get_ref() {
        "pg_dump" => &["command", "restore"],
        "command" => &["service", "database", "user"],
        other => {
            p.add(
                tool.span(),
                format!("{other:?} is not a backup tool that is known"),
                "write \"pg_dump\", or \"command\" with a command of your own",
            );
            return None;
        }
    };
    for key in foreign {
        if let Some(span) = fields.key_span(key) {
            p.add(span, format!("{} has no {key:?}", tool.get_ref()), "");
        }
    }
    let tool = match *tool.get_ref() {
        "pg_dump" => pg_dump(&fields, p)?,
        _ => BackupTool::Command {
            backup: fields
                .required("command", "command = \"./backup\"", p)
                .and_then(|value| reader::text(value, "command", p))
                .map(|text| (*text.get_ref()).to_owned())?,
            restore: fields
                .text("restore", p)
                .map(|text| (*text.get_ref()).to_owned()),
        },
    };
    Some(Backup {
        tool,
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
        stop,
        timeout,
    })
}

fn pg_dump(fields: &Fields<'_>, p: &mut Problems) -> Option<BackupTool> {
    let service = fields
        .required("service", "service = \"database\"", p)
        .and_then(|value| reader::text(value, "service", p))
        .and_then(|name| reader::parse::<ServiceName>(&name, p));
    let database = fields
        .required("database", "database = \"shop\"", p)
        .and_then(|value| reader::text(value, "database", p))
        .and_then(|text| identifier(&text, p));
    let user = fields
        .required("user", "user = \"shop\"", p)
        .and_then(|value| reader::text(value, "user", p))
        .and_then(|text| identifier(&text, p));
    Some(BackupTool::PgDump {
        service: service?,
        database: database?,
        user: user?,
    })
}

/// A name that PostgreSQL's programs take for nothing else: neither an option nor a connection string.
fn identifier(text: &Spanned<&str>, p: &mut Problems) -> Option<String> {
    let name = *text.get_ref();
    let ok = (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if !ok {
        p.add(
            text.span(),
            format!("{name:?} cannot be given to pg_dump as a name"),
            "use letters, digits, '_', '-' and '.'",
        );
    }
    ok.then(|| name.to_owned())
}
