//! Waiting for what has no event of its own: a file that somebody else writes, a process that is nobody's
//! child here.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for anything before it fails; nothing is measured with it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds`.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
