//! The tasks that bring facts: one an environment, one a repository, one for the workflow runs.

use std::{collections::BTreeMap, sync::Arc};

use futures::{Stream, StreamExt};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    registry::Wanted,
    release::{Repository, Tag},
};

use super::{Fact, inbox::Inbox, world::World};

/// The running feeds; dropped, they end.
pub struct Feeds {
    world: Arc<World>,
    wanted: BTreeMap<Repository, watch::Sender<Wanted>>,
    refresh_runs: watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

/// Starts a feed for everything that the configuration names. Must be called inside a Tokio runtime.
pub fn start(world: &Arc<World>, inbox: &Inbox) -> Feeds {
    let mut tasks = JoinSet::new();
    for (name, target) in world.targets() {
        let name = name.clone();
        let fact = move |reading| Fact::Environment(name.clone(), reading);
        tasks.spawn(bring(target.readings(), inbox.clone(), fact));
    }
    let mut wanted = BTreeMap::new();
    for (repository, convention) in world.config.repositories() {
        let (sender, receiver) = watch::channel(Wanted::default());
        let readings = world.catalogue.watch(repository, convention, receiver);
        let of = repository.clone();
        let fact = move |reading| Fact::Versions(of.clone(), reading);
        tasks.spawn(bring(readings, inbox.clone(), fact));
        wanted.insert(repository.clone(), sender);
    }
    let (refresh_runs, receiver) = watch::channel(0);
    if let Some(pipeline) = &world.pipeline {
        tasks.spawn(bring(pipeline.watch(receiver), inbox.clone(), Fact::Runs));
    }
    Feeds {
        world: world.clone(),
        wanted,
        refresh_runs,
        _tasks: tasks,
    }
}

impl Feeds {
    /// Says which tags of a repository are on the screen, the most important first.
    pub fn want(&self, repository: &Repository, tags: Vec<Tag>) {
        if let Some(sender) = self.wanted.get(repository) {
            sender.send_if_modified(|wanted| {
                let changed = wanted.tags != tags;
                wanted.tags = tags;
                changed
            });
        }
    }

    /// Asks everything anew, now; also what waits for a retry or for an operator.
    pub fn refresh(&self) {
        for (_, target) in self.world.targets() {
            target.retry_now();
        }
        for sender in self.wanted.values() {
            sender.send_modify(|wanted| wanted.refresh += 1);
        }
        self.refresh_runs.send_modify(|count| *count += 1);
    }
}

async fn bring<T>(
    mut readings: impl Stream<Item = T> + Unpin,
    inbox: Inbox,
    fact: impl Fn(T) -> Fact,
) {
    while let Some(reading) = readings.next().await {
        inbox.put(fact(reading));
    }
}
