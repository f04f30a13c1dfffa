//! For tests: Tokio's time stands still until somebody moves it, though sockets are real.
//!
//! A paused clock of Tokio runs ahead to the next timer whenever all tasks wait, also when they wait for
//! a socket. It does not while a blocking task runs: one that waits for the end of the test holds it.

use std::{sync::mpsc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    clock::Clock,
    release::{Moment, Now},
};

/// Time that is moved by hand. Ends with its drop.
pub(crate) struct TimeByHand {
    began: Instant,
    _held: mpsc::Sender<()>,
}

impl TimeByHand {
    /// Stops the time, in a test on one thread.
    pub(crate) fn begin() -> Self {
        tokio::time::pause();
        let (held, until_dropped) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || until_dropped.recv());
        Self {
            began: Instant::now(),
            _held: held,
        }
    }

    /// A clock that shows this time.
    pub(crate) fn clock(&self) -> Clock {
        let began = self.began;
        let wall: Timestamp = "2026-01-24T14:00:00Z".parse().unwrap();
        Clock::of(move || {
            let passed = began.elapsed();
            Now {
                moment: Moment(1_000_000).after(passed),
                wall: wall + passed,
            }
        })
    }

    /// Lets `time` pass, and the millisecond by which Tokio's timers are late.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time + Duration::from_millis(1)).await;
    }
}
