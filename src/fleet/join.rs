//! What follows from several facts together: where a version runs, drift, an environment's state.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::Environment,
    plan::{
        history::{self, Proven},
        running,
    },
    release::{
        Digest, EnvironmentName, ImageReference, Moment, Now, Repository, ServiceName, Tag,
        observation::{Containers, Crashes, Health},
        observed::{Freshness, Policy},
        operation::{Liveness, OperationState},
        record::{Record, Release, ServiceRelease},
        recovery::newest_that_counts,
        version::WhereItRuns,
    },
};

use super::{
    EnvironmentFacts, Fleet,
    drift::{self, Drift},
};

/// How an environment is, in one word; what it sorts and is coloured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// An operation is stuck or interrupted, something is unhealthy, crashing or missing, or a newer
    /// flightdeck has written there, over which nothing can be done from here.
    Unwell,
    /// Cannot be seen now.
    Unseen,
    /// An operation runs, or something is starting.
    Changing,
    /// Nothing is known yet.
    Unknown,
    /// All is well.
    Well,
}

/// A service of an environment, as a row of the environments pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRow {
    /// The service.
    pub service: ServiceName,
    /// Whether flightdeck releases it; the others of the project are shown and left alone.
    pub released: bool,
    /// The reference that its containers were asked for with, cleaned; empty if there are none.
    pub reference: String,
    /// What people call what runs: tag, else short digest or ID; `None` if nothing does.
    pub label: Option<String>,
    /// The tag in the reference.
    pub tag: Option<Tag>,
    /// The digest that runs, where it is known.
    pub digest: Option<Digest>,
    /// The worst health among its containers.
    pub health: Health,
    /// Since when the oldest of its containers runs.
    pub since: Option<Timestamp>,
    /// How long the one of its containers that started last may take to start, while it is starting, and
    /// when it began.
    pub starting: Option<(Timestamp, Duration)>,
    /// Restarts of all its containers.
    pub restarts: u64,
    /// What tells of crashes, by our clock, and when that was seen.
    pub crashes: Option<(Crashes, Moment)>,
    /// How many containers it has.
    pub containers: usize,
    /// What does not agree with what.
    pub drift: Vec<Drift>,
}

impl ServiceRow {
    /// What tells that it crashes again and again, however well it looks; judged by when it was seen, so
    /// that it stays so while nobody can look.
    pub fn crashing(&self, now: Now) -> Option<Crashes> {
        let (crashes, seen) = self.crashes?;
        let at = now
            .wall
            .checked_sub(now.moment.since(seen))
            .unwrap_or(now.wall);
        crashes.go_on(at).then_some(crashes)
    }
}

/// What an operator may recover or cancel in an environment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recoverable<'a> {
    /// It runs, or nobody knows that it does not.
    UnderWay(&'a OperationState),
    /// It died half-way.
    Interrupted(&'a OperationState),
    /// It ended, and could go on or be taken back.
    Ended(&'a Record),
}

impl EnvironmentFacts {
    /// The operation that holds the environment or was interrupted. A lock by hand is none.
    pub fn operation(&self) -> Option<&OperationState> {
        self.held().filter(|held| !held.is_lock())
    }

    /// The lock by hand that stands.
    pub fn lock(&self) -> Option<&OperationState> {
        self.held()
            .filter(|held| held.is_lock() && held.end.is_none())
    }

    fn held(&self) -> Option<&OperationState> {
        self.files.value().and_then(|f| f.operation.as_ref())
    }

    /// What can be recovered: what runs or was interrupted, else the last operation that changed
    /// anything, unless it ended well. Nothing over what a newer flightdeck has written.
    pub fn recoverable(&self) -> Option<Recoverable<'_>> {
        if self.newer().is_some() {
            return None;
        }
        if let Some(operation) = self.operation().filter(|operation| operation.end.is_none()) {
            return Some(match operation.liveness {
                Liveness::Dead | Liveness::Orphaned => Recoverable::Interrupted(operation),
                Liveness::Alive | Liveness::Unknown => Recoverable::UnderWay(operation),
            });
        }
        newest_that_counts(self.records())
            .filter(|record| record.can_be_recovered())
            .map(Recoverable::Ended)
    }

    /// The last operation, where it ended so that somebody has to decide what becomes of it.
    pub fn left_stuck(&self) -> Option<&Record> {
        newest_that_counts(self.records())
            .filter(|record| record.waits_for_operator() && self.newer().is_none())
    }

    /// The ledger as far as it is known, oldest first.
    pub fn records(&self) -> &[Record] {
        self.files
            .value()
            .map(|f| f.records.as_slice())
            .unwrap_or_default()
    }

    /// The freshness of what is the less fresh, containers or files: a row is no fresher than its parts.
    pub fn freshness(&self, now: Now, policy: &Policy) -> Freshness {
        let containers = self.containers.freshness(now, policy);
        if matches!(containers, Freshness::Fresh) {
            self.files.freshness(now, policy)
        } else {
            containers
        }
    }
}

impl Fleet {
    /// How an environment is.
    pub fn condition(&self, name: &EnvironmentName, now: Now, policy: &Policy) -> Condition {
        let Some(facts) = self.environment(name) else {
            return Condition::Unknown;
        };
        let Some(environment) = self.config.environment(name) else {
            return Condition::Unknown;
        };
        if facts
            .operation()
            .is_some_and(|o| o.end.is_none() && o.liveness.is_interrupted())
        {
            return Condition::Unwell;
        }
        match facts.containers.freshness(now, policy) {
            Freshness::Unreachable { .. } | Freshness::Stale { fault: Some(_), .. } => {
                return Condition::Unseen;
            }
            Freshness::Unknown | Freshness::Connecting { .. } => return Condition::Unknown,
            Freshness::Fresh | Freshness::Stale { fault: None, .. } => {}
        }
        // Nobody here can say whether what a newer flightdeck does there is well.
        if facts.newer().is_some() {
            return Condition::Unwell;
        }
        if facts.operation().is_none() && facts.left_stuck().is_some() {
            return Condition::Unwell;
        }
        let rows = self.services(environment);
        let released = || rows.iter().filter(|r| r.released || r.containers > 0);
        if facts.operation().is_some_and(|o| o.end.is_none()) {
            Condition::Changing
        } else if released().any(|r| {
            !r.health.is_well() && r.health != Health::Starting || r.crashing(now).is_some()
        }) {
            Condition::Unwell
        } else if released().any(|r| r.health == Health::Starting) {
            Condition::Changing
        } else {
            Condition::Well
        }
    }

    /// The services of an environment: those that flightdeck releases first, then what else runs there.
    pub fn services(&self, environment: &Environment) -> Vec<ServiceRow> {
        let Some(facts) = self.environment(&environment.name) else {
            return Vec::new();
        };
        let empty = Containers::default();
        let containers = facts.containers.value().unwrap_or(&empty);
        let mut names = environment.services.clone();
        for container in &containers.containers {
            if !names.contains(&container.service) {
                names.push(container.service.clone());
            }
        }
        names
            .into_iter()
            .map(|name| self.service_row(environment, facts, containers, name))
            .collect()
    }

    fn service_row(
        &self,
        environment: &Environment,
        facts: &EnvironmentFacts,
        containers: &Containers,
        name: ServiceName,
    ) -> ServiceRow {
        let released = environment.services.contains(&name);
        let repository = self.config.services.get(&name).map(|s| &s.repository);
        let running = running_release(containers, &name, repository);
        let first = containers.of(&name).next();
        let seen = facts.containers.last.as_ref().map(|(_, seen)| *seen);
        let skew = facts.files.value().map_or(0, |files| files.clock_skew_ms);
        let skew = SignedDuration::from_millis(skew);
        let mut found = Vec::new();
        if released && first.is_some() {
            let mut ids = containers.of(&name).map(|c| &c.image_id);
            let one = ids.next();
            if ids.any(|id| Some(id) != one) {
                found.push(Drift::Mixed);
            }
            if let (Some(files), Some(running)) = (facts.files.value(), &running) {
                found.extend(drift::from_files(files, &name, running));
            }
            if let Some(running) = &running {
                found.extend(self.tag_drift(running));
            }
        }
        ServiceRow {
            released,
            reference: first.map(|c| c.reference.clone()).unwrap_or_default(),
            label: running.as_ref().map(ServiceRelease::label),
            tag: running.as_ref().and_then(|r| r.tag.clone()),
            digest: running.and_then(|r| r.digest),
            health: containers.health(&name),
            since: containers.of(&name).filter_map(|c| c.started).min(),
            starting: containers
                .of(&name)
                .filter(|c| c.health == Health::Starting)
                .filter_map(|c| Some((c.started?, c.start_period?)))
                .max(),
            restarts: containers.of(&name).map(|c| c.restarts).sum(),
            crashes: containers.crashes(&name).zip(seen).map(|(crashes, seen)| {
                let last = crashes.last.checked_sub(skew).unwrap_or(crashes.last);
                (Crashes { last, ..crashes }, seen)
            }),
            containers: containers.of(&name).count(),
            drift: found,
            service: name,
        }
    }

    fn tag_drift(&self, running: &ServiceRelease) -> Option<Drift> {
        let (tag, digest) = (running.tag.as_ref()?, running.digest.as_ref()?);
        let versions = self.versions(&running.repository)?.value()?;
        let now = versions
            .versions
            .iter()
            .find(|v| v.tag == *tag)?
            .digest
            .value()?;
        (now != digest).then(|| Drift::Tag { tag: tag.clone() })
    }

    /// What an environment runs, of the services that flightdeck releases there.
    pub fn running(&self, environment: &Environment) -> Release {
        let containers = self
            .environment(&environment.name)
            .and_then(|f| f.containers.value());
        let services = environment.services.iter().filter_map(|name| {
            let repository = self.config.services.get(name).map(|s| &s.repository);
            Some((
                name.clone(),
                running_release(containers?, name, repository)?,
            ))
        });
        Release {
            services: services.collect(),
            schema_heads: None,
            files: Default::default(),
            pinned_files: Default::default(),
        }
    }

    /// Where the versions of a repository run, by digest, in the order of the configuration.
    pub fn where_it_runs(&self, repository: &Repository) -> WhereItRuns {
        let mut runs = WhereItRuns::new();
        for environment in &self.config.environments {
            for service in self.running(environment).services.values() {
                if let (true, Some(digest)) = (service.repository == *repository, &service.digest) {
                    let there = runs.entry(digest.clone()).or_default();
                    if there.last() != Some(&environment.name) {
                        there.push(environment.name.clone());
                    }
                }
            }
        }
        runs
    }

    /// The release that a rollback of this environment returns to by default, and the operation that
    /// proves it healthy: the last one that is neither what runs now nor proven bad since. None where a
    /// newer flightdeck has written: a rollback is refused there.
    pub fn last_healthy(&self, environment: &Environment) -> Option<Proven> {
        let running = self.running(environment);
        let facts = self.environment(&environment.name)?;
        if facts.newer().is_some() {
            return None;
        }
        history::healthy(facts.records())
            .into_iter()
            .find(|proven| !running::runs_all(&proven.release, &running))
    }
}

/// What a service's first container runs, named as exactly as the Engine tells.
pub fn running_release(
    containers: &Containers,
    service: &ServiceName,
    repository: Option<&Repository>,
) -> Option<ServiceRelease> {
    let container = containers.of(service).next()?;
    let asked: Option<ImageReference> = container.reference.parse().ok();
    let repository = repository
        .cloned()
        .or_else(|| asked.as_ref().map(|r| r.repository.clone()))?;
    let image = containers.images.get(&container.image_id);
    let same_repository = asked.filter(|r| r.repository == repository);
    let digest = image
        .and_then(|i| i.digest_in(&repository).cloned())
        .or_else(|| same_repository.as_ref().and_then(|r| r.digest.clone()));
    Some(ServiceRelease {
        tag: same_repository.and_then(|r| r.tag),
        digest,
        image_id: Some(container.image_id.clone()),
        revision: image.and_then(|i| i.revision.clone()),
        repository,
    })
}
