//! Trying again: how long to wait, and what is said of it meanwhile.

use std::time::Duration;

use tokio::sync::watch;

use crate::{
    clock::Clock,
    release::{Fault, Moment, observed::Link},
};

/// The shortest wait, after a first failure.
const SHORTEST: Duration = Duration::from_millis(300);
/// The longest wait, however often it has failed.
const LONGEST: Duration = Duration::from_secs(30);
/// What was live for so long was good: the next failure is a first one again.
const GOOD: Duration = Duration::from_secs(30);

/// Something that was lost, or never came.
#[derive(Debug)]
pub struct Lost {
    /// Why.
    pub fault: Fault,
    /// Whether it had been there.
    pub was_live: bool,
}

/// A row of attempts at the same thing.
pub struct Attempts {
    clock: Clock,
    /// Changes when the operator asks for a new attempt.
    wishes: watch::Receiver<u64>,
    began: Moment,
    failures: u32,
    since: Option<Moment>,
    wait: Option<Duration>,
}

impl Attempts {
    /// No attempt yet.
    pub fn new(clock: Clock, wishes: watch::Receiver<u64>) -> Self {
        Self {
            began: clock.moment(),
            clock,
            wishes,
            failures: 0,
            since: None,
            wait: None,
        }
    }

    /// An attempt begins: a wish from before is fulfilled by it.
    pub fn begin(&mut self) {
        self.wishes.mark_unchanged();
        self.began = self.clock.moment();
    }

    /// The attempt has failed, or what it reached was lost. Says how the link stands; the next attempt
    /// is after [`pause`](Self::pause).
    pub fn fail(&mut self, lost: Lost) -> Link {
        let now = self.clock.moment();
        if lost.was_live {
            self.since = None;
            if now.since(self.began) >= GOOD {
                self.failures = 0;
            }
        }
        self.failures = self.failures.saturating_add(1);
        self.wait = lost
            .fault
            .kind
            .is_passing()
            .then(|| delay(self.failures, fastrand::f64()));
        Link::Lost {
            since: *self.since.get_or_insert(now),
            fault: lost.fault,
            retry: self.wait.map(|wait| now.after(wait)),
        }
    }

    /// Whether the next attempt comes by itself.
    pub fn comes_again(&self) -> bool {
        self.wait.is_some()
    }

    /// Waits for the next attempt: for ever where only an operator can help, until that one asks for
    /// it. Cancel-safe.
    pub async fn pause(&mut self) {
        let waited = async {
            match self.wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = waited => {}
            Ok(()) = self.wishes.changed() => self.failures = 0,
        }
    }

    /// Waits until the operator asks for a new attempt. Cancel-safe.
    pub async fn wish(&mut self) {
        if self.wishes.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// The wait after `failures` failures in a row (from 1): doubles from [`SHORTEST`] to [`LONGEST`], less
/// up to half of it by `jitter` (0 to 1), so that a server that comes back does not meet everybody at
/// once. Never shorter than [`SHORTEST`].
pub fn delay(failures: u32, jitter: f64) -> Duration {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let whole = doubled.min(LONGEST);
    whole
        .mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0))
        .max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;
    use crate::release::{FaultKind, Now};

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(delay(1, 0.0), SHORTEST);
        assert_eq!(delay(2, 0.0), Duration::from_millis(600));
        for failures in [8, 20, u32::MAX] {
            assert_eq!(delay(failures, 0.0), LONGEST);
            assert_eq!(delay(failures, 1.0), LONGEST / 2);
        }
        assert_eq!(delay(0, 1.0), SHORTEST);
    }

    fn lost(kind: FaultKind, was_live: bool) -> Lost {
        Lost {
            fault: Fault::new(kind, "shop", "gone"),
            was_live,
        }
    }

    #[test]
    fn a_loss_is_dated_from_when_it_was_there_last() {
        let millis = Arc::new(AtomicU64::new(0));
        let hand = Arc::clone(&millis);
        let clock = Clock::of(move || Now {
            moment: Moment(hand.load(Ordering::Relaxed)),
            wall: jiff::Timestamp::UNIX_EPOCH,
        });
        let wishes = watch::Sender::new(0);
        let mut attempts = Attempts::new(clock, wishes.subscribe());
        let mut fail_at = |at: u64, was_live| {
            millis.store(at, Ordering::Relaxed);
            match attempts.fail(lost(FaultKind::Unreachable, was_live)) {
                Link::Lost { since, retry, .. } => (since.0, retry.is_some()),
                link => panic!("{link:?}"),
            }
        };
        assert_eq!(fail_at(10, true), (10, true));
        assert_eq!(fail_at(500, false), (10, true));
        assert_eq!(fail_at(900, false), (10, true));
        assert_eq!(fail_at(2000, true), (2000, true));
    }

    #[tokio::test]
    async fn where_only_an_operator_can_help_it_waits_for_one() {
        let wishes = watch::Sender::new(0);
        let mut attempts = Attempts::new(Clock::system(), wishes.subscribe());
        attempts.begin();
        let link = attempts.fail(lost(FaultKind::Authentication, false));
        assert!(matches!(link, Link::Lost { retry: None, .. }));
        assert!(!attempts.comes_again());
        wishes.send_modify(|count| *count += 1);
        attempts.pause().await;
    }
}
