//! Compose and environment files that are no longer what the last release was made with.

use crate::{
    config::{Environment, Pin},
    release::{
        observation::Files,
        operation::{OperationId, Outcome},
        plan::PlanKind,
        record::{Record, Release},
    },
};

use super::{
    Fleet,
    unsettled::{self, LeftBy},
};

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
    /// The operation that left it so, where that is one that nobody knows the outcome of.
    pub left_by: Option<LeftBy>,
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
        let by = self
            .left_by
            .as_ref()
            .map(|by| format!(" by {},", by.words()));
        let by = by.unwrap_or_default();
        format!(
            "{file} {how}{by} since {release} (operation {})",
            self.since
        )
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
    // What else is done to an environment makes no container anew.
    let makes_release = |kind| {
        matches!(
            kind,
            PlanKind::Adopt | PlanKind::Promote | PlanKind::Rollback
        )
    };
    let recorded = files.records.iter().rev();
    let recorded = recorded.filter(|record| makes_release(record.kind));
    let Some((record, release)) = recorded
        .filter_map(|record| Some((record, record.runs()?)))
        .next()
    else {
        return Vec::new();
    };
    let unsettled = unsettled::since(files, Some(record.operation));
    let mut found = Vec::new();
    for (file, now) in &files.hashes {
        let Some(then) = as_left(record, release, file, pinning) else {
            continue;
        };
        let is_another = match now {
            None => true,
            // Another algorithm cannot be compared.
            Some(now) => algorithm(now) == algorithm(then) && now != then,
        };
        if !is_another {
            continue;
        }
        let mut left_by = None;
        if let Some(now) = now {
            let wrote: Vec<_> = unsettled.iter().map(|one| one.wrote(file, now)).collect();
            match wrote.iter().position(|wrote| *wrote == Some(true)) {
                Some(at) => left_by.clone_from(&unsettled[at].by),
                // It may be what a way back wrote.
                None if wrote.contains(&None) => continue,
                None => {}
            }
        }
        found.push(FileDrift {
            file: file.clone(),
            is_gone: now.is_none(),
            release: release.label(),
            since: record.operation,
            left_by,
        });
    }
    found
}

/// The fingerprint that a file had once an operation had made its release; `None` where nobody knows.
fn as_left<'a>(
    record: &'a Record,
    release: &'a Release,
    file: &str,
    pinning: &[&str],
) -> Option<&'a String> {
    if matches!(record.kind, PlanKind::Promote | PlanKind::Rollback) {
        let written = record.after.pinned_file(file);
        let is_pinning = written.is_some() || pinning.contains(&file);
        if is_pinning && record.outcome == Outcome::Succeeded {
            // An older flightdeck did not record it.
            return written;
        }
        if is_pinning && record.counts() {
            // What came back was pinned as it ran, whatever the file had said.
            return None;
        }
    }
    release.file(file)
}

fn algorithm(hash: &str) -> Option<&str> {
    hash.split_once(':').map(|(algorithm, _)| algorithm)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

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
    fn what_a_stuck_operation_left_is_told_as_its_own_deed() {
        let stuck = || recorded(42, "rollback", "stuck");
        let told = |stuck: Record, env: &str| {
            let mut promoted = recorded(41, "promote", "succeeded");
            promoted.after.pinned_files = hashes(&[("/srv/shop/.env", "d")]);
            told(vec![promoted, stuck], Some("a"), env)
        };
        assert!(told(stuck(), "d").is_empty());
        assert_eq!(
            told(stuck(), "c"),
            [".env changed by operation 000042, which is stuck, since nothing (operation 000041)"]
        );
        let elses = [".env changed since nothing (operation 000041)"];
        assert_eq!(told(stuck(), "x"), elses);
        // What it wrote on its way back is not recorded.
        let mut back = stuck();
        back.times.insert("back/pin".to_owned(), 1);
        assert!(told(back.clone(), "x").is_empty());
        // It writes no other file.
        let records = vec![recorded(41, "promote", "succeeded"), back];
        assert_eq!(
            super::tests::told(records, Some("x"), "c"),
            ["compose.yml changed since nothing (operation 000041)"]
        );
    }

    #[test]
    fn a_file_that_a_rollback_brought_back_is_as_it_shall_be() {
        let mut back = recorded(42, "rollback", "succeeded");
        let brought = hashes(&[("/srv/shop/compose.yml", "o"), ("/srv/shop/.env", "c")]);
        back.after.pinned_files = brought;
        assert!(told(vec![back.clone()], Some("o"), "c").is_empty());
        assert_eq!(
            told(vec![back], Some("a"), "c"),
            ["compose.yml changed since nothing (operation 000042)"]
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
