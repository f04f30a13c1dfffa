//! An environment's database: how it is saved, and how its schema is migrated.

use std::time::Duration;

use crate::release::{ServiceName, plan::BackupTool};

/// How an environment's database is saved before a migration, and brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// With what.
    pub tool: BackupTool,
    /// How many backups of our own a clean-up leaves.
    pub keep: usize,
    /// The services that are stopped while a backup is brought back; `None`: those that depend on the
    /// database's.
    pub stop: Option<Vec<ServiceName>>,
    /// How long saving or bringing back may take.
    pub timeout: Duration,
}

/// A schema's migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// With which service's image and configuration.
    pub service: ServiceName,
    /// The tool, which says how heads are read and how it goes down.
    pub tool: MigrationTool,
}

/// The tools that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationTool {
    /// Alembic; the command that starts it, `alembic` unless configured.
    Alembic {
        /// Such as `["alembic", "-c", "db/alembic.ini"]`.
        command: Vec<String>,
    },
    /// Django's own.
    Django {
        /// Such as `["python", "manage.py"]`.
        command: Vec<String>,
    },
    /// Rails' own.
    Rails {
        /// Such as `["bin/rails"]`.
        command: Vec<String>,
    },
    /// Prisma; where the schema is cannot be read, and it cannot go down.
    Prisma {
        /// Such as `["npx", "prisma"]`.
        command: Vec<String>,
    },
    /// Flyway; it goes down only where `down` says how.
    Flyway {
        /// Such as `["flyway"]`.
        command: Vec<String>,
        /// Goes down to `{revision}`.
        down: Option<Vec<String>>,
    },
    /// Any command.
    Command {
        /// What migrates to the newest.
        up: Vec<String>,
        /// What prints the heads, one a line.
        heads: Option<Vec<String>>,
        /// Goes down to `{revision}`.
        down: Option<Vec<String>>,
    },
}
