//! When to ask again: by a server's wish where it has one, else later each time.
//!
//! Knows HTTP's header for it and nothing of who is asked.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::{HeaderMap, header::RETRY_AFTER};
use jiff::Timestamp;

use crate::release::Fault;

/// The first wait after a failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts, before jitter.
const LONGEST: Duration = Duration::from_secs(60);
/// The longest wait that a server can ask for.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// Waits that double from one second to a minute, with jitter so that many cockpits do not come back
/// together. Never ends.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Default for Backoff {
    fn default() -> Self {
        Self(
            ExponentialBuilder::default()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .with_jitter()
                .without_max_times()
                .build(),
        )
    }
}

impl Backoff {
    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST)
    }

    /// Begins again with the shortest wait: the other side has answered.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// A request that failed: why, and how long the other side asks us to wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Why.
    pub fault: Fault,
    /// How long the other side asks us to wait, if it does.
    pub wait: Option<Duration>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, wait: None }
    }
}

/// What `Retry-After` asks for: seconds, or a date of HTTP. At least a second, at most an hour.
pub fn retry_after(headers: &HeaderMap, wall: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => until(jiff::fmt::rfc2822::parse(text).ok()?.timestamp(), wall),
    };
    Some(bounded(wait))
}

/// The time from `wall` to `moment`, bounded as a server's wish is.
pub fn bounded_until(moment: Timestamp, wall: Timestamp) -> Duration {
    bounded(until(moment, wall))
}

fn until(moment: Timestamp, wall: Timestamp) -> Duration {
    Duration::try_from(moment.duration_since(wall)).unwrap_or_default()
}

fn bounded(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), LONGEST_WISH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, "2026-01-24T14:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_wish_is_seconds_or_a_date_and_never_more_than_an_hour() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            asked("Sat, 24 Jan 2026 14:02:00 GMT"),
            Some(Duration::from_secs(120))
        );
        assert_eq!(asked("0"), Some(Duration::from_secs(1)));
        assert_eq!(asked("99999999"), Some(Duration::from_secs(3600)));
        assert_eq!(asked("soon"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_wish_is_shorter_than_a_second_or_longer_than_an_hour(
            wish in r"-?[0-9]{0,22}|[SMTWF][a-z]{2}, [0-9]{1,2} [JFD][a-z]{2} [0-9]{1,6} [0-9:]{0,8} (GMT|[+-][0-9]{4})"
        ) {
            if let Some(wait) = asked(&wish) {
                proptest::prop_assert!((Duration::from_secs(1)..=LONGEST_WISH).contains(&wait), "{wait:?}");
            }
        }
    }

    #[test]
    fn waits_grow_stay_bounded_and_begin_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next_wait()).collect();
        assert!(waits[0] < Duration::from_secs(3));
        assert!(waits.iter().all(|wait| *wait <= 2 * LONGEST));
        assert!(waits[19] >= LONGEST);
        backoff.reset();
        assert!(backoff.next_wait() < Duration::from_secs(3));
    }
}
