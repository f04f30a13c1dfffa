//! Ages, countdowns and clocks as they are drawn, and the moment when the first of those texts changes.
//!
//! Every view draws the time through here: the loop sleeps until [`Ages::next`] and not a moment less.

use std::{cell::Cell, time::Duration};

use jiff::Timestamp;

use crate::release::{
    Moment, Now,
    observed::{Freshness, Link, Observed, Policy},
    time::short_age,
};

/// The time of one frame.
#[derive(Debug)]
pub struct Ages {
    now: Now,
    policy: Policy,
    next: Cell<Option<Moment>>,
}

impl Ages {
    /// The ages at `now`; no text drawn yet. `policy` judges freshness.
    pub fn new(now: Now, policy: Policy) -> Self {
        Self {
            now,
            policy,
            next: Cell::new(None),
        }
    }

    /// The time of this frame.
    pub fn now(&self) -> Now {
        self.now
    }

    /// When the first of the texts drawn so far changes; `None` if none ever does.
    pub fn next(&self) -> Option<Moment> {
        self.next.get()
    }

    /// Notes that something drawn changes `after` from now.
    fn changes(&self, after: Duration) {
        // Deadlines are in whole milliseconds: one more, so that the text has changed when it is drawn.
        let at = self.now.moment.after(after + Duration::from_millis(1));
        self.next
            .set(Some(self.next.get().map_or(at, |n| n.min(at))));
    }

    /// How old something is that gets older: `4m`, `26h`, `3d`. Below a minute `now`, or seconds where
    /// they are asked for because something is under way.
    pub fn age(&self, age: Duration, seconds: bool) -> String {
        let (text, left) = short_age(age, seconds);
        self.changes(left);
        text
    }

    /// The age of a time of the wall clock.
    pub fn since(&self, at: Timestamp) -> String {
        self.age(self.now.age(at), false)
    }

    /// How long ago a time of the wall clock was: `4m ago`, `now`.
    pub fn ago(&self, at: Timestamp) -> String {
        match self.since(at).as_str() {
            "now" => "now".to_owned(),
            age => format!("{age} ago"),
        }
    }

    /// The seconds that something has been running that began at `at`: `41s`, `3m 05s`.
    pub fn running(&self, at: Timestamp) -> String {
        let age = self.now.age(at);
        self.changes(Duration::from_secs(age.as_secs() + 1).saturating_sub(age));
        seconds(age.as_secs())
    }

    /// A countdown in seconds: `8s`; `now` once it has run out.
    pub fn left(&self, left: Duration) -> String {
        let whole = left.as_millis().div_ceil(1000);
        if whole == 0 {
            return "now".to_owned();
        }
        let shorter = Duration::from_secs(u64::try_from(whole - 1).unwrap_or(u64::MAX));
        self.changes(left.saturating_sub(shorter));
        format!("{whole}s")
    }

    /// The wall clock: `14:02 UTC`.
    pub fn clock(&self) -> String {
        let into_minute = self
            .now
            .wall
            .as_millisecond()
            .rem_euclid(60_000)
            .unsigned_abs();
        self.changes(Duration::from_millis(60_000 - into_minute));
        self.now.wall.strftime("%H:%M UTC").to_string()
    }

    /// How fresh something is, with the moment noted at which silence makes it old.
    pub fn freshness<T>(&self, observed: &Observed<T>) -> Freshness {
        let freshness = observed.freshness(self.now, &self.policy);
        if freshness == Freshness::Fresh {
            let sign_of_life = match &observed.link {
                Link::Polled { next } => Some(*next),
                Link::Live => observed.last.as_ref().map(|(_, at)| *at),
                _ => None,
            };
            if let Some(at) = sign_of_life {
                let suspect = at.after(self.policy.quiet);
                self.changes(suspect.since(self.now.moment));
            }
        }
        freshness
    }

    /// What is said while something of a server is waited for: since when, or, where it is the link that
    /// makes it wait, why.
    pub fn waiting<T>(&self, since: Moment, observed: Option<&Observed<T>>) -> String {
        let waited = self.age(self.now.moment.since(since), true);
        match observed.and_then(|observed| self.link_words(observed)) {
            Some(words) => format!("connecting… {words}"),
            None => format!("looking at the server… {waited}"),
        }
    }

    fn link_words<T>(&self, observed: &Observed<T>) -> Option<String> {
        match self.freshness(observed) {
            Freshness::Connecting { for_ } => Some(self.age(for_, true)),
            Freshness::Unknown => Some(String::new()),
            Freshness::Unreachable { fault, retry_in }
            | Freshness::Stale {
                fault: Some(fault),
                retry_in,
                ..
            } => {
                let retry = retry_in.map(|left| format!("; retry in {}", self.left(left)));
                Some(format!("{}{}", fault.message, retry.unwrap_or_default()))
            }
            Freshness::Fresh | Freshness::Stale { fault: None, .. } => None,
        }
    }
}

/// A time of day as lists show it: `14:01`, and the date where it is not today: `11-20 14:01`.
pub fn time_of(at: Timestamp, now: Now) -> String {
    let day = |t: Timestamp| t.strftime("%Y-%m-%d").to_string();
    if day(at) == day(now.wall) {
        at.strftime("%H:%M").to_string()
    } else {
        at.strftime("%m-%d %H:%M").to_string()
    }
}

/// A duration in seconds as tables show it: `41s`, `3m 05s`, `2h 10m`.
pub fn seconds(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64, millis: u64) -> Now {
        Now {
            moment: Moment(millis),
            wall: Timestamp::from_second(second).unwrap(),
        }
    }

    #[test]
    fn the_next_change_is_that_of_the_text_that_changes_first() {
        let ages = Ages::new(at(3_600 * 14 + 125, 1_000_000), Policy::default());
        assert_eq!(ages.next(), None);
        assert_eq!(ages.clock(), "14:02 UTC");
        assert_eq!(ages.next(), Some(Moment(1_055_001)));
        assert_eq!(ages.age(Duration::from_secs(7_200), false), "2h");
        assert_eq!(ages.next(), Some(Moment(1_055_001)));
        assert_eq!(ages.left(Duration::from_millis(7_300)), "8s");
        assert_eq!(ages.next(), Some(Moment(1_000_301)));
    }

    #[test]
    fn what_was_just_now_is_not_now_ago() {
        let ages = Ages::new(at(600, 0), Policy::default());
        let ago = |second| ages.ago(Timestamp::from_second(second).unwrap());
        assert_eq!([ago(590), ago(360)], ["now", "4m ago"]);
    }

    #[test]
    fn live_data_becomes_old_by_itself_when_nothing_is_heard() {
        let mut observed: Observed<u8> = Observed {
            last: Some((1.into(), Moment(1_000_000))),
            link: Link::Live,
        };
        let ages = Ages::new(at(0, 1_030_000), Policy::default());
        assert_eq!(ages.freshness(&observed), Freshness::Fresh);
        assert_eq!(ages.next(), Some(Moment(1_090_001)));
        observed.link = Link::Lost {
            since: Moment(1_000_000),
            fault: crate::release::Fault::new(
                crate::release::FaultKind::Unreachable,
                "shop",
                "connection refused",
            ),
            retry: None,
        };
        assert!(matches!(
            ages.freshness(&observed),
            Freshness::Stale { fault: Some(_), .. }
        ));
    }
}
