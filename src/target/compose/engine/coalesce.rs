//! Makes one look of a burst of events. Pure: it is told the time.

use std::time::Duration;

use tokio::time::Instant;

/// Events come in bursts: stop, die, destroy, create, start.
const SETTLE: Duration = Duration::from_millis(50);
/// A container that crashes without end does not make us look without end.
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);

/// When to look.
#[derive(Debug, Default)]
pub struct Coalescer {
    due: Option<Instant>,
    looked: Option<Instant>,
}

impl Coalescer {
    /// Something has changed.
    pub fn note(&mut self, now: Instant) {
        let settled = now + SETTLE;
        let earliest = self.looked.map_or(settled, |looked| looked + BETWEEN_LOOKS);
        self.due.get_or_insert(settled.max(earliest));
    }

    /// A look begins: whatever changed until now will be seen by it.
    pub fn look(&mut self, now: Instant) {
        self.due = None;
        self.looked = Some(now);
    }

    /// When the next look is due, if one is.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_look_and_looks_keep_their_distance() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut coalescer = Coalescer::default();
        assert_eq!(coalescer.due(), None);

        coalescer.note(at(0));
        coalescer.note(at(20));
        coalescer.note(at(40));
        assert_eq!(coalescer.due(), Some(at(50)));

        coalescer.look(at(50));
        assert_eq!(coalescer.due(), None);
        coalescer.note(at(60));
        assert_eq!(coalescer.due(), Some(at(450)));

        coalescer.look(at(450));
        coalescer.note(at(5000));
        assert_eq!(coalescer.due(), Some(at(5050)));
    }
}
