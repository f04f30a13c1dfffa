//! Both trips' scripts as they travel, for everything that can be asked for, under shellcheck.

use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

use super::*;
use crate::{
    config::{self, Config},
    release::{
        operation::OperationId,
        plan::{MarkedRelease, RollbackTo, SchemaChoice},
    },
    target::compose::pin::Rendered,
};

/// What travels in one trip or the other.
const SOURCES: [&str; 7] = [
    include_str!("../../render/sh/common.sh"),
    include_str!("../../render/sh/heads.sh"),
    include_str!("../../render/sh/postgres.sh"),
    include_str!("../survey.sh"),
    include_str!("../first.sh"),
    include_str!("../../../../../assets/newer.sh"),
    include_str!("../../../../../assets/claim.sh"),
];

fn deeds() -> Vec<Deed> {
    let back = |to, schema, files| Deed::Rollback { to, schema, files };
    vec![
        Deed::Adopt,
        promote(2),
        back(RollbackTo::LastHealthy, SchemaChoice::ImageOnly, false),
        back(
            RollbackTo::Operation(OperationId(7)),
            SchemaChoice::Downgrade,
            true,
        ),
        back(
            RollbackTo::Image {
                service: of("backend"),
                image: image_id(1),
            },
            SchemaChoice::Restore,
            false,
        ),
        Deed::Restore { operation: None },
        Deed::CleanUp {
            keep: 5,
            older_than: Duration::ZERO,
        },
        Deed::MarkBad {
            release: MarkedRelease::Running,
        },
        Deed::Migrate {
            versions: BTreeMap::new(),
            to: Some("a1f3".to_owned()),
        },
    ]
}

/// The scripts of `deed` in those environments.
fn scripts_of(config: &Config, environments: &[Environment], deed: &Deed) -> Vec<Vec<u8>> {
    let hostile = "it's; two & words";
    let wanted = [copies::Wanted {
        file: hostile.to_owned(),
        path: format!("/srv/{hostile}"),
        hash: Algorithm::Sha256.fingerprint(b""),
    }];
    let undo = vec![vec!["grep".to_owned(), hostile.to_owned()]];
    let mut travels = Vec::new();
    for environment in environments {
        let Target::Compose(compose) = &environment.target;
        let others = config.environments.iter();
        let neighbours: Vec<Environment> = others
            .filter(|other| other.name != environment.name)
            .cloned()
            .collect();
        let request = Request {
            environment: environment.name.clone(),
            deed: deed.clone(),
            reason: hostile.to_owned(),
            overrides: Vec::new(),
        };
        let candidates: Vec<Rendered> = [&compose.environment_files, &compose.files]
            .into_iter()
            .filter_map(|files| files.first())
            .map(|file| Rendered {
                file: file.clone(),
                bytes: hostile.as_bytes().to_vec(),
                summary: Vec::new(),
            })
            .collect();
        let services = &config.services;
        travels.extend([
            scripts::first(environment, services, &neighbours, &request).unwrap(),
            scripts::copies(environment, services, &wanted, &request).unwrap(),
            scripts::second(environment, services, &candidates, &undo, &wanted, &request).unwrap(),
        ]);
    }
    travels
}

/// `script` with what its sources tell shellcheck of single lines: no comment travels.
fn with_remarks(script: &str) -> String {
    let mut remarks: BTreeMap<&str, &str> = BTreeMap::new();
    for source in SOURCES {
        let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
        for pair in lines.windows(2) {
            if pair[0].starts_with("# shellcheck disable=") {
                remarks.insert(pair[1], pair[0]);
            }
        }
    }
    let remarked = |line: &str| match remarks.get(line) {
        Some(remark) => format!("{remark}\n{line}\n"),
        None => format!("{line}\n"),
    };
    script.lines().map(remarked).collect()
}

#[test]
fn shellcheck_has_nothing_to_say_of_what_travels_for_a_plan() {
    let example = include_str!("../../../../../config.example.toml");
    let config = config::parse(example, Path::new("config.example.toml")).unwrap();
    // The example has every key. Environments differ in what is configured, deeds in what is asked.
    let mut travels = scripts_of(&config, &config.environments, &promote(2));
    let production: Vec<Environment> = config
        .environments
        .iter()
        .filter(|environment| environment.name == of("production"))
        .cloned()
        .collect();
    for deed in deeds() {
        travels.extend(scripts_of(&config, &production, &deed));
    }
    travels.sort();
    travels.dedup();
    assert!(travels.len() > deeds().len());
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for (number, script) in travels.into_iter().enumerate() {
        let script = String::from_utf8(script).unwrap();
        let name = format!("{number}.sh");
        fs::write(folder.path().join(&name), with_remarks(&script)).unwrap();
        names.push(name);
    }
    // A part that is laid for several scripts sets what only some of them use; and what is quoted is meant
    // as it stands.
    let Ok(said) = Command::new("shellcheck")
        .args(["--shell=sh", "--exclude=SC2034,SC2016"])
        .args(&names)
        .current_dir(&folder)
        .output()
    else {
        assert!(
            std::env::var_os("FLIGHTDECK_REAL").is_none(),
            "shellcheck is not installed"
        );
        eprintln!("not run: shellcheck is not installed");
        return;
    };
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{words}");
}
