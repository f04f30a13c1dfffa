//! What travels of a plan's steps is clean under shellcheck.

use std::{collections::BTreeMap, path::Path, time::Duration};

use flightdeck::release::{
    check::Check,
    plan::{BackupTool, HeadsFormat, HeadsQuery, ImageName, Intent, Removal, RestoreFrom},
};

use super::{name, pins::pin, shells::servers, step, words};
use crate::support::shellcheck::shellcheck;

#[test]
fn shellcheck_has_nothing_to_say_of_what_travels() {
    let Some(mut shellcheck) = shellcheck() else {
        return;
    };
    let Some(mut server) = servers().into_iter().next() else {
        return;
    };
    let backend = || name("backend");
    let image = || {
        let reference = format!("ghcr.io/acme/shop@sha256:{}", "1".repeat(64));
        ImageName::Reference(reference.parse().unwrap())
    };
    let postgres = || BackupTool::PgDump {
        service: backend(),
        database: "shop".to_owned(),
        user: "it's".to_owned(),
    };
    let hostile = || words(&["sh", "-c", "echo '$(reboot)' `reboot` \"$HOME\"; exit"]);
    let heads = || HeadsQuery {
        command: hostile(),
        format: HeadsFormat::Rails,
    };
    let mut steps = pin(Path::new("/it's $HOME/.env"), Some("A"), Some("candidate"));
    let intents = [
        Intent::Snapshot {
            files: words(&["/it's $HOME/.env"]),
            keep: BTreeMap::from([(backend(), image())]),
        },
        Intent::Keep {
            service: backend(),
            image: image(),
        },
        Intent::KnowsSchema {
            service: backend(),
            image: image(),
            heads: heads(),
            at: Some(hostile()),
        },
        Intent::Migrate {
            service: backend(),
            image: image(),
            command: hostile(),
            heads: Some(heads()),
            summary: String::new(),
        },
        Intent::Backup { tool: postgres() },
        Intent::Backup {
            tool: BackupTool::Command {
                backup: "echo 'snap-1'".to_owned(),
                restore: None,
            },
        },
        Intent::Stop {
            services: vec![backend()],
        },
        Intent::Restore {
            tool: postgres(),
            from: RestoreFrom::OwnBackup,
        },
        Intent::Restore {
            tool: BackupTool::Command {
                backup: String::new(),
                restore: Some("echo \"$FD_HANDLE\"".to_owned()),
            },
            from: RestoreFrom::Handle("it's $HOME".to_owned()),
        },
        Intent::Start {
            services: vec![backend()],
        },
        Intent::CleanUp {
            removals: vec![
                Removal::Image {
                    id: format!("sha256:{}", "1".repeat(64)).parse().unwrap(),
                    label: "backend v1".to_owned(),
                    references: vec!["flightdeck.keep/shop/backend:1".parse().unwrap()],
                    all: true,
                    frees: None,
                },
                Removal::Container {
                    id: "c0ffee".to_owned(),
                    name: "fd-shop-1-migrate".to_owned(),
                },
                Removal::Backup {
                    handle: "it's $HOME".to_owned(),
                    size: 1,
                },
            ],
        },
        Intent::Switch {
            services: vec![backend()],
            expected: BTreeMap::from([(backend(), image())]),
            dependencies: false,
            reasons: BTreeMap::new(),
        },
        Intent::Roll {
            service: backend(),
            expected: image(),
            replicas: 2,
            stable_for: Duration::ZERO,
            dependencies: false,
            reason: String::new(),
        },
        Intent::Restart {
            services: vec![backend()],
        },
        Intent::Check {
            name: "it's".to_owned(),
            check: Check::Exec {
                service: backend(),
                command: hostile(),
            },
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(10),
        },
        Intent::Observe {
            services: vec![backend()],
            heads: Some((backend(), heads())),
        },
    ];
    for (number, intent) in intents.into_iter().enumerate() {
        steps.push(step(&format!("step-{number}"), intent));
    }
    let ids: Vec<String> = steps.iter().map(|step| step.id.clone()).collect();
    server.operate(steps, &[("candidate", "TAG=v2\n")], server.basis());
    // Of what is excluded: a part is used by some steps and set by others, a word is split and a
    // pattern matched on purpose, as the sources say in comments that do not travel.
    let said = shellcheck
        .arg("--external-sources")
        .arg("--exclude=SC2016,SC2034,SC2086,SC2154,SC2254")
        .arg("basis.sh")
        .args(ids.iter().map(|id| format!("forward/{id}.sh")))
        .current_dir(server.file(".flightdeck/shop/operations/000001"))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{words}");
}
