//! Keeps the newest runs fresh: slowly while all have ended, faster while one is under way, and never
//! faster than GitHub's limit lasts.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use http::HeaderValue;
use tokio::sync::{mpsc, watch};

use crate::{
    release::{
        FaultKind, Moment,
        observed::Link,
        workflow::{Job, RateLimit, Runs, WorkflowRun},
    },
    retry::{Backoff, Failure},
};

use super::{
    RunsReading,
    client::{Client, Fetched},
    document,
};

/// Runs that are shown.
const RUNS: usize = 30;
/// The newest runs: their jobs are read even where GitHub's limit is short.
const NEWEST: usize = 10;
/// With fewer requests left than this, jobs of old runs are not worth one.
const SHORT: u64 = 1_000;
/// Jobs that are asked for at once.
const CONCURRENT: usize = 4;
/// How often runs are asked for while one is under way, unless the configuration wants it more often.
const UNDER_WAY: Duration = Duration::from_secs(5);
/// GitHub's limits are renewed each hour.
const LIMIT_TIME: Duration = Duration::from_secs(3600);
/// How often a repository is asked for that is not there.
const MISSING: Duration = Duration::from_secs(300);

/// Something that was read, and the tag by which to ask whether it changes.
struct Tagged<T> {
    tag: Option<HeaderValue>,
    value: T,
}

/// A run's attempt: its ID and number.
type Attempt = (u64, u64);

struct Jobs {
    read: Tagged<Vec<Job>>,
    /// The attempt had ended with all its jobs: they never change again.
    is_final: bool,
}

struct Feed {
    client: Arc<Client>,
    readings: mpsc::Sender<RunsReading>,
    runs: Option<Tagged<Vec<WorkflowRun>>>,
    jobs: HashMap<Attempt, Jobs>,
    told: Runs,
    has_told: bool,
    ended: bool,
    /// Requests of the poll that is under way.
    requests: u32,
}

/// Feeds `readings` until its receiver is dropped.
pub(super) async fn run(
    client: Arc<Client>,
    mut refresh: watch::Receiver<u64>,
    readings: mpsc::Sender<RunsReading>,
) {
    let mut feed = Feed {
        client,
        readings,
        runs: None,
        jobs: HashMap::new(),
        told: Runs::default(),
        has_told: false,
        ended: false,
        requests: 0,
    };
    let mut backoff = Backoff::default();
    let mut lost_since: Option<Moment> = None;
    let mut is_watched = true;
    let since = feed.client.clock.moment();
    feed.send(RunsReading::Link(Link::Connecting { since }))
        .await;
    while !feed.ended {
        refresh.mark_unchanged();
        let polled = feed.poll().await;
        let now = feed.client.clock.moment();
        let (wait, is_asked, link) = match polled {
            Ok(()) => {
                backoff.reset();
                lost_since = None;
                let wait = feed.pace();
                (
                    Some(wait),
                    false,
                    Link::Polled {
                        next: now.after(wait),
                    },
                )
            }
            Err(failure) => {
                let wait = patience(&failure, &mut backoff);
                let lost = Link::Lost {
                    since: *lost_since.get_or_insert(now),
                    retry: wait.map(|wait| now.after(wait)),
                    fault: failure.fault.clone(),
                };
                (wait, failure.fault.kind == FaultKind::RateLimited, lost)
            }
        };
        feed.send(RunsReading::Link(link)).await;
        let waited = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => break,
                () = feed.readings.closed() => return,
                // A server that asked us to wait is not asked sooner because somebody is impatient.
                changed = refresh.changed(), if is_watched => match changed {
                    Ok(()) if is_asked => {}
                    Ok(()) => break,
                    Err(_) => is_watched = false,
                },
            }
        }
    }
}

/// How long to wait after a failure; `None` where only an operator helps.
fn patience(failure: &Failure, backoff: &mut Backoff) -> Option<Duration> {
    match failure.fault.kind {
        _ if failure.wait.is_some() => failure.wait,
        FaultKind::Missing => Some(MISSING),
        kind => kind.is_passing().then(|| backoff.next_wait()),
    }
}

impl Feed {
    /// Asks for the runs, tells them, asks for the jobs that may have changed, and tells those.
    async fn poll(&mut self) -> Result<(), Failure> {
        self.requests = 1;
        let tag = self.runs.as_ref().and_then(|runs| runs.tag.as_ref());
        let path = format!("actions/runs?per_page={RUNS}");
        if let Fetched::New { tag, body } = self.client.get(&path, tag).await? {
            let value = document::runs(&body).map_err(|error| self.client.malformed(error))?;
            let shown: HashSet<Attempt> = value.iter().map(attempt).collect();
            self.jobs.retain(|attempt, _| shown.contains(attempt));
            self.runs = Some(Tagged { tag, value });
        }
        self.tell().await;
        let failure = self.read_jobs().await;
        self.tell().await;
        failure.map_or(Ok(()), Err)
    }

    /// Reads the jobs that may have changed; what ended the reading, if something did.
    async fn read_jobs(&mut self) -> Option<Failure> {
        let is_short = self.client.limit().is_some_and(|l| l.remaining < SHORT);
        let runs = self.runs.as_ref().map_or(&[][..], |runs| &runs.value);
        let due: Vec<(Attempt, bool, Option<HeaderValue>)> = runs
            .iter()
            .enumerate()
            .filter(|(place, run)| !is_short || *place < NEWEST || !run.state.is_ended())
            .filter_map(|(_, run)| {
                let known = self.jobs.get(&attempt(run));
                if known.is_some_and(|jobs| jobs.is_final) {
                    return None;
                }
                let tag = known.and_then(|jobs| jobs.read.tag.clone());
                Some((attempt(run), run.state.is_ended(), tag))
            })
            .collect();
        self.requests += due.len() as u32;
        let client = &self.client;
        let mut answers = stream::iter(due)
            .map(async |(attempt, has_ended, tag)| {
                let path = format!("actions/runs/{}/jobs?filter=latest&per_page=100", attempt.0);
                let answer = client.get(&path, tag.as_ref()).await;
                (attempt, has_ended, answer)
            })
            .buffer_unordered(CONCURRENT);
        while let Some((attempt, has_ended, answer)) = answers.next().await {
            let is_final = |jobs: &[Job]| has_ended && jobs.iter().all(|j| j.state.is_ended());
            match answer {
                Ok(Fetched::Same) => {
                    if let Some(jobs) = self.jobs.get_mut(&attempt) {
                        jobs.is_final = is_final(&jobs.read.value);
                    }
                }
                Ok(Fetched::New { tag, body }) => match document::jobs(&body) {
                    Ok(value) => {
                        let is_final = is_final(&value);
                        let read = Tagged { tag, value };
                        self.jobs.insert(attempt, Jobs { read, is_final });
                    }
                    Err(error) => return Some(self.client.malformed(error)),
                },
                // A run that was deleted since has no jobs to show; the next list is without it.
                Err(failure) if failure.fault.kind == FaultKind::Missing => {}
                Err(failure) => return Some(failure),
            }
        }
        None
    }

    /// Tells what is known, unless it was told already.
    async fn tell(&mut self) {
        let Some(runs) = &self.runs else { return };
        let with_jobs = |run: &WorkflowRun| WorkflowRun {
            jobs: self
                .jobs
                .get(&attempt(run))
                .map(|jobs| jobs.read.value.clone())
                .unwrap_or_default(),
            ..run.clone()
        };
        let runs = Runs {
            runs: runs.value.iter().map(with_jobs).collect(),
            limit: self.client.limit(),
        };
        if !self.has_told || runs != self.told {
            self.has_told = true;
            self.told = runs.clone();
            self.send(RunsReading::Runs(Arc::new(runs))).await;
        }
    }

    /// How long until the next poll.
    fn pace(&self) -> Duration {
        let configured = self.client.github.poll;
        let is_under_way = self.told.runs.iter().any(|run| !run.state.is_ended());
        let wanted = match is_under_way {
            true => configured.min(UNDER_WAY),
            false => configured,
        };
        let wall = self.client.clock.now().wall;
        let lasting = self.client.limit().map(|limit| {
            let left = Duration::try_from(limit.reset.duration_since(wall)).unwrap_or_default();
            spread(left, self.requests, limit)
        });
        wanted.max(lasting.unwrap_or_default())
    }

    async fn send(&mut self, reading: RunsReading) {
        self.ended |= self.readings.send(reading).await.is_err();
    }
}

/// The shortest time between polls of so many requests with which the limit lasts until its reset. A
/// quarter of what is left is for others who use the same token.
fn spread(left: Duration, requests: u32, limit: RateLimit) -> Duration {
    let usable = limit.remaining - limit.remaining / 4;
    let polls = usable / u64::from(requests.max(1));
    let left = left.min(LIMIT_TIME);
    match u32::try_from(polls) {
        Ok(0) => left,
        Ok(polls) => left / polls,
        Err(_) => Duration::ZERO,
    }
}

fn attempt(run: &WorkflowRun) -> Attempt {
    (run.id, run.attempt)
}
