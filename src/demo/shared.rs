//! The one world behind all doors: who holds it, who is told of changes, and what lets its time pass.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet};

use super::{requests::RequestLog, world::World};
use crate::clock::Clock;

/// The world, shared by its doors.
#[derive(Debug)]
pub struct Shared {
    world: Mutex<World>,
    revision: watch::Sender<u64>,
    clock: Clock,
    /// What goes on by itself: whoever ends the world ends these.
    tasks: Mutex<JoinSet<()>>,
    /// What was asked at the doors.
    pub requests: RequestLog,
}

impl Shared {
    /// Shares `world`, whose time is `clock`'s.
    pub fn new(world: World, clock: Clock) -> Self {
        Self {
            revision: watch::Sender::new(world.revision()),
            world: Mutex::new(world),
            clock,
            tasks: Mutex::default(),
            requests: RequestLog::default(),
        }
    }

    /// Lets `task` run until the world ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Ends everything that goes on.
    pub fn end(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
    }

    /// The time here.
    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Looks at the world, or changes it, as it is now.
    pub fn with<R>(&self, f: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        world.advance(now);
        let result = f(&mut world, now);
        let revision = world.revision();
        self.revision.send_if_modified(|told| {
            let changed = *told != revision;
            *told = revision;
            changed
        });
        result
    }

    /// The same, and whoever waits for changes is told.
    pub fn change<R>(&self, f: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        self.with(|world, now| {
            world.touch();
            f(world, now)
        })
    }

    /// Tells when something has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Waits as long as `duration` of reality takes here.
    pub async fn pause(&self, duration: Duration) {
        let pace = self.with(|world, _| world.pace);
        tokio::time::sleep(pace.scaled(duration)).await;
    }

    /// Lets the world's time pass, for ever.
    pub async fn live(&self) {
        let mut changes = self.changes();
        loop {
            let next = self.with(|world, _| world.next_turn());
            tokio::select! {
                () = self.until(next) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Waits until `at` by the world's clock; for ever for `None`.
    pub async fn until(&self, at: Option<Timestamp>) {
        match at {
            Some(at) => {
                let left = at.duration_since(self.now());
                tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
            }
            None => std::future::pending().await,
        }
    }
}
