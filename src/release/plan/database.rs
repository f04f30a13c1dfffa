//! How a step asks the database where its schema is, saves it and brings it back.

use serde::{Deserialize, Serialize};

use crate::release::ServiceName;

/// How a migration tool is asked, in a service's container, where the schema is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadsQuery {
    /// The command and its arguments inside the container.
    pub command: Vec<String>,
    /// How its answer is read.
    pub format: HeadsFormat,
}

/// How a tool's answer names the schema's heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadsFormat {
    /// One head a line, alone or before a bracket: Alembic's `current`, and most commands.
    Lines,
    /// Django's `showmigrations --plan`: the last `[X]` of each app.
    Django,
    /// Rails' `db:migrate:status`: the newest version that is `up`.
    Rails,
    /// Flyway's `info -outputType=json`: its `schemaVersion`.
    Flyway,
}

/// How a database is saved and brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case")]
pub enum BackupTool {
    /// `pg_dump` and `pg_restore` in the database's own container. A backup's handle is its file's path,
    /// relative to the project's directory.
    PgDump {
        /// The database's service.
        service: ServiceName,
        /// The database.
        database: String,
        /// Who owns it.
        user: String,
    },
    /// Commands of the operator's on the server, in the project's directory, for `sh -c`.
    Command {
        /// Prints the backup's handle as its last line.
        backup: String,
        /// Brings back the backup whose handle is `$FD_HANDLE`; `None` where nothing can.
        restore: Option<String>,
    },
}

/// Which backup is brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreFrom {
    /// The one with this handle, which an operation recorded.
    Handle(String),
    /// The one that this operation made before it began to restore; nothing is done where it never came
    /// to that.
    OwnBackup,
}
