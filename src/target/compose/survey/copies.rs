//! The compose and environment files that are another now than with the release that a rollback returns to:
//! what differs, without a value, and the copies of then, where they are to come back.
//!
//! A copy is found by its fingerprint, among those that every operation has kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{super::pin::dotenv, frames::Part, read::ServerFile};
use crate::{
    config::{Environment, Pin, Service, Target},
    plan,
    release::{
        Fault, FaultKind, ServiceName,
        plan::{Deed, Request},
        survey::{ChangedFile, Survey},
        text,
    },
};

/// Settings named at most: more than anybody reads.
const MOST_SETTINGS: usize = 20;

/// A file that is another now.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// As the configuration names it.
    pub file: String,
    /// Its absolute path.
    pub path: String,
    /// Its fingerprint then.
    pub hash: String,
}

/// What was found of such a file.
pub(super) struct Found {
    pub file: String,
    /// As it is now; `None` if it is not there.
    pub now: Option<Vec<u8>>,
    /// As it was then; `None` if no copy is to be read.
    pub then: Option<Vec<u8>>,
    pub changed: ChangedFile,
}

/// Which files are another now than with the release that `request` rolls back to.
pub(super) fn wanted(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    request: &Request,
    survey: &Survey,
    files: &[ServerFile],
) -> Vec<Wanted> {
    let Deed::Rollback { to, .. } = &request.deed else {
        return Vec::new();
    };
    let recorded = plan::recorded_files(environment, services, to, survey);
    files
        .iter()
        .filter_map(|file| {
            let hash = recorded.get(&file.path)?;
            (file.fingerprint.as_ref() != Some(hash)).then(|| Wanted {
                file: file.name.clone(),
                path: file.path.clone(),
                hash: hash.clone(),
            })
        })
        .collect()
}

/// What was found of them. A file of which only the pins are others has not changed.
pub(super) fn found(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    wanted: &[Wanted],
    parts: &BTreeMap<String, Part>,
) -> Vec<Found> {
    let Target::Compose(compose) = &environment.target;
    let mut found = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let part = |name: &str| {
            parts
                .get(&format!("{name}-{number}"))
                .filter(|part| part.status == 0)
                .map(|part| part.bytes.clone())
        };
        let (now, then) = (part("now"), part("copy"));
        let pins = pins_of(&wanted.file, services);
        if pins.contains(&None) {
            continue;
        }
        let variables: BTreeSet<&str> = pins.into_iter().flatten().collect();
        let differs = match (&now, &then) {
            (Some(now), Some(then)) if compose.environment_files.contains(&wanted.file) => {
                variables_that_differ(now, then, &variables)
            }
            (Some(now), Some(then)) => lines_that_differ(now, then),
            (None, Some(_)) => vec!["it is gone".to_owned()],
            // Nobody can tell whether more than the pins is another.
            (_, None) if !variables.is_empty() => continue,
            (_, None) => vec!["no copy of it is left".to_owned()],
        };
        if !differs.is_empty() {
            found.push(Found {
                file: wanted.file.clone(),
                changed: ChangedFile {
                    path: wanted.path.clone(),
                    hash: wanted.hash.clone(),
                    differs,
                },
                now,
                then,
            });
        }
    }
    found
}

/// The variables by which a file pins services; `None` among them if it is an override file of ours.
fn pins_of<'a>(name: &str, services: &'a BTreeMap<ServiceName, Service>) -> Vec<Option<&'a str>> {
    services
        .values()
        .filter_map(|service| match &service.pin {
            Pin::Variable { file, variable, .. } => {
                (file == name).then_some(Some(variable.as_str()))
            }
            Pin::Override { file } => (file == name).then_some(None),
        })
        .collect()
}

/// Refuses where a file is to come back of which no copy is left.
pub(super) fn refuse_lost(environment: &Environment, found: &[Found]) -> Result<(), Fault> {
    let lost: Vec<&str> = found
        .iter()
        .filter(|found| found.then.is_none())
        .map(|found| found.file.as_str())
        .collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::Missing,
        environment.name.as_str(),
        format!(
            "no copy of that release's {} lies on the server, or this user may not read it",
            lost.join(", ")
        ),
    )
    .remedy("roll back without the files, or put them right by hand first"))
}

/// The names of the variables that two environment files do not agree on, the pins left out.
fn variables_that_differ(now: &[u8], then: &[u8], pins: &BTreeSet<&str>) -> Vec<String> {
    let values = |bytes| dotenv::values(bytes, &BTreeMap::new());
    let (Ok(now), Ok(then)) = (values(now), values(then)) else {
        return vec!["it cannot be read as an environment file".to_owned()];
    };
    let names: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
    names
        .into_iter()
        .filter(|name| !pins.contains(name.as_str()))
        .filter_map(|name| {
            let what = match (now.get(name), then.get(name)) {
                (Some(_), None) => "was not there",
                (None, Some(_)) => "is gone",
                (now, then) if now != then => "was another",
                _ => return None,
            };
            Some(format!("{} {what}", text::clean(name)))
        })
        .take(MOST_SETTINGS)
        .collect()
}

/// How many lines two files do not share, in words.
fn lines_that_differ(now: &[u8], then: &[u8]) -> Vec<String> {
    let lines = |bytes| -> BTreeMap<Vec<u8>, i64> {
        let mut counted = BTreeMap::new();
        for line in <[u8]>::split(bytes, |byte| *byte == b'\n') {
            *counted.entry(line.to_vec()).or_default() += 1;
        }
        counted
    };
    let (now, then) = (lines(now), lines(then));
    let only = |here: &BTreeMap<Vec<u8>, i64>, there: &BTreeMap<Vec<u8>, i64>| -> i64 {
        here.iter()
            .map(|(line, count)| (count - there.get(line).copied().unwrap_or_default()).max(0))
            .sum()
    };
    let (new, gone) = (only(&now, &then), only(&then, &now));
    match (new, gone) {
        (0, 0) => vec!["its lines are in another order".to_owned()],
        _ => vec![format!("{new} lines are new, {gone} are gone")],
    }
}

/// The settings on which two answers of `docker compose config` do not agree, by their paths and without
/// their values; the images of `pinned` services are left out, which are named elsewhere.
pub(super) fn settings_that_differ<'a>(
    now: Option<&Part>,
    candidate: Option<&Part>,
    pinned: impl Iterator<Item = &'a ServiceName>,
) -> Vec<String> {
    let read = |part: Option<&Part>| -> Option<Value> { serde_json::from_slice(&part?.bytes).ok() };
    let mut found = Vec::new();
    if let (Some(now), Some(candidate)) = (read(now), read(candidate)) {
        differences(&now, &candidate, "", &mut found);
    }
    let images: Vec<String> = pinned
        .map(|service| format!("services.{service}.image"))
        .collect();
    found.retain(|path| !images.contains(path));
    found.truncate(MOST_SETTINGS);
    found
}

fn differences(now: &Value, then: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| {
        let name = text::clean(name);
        if path.is_empty() {
            name
        } else {
            format!("{path}.{name}")
        }
    };
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            let names: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
            for name in names {
                let null = Value::Null;
                let (now, then) = (
                    now.get(name).unwrap_or(&null),
                    then.get(name).unwrap_or(&null),
                );
                differences(now, then, &below(name), found);
            }
        }
        (now, then) if now != then => found.push(path.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_no_value_is_told() {
        let now = b"A=1\nSECRET=new\nTAG=v2\nMORE=x\n";
        let then = b"A=1\nSECRET=old\nTAG=v1\nLESS=y\n";
        let differs = variables_that_differ(now, then, &["TAG"].into());
        assert_eq!(
            differs,
            ["LESS is gone", "MORE was not there", "SECRET was another"]
        );
        assert_eq!(
            lines_that_differ(b"a\nb\nc\n", b"a\nc\n"),
            ["1 lines are new, 0 are gone"]
        );
        let part = |text: &str| Part {
            status: 0,
            bytes: text.as_bytes().to_vec(),
            complaint: String::new(),
        };
        let pinned: ServiceName = "a".parse().unwrap();
        let settings = settings_that_differ(
            Some(&part(
                r#"{"services":{"a":{"image":"x:2","environment":{"KEY":"new","SAME":"1"}}}}"#,
            )),
            Some(&part(
                r#"{"services":{"a":{"image":"x:1","environment":{"KEY":"old","SAME":"1"}},"b":{}}}"#,
            )),
            [&pinned].into_iter(),
        );
        assert_eq!(settings, ["services.a.environment.KEY", "services.b"]);
    }

    #[test]
    fn a_file_of_which_only_the_pin_is_another_has_not_changed() {
        assert!(
            variables_that_differ(b"TAG=v2\nA=1\n", b"A=1\nTAG=v1\n", &["TAG"].into()).is_empty()
        );
    }
}
