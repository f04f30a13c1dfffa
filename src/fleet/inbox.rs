//! Where facts wait for the one who applies them: newest wins, so that a slow reader never falls behind
//! and a burst costs one slot a key.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    pipeline::RunsReading,
    registry::VersionsReading,
    release::{EnvironmentName, Repository},
    target::{Question, Reading},
};

use super::Fact;

/// What a fact replaces: the older one of the same key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    EngineLink(EnvironmentName),
    Containers(EnvironmentName),
    FilesLink(EnvironmentName),
    Files(EnvironmentName),
    VersionsLink(Repository),
    Versions(Repository),
    RunsLink,
    Runs,
}

#[derive(Debug, Default)]
struct Waiting {
    facts: BTreeMap<Key, Fact>,
    /// Questions are events: none may be lost.
    questions: Vec<(EnvironmentName, Question)>,
}

/// The inbox. Cloning gives another handle to the same one.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    waiting: Arc<Mutex<Waiting>>,
    arrived: Arc<Notify>,
}

impl Inbox {
    /// Puts a fact in, in place of an older one of the same key.
    pub fn put(&self, fact: Fact) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let key = match &fact {
            Fact::Environment(name, reading) => match reading {
                Reading::EngineLink(_) => Key::EngineLink(name.clone()),
                Reading::Containers(_) => Key::Containers(name.clone()),
                Reading::FilesLink(_) => Key::FilesLink(name.clone()),
                Reading::Files(_) => Key::Files(name.clone()),
                Reading::Ask(question) => {
                    waiting.questions.push((name.clone(), question.clone()));
                    drop(waiting);
                    self.arrived.notify_one();
                    return;
                }
            },
            Fact::Versions(repository, VersionsReading::Link(_)) => {
                Key::VersionsLink(repository.clone())
            }
            Fact::Versions(repository, VersionsReading::Versions(_)) => {
                Key::Versions(repository.clone())
            }
            Fact::Runs(RunsReading::Link(_)) => Key::RunsLink,
            Fact::Runs(RunsReading::Runs(_)) => Key::Runs,
        };
        waiting.facts.insert(key, fact);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Waits until something is there and takes all of it. Cancel-safe. One reader.
    pub async fn take(&self) -> Vec<Fact> {
        loop {
            let notified = self.arrived.notified();
            let facts = self.take_now();
            if !facts.is_empty() {
                return facts;
            }
            notified.await;
        }
    }

    /// Takes what is there now. A link comes before the state that came over it: "live" marks what was
    /// seen before as true, and the newer state then replaces it.
    pub fn take_now(&self) -> Vec<Fact> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts: Vec<Fact> = std::mem::take(&mut waiting.facts).into_values().collect();
        let questions = std::mem::take(&mut waiting.questions);
        facts.extend(
            questions
                .into_iter()
                .map(|(name, question)| Fact::Environment(name, Reading::Ask(question))),
        );
        facts
    }
}
