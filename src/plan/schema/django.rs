//! Django: a line of migrations for each app. A head is `app.migration`, the last one applied of each.
//!
//! Django passes over applied migrations that an image does not have, in silence: that a database is
//! ahead of an image is seen only by comparing what two images know.

use std::collections::BTreeMap;

use crate::release::{
    plan::{HeadsFormat, HeadsQuery},
    survey::{SchemaRevision, Standing, Undo},
    text,
};

use super::{Known, MOST_ASKED, MOST_REVISIONS, Named, Tool, WayDown, is_revision, naming, with};

pub struct Django<'a> {
    /// What starts it: `["python", "manage.py"]`.
    pub command: &'a [String],
}

impl Tool for Django<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        Some(HeadsQuery {
            command: with(self.command, &["showmigrations", "--plan"]),
            format: HeadsFormat::Django,
        })
    }

    fn history(&self) -> Option<Vec<String>> {
        Some(with(self.command, &["showmigrations", "--plan"]))
    }

    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let mut found: Vec<SchemaRevision> = printed
            .lines()
            .filter_map(|line| {
                let line = line.trim();
                let (standing, name) = match line.strip_prefix("[X]") {
                    Some(name) => (Standing::Applied, name.trim()),
                    None => (Standing::Pending, line.strip_prefix("[ ]")?.trim()),
                };
                let name = text::clean(name);
                is_migration(&name).then(|| SchemaRevision {
                    standing,
                    ..SchemaRevision::new(name, "")
                })
            })
            .take(MOST_REVISIONS)
            .collect();
        found.reverse();
        found
    }

    fn named<'a>(&self, history: &'a [SchemaRevision], text: &str) -> Named<'a> {
        let is_app_of = |known: &SchemaRevision, app: &str| {
            known
                .revision
                .split_once('.')
                .is_some_and(|(of, _)| of == app)
        };
        match text.split_once('.') {
            Some((app, "zero")) if history.iter().any(|known| is_app_of(known, app)) => Named::Word,
            Some((_, name)) if !name.is_empty() => naming::abbreviated(history, text),
            _ => Named::Nothing,
        }
    }

    fn is_behind(&self, known: &Known<'_>, revision: &str) -> bool {
        match named(revision) {
            Ok((app, "zero")) => {
                let mut now = known.now.iter();
                now.any(|head| named(head).is_ok_and(|(of, _)| of == app))
            }
            _ => naming::is_applied_below(known, revision),
        }
    }

    fn up(&self) -> Vec<String> {
        with(self.command, &["migrate", "--noinput"])
    }

    fn up_to(&self, revision: &str) -> Result<Vec<String>, String> {
        let (app, name) = named(revision)?;
        Ok(with(self.command, &["migrate", "--noinput", app, name]))
    }

    fn way_down(&self, known: &Known<'_>, goal: &[String]) -> Result<WayDown, String> {
        let by_app = |heads: &[String]| -> Result<BTreeMap<String, String>, String> {
            heads
                .iter()
                .map(|head| named(head).map(|(app, name)| (app.to_owned(), name.to_owned())))
                .collect()
        };
        let (now, goal) = (by_app(known.now)?, by_app(goal)?);
        if now.is_empty() {
            return Err("which migrations are applied could not be read".to_owned());
        }
        if let Some(app) = goal.keys().find(|app| !now.contains_key(*app)) {
            return Err(format!(
                "{app} has no migration applied now: it would have to go up"
            ));
        }
        let mut way = WayDown {
            undone: Vec::new(),
            commands: Vec::new(),
        };
        let newest_first = known.applied().map(|known| &known.revision);
        let mut apps: Vec<&str> = Vec::new();
        for (app, _) in newest_first.filter_map(|name| named(name).ok()) {
            if now.get(app) != goal.get(app) && !apps.contains(&app) {
                apps.push(app);
            }
        }
        for app in apps {
            let target = goal.get(app).map_or("zero", String::as_str);
            let above = known
                .applied()
                .filter(|known| named(&known.revision).is_ok_and(|(of, _)| of == app));
            let (mut between, mut met) = (Vec::new(), target == "zero");
            for revision in above {
                if named(&revision.revision).is_ok_and(|(_, name)| name == target) {
                    met = true;
                    break;
                }
                between.push(revision.clone());
            }
            if !met {
                return Err(format!(
                    "{app}.{target} is not applied: it does not lie below where the database is"
                ));
            }
            way.undone.extend(between);
            way.commands
                .push(with(self.command, &["migrate", "--noinput", app, target]));
        }
        if way.commands.is_empty() {
            return Err("which migrations are applied could not be read".to_owned());
        }
        Ok(way)
    }

    fn down_to(&self, known: &Known<'_>, revision: &str) -> Result<WayDown, String> {
        let (app, name) = named(revision)?;
        let mut goal: Vec<String> = known
            .now
            .iter()
            .filter(|head| named(head).is_ok_and(|(of, _)| of != app))
            .cloned()
            .collect();
        if name != "zero" {
            goal.push(revision.to_owned());
        }
        self.way_down(known, &goal)
    }

    fn ask_undo(&self, way: &WayDown) -> Vec<Vec<String>> {
        let plan = way.commands.iter().take(MOST_ASKED);
        plan.map(|command| with(command, &["--plan"])).collect()
    }

    /// By Django's own plan, which names what it undoes along with it too.
    fn judge(&self, way: WayDown, answers: &[Option<String>]) -> Vec<SchemaRevision> {
        let mut planned: Vec<SchemaRevision> = Vec::new();
        for answer in answers {
            let Some(answer) = answer else {
                return way.undone;
            };
            for known in planned_operations(answer) {
                if !planned.iter().any(|other| other.revision == known.revision) {
                    planned.push(known);
                }
            }
        }
        if planned.is_empty() {
            way.undone
        } else {
            planned
        }
    }
}

/// `app.migration` in two.
fn named(head: &str) -> Result<(&str, &str), String> {
    head.split_once('.')
        .filter(|(app, name)| !app.is_empty() && is_revision(name))
        .ok_or_else(|| {
            format!("{head:?} is no migration of Django's: write APP.MIGRATION, or APP.zero")
        })
}

/// As long as the name of a file may be, twice: an app's and its migration's.
const LONGEST: usize = 510;

/// Whether this is `app.migration`. A migration's name is its file's, and may have spaces.
fn is_migration(words: &str) -> bool {
    let is_app = |app: &str| !app.contains(char::is_whitespace) && is_revision(app);
    words.len() <= LONGEST
        && words
            .split_once('.')
            .is_some_and(|(app, name)| is_app(app) && !name.is_empty())
}

/// What `migrate --plan` names: a migration a line, with its operations indented below.
fn planned_operations(printed: &str) -> Vec<SchemaRevision> {
    let mut found: Vec<SchemaRevision> = Vec::new();
    for line in printed.lines() {
        let words = line.trim();
        if line.starts_with(' ') {
            let Some(known) = found.last_mut() else {
                continue;
            };
            let words: String = text::clean(words).chars().take(80).collect();
            if words.ends_with("-> IRREVERSIBLE") {
                known.undo = Undo::Refused(format!("Django calls it irreversible: {words}"));
            } else if known.message.is_empty() {
                known.message = words;
            }
        } else if is_migration(words) && found.len() < MOST_REVISIONS {
            let mut known = SchemaRevision::new(text::clean(words), "");
            known.undo = Undo::Possible;
            found.push(known);
        }
    }
    found
}
