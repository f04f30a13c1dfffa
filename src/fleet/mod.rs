//! What is known of all environments, versions and runs, with its freshness, and what is joined from it.
//!
//! The facts and the joins are pure: the feeds that bring them are in [`feeds`]. Nothing here knows a
//! screen; no client is named except in [`feeds`] and [`world`].

pub mod drift;
pub mod feeds;
mod file_drift;
pub mod inbox;
pub mod join;
pub mod log_buffer;

mod unsettled;
pub mod world;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::Config,
    pipeline::RunsReading,
    registry::VersionsReading,
    release::{
        EnvironmentName, Moment, Repository,
        newer::{Newer, NewerFile},
        observation::{Containers, Files},
        observed::{Link, Observed, Why},
        operation::OperationId,
        version::Versions,
        workflow::Runs,
    },
    target::{Question, Reading},
};

/// Something newly known. State, not an event: a newer one of the same key replaces an older.
#[derive(Debug, Clone)]
pub enum Fact {
    /// Of an environment.
    Environment(EnvironmentName, Reading),
    /// Of a repository.
    Versions(Repository, VersionsReading),
    /// Of the workflow runs.
    Runs(RunsReading),
}

/// What is known of one environment.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentFacts {
    /// Its containers, from the Engine.
    pub containers: Observed<Containers>,
    /// Its pins, ledger and operation, from the server's files.
    pub files: Observed<Files>,
}

impl EnvironmentFacts {
    /// What a newer flightdeck has written there: nothing is done over it from here, and what its ledger
    /// says last is not known.
    pub fn newer(&self) -> Option<&Newer> {
        self.files.value().and_then(|files| files.newer.as_ref())
    }

    /// Whether a newer flightdeck has written some of that operation.
    pub fn is_newer(&self, operation: OperationId) -> bool {
        self.newer()
            .filter(|newer| newer.file != Some(NewerFile::Ledger))
            .is_some_and(|newer| newer.operation == Some(operation))
    }
}

/// All that is known.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The configuration that it is known by.
    pub config: Arc<Config>,
    environments: BTreeMap<EnvironmentName, EnvironmentFacts>,
    versions: BTreeMap<Repository, Observed<Versions>>,
    /// The workflow runs.
    pub runs: Observed<Runs>,
    /// What only the operator can answer, oldest first.
    pub questions: Vec<Question>,
}

impl Fleet {
    /// Knows nothing yet of everything that `config` names.
    pub fn new(config: Arc<Config>) -> Self {
        let environments = config
            .environments
            .iter()
            .map(|e| (e.name.clone(), EnvironmentFacts::default()))
            .collect();
        let versions = config
            .repositories()
            .into_iter()
            .map(|(r, _)| (r.clone(), Observed::default()))
            .collect();
        let mut runs = Observed::default();
        if config.github.is_none() {
            runs.link = Link::Never(Why::NotConfigured);
        }
        Self {
            config,
            environments,
            versions,
            runs,
            questions: Vec::new(),
        }
    }

    /// What is known of an environment; `None` for a name that the configuration does not have.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentFacts> {
        self.environments.get(name)
    }

    /// What is known of a repository's versions.
    pub fn versions(&self, repository: &Repository) -> Option<&Observed<Versions>> {
        self.versions.get(repository)
    }

    /// Takes a fact, seen at `at`. One about something that the configuration does not have is dropped.
    pub fn apply(&mut self, fact: Fact, at: Moment) {
        match fact {
            Fact::Environment(name, reading) => {
                if let Reading::Ask(question) = reading {
                    self.questions.push(question);
                    return;
                }
                let Some(facts) = self.environments.get_mut(&name) else {
                    return;
                };
                match reading {
                    Reading::EngineLink(link) => set_link(&mut facts.containers, link, at),
                    Reading::Containers(containers) => facts.containers.see(containers, at),
                    Reading::FilesLink(link) => set_link(&mut facts.files, link, at),
                    Reading::Files(files) => facts.files.see(files, at),
                    Reading::Ask(_) => {}
                }
            }
            Fact::Versions(repository, reading) => {
                let Some(observed) = self.versions.get_mut(&repository) else {
                    return;
                };
                match reading {
                    VersionsReading::Link(link) => set_link(observed, link, at),
                    VersionsReading::Versions(versions) => observed.see(versions, at),
                }
            }
            Fact::Runs(RunsReading::Link(link)) => set_link(&mut self.runs, link, at),
            Fact::Runs(RunsReading::Runs(runs)) => self.runs.see(runs, at),
        }
    }

    /// Drops questions that nobody waits for any more.
    pub fn forget_answered(&mut self) {
        self.questions.retain(|q| !q.answer.is_gone());
    }
}

/// A live link that says so again is a sign of life: what was seen last is true now.
fn set_link<T>(observed: &mut Observed<T>, link: Link, at: Moment) {
    if matches!(link, Link::Live | Link::Polled { .. })
        && let Some((_, seen)) = &mut observed.last
    {
        *seen = at;
    }
    observed.link = link;
}
