//! The state of the embedded world: an Engine's images and containers, the schemas of two databases,
//! the registry's versions, the workflow runs. Pure: it is handed the time and the seed, and does no I/O.
//!
//! Nothing in it happens at once in the background. [`World::advance`] lets everything happen that is
//! due, in order, each at its own time; [`World::next_turn`] says when it is worth coming back.

pub mod catalogue;
pub mod container;
pub mod engine;
pub mod events;
pub mod logs;
pub mod pipeline;
pub mod schema;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use self::{catalogue::Catalogue, engine::Engine, pipeline::Pipeline};
use super::seed::Seed;

/// How fast things happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// How many times as fast as in reality.
    pub speed: f64,
    /// Whether nothing happens by itself that no deed has caused.
    pub still: bool,
}

impl Pace {
    /// As in reality.
    pub const REAL: Self = Self {
        speed: 1.0,
        still: false,
    };

    /// How long something takes here that takes `duration` in reality.
    pub fn scaled(self, duration: Duration) -> Duration {
        duration.div_f64(self.speed.max(0.01))
    }
}

/// The whole state.
#[derive(Debug)]
pub struct World {
    /// The seed that its history comes from.
    pub seed: Seed,
    /// When it began.
    pub start: Timestamp,
    /// How fast things happen.
    pub pace: Pace,
    /// What has been built.
    pub catalogue: Catalogue,
    /// The Engine.
    pub engine: Engine,
    /// Each project's schema: a position in [`schema::REVISIONS`], `None` at base.
    pub schemas: BTreeMap<String, Option<usize>>,
    /// What built the versions.
    pub pipeline: Pipeline,
    revision: u64,
}

impl World {
    /// A world as it is at `start`: versions and runs, and an Engine with nothing on it.
    /// `registry` is the host and port that its own repositories are named by.
    pub fn new(seed: Seed, start: Timestamp, pace: Pace, registry: &str) -> Self {
        let catalogue = Catalogue::new(seed, start, registry, pace);
        let pipeline = Pipeline::new(seed, start, &catalogue, pace);
        Self {
            seed,
            start,
            pace,
            catalogue,
            engine: Engine::new(seed, start, pace),
            schemas: BTreeMap::new(),
            pipeline,
            revision: 0,
        }
    }

    /// Lets happen what is due until `now`.
    pub fn advance(&mut self, now: Timestamp) {
        if self.engine.advance(now) {
            self.revision += 1;
        }
    }

    /// When something happens next by itself; `None` if nothing does.
    pub fn next_turn(&self) -> Option<Timestamp> {
        self.engine.next_turn()
    }

    /// Notes that something was changed: whoever waits for changes looks again.
    pub fn touch(&mut self) {
        self.revision += 1;
    }

    /// A number that grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
