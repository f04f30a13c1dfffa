//! Time as the cockpit uses it: a moment that runs on through suspend, and the wall clock beside it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment on the machine's `CLOCK_BOOTTIME`: it runs on while the machine sleeps and never jumps.
/// Milliseconds since boot. Only differences mean anything.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Moment(pub u64);

impl Moment {
    /// How long ago `earlier` was; zero if it is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `duration` after this one.
    #[must_use]
    pub fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration.as_millis() as u64))
    }
}

/// The two clocks read together, handed to everything that needs the time: nothing below reads a clock
/// for itself, so tests and the embedded world move it by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For ages and deadlines.
    pub moment: Moment,
    /// For what people and servers call the time.
    pub wall: Timestamp,
}

impl Now {
    /// How old `at` is by the wall clock, zero if it lies ahead.
    pub fn age(&self, at: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(at)).unwrap_or_default()
    }
}

/// A duration as a table shows it, in its largest unit, and how long that text stays true:
/// `4m`, `26h`, `3d`. Below a minute `now` unless `seconds` are asked for.
pub fn short_age(age: Duration, seconds: bool) -> (String, Duration) {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let whole = age.as_secs();
    let (text, unit) = match whole {
        0..MINUTE if seconds => (format!("{whole}s"), 1),
        0..MINUTE => ("now".to_owned(), MINUTE),
        MINUTE..HOUR => (format!("{}m", whole / MINUTE), MINUTE),
        HOUR..172_800 => (format!("{}h", whole / HOUR), HOUR),
        _ => (format!("{}d", whole / DAY), DAY),
    };
    let next = (whole / unit + 1) * unit;
    (text, Duration::from_secs(next).saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_says_when_its_text_changes() {
        for (age, text, next) in [
            (0, "now", 60),
            (59, "now", 1),
            (60, "1m", 60),
            (3599, "59m", 1),
            (7200, "2h", 3600),
            (172_800, "2d", 86_400),
        ] {
            assert_eq!(
                short_age(Duration::from_secs(age), false),
                (text.to_owned(), Duration::from_secs(next))
            );
        }
        assert_eq!(
            short_age(Duration::from_millis(4_300), true),
            ("4s".to_owned(), Duration::from_millis(700))
        );
    }
}
