//! The schema in words and commands: what a migration tool is asked, what its answers mean, which way
//! leads down. One file a tool, behind [`Tool`].
//!
//! Knows no shell: commands are words that run inside a service's container, answers are bytes that came
//! from there, and hostile until they are read.

mod alembic;
mod command;
mod django;
mod flyway;
mod graph;
mod naming;
mod prisma;
mod rails;
mod told;

pub use naming::Named;
pub use told::{UNKNOWN_HERE, heads_now, way_of};
pub(super) use told::{
    ahead_of_candidate, asked, history_for, pending_here, summary_up, trouble, unknown_here, untold,
};

use crate::{
    config::{Migration, MigrationTool},
    release::{
        plan::HeadsQuery,
        survey::{SchemaRevision, Standing, Undo},
        text::clean,
    },
};

/// The word that a ledger has for a schema without any revision.
pub const BASE: &str = "base";

/// Revisions that are read of a tool's answer at most.
const MOST_REVISIONS: usize = 10_000;
/// Revisions of which one plan asks whether they can be undone.
const MOST_ASKED: usize = 100;

/// What flightdeck has to know of a migration tool. What a tool cannot do is an error in words.
pub trait Tool {
    /// How it is asked where the database is; `None` if it cannot tell.
    fn heads(&self) -> Option<HeadsQuery>;

    /// The command that prints the revisions that an image knows; `None` if there is none.
    fn history(&self) -> Option<Vec<String>> {
        None
    }

    /// Whether that command reads the image alone, so that it can be asked without a database.
    fn history_needs_no_database(&self) -> bool {
        false
    }

    /// The revisions in what the history's command printed, the newest first.
    fn revisions(&self, printed: &str) -> Vec<SchemaRevision> {
        let _ = printed;
        Vec::new()
    }

    /// What a text names to it, among the revisions that an image knows.
    fn named<'a>(&self, history: &'a [SchemaRevision], text: &str) -> Named<'a> {
        naming::in_full(history, text)
    }

    /// Whether a revision lies behind where the database is.
    fn is_behind(&self, known: &Known<'_>, revision: &str) -> bool {
        naming::is_applied_below(known, revision)
    }

    /// The command that migrates to the newest revision.
    fn up(&self) -> Vec<String>;

    /// The command that migrates up to one revision.
    ///
    /// # Errors
    /// Why there is none.
    fn up_to(&self, revision: &str) -> Result<Vec<String>, String>;

    /// The way from `now` down to exactly `goal`.
    ///
    /// # Errors
    /// Why there is none.
    fn way_down(&self, known: &Known<'_>, goal: &[String]) -> Result<WayDown, String>;

    /// The way that `migrate --to` goes down to one revision; other branches stay.
    ///
    /// # Errors
    /// Why there is none.
    fn down_to(&self, known: &Known<'_>, revision: &str) -> Result<WayDown, String> {
        self.way_down(known, &[revision.to_owned()])
    }

    /// What is asked in the image that runs to learn whether the revisions of a way can be undone.
    fn ask_undo(&self, way: &WayDown) -> Vec<Vec<String>> {
        let _ = way;
        Vec::new()
    }

    /// The revisions of a way, judged by the answers to [`ask_undo`](Self::ask_undo), in its order;
    /// `None` for a question that failed. There may be more of them than the way names: what the tool
    /// undoes along with it.
    fn judge(&self, way: WayDown, answers: &[Option<String>]) -> Vec<SchemaRevision> {
        let _ = answers;
        way.undone
    }
}

/// What is known of a schema when a way is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The revisions that the image which runs knows, the newest first; empty if it could not be asked.
    pub history: &'a [SchemaRevision],
    /// Where the database is.
    pub now: &'a [String],
}

impl<'a> Known<'a> {
    /// Those that the database has, for a tool that tells it with each.
    fn applied(&self) -> impl Iterator<Item = &'a SchemaRevision> {
        let history = self.history.iter();
        history.filter(|known| known.standing != Standing::Pending)
    }
}

/// A way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayDown {
    /// The revisions that it undoes, the newest first; empty where they are not known by name.
    pub undone: Vec<SchemaRevision>,
    /// The commands, in order.
    pub commands: Vec<Vec<String>>,
}

/// The tool that a configuration names.
pub fn tool(migration: &Migration) -> Box<dyn Tool + '_> {
    match &migration.tool {
        MigrationTool::Alembic { command } => Box::new(alembic::Alembic { command }),
        MigrationTool::Django { command } => Box::new(django::Django { command }),
        MigrationTool::Rails { command } => Box::new(rails::Rails { command }),
        MigrationTool::Prisma { command } => Box::new(prisma::Prisma { command }),
        MigrationTool::Flyway { command, down } => Box::new(flyway::Flyway {
            command,
            down: down.as_deref(),
        }),
        MigrationTool::Command { up, heads, down } => Box::new(command::Command {
            up,
            heads: heads.as_deref(),
            down: down.as_deref(),
        }),
    }
}

/// Whether a text can be a revision: nothing that a tool would read as an option or a relative step.
pub fn is_revision(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !text.starts_with('-')
        && !text.starts_with('.')
}

/// The heads that a step or a survey wrote down as one line: commas or blanks between, or `base`. Cleaned.
pub fn heads_of_result(line: &str) -> Vec<String> {
    clean(line)
        .split([' ', ','])
        .filter(|head| !head.is_empty() && *head != BASE)
        .map(str::to_owned)
        .collect()
}

/// Heads in words: `a1f3`, `a1f3, b2c4`, `base`.
pub fn words(heads: &[String]) -> String {
    /// Django's has one for each app.
    const MOST: usize = 4;
    match heads.len() {
        0 => BASE.to_owned(),
        n if n > MOST => format!("{} and {} more", heads[..MOST].join(", "), n - MOST),
        _ => heads.join(", "),
    }
}

/// Revisions in words: `1 revision`, `3 revisions`.
pub(super) fn counted(revisions: &[SchemaRevision]) -> String {
    match revisions.len() {
        1 => "1 revision".to_owned(),
        n => format!("{n} revisions"),
    }
}

/// Revisions by name with what they say of themselves, the first few.
pub(super) fn listed(revisions: &[SchemaRevision]) -> String {
    const MOST: usize = 5;
    let mut words: Vec<String> = revisions
        .iter()
        .take(MOST)
        .map(|known| {
            format!("{} {}", known.revision, known.message)
                .trim_end()
                .to_owned()
        })
        .collect();
    if revisions.len() > MOST {
        words.push(format!("and {} more", revisions.len() - MOST));
    }
    words.join("; ")
}

/// Whether both name the same heads, in any order.
pub(super) fn is_same(a: &[String], b: &[String]) -> bool {
    let sorted = |heads: &[String]| {
        let mut heads = heads.to_vec();
        heads.sort();
        heads
    };
    sorted(a) == sorted(b)
}

/// A revision in full, where the history knows the one that an abbreviation means.
pub(super) fn in_full(tool: &dyn Tool, history: &[SchemaRevision], text: &str) -> String {
    match tool.named(history, text) {
        // One with a blank in its name, as Django's may have, is no word of a command.
        Named::One(known) if is_revision(&known.revision) => known.revision.clone(),
        _ => text.to_owned(),
    }
}

/// What is undone, as the end of a sentence: `, undoing 1 revision: c9e2 orders have a price`.
pub(super) fn undoes(undone: &[SchemaRevision]) -> String {
    if undone.is_empty() {
        return String::new();
    }
    format!(", undoing {}: {}", counted(undone), listed(undone))
}

/// Which revisions refuse to be undone, in words; `None` if none does.
pub(super) fn refusal(undone: &[SchemaRevision]) -> Option<String> {
    told(undone, |undo| match undo {
        Undo::Refused(why) => Some(why),
        Undo::Nothing(_) | Undo::Possible | Undo::Unknown => None,
    })
}

/// Which revisions refuse to be undone, or say nothing of it, in words; `None` if none does.
pub(super) fn obstacle(undone: &[SchemaRevision]) -> Option<String> {
    told(undone, |undo| match undo {
        Undo::Nothing(why) | Undo::Refused(why) => Some(why),
        Undo::Possible | Undo::Unknown => None,
    })
}

fn told(undone: &[SchemaRevision], why: impl Fn(&Undo) -> Option<&String>) -> Option<String> {
    let told: Vec<String> = undone
        .iter()
        .filter_map(|known| {
            let name = format!("{} {}", known.revision, known.message);
            Some(format!("{}: {}", name.trim_end(), why(&known.undo)?))
        })
        .collect();
    match told.len() {
        0 => None,
        1..=3 => Some(told.join("; ")),
        n => Some(format!("{}; and {} more", told[..3].join("; "), n - 3)),
    }
}

fn with(command: &[String], more: &[&str]) -> Vec<String> {
    command
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// The placeholder in a configured command that stands for a revision.
pub const PLACEHOLDER: &str = "{revision}";

/// A configured command with the revision in the placeholder's place.
fn filled(command: &[String], revision: &str) -> Vec<String> {
    command
        .iter()
        .map(|word| word.replace(PLACEHOLDER, revision))
        .collect()
}

#[cfg(test)]
mod tests;
