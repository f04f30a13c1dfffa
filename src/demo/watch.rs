//! Looks at the ledgers for the guide: whenever the world has changed, and again and again only while
//! an operation is under way.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    guide::{self, Seen},
    places::{ENVIRONMENTS, Places},
    shared::Shared,
    world::catalogue::recent,
};
use crate::release::record::Record;

/// One environment's ledger.
struct Ledger {
    environment: &'static str,
    directory: PathBuf,
    /// Lines that were there when the world began.
    before: usize,
}

/// The guide's eyes.
pub struct Guide {
    ledgers: Vec<Ledger>,
    history: watch::Receiver<bool>,
    told: watch::Sender<String>,
    sound: String,
    failing: String,
}

/// How often an operation that is under way is looked at.
const LOOK: Duration = Duration::from_millis(300);

impl Guide {
    /// Eyes that begin now: what the ledgers hold already is history. Says its first line at once.
    pub fn new(
        places: &Places,
        history: watch::Receiver<bool>,
        told: watch::Sender<String>,
        shared: &Shared,
    ) -> Self {
        let ledgers = ENVIRONMENTS
            .iter()
            .map(|environment| {
                let directory = places.ledger_directory(environment);
                Ledger {
                    environment,
                    before: lines(&directory).len(),
                    directory,
                }
            })
            .collect();
        let tag =
            |position| shared.with(|world, _| world.catalogue.recent(position).tag.to_string());
        let guide = Self {
            ledgers,
            history,
            told,
            sound: tag(recent::STAGING),
            failing: tag(recent::FAILS_CHECK),
        };
        guide.look();
        guide
    }

    /// Looks, for ever.
    pub async fn run(mut self, shared: Arc<Shared>) {
        let mut changes = shared.changes();
        loop {
            changes.mark_unchanged();
            let is_under_way = self.look();
            let again = async {
                if is_under_way {
                    tokio::time::sleep(LOOK).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = self.history.changed() => if changed.is_err() { return },
                () = again => {}
            }
        }
    }

    /// Looks at all ledgers and says the line; returns whether an operation is under way.
    fn look(&self) -> bool {
        let mut seen = Seen {
            history: *self.history.borrow(),
            sound: self.sound.clone(),
            failing: self.failing.clone(),
            ..Seen::default()
        };
        for ledger in &self.ledgers {
            let lines = lines(&ledger.directory);
            let new = lines.iter().skip(ledger.before);
            seen.records
                .extend(new.filter_map(|line| serde_json::from_str::<Record>(line).ok()));
            if is_under_way(ledger) {
                seen.under_way = Some(ledger.environment.to_owned());
            }
        }
        let line = guide::line(&seen);
        self.told.send_if_modified(|told| {
            let changed = *told != line;
            told.clone_from(&line);
            changed
        });
        seen.under_way.is_some()
    }
}

fn lines(directory: &std::path::Path) -> Vec<String> {
    let text = fs::read_to_string(directory.join("ledger.jsonl")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Whether the newest claim's operation has not ended.
fn is_under_way(ledger: &Ledger) -> bool {
    let claims = fs::read_dir(ledger.directory.join("claims"));
    let newest = claims
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .max();
    newest.is_some_and(|id| {
        let operation = ledger.directory.join("operations").join(id);
        operation.is_dir() && !operation.join("end.json").exists()
    })
}
