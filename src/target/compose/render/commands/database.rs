//! Migrations, backups, and bringing them back.

use super::{People, image_file, word};
use crate::{
    release::{
        ServiceName,
        plan::{BackupTool, HeadsQuery, ImageName, RestoreFrom, Step},
        text::clean,
    },
    target::compose::{one_off, render::names},
};

impl People<'_> {
    pub(super) fn migrate(
        &self,
        step: &Step,
        service: &ServiceName,
        image: &ImageName,
        command: &[String],
        heads: Option<&HeadsQuery>,
    ) -> Vec<String> {
        let file = format!("{}.yml", step.id);
        let container = one_off::name(&self.compose.project, &self.operation.to_string(), &step.id);
        let mut words = vec![
            "-f",
            &file,
            "run",
            "-d",
            "--no-deps",
            "-T",
            "--name",
            &container,
            service.as_str(),
        ];
        words.extend(command.iter().map(String::as_str));
        let mut commands = vec![
            image_file(step, service, image),
            self.docker_compose(&words),
            self.docker(&["logs", "-f", &container]),
            self.docker(&["wait", &container]),
        ];
        commands.extend(heads.map(|heads| self.once(step, service, heads)));
        commands
    }

    /// Asks where the schema is with the image of a step's own Compose file.
    pub(super) fn once(&self, step: &Step, service: &ServiceName, heads: &HeadsQuery) -> String {
        let file = format!("{}.yml", step.id);
        let mut words = vec![
            "-f",
            &file,
            "run",
            "--rm",
            "--no-deps",
            "-T",
            service.as_str(),
        ];
        words.extend(heads.command.iter().map(String::as_str));
        self.docker_compose(&words)
    }

    pub(super) fn backup(&self, tool: &BackupTool) -> Vec<String> {
        match tool {
            BackupTool::PgDump {
                service,
                database,
                user,
            } => {
                let handle = names::backup(&self.compose.project, self.operation);
                let dump = self.exec(
                    service,
                    &["pg_dump", "-Fc", "-U", user, "-d", database].map(str::to_owned),
                );
                vec![format!("{dump} >{}", word(&handle))]
            }
            BackupTool::Command { backup, .. } => vec![clean(backup)],
        }
    }

    pub(super) fn restore(&self, tool: &BackupTool, from: &RestoreFrom) -> Vec<String> {
        let handle = match from {
            RestoreFrom::Handle(handle) => handle.clone(),
            RestoreFrom::OwnBackup => names::backup(&self.compose.project, self.operation),
        };
        match tool {
            BackupTool::PgDump {
                service,
                database,
                user,
            } => {
                let restore = [
                    "pg_restore",
                    "--clean",
                    "--if-exists",
                    "--single-transaction",
                    "-U",
                    user,
                    "-d",
                    database,
                ];
                vec![
                    format!(
                        "# in one transaction, after everything in {} has been dropped",
                        clean(database)
                    ),
                    format!(
                        "{} <{}",
                        self.exec(service, &restore.map(str::to_owned)),
                        word(&handle)
                    ),
                ]
            }
            BackupTool::Command { restore, .. } => restore
                .iter()
                .flat_map(|restore| {
                    [
                        format!("export FD_HANDLE={}", word(&handle)),
                        clean(restore),
                    ]
                })
                .collect(),
        }
    }
}
