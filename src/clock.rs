//! The one place that reads the machine's clocks.
//!
//! Everything else is handed a [`Clock`] or a [`Now`], so tests and the embedded world move time by hand.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::release::{Moment, Now};

/// A source of the time. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// The machine's clocks: `CLOCK_BOOTTIME` for moments, the wall clock beside it.
    pub fn system() -> Self {
        Self::of(|| {
            let boot = clock_gettime(ClockId::Boottime);
            let millis =
                boot.tv_sec.unsigned_abs() * 1000 + boot.tv_nsec.unsigned_abs() / 1_000_000;
            Now {
                moment: Moment(millis),
                wall: Timestamp::now(),
            }
        })
    }

    /// A clock that `read` reads.
    pub fn of(read: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Both clocks, read now.
    pub fn now(&self) -> Now {
        (self.0)()
    }

    /// The moment, read now.
    pub fn moment(&self) -> Moment {
        self.now().moment
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
