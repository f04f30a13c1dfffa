//! Rails: one line of versions, which are times. The head is the newest version that is up.
//!
//! Whether a version can be undone Rails finds out only by doing it.

use crate::release::{
    plan::{HeadsFormat, HeadsQuery},
    survey::{SchemaRevision, Standing, Undo},
    text,
};

use super::{Known, MOST_REVISIONS, Named, Tool, WayDown, naming, with};

/// The version of a schema without any migration.
const NOTHING: &str = "0";
const NO_FILE: &str = "the image that runs does not have its file";

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

    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let mut found: Vec<SchemaRevision> = printed
            .lines()
            .filter_map(|line| {
                let (standing, rest) = line.trim().split_once(' ')?;
                let (version, name) = rest.trim_start().split_once(' ')?;
                if !is_version(version) {
                    return None;
                }
                let mut known = SchemaRevision::new(version, text::clean(name.trim()));
                known.standing = match (standing, name.contains("NO FILE")) {
                    ("up", true) => Standing::Missing,
                    ("up", false) => Standing::Applied,
                    ("down", false) => Standing::Pending,
                    _ => return None,
                };
                if known.standing == Standing::Missing {
                    known.undo = Undo::Refused(NO_FILE.to_owned());
                }
                Some(known)
            })
            .take(MOST_REVISIONS)
            .collect();
        found.sort_by_key(|known| std::cmp::Reverse(number(&known.revision)));
        found
    }

    fn named<'a>(&self, history: &'a [SchemaRevision], text: &str) -> Named<'a> {
        match text {
            NOTHING => Named::Word,
            _ => naming::in_full(history, text),
        }
    }

    fn is_behind(&self, known: &Known<'_>, revision: &str) -> bool {
        match revision {
            NOTHING => !known.now.is_empty(),
            _ => naming::is_applied_below(known, revision),
        }
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
            [] => NOTHING,
            [version] if is_version(version) => version,
            _ => return Err(format!("{} is no version of Rails'", goal.join(", "))),
        };
        if known.history.is_empty() {
            return Err("which versions are up could not be read".to_owned());
        }
        let at = known.applied().find(|known| known.revision == target);
        match at.map(|at| at.standing) {
            None if target != NOTHING => {
                return Err(format!(
                    "{target} is not up: it does not lie below where the database is"
                ));
            }
            Some(Standing::Missing) => {
                return Err(format!("Rails cannot go to {target}: {NO_FILE}"));
            }
            _ => {}
        }
        let undone = known
            .applied()
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
