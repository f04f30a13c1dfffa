//! How long to wait before the next attempt. Pure.

use std::time::Duration;

/// The shortest wait, after a first failure.
pub const SHORTEST: Duration = Duration::from_millis(300);
/// The longest wait, however often it has failed.
pub const LONGEST: Duration = Duration::from_secs(30);

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
    use super::*;

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
}
