//! Looks at the ledgers for the guide: whenever the world has changed, and again and again only while
//! an operation is under way. Who follows an operation of the past opens its plan: the system tells.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::inotify;
use tokio::{io::AsyncReadExt, net::unix::pipe, sync::watch};

use super::{
    guide::{self, Deed, Seen},
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
    past: Past,
    /// Whether the operator has looked at an operation of the past, once that was the next deed.
    history: bool,
    told: watch::Sender<String>,
    sound: String,
    failing: String,
}

/// How often an operation that is under way is looked at.
const LOOK: Duration = Duration::from_millis(300);

impl Guide {
    /// Eyes that begin now: what the ledgers hold already is history. Says its first line at once.
    pub fn new(places: &Places, told: watch::Sender<String>, shared: &Shared) -> io::Result<Self> {
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
        let mut guide = Self {
            ledgers,
            past: Past::new()?,
            history: false,
            told,
            sound: tag(recent::STAGING),
            failing: tag(recent::FAILS_CHECK),
        };
        guide.look();
        Ok(guide)
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
                opened = self.past.opened() => match opened {
                    Ok(()) => self.history |= self.next() == Some(Deed::Find),
                    Err(_) => return,
                },
                () = again => {}
            }
        }
    }

    /// Looks at all ledgers and says the line; returns whether an operation is under way.
    fn look(&mut self) -> bool {
        let seen = self.seen();
        for ledger in &self.ledgers {
            self.past.watch(&ledger.directory.join("operations"));
        }
        let line = guide::line(&seen);
        self.told.send_if_modified(|told| {
            let changed = *told != line;
            told.clone_from(&line);
            changed
        });
        seen.under_way.is_some()
    }

    fn next(&self) -> Option<Deed> {
        guide::next(&self.seen())
    }

    fn seen(&self) -> Seen {
        let mut seen = Seen {
            history: self.history,
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
        seen
    }
}

/// The plans of operations that have ended: watched for who opens them.
struct Past {
    /// Reads as a pipe does.
    events: pipe::Receiver,
    watched: BTreeSet<PathBuf>,
}

impl Past {
    fn new() -> io::Result<Self> {
        let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
        Ok(Self {
            events: pipe::Receiver::from_file_unchecked(fs::File::from(inotify::init(flags)?))?,
            watched: BTreeSet::new(),
        })
    }

    /// Watches the operations in a directory that have ended and are not watched yet.
    fn watch(&mut self, operations: &Path) {
        for operation in fs::read_dir(operations).into_iter().flatten().flatten() {
            let plan = operation.path().join("plan.json");
            if !self.watched.contains(&plan)
                && operation.path().join("end.json").exists()
                && inotify::add_watch(&self.events, &plan, inotify::WatchFlags::OPEN).is_ok()
            {
                self.watched.insert(plan);
            }
        }
    }

    /// Waits until somebody has opened one.
    async fn opened(&mut self) -> io::Result<()> {
        // All events say the same.
        let mut events = [0; 4096];
        self.events.read(&mut events).await.map(|_| ())
    }
}

fn lines(directory: &Path) -> Vec<String> {
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
