//! Backups by a command of the operator's own, and what is brought back.

use std::{cell::RefCell, time::Duration};

use flightdeck::release::{
    check::Check,
    operation::Outcome,
    plan::{BackupTool, Intent, OnStepFailure, RestoreFrom, Step},
};

use proptest::prelude::*;

use super::{shells::servers, step};
use crate::runner::hostile::of_some;

fn backup_command(command: &str) -> Step {
    let tool = BackupTool::Command {
        backup: command.to_owned(),
        restore: None,
    };
    step("backup", Intent::Backup { tool })
}

#[test]
fn a_backup_command_is_known_by_its_last_line_or_nothing_goes_on() {
    for mut server in servers() {
        let steps = vec![backup_command(
            "echo made; echo; echo ' arn:aws:rds/snap-42 '; echo",
        )];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(record.results["backup"], "arn:aws:rds/snap-42");
        assert_eq!(record.results.get("backup_size"), None);
        for (command, words) in [
            ("echo snap-42; exit 3", "exit code 3"),
            ("true", "printed no handle"),
            ("echo 'snap $(reboot)'", "cannot be recorded"),
            ("printf '%0600d' 0", "too long"),
        ] {
            let after = Check::Command {
                command: "touch migrated".to_owned(),
            };
            let after = Intent::Check {
                name: "migrate".to_owned(),
                check: after,
                attempts: 1,
                interval: Duration::ZERO,
                timeout: Duration::from_secs(10),
            };
            let steps = vec![backup_command(command), step("migrate", after)];
            let (record, output) = server.operate(steps, &[], server.basis());
            assert_eq!(record.step.as_deref(), Some("backup"), "{output}");
            assert!(output.contains(words), "{command}: {output}");
            assert_eq!(record.results.get("backup"), None);
            assert!(!server.file("migrated").exists(), "it went on: {command}");
        }
        // One that names a file has a size.
        let steps = vec![backup_command("printf 12345 >dump; echo dump")];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.results["backup_size"], "5", "{output}");
    }
}

#[test]
fn a_restore_command_gets_the_handle_as_it_is() {
    const HANDLE: &str = "it's $(reboot) \"$HOME\" `reboot`";
    for mut server in servers() {
        let tool = BackupTool::Command {
            backup: String::new(),
            restore: Some("printf %s \"$FD_HANDLE\" >got".to_owned()),
        };
        let from = RestoreFrom::Handle(HANDLE.to_owned());
        let steps = vec![step("restore", Intent::Restore { tool, from })];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("got"), HANDLE);
    }
}

#[test]
fn a_database_that_was_not_touched_is_not_brought_back() {
    for mut server in servers() {
        let tool = || BackupTool::Command {
            backup: "echo own".to_owned(),
            restore: Some(
                "printf '%s ' \"$FD_HANDLE\" >>got; test \"$FD_HANDLE\" = own".to_owned(),
            ),
        };
        let restore = |id: &str, from| step(id, Intent::Restore { tool: tool(), from });
        let save = || step("backup", Intent::Backup { tool: tool() });
        let steps = vec![save(), restore("back", RestoreFrom::OwnBackup)];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert!(output.contains("was not touched"), "{output}");
        assert!(!server.file("got").exists());
        // Touched, and then back to what this operation saved before.
        let mut touch = restore("restore", RestoreFrom::Handle("older".to_owned()));
        touch.failure = OnStepFailure::Reported;
        let steps = vec![save(), touch, restore("back", RestoreFrom::OwnBackup)];
        let (record, output) = server.operate(steps, &[], server.basis());
        assert_eq!(record.outcome, Outcome::Succeeded, "{output}");
        assert_eq!(server.read("got"), "older own ");
    }
}

#[test]
fn a_backup_is_known_by_exactly_what_its_command_printed_last() {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ._:/@+,-".contains(c);
    for server in servers() {
        let server = RefCell::new(server);
        let most = prop::sample::select(
            ('\u{1}'..'\u{80}')
                .filter(|c| plain(*c))
                .collect::<Vec<_>>(),
        );
        let character = prop_oneof![100 => most, 4 => Just('\n'), 1 => any::<char>()];
        let printed = prop::collection::vec(character, 0..60);
        of_some(8, printed, |printed| {
            let printed: String = printed.into_iter().filter(|c| *c != '\0').collect();
            let mut server = server.borrow_mut();
            server.write("printed", &printed);
            let tool = BackupTool::Command {
                backup: "cat printed".to_owned(),
                restore: None,
            };
            let steps = vec![step("backup", Intent::Backup { tool })];
            let basis = server.basis();
            let (record, output) = server.operate(steps, &[], basis);
            let mut lines = printed
                .split('\n')
                .map(|line| line.trim_matches([' ', '\t']));
            let handle = lines.rfind(|line| !line.is_empty());
            let handle = handle.filter(|handle| handle.chars().all(plain));
            assert_eq!(
                record.results.get("backup").map(String::as_str),
                handle,
                "{output}"
            );
            assert_eq!(
                record.outcome == Outcome::Succeeded,
                handle.is_some(),
                "{output}"
            );
        });
    }
}
