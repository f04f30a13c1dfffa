//! Watches environments for as long as a command runs: gathers facts, and answers what ssh asks.

use std::time::Duration;

use futures::StreamExt;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    clock::Clock,
    fleet::{EnvironmentFacts, Fact, Fleet, inbox::Inbox, world::World},
    release::{EnvironmentName, Fault, observed::Link, operation::OperationId},
    target::Reading,
};

use super::ask;

/// So long a command waits for facts at most. Links have shorter limits of their own; this one is for
/// what answers and never ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads environments until it is dropped.
pub struct Attendant {
    inbox: Inbox,
    _readers: Vec<AbortOnDropHandle<()>>,
}

impl Attendant {
    /// Begins to watch these environments. Where somebody is `interactive`, questions are asked at the
    /// terminal; otherwise they are answered with "no".
    ///
    /// # Errors
    /// A name that the configuration does not have.
    pub fn start(
        world: &World,
        names: &[EnvironmentName],
        interactive: bool,
    ) -> Result<Self, Fault> {
        let inbox = Inbox::default();
        let mut readers = Vec::new();
        for name in names {
            let mut readings = world.target(name)?.readings();
            let (inbox, name) = (inbox.clone(), name.clone());
            readers.push(AbortOnDropHandle::new(tokio::spawn(async move {
                while let Some(reading) = readings.next().await {
                    match reading {
                        Reading::Ask(question) => ask::answer(question, interactive).await,
                        reading => inbox.put(Fact::Environment(name.clone(), reading)),
                    }
                }
            })));
        }
        Ok(Self {
            inbox,
            _readers: readers,
        })
    }

    /// Takes in facts until each of these environments has been seen whole, or is known not to be seen
    /// now.
    pub async fn settle(&self, fleet: &mut Fleet, names: &[EnvironmentName], clock: &Clock) {
        let settled = async {
            while names
                .iter()
                .any(|name| !fleet.environment(name).is_none_or(is_settled))
            {
                for fact in self.inbox.take().await {
                    fleet.apply(fact, clock.moment());
                }
            }
        };
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            tracing::warn!("not everything could be seen in {PATIENCE:?}");
        }
    }

    /// Takes in facts until `operation` is seen to be dead without having ended.
    pub async fn died(
        &self,
        fleet: &mut Fleet,
        name: &EnvironmentName,
        operation: OperationId,
        clock: &Clock,
    ) {
        let is_dead = |fleet: &Fleet| {
            let facts = fleet.environment(name);
            facts
                .and_then(EnvironmentFacts::operation)
                .is_some_and(|found| {
                    found.id == operation && found.end.is_none() && found.liveness.is_interrupted()
                })
        };
        while !is_dead(fleet) {
            for fact in self.inbox.take().await {
                fleet.apply(fact, clock.moment());
            }
        }
    }
}

/// Whether both halves were seen, or one of them is lost: then the other does not make it whole.
fn is_settled(facts: &EnvironmentFacts) -> bool {
    let lost = |link: &Link| matches!(link, Link::Lost { .. });
    let seen = facts.containers.last.is_some() && facts.files.last.is_some();
    seen || lost(&facts.containers.link) && lost(&facts.files.link)
        || lost(&facts.containers.link) && facts.files.last.is_some()
        || lost(&facts.files.link) && facts.containers.last.is_some()
}
