//! Flyway: one line of versions. Its `undo` belongs to a paid edition, so it is used only where the
//! configuration says how.

use serde_json::Value;

use crate::release::{
    plan::{HeadsFormat, HeadsQuery},
    survey::{SchemaRevision, Standing, Undo},
    text,
};

use super::{Known, MOST_REVISIONS, Named, Tool, WayDown, filled, is_revision, with};

pub struct Flyway<'a> {
    /// What starts it: `["flyway"]`.
    pub command: &'a [String],
    /// What goes down to a revision, where it can.
    pub down: Option<&'a [String]>,
}

impl Tool for Flyway<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        Some(HeadsQuery {
            command: with(self.command, &["info", "-outputType=json"]),
            format: HeadsFormat::Flyway,
        })
    }

    fn history(&self) -> Option<Vec<String>> {
        Some(with(self.command, &["info", "-outputType=json"]))
    }

    /// In the order that Flyway tells them, turned round.
    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let told: Option<Value> = printed
            .find('{')
            .and_then(|at| serde_json::from_str(&printed[at..]).ok());
        let migrations = told
            .as_ref()
            .and_then(|told| told.get("migrations")?.as_array());
        let mut found: Vec<SchemaRevision> = migrations
            .into_iter()
            .flatten()
            .filter_map(|migration| {
                let word = |key: &str| migration.get(key).and_then(Value::as_str);
                let version = word("version").filter(|version| is_revision(version))?;
                let description = text::clean(word("description").unwrap_or(""));
                let mut known = SchemaRevision::new(version, description);
                known.standing = match word("state")? {
                    "Success" | "Out of Order" => Standing::Applied,
                    "Future" | "Missing" => Standing::Missing,
                    _ => Standing::Pending,
                };
                if word("undoable").is_some_and(|undoable| undoable == "No") {
                    known.undo = Undo::Refused("Flyway has no undo script for it".to_owned());
                }
                Some(known)
            })
            .take(MOST_REVISIONS)
            .collect();
        found.reverse();
        found
    }

    /// Flyway takes 1, 1.0 and 01 for the same version.
    fn named<'a>(&self, history: &'a [SchemaRevision], text: &str) -> Named<'a> {
        if ["current", "latest", "next"].contains(&text) {
            return Named::Word;
        }
        let meant = parts(text);
        let mut known = history.iter();
        known
            .find(|known| parts(&known.revision) == meant)
            .map_or(Named::Nothing, Named::One)
    }

    fn up(&self) -> Vec<String> {
        with(self.command, &["migrate"])
    }

    fn up_to(&self, revision: &str) -> Result<Vec<String>, String> {
        let target = format!("-target={revision}");
        Ok(with(self.command, &["migrate", &target]))
    }

    fn way_down(&self, known: &Known<'_>, goal: &[String]) -> Result<WayDown, String> {
        let down = self.down.ok_or(
            "Flyway's undo belongs to a paid edition: where you have it, add down = [\"flyway\", \"undo\", \
             \"-target={revision}\"] to the migration's configuration",
        )?;
        let [revision] = goal else {
            return Err("Flyway goes down to one version, and not to none".to_owned());
        };
        if !known.applied().any(|known| known.revision == *revision) {
            return Err(format!(
                "{revision} is not applied: it does not lie below where the database is"
            ));
        }
        let undone = known
            .applied()
            .take_while(|known| known.revision != *revision)
            .cloned()
            .collect();
        Ok(WayDown {
            undone,
            commands: vec![filled(down, revision)],
        })
    }
}

/// A version's parts, without zeros that mean nothing.
fn parts(version: &str) -> Vec<&str> {
    let parts = version.split(['.', '_']);
    let mut parts: Vec<&str> = parts.map(|part| part.trim_start_matches('0')).collect();
    while parts.last() == Some(&"") {
        parts.pop();
    }
    parts
}
