//! The workflow runs that built the versions. How a run stands is a function of the time: nothing has
//! to happen for it to go on.

use std::time::Duration;

use jiff::Timestamp;

use super::{Pace, catalogue::Catalogue};
use crate::demo::seed::Seed;

/// How a job or a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Waits for the job before it.
    Queued,
    /// Runs.
    InProgress,
    /// Has ended, with GitHub's `conclusion`.
    Completed(&'static str),
}

/// One job of a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// When it begins.
    pub starts: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// How it ends.
    pub conclusion: &'static str,
}

/// One workflow run.
#[derive(Debug, Clone)]
pub struct Run {
    /// GitHub's ID.
    pub id: u64,
    /// The number that people say.
    pub number: u64,
    /// The commit's first line.
    pub title: &'static str,
    /// The branch.
    pub branch: &'static str,
    /// The commit.
    pub revision: String,
    /// Who pushed it.
    pub actor: &'static str,
    /// When it begins.
    pub starts: Timestamp,
    /// Its jobs, in order.
    pub jobs: Vec<Job>,
}

/// All runs, past and to come.
#[derive(Debug)]
pub struct Pipeline {
    /// Newest first.
    pub runs: Vec<Run>,
    /// Where time stands still for runs, if the world does.
    frozen: Option<Timestamp>,
}

const TITLES: [&str; 12] = [
    "Show delivery dates in the basket",
    "Prices are required",
    "Retry order mails",
    "Faster product search",
    "Fix rounding of vouchers",
    "Cache exchange rates",
    "Log slow queries",
    "Orders have a price",
    "Customers may have two addresses",
    "Drop the old checkout",
    "Update dependencies",
    "Explain why a voucher does not apply",
];
const PEOPLE: [&str; 4] = ["mira", "jonas", "aylin", "tomasz"];
const NEWEST_NUMBER: u64 = 482;

/// The image is published when `build` ends, so many seconds after its run began.
const BUILD: u64 = 75;

impl Job {
    /// How it stands at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if now < self.starts {
            Standing::Queued
        } else if now < self.ends {
            Standing::InProgress
        } else {
            Standing::Completed(self.conclusion)
        }
    }
}

impl Run {
    /// How it stands at `now`.
    pub fn standing(&self, now: Timestamp) -> Standing {
        for job in &self.jobs {
            match job.standing(now) {
                Standing::Completed("success" | "skipped") => {}
                Standing::Queued if now >= self.starts => return Standing::InProgress,
                other => return other,
            }
        }
        Standing::Completed("success")
    }

    /// When something of it changed last, until `now`.
    pub fn updated(&self, now: Timestamp) -> Timestamp {
        self.jobs
            .iter()
            .flat_map(|job| [job.starts, job.ends])
            .filter(|at| *at <= now)
            .max()
            .unwrap_or(self.starts)
    }
}

impl Pipeline {
    /// One run for each backend version, and one that failed its tests.
    pub fn new(seed: Seed, start: Timestamp, catalogue: &Catalogue, pace: Pace) -> Self {
        let newest = catalogue.recent(0).published;
        let coming = catalogue
            .backend
            .iter()
            .filter(|v| v.published > newest)
            .count();
        let mut number = NEWEST_NUMBER + coming as u64;
        let mut runs = Vec::new();
        for (n, version) in catalogue.backend.iter().enumerate() {
            let n = n as u64;
            // What lies ahead goes at the world's pace; the past went at its own.
            let pace = if version.published > start {
                pace
            } else {
                Pace::REAL
            };
            runs.push(run(
                seed,
                number,
                &version.revision,
                version.published,
                pace,
                None,
            ));
            number -= 1;
            if version.published == newest {
                let before = version.published - Duration::from_secs(50 * 60);
                let revision = seed.hex("revision without a version", n, 40);
                runs.push(run(
                    seed,
                    number,
                    &revision,
                    before,
                    Pace::REAL,
                    Some("test"),
                ));
                number -= 1;
            }
        }
        Self {
            runs,
            frozen: pace.still.then_some(start),
        }
    }

    /// The time that runs are to be looked at with.
    pub fn time(&self, now: Timestamp) -> Timestamp {
        self.frozen.unwrap_or(now)
    }

    /// The runs that have begun by `now`, newest first.
    pub fn begun(&self, now: Timestamp) -> impl Iterator<Item = &Run> {
        let now = self.time(now);
        self.runs.iter().filter(move |run| run.starts <= now)
    }
}

/// A run whose `build` ends at `published`; `fails` names the job that fails.
fn run(
    seed: Seed,
    number: u64,
    revision: &str,
    published: Timestamp,
    pace: Pace,
    fails: Option<&str>,
) -> Run {
    let starts = published - pace.scaled(Duration::from_secs(BUILD));
    let mut at = starts;
    let mut failed = false;
    let jobs = [
        ("build", BUILD),
        ("test", 60),
        ("stage", 30),
        ("e2e", 150),
        ("prod", 0),
    ]
    .into_iter()
    .map(|(name, seconds)| {
        let extra = if name == "build" || seconds == 0 {
            0
        } else {
            seed.below(name, number, seconds / 2)
        };
        let begins = at;
        let skipped = failed || name == "prod";
        if !skipped {
            at += pace.scaled(Duration::from_secs(seconds + extra));
        }
        let conclusion = if skipped {
            "skipped"
        } else if fails == Some(name) {
            failed = true;
            "failure"
        } else {
            "success"
        };
        Job {
            name,
            starts: begins,
            ends: at,
            conclusion,
        }
    })
    .collect();
    Run {
        id: 17_000_000_000 + number * 7919,
        number,
        title: seed.pick("title", number, &TITLES),
        branch: "main",
        revision: revision.to_owned(),
        actor: seed.pick("actor", number, &PEOPLE),
        starts,
        jobs,
    }
}
