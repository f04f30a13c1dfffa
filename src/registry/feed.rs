//! Keeps a board fresh: reads the list, asks the board's questions a few at a time, tells what changed,
//! polls, and waits out what passes.
//!
//! One task a repository. It sleeps until an answer, a wish or its next deadline; nothing spins.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use url::Url;

use crate::{
    clock::Clock,
    release::{FaultKind, Moment, observed::Link},
    retry::{Backoff, Failure},
};

use super::{
    CONCURRENT, VersionsReading, Wanted,
    board::{Answer, Board, Question},
    cache::Cache,
    client::{Client, Page},
    is_of_the_link,
};

/// How often the list and what is on the screen are asked for again.
pub(super) const POLL: Duration = Duration::from_secs(60);
/// Rows that arrive within this are told together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Telling a list costs time by its length: one that is so many rows longer is told that much less often.
const LONG: u32 = 5_000;
/// What digests say is written to disk this long after the first of it arrived, or once all is known.
const KEEP_AFTER: Duration = Duration::from_secs(10);

/// What a feed has around it.
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) poll: Duration,
    pub(super) wanted: watch::Receiver<Wanted>,
    pub(super) readings: mpsc::Sender<VersionsReading>,
}

enum Done {
    Listed(Result<Page, Failure>),
    Answered(Question, Result<Answer, Failure>),
    Kept,
}

/// Whether requests may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Door {
    Open,
    /// The link is lost: tried again then, or sooner if somebody asks for it, unless the registry itself
    /// has asked us to wait.
    Until {
        at: Instant,
        asked: bool,
    },
    /// Only an operator helps: tried again when somebody asks for a refresh.
    Shut,
}

struct Feed {
    client: Client,
    cache: Cache,
    board: Board,
    around: Surroundings,
    jobs: FuturesUnordered<BoxFuture<'static, Done>>,
    door: Door,
    backoff: Backoff,
    lost_since: Option<Moment>,
    /// Pages of the list are being read.
    listing: bool,
    /// The page that is to be read next.
    page: Option<Url>,
    /// When the list is to be read again; the first time at once.
    list_at: Instant,
    /// When the next coalesced reading is due; none if nothing has changed.
    tell_at: Option<Instant>,
    told: Instant,
    keep_at: Option<Instant>,
    refreshes: u64,
    /// The receivers are gone: nothing more is to be done.
    ended: bool,
}

/// Feeds `around.readings` until its receiver is dropped.
pub(super) async fn run(client: Client, cache: Cache, mut board: Board, around: Surroundings) {
    let since = around.clock.moment();
    board.know(cache.load().await);
    let now = Instant::now();
    let refreshes = around.wanted.borrow().refresh;
    let mut feed = Feed {
        client,
        cache,
        board,
        jobs: FuturesUnordered::new(),
        door: Door::Open,
        backoff: Backoff::default(),
        lost_since: None,
        listing: false,
        page: None,
        list_at: now,
        tell_at: None,
        told: now,
        keep_at: None,
        refreshes,
        ended: false,
        around,
    };
    feed.link(Link::Connecting { since }).await;
    feed.look();
    let mut is_watched = true;
    while !feed.ended {
        feed.start().await;
        let deadline = feed.deadline();
        tokio::select! {
            biased;
            changed = feed.around.wanted.changed(), if is_watched => {
                is_watched = changed.is_ok();
                feed.look();
            }
            Some(done) = feed.jobs.next() => feed.take(done).await,
            () = until(deadline) => {}
        }
        feed.tell_if_due().await;
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Feed {
    /// The next moment at which something is to be done though nothing arrives.
    fn deadline(&self) -> Option<Instant> {
        let door = match self.door {
            Door::Open => (!self.listing).then_some(self.list_at),
            Door::Until { at, .. } => Some(at),
            Door::Shut => None,
        };
        [door, self.tell_at, self.keep_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes what somebody looks at now.
    fn look(&mut self) {
        let wanted = self.around.wanted.borrow_and_update().clone();
        self.board.want(wanted.tags);
        if wanted.refresh != self.refreshes {
            self.refreshes = wanted.refresh;
            self.board.refresh(self.around.clock.moment());
            self.list_at = Instant::now();
            if !matches!(self.door, Door::Until { asked: true, .. }) {
                self.door = Door::Open;
            }
        }
    }

    /// Starts what is due and may be started.
    async fn start(&mut self) {
        let now = Instant::now();
        if matches!(self.door, Door::Until { at, .. } if at <= now) {
            self.door = Door::Open;
        }
        if self.door == Door::Open {
            if !self.listing && self.list_at <= now {
                self.client.forget_refusal().await;
                self.listing = true;
                self.board.begin_listing();
                self.board.begin_round(self.around.clock.moment());
                self.page = Some(self.client.first_page());
            }
            if let Some(url) = self.page.take() {
                let client = self.client.clone();
                self.jobs.push(Box::pin(
                    async move { Done::Listed(client.page(url).await) },
                ));
            }
            while self.jobs.len() < CONCURRENT
                && let Some(question) = self.board.next()
            {
                let answer = self.client.answer(question);
                self.jobs.push(Box::pin(async move {
                    let (question, answer) = answer.await;
                    Done::Answered(question, answer)
                }));
            }
        }
        if self.keep_at.is_some_and(|at| at <= now || self.is_filled()) {
            self.keep_at = None;
            let (cache, kept) = (self.cache.clone(), self.board.to_keep());
            self.jobs.push(Box::pin(async move {
                cache.save(kept).await;
                Done::Kept
            }));
        }
    }

    fn is_filled(&self) -> bool {
        self.door == Door::Open && !self.listing && self.board.is_quiet()
    }

    async fn take(&mut self, done: Done) {
        match done {
            Done::Kept => {}
            Done::Listed(Ok(page)) => {
                let mut is_changed = self.board.take_page(page.tags);
                self.page = page.next.filter(|_| self.board.has_room());
                if self.page.is_none() {
                    is_changed |= self.board.end_listing();
                    self.listing = false;
                    self.list_at = Instant::now() + self.around.poll;
                }
                if is_changed {
                    // Rows are shown as soon as they are there.
                    self.tell_at = Some(Instant::now());
                }
                self.answered().await;
            }
            Done::Listed(Err(failure)) => {
                self.listing = false;
                self.lose(failure).await;
            }
            Done::Answered(question, Err(failure)) if is_of_the_link(&failure, &question) => {
                self.board.put_back(question);
                self.lose(failure).await;
            }
            Done::Answered(question, answer) => {
                if matches!(answer, Ok(Answer::Details(_))) {
                    self.keep_at
                        .get_or_insert_with(|| Instant::now() + KEEP_AFTER);
                }
                let now = self.around.clock.moment();
                if self.board.take(question, answer.map_err(|f| f.fault), now) {
                    let together = TOGETHER * (1 + self.board.len() as u32 / LONG);
                    self.tell_at.get_or_insert(self.told + together);
                }
                if self.lost_since.is_some() {
                    self.answered().await;
                }
            }
        }
    }

    /// The registry has answered: the link stands, unless another request has just found it lost.
    async fn answered(&mut self) {
        if self.door != Door::Open {
            return;
        }
        self.backoff.reset();
        self.lost_since = None;
        if !self.listing {
            let wait = self.list_at.saturating_duration_since(Instant::now());
            let next = self.around.clock.moment().after(wait);
            self.link(Link::Polled { next }).await;
        }
    }

    /// The link is lost: nothing is asked until it is worth it.
    async fn lose(&mut self, failure: Failure) {
        // Once it is worth it, the list says whether the link stands.
        self.list_at = Instant::now();
        if self.door != Door::Open {
            // Requests that were under way together are lost together: one step back, not eight.
            return;
        }
        let wait = match failure.fault.kind {
            _ if failure.wait.is_some() => failure.wait,
            // A repository comes to be with its first push.
            FaultKind::RateLimited | FaultKind::Missing => Some(self.around.poll),
            kind => kind.is_passing().then(|| self.backoff.next_wait()),
        };
        let now = self.around.clock.moment();
        let since = *self.lost_since.get_or_insert(now);
        self.door = match wait {
            Some(wait) => Door::Until {
                at: Instant::now() + wait,
                asked: failure.fault.kind == FaultKind::RateLimited,
            },
            None => Door::Shut,
        };
        self.link(Link::Lost {
            since,
            fault: failure.fault,
            retry: wait.map(|wait| now.after(wait)),
        })
        .await;
    }

    async fn tell_if_due(&mut self) {
        if self.tell_at.is_some_and(|at| at <= Instant::now()) {
            self.tell_at = None;
            self.told = Instant::now();
            let versions = Arc::new(self.board.versions());
            self.send(VersionsReading::Versions(versions)).await;
        }
    }

    async fn link(&mut self, link: Link) {
        self.send(VersionsReading::Link(link)).await;
    }

    async fn send(&mut self, reading: VersionsReading) {
        self.ended |= self.around.readings.send(reading).await.is_err();
    }
}
