//! Rails: one line of versions, which are times. The head is the newest version that is up.
//!
//! Whether a version can be undone Rails finds out only by doing it.

use crate::release::{
    plan::{HeadsFormat, HeadsQuery},
    survey::{SchemaRevision, Undo},
    text,
};

use super::{Known, MOST_REVISIONS, Tool, WayDown, with};

pub struct Rails<'a> {
    /// What starts it: `["bin/rails"]`.
    pub command: &'a [String],
}

impl Tool for Rails<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        Some(HeadsQuery {
            command: with(self.command, &["db:migrate:status"]),
            format: HeadsFormat::Rails,
        })
    }

    fn history(&self) -> Option<Vec<String>> {
        Some(with(self.command, &["db:migrate:status"]))
    }

    /// Those that are up.
    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let mut found: Vec<SchemaRevision> = printed
            .lines()
            .filter_map(|line| {
                let (version, name) = line
                    .trim()
                    .strip_prefix("up ")?
                    .trim_start()
                    .split_once(' ')?;
                let mut known = is_version(version)
                    .then(|| SchemaRevision::new(version, text::clean(name.trim())))?;
                if name.contains("NO FILE") {
                    known.undo =
                        Undo::Refused("the image that runs does not have its file".to_owned());
                }
                Some(known)
            })
            .take(MOST_REVISIONS)
            .collect();
        found.sort_by_key(|known| std::cmp::Reverse(number(&known.revision)));
        found
    }

    fn up(&self) -> Vec<String> {
        with(self.command, &["db:migrate"])
    }

    fn up_to(&self, revision: &str) -> Result<Vec<String>, String> {
        if !is_version(revision) {
            return Err(format!(
                "{revision:?} is no version of Rails': they are numbers"
            ));
        }
        let version = format!("VERSION={revision}");
        Ok(with(self.command, &["db:migrate", &version]))
    }

    fn way_down(&self, known: &Known<'_>, goal: &[String]) -> Result<WayDown, String> {
        let target = match goal {
            [] => "0",
            [version] if is_version(version) => version,
            _ => return Err(format!("{} is no version of Rails'", goal.join(", "))),
        };
        if target != "0" && !known.history.iter().any(|known| known.revision == target) {
            return Err(format!(
                "{target} is not up: it does not lie below where the database is"
            ));
        }
        let undone = known
            .history
            .iter()
            .take_while(|known| number(&known.revision) > number(target))
            .cloned()
            .collect();
        let commands = vec![self.up_to(target)?];
        Ok(WayDown { undone, commands })
    }
}

fn is_version(text: &str) -> bool {
    (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}
