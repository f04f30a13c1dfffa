//! Waiting for what has no event of its own: a file that somebody else writes, a process that is nobody's
//! child here.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for anything before it fails; nothing is measured with it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The longest time between two looks: a look may be a command, and others need the machine too.
const SELDOM: Duration = Duration::from_millis(160);

/// Waits until `holds`, which is asked less often the longer it takes.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    let mut between = Duration::from_millis(10);
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(between);
        between = (between * 2).min(SELDOM);
    }
}
