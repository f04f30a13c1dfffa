//! What is known of something outside, and how fresh it is: the data and the judgement in one place.

use std::{sync::Arc, time::Duration};

use super::{Fault, Moment, Now};

/// Something last seen, and how the link to it stands. A failed fetch never empties `last`.
#[derive(Debug, Clone)]
pub struct Observed<T> {
    /// What was seen last, and when it was last known to be true.
    pub last: Option<(Arc<T>, Moment)>,
    /// How the link stands.
    pub link: Link,
}

/// How the link to something outside stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// Nothing was asked yet, or nothing can be.
    Never(Why),
    /// Being connected for the first time, since then.
    Connecting { since: Moment },
    /// Changes arrive by themselves.
    Live,
    /// Asked now and then; next at that moment.
    Polled { next: Moment },
    /// Lost, with the reason; `retry` is the moment of the next attempt, `None` if only an operator helps.
    Lost {
        since: Moment,
        fault: Fault,
        retry: Option<Moment>,
    },
}

/// Why nothing was ever asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nothing has been started yet.
    NotYet,
    /// The configuration names nothing to ask.
    NotConfigured,
}

/// How long data may go without a sign of life before it is called old.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// A live link that was silent longer than this is suspect.
    pub quiet: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quiet: Duration::from_secs(90),
        }
    }
}

/// What the screen may claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Freshness {
    /// Nothing is known and nothing is under way.
    Unknown,
    /// Nothing is known yet; being connected since so long.
    Connecting { for_: Duration },
    /// True now.
    Fresh,
    /// True when last seen, `age` ago; the reason, and the time until the next attempt.
    Stale {
        age: Duration,
        fault: Option<Fault>,
        retry_in: Option<Duration>,
    },
    /// Never seen, and cannot be reached: the reason, and the time until the next attempt.
    Unreachable {
        fault: Fault,
        retry_in: Option<Duration>,
    },
}

impl<T> Default for Observed<T> {
    fn default() -> Self {
        Self {
            last: None,
            link: Link::Never(Why::NotYet),
        }
    }
}

impl<T> Observed<T> {
    /// What was seen last, however old.
    pub fn value(&self) -> Option<&T> {
        self.last.as_ref().map(|(value, _)| &**value)
    }

    /// Takes something newly seen at `moment`; the link is set apart.
    pub fn see(&mut self, value: Arc<T>, moment: Moment) {
        self.last = Some((value, moment));
    }

    /// Judges the freshness at `now`.
    pub fn freshness(&self, now: Now, policy: &Policy) -> Freshness {
        let age = self.last.as_ref().map(|(_, at)| now.moment.since(*at));
        match (&self.link, age) {
            (Link::Lost { fault, retry, .. }, age) => {
                let retry_in = retry.map(|at| at.since(now.moment));
                match age {
                    Some(age) => Freshness::Stale {
                        age,
                        fault: Some(fault.clone()),
                        retry_in,
                    },
                    None => Freshness::Unreachable {
                        fault: fault.clone(),
                        retry_in,
                    },
                }
            }
            (Link::Connecting { since }, None) => Freshness::Connecting {
                for_: now.moment.since(*since),
            },
            (Link::Connecting { .. }, Some(age)) => Freshness::Stale {
                age,
                fault: None,
                retry_in: None,
            },
            (_, None) => Freshness::Unknown,
            (Link::Live, Some(age)) if age > policy.quiet => Freshness::Stale {
                age,
                fault: None,
                retry_in: None,
            },
            (Link::Polled { next }, Some(age)) if now.moment.since(*next) > policy.quiet => {
                Freshness::Stale {
                    age,
                    fault: None,
                    retry_in: None,
                }
            }
            (_, Some(_)) => Freshness::Fresh,
        }
    }
}
