//! Compose and environment files that are no longer what the last release was made with.

use crate::{
    config::{Environment, Pin},
    release::{
        observation::Files,
        operation::{OperationId, Outcome},
        plan::PlanKind,
        record::Record,
    },
};

use super::Fleet;

/// A file that is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDrift {
    /// Its path, as it is configured.
    pub file: String,
    /// Whether it is not there any more, or cannot be read.
    pub is_gone: bool,
    /// What people call the release that was made with it as it was.
    pub release: String,
    /// The operation that recorded that.
    pub since: OperationId,
}

impl FileDrift {
    /// The words for it.
    pub fn words(&self) -> String {
        let Self { file, release, .. } = self;
        let how = if self.is_gone {
            "gone or not readable"
        } else {
            "changed"
        };
        format!("{file} {how} since {release} (operation {})", self.since)
    }
}

impl Fleet {
    /// The files that are another than when the release that runs was recorded; nothing while an operation
    /// has not ended, which may be changing them, and where a newer flightdeck may have recorded another.
    pub fn file_drift(&self, environment: &Environment) -> Vec<FileDrift> {
        let Some(facts) = self.environment(&environment.name) else {
            return Vec::new();
        };
        match facts.files.value() {
            Some(files) if facts.operation().is_none() && files.newer.is_none() => {
                let pinning: Vec<&str> = environment
                    .services
                    .iter()
                    .filter_map(|name| self.config.services.get(name))
                    .map(|service| match &service.pin {
                        Pin::Variable { file, .. } | Pin::Override { file } => file.as_str(),
                    })
                    .collect();
                drift(files, &pinning)
            }
            _ => Vec::new(),
        }
    }
}

/// `pinning`: the files that pin services, which each release leaves otherwise than it has found them.
fn drift(files: &Files, pinning: &[&str]) -> Vec<FileDrift> {
    let releases = |record: &&Record| {
        // What else is done to an environment makes no container anew.
        matches!(
            record.kind,
            PlanKind::Adopt | PlanKind::Promote | PlanKind::Rollback
        )
    };
    let recorded = files.records.iter().rev().filter(releases);
    let Some((record, release)) = recorded
        .filter_map(|record| Some((record, record.runs()?)))
        .next()
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (file, now) in &files.hashes {
        let is_pinning = pinning.contains(&file.as_str());
        let then = match (is_pinning, record.kind, record.outcome) {
            (true, PlanKind::Promote | PlanKind::Rollback, Outcome::Succeeded) => {
                of_path(&release.pinned_files, file)
            }
            // What came back was pinned as it ran, whatever the file had said.
            (true, PlanKind::Promote | PlanKind::Rollback, _) if record.counts() => None,
            _ => of_path(&release.files, file),
        };
        let Some(then) = then else { continue };
        let is_another = match now {
            None => true,
            // Another algorithm cannot be compared.
            Some(now) => algorithm(now) == algorithm(then) && now != then,
        };
        if is_another {
            found.push(FileDrift {
                file: file.clone(),
                is_gone: now.is_none(),
                release: release.label(),
                since: record.operation,
            });
        }
    }
    found
}

fn algorithm(hash: &str) -> Option<&str> {
    hash.split_once(':').map(|(algorithm, _)| algorithm)
}

/// What is recorded of a configured path: records have absolute ones.
fn of_path<'a>(
    recorded: &'a std::collections::BTreeMap<String, String>,
    file: &str,
) -> Option<&'a String> {
    if let Some(hash) = recorded.get(file) {
        return Some(hash);
    }
    let end = format!("/{}", file.trim_start_matches("./"));
    recorded
        .iter()
        .filter(|(path, _)| path.ends_with(&end))
        .min_by_key(|(path, _)| path.len())
        .map(|(_, hash)| hash)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::release::record::Release;

    fn hashes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(path, hash)| ((*path).to_owned(), format!("sha256:{hash}")))
            .collect()
    }

    fn recorded(operation: u64, kind: &str, outcome: &str) -> Record {
        let line = serde_json::json!({
            "v": 1, "operation": operation, "environment": "production", "kind": kind,
            "operator": "mira", "origin": "laptop", "started": 1, "ended": 2, "outcome": outcome,
        });
        let release = Release {
            files: hashes(&[("/srv/shop/compose.yml", "a"), ("/srv/shop/.env", "b")]),
            ..Release::default()
        };
        Record {
            after: Release {
                pinned_files: hashes(&[("/srv/shop/.env", "c")]),
                ..release.clone()
            },
            before: release,
            ..serde_json::from_value(line).unwrap()
        }
    }

    fn told(records: Vec<Record>, compose: Option<&str>, env: &str) -> Vec<String> {
        let hash = |hash: &str| format!("sha256:{hash}");
        let files = Files {
            hashes: [
                ("compose.yml".to_owned(), compose.map(hash)),
                (".env".to_owned(), Some(hash(env))),
            ]
            .into(),
            records,
            ..Files::default()
        };
        let found = drift(&files, &[".env"]);
        found.iter().map(FileDrift::words).collect()
    }

    #[test]
    fn a_file_is_compared_with_what_the_release_was_made_with() {
        let promoted = || vec![recorded(41, "promote", "succeeded")];
        assert!(told(promoted(), Some("a"), "c").is_empty());
        assert_eq!(
            told(promoted(), Some("x"), "c"),
            ["compose.yml changed since nothing (operation 000041)"]
        );
        assert_eq!(
            told(promoted(), None, "b"),
            [
                ".env changed since nothing (operation 000041)",
                "compose.yml gone or not readable since nothing (operation 000041)"
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_no_drift() {
        assert!(told(Vec::new(), Some("x"), "x").is_empty());
        // An older flightdeck did not record what pinning left.
        let mut old = recorded(41, "promote", "succeeded");
        old.after.pinned_files.clear();
        assert!(told(vec![old], Some("a"), "x").is_empty());
        // A mark in between has looked and made nothing.
        let marked = vec![
            recorded(41, "promote", "succeeded"),
            recorded(42, "mark_bad", "succeeded"),
        ];
        assert_eq!(
            told(marked, Some("x"), "c"),
            ["compose.yml changed since nothing (operation 000041)"]
        );
        let back = vec![recorded(41, "promote", "went_back")];
        assert!(told(back, Some("a"), "z").is_empty());
        let adopted = vec![recorded(41, "adopt", "succeeded")];
        assert!(told(adopted, Some("a"), "b").is_empty());
    }
}
