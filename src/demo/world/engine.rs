//! The Engine's own state: images that lie on it, containers, events; and what may be done with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Pace,
    catalogue::{Behaviour, Version},
    container::{Container, Recipe, State},
    events::{Event, Events},
    logs::Log,
};
use crate::{
    demo::seed::Seed,
    release::{ImageId, ImageReference},
};

/// The Engine's version that the world says it has.
pub const VERSION: &str = "27.3.1";
/// Its API's version.
pub const API_VERSION: &str = "1.47";

/// An image on the Engine.
#[derive(Debug, Clone)]
pub struct LocalImage {
    /// What it is.
    pub version: Arc<Version>,
    /// Its tags, as `repository:tag`.
    pub tags: BTreeSet<String>,
    /// Its digests, as `repository@digest`.
    pub digests: BTreeSet<String>,
}

/// The Engine.
#[derive(Debug)]
pub struct Engine {
    seed: Seed,
    start: Timestamp,
    pace: Pace,
    /// Images by ID.
    pub images: BTreeMap<ImageId, LocalImage>,
    /// Containers, oldest first.
    pub containers: Vec<Container>,
    /// What it tells to those who listen.
    pub events: Events,
    made: u64,
}

impl Engine {
    /// An Engine with nothing on it.
    pub fn new(seed: Seed, start: Timestamp, pace: Pace) -> Self {
        Self {
            seed,
            start,
            pace,
            images: BTreeMap::new(),
            containers: Vec::new(),
            events: Events::default(),
            made: 0,
        }
    }

    /// Lets happen what is due until `now`; returns whether anything did.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        let mut happened = false;
        while let Some((at, index)) = self
            .containers
            .iter()
            .enumerate()
            .filter_map(|(index, c)| c.turns.first().map(|(at, _)| (*at, index)))
            .min()
            .filter(|(at, _)| *at <= now)
        {
            happened = true;
            let container = &mut self.containers[index];
            let (_, turn) = container.turns.remove(0);
            let told = container.turn(at, turn, self.start, self.pace);
            let id = container.id.clone();
            for (action, more) in told {
                self.tell(&id, &action, at, &more);
            }
        }
        happened
    }

    /// When something happens next by itself.
    pub fn next_turn(&self) -> Option<Timestamp> {
        self.containers
            .iter()
            .filter_map(|c| c.turns.first().map(|(at, _)| *at))
            .min()
    }

    /// Puts an image on the Engine as a pull by `reference` does: by digest it gets no tag.
    pub fn pulled(&mut self, version: &Arc<Version>, reference: &ImageReference, now: Timestamp) {
        let image = self
            .images
            .entry(version.image_id.clone())
            .or_insert_with(|| LocalImage {
                version: Arc::clone(version),
                tags: BTreeSet::new(),
                digests: BTreeSet::new(),
            });
        image
            .digests
            .insert(format!("{}@{}", version.repository, version.digest));
        if let (Some(tag), None) = (&reference.tag, &reference.digest) {
            let name = format!("{}:{tag}", reference.repository);
            let id = version.image_id.clone();
            self.tag(&id, &name);
        }
        self.events.push(Event {
            kind: "image",
            action: "pull".to_owned(),
            id: reference.to_string(),
            attributes: BTreeMap::from([("name".to_owned(), reference.repository.to_string())]),
            at: now,
        });
    }

    /// Gives an image the tag `name`, which leaves any other image that had it.
    pub fn tag(&mut self, id: &ImageId, name: &str) {
        for image in self.images.values_mut() {
            image.tags.remove(name);
        }
        if let Some(image) = self.images.get_mut(id) {
            image.tags.insert(name.to_owned());
        }
    }

    /// The image that `name` means: an ID or its beginning, `repository@digest`, `repository:tag@digest`
    /// or `repository:tag`.
    pub fn image(&self, name: &str) -> Option<&LocalImage> {
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        if hex.len() >= 4 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            let found = self
                .images
                .iter()
                .find(|(id, _)| id.as_str()["sha256:".len()..].starts_with(hex));
            if let Some((_, image)) = found {
                return Some(image);
            }
        }
        let reference: ImageReference = name.parse().ok()?;
        let wanted = match &reference.digest {
            Some(digest) => format!("{}@{digest}", reference.repository),
            None => {
                let tag = reference.tag.as_ref().map_or("latest", |tag| tag.as_str());
                format!("{}:{tag}", reference.repository)
            }
        };
        self.images
            .values()
            .find(|image| image.tags.contains(&wanted) || image.digests.contains(&wanted))
    }

    /// A container by its ID, the beginning of its ID, or its name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.position(name).map(|index| &self.containers[index])
    }

    /// The same, to be changed.
    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.position(name).map(|index| &mut self.containers[index])
    }

    fn position(&self, name: &str) -> Option<usize> {
        let name = name.strip_prefix('/').unwrap_or(name);
        let by = |test: &dyn Fn(&Container) -> bool| self.containers.iter().position(test);
        by(&|c| c.recipe.name == name)
            .or_else(|| by(&|c| c.id == name))
            .or_else(|| by(&|c| name.len() >= 4 && c.id.starts_with(name)))
    }

    /// Creates a container and returns its ID. The name must be free: [`Engine::container`] tells.
    pub fn create(&mut self, recipe: Recipe, now: Timestamp) -> String {
        self.made += 1;
        let id = self.seed.hex("container", self.made, 64);
        let status_fails = recipe.version.behaviour == Behaviour::FailsCheck;
        let log = Log::new(self.seed, &id, recipe.program, status_fails);
        self.containers.push(Container {
            id: id.clone(),
            recipe,
            created: now,
            state: State::Created,
            health: None,
            started: None,
            finished: None,
            exit_code: 0,
            restart_count: 0,
            log,
            turns: Vec::new(),
        });
        self.tell(&id, "create", now, &[]);
        id
    }

    /// Starts a container.
    pub fn start(&mut self, id: &str, now: Timestamp) {
        let (start, pace) = (self.start, self.pace);
        if let Some(container) = self.container_mut(id) {
            container.start(now, start, pace);
            self.tell(id, "start", now, &[]);
        }
    }

    /// Ends a container with `code`, if it runs.
    pub fn end(&mut self, id: &str, now: Timestamp, code: i64) {
        let Some(container) = self.container_mut(id) else {
            return;
        };
        if matches!(container.state, State::Running | State::Restarting) {
            container.end(now, code);
            self.tell(id, "die", now, &[("exitCode", code.to_string())]);
        }
    }

    /// Stops a container, if it runs: a signal, its end, and word of both.
    pub fn stop(&mut self, id: &str, now: Timestamp) {
        let runs = self
            .container(id)
            .is_some_and(|c| matches!(c.state, State::Running | State::Restarting));
        if runs {
            self.tell(id, "kill", now, &[("signal", "15".to_owned())]);
            self.end(id, now, 0);
            self.tell(id, "stop", now, &[]);
        }
    }

    /// Removes a container.
    pub fn remove(&mut self, id: &str, now: Timestamp) {
        self.tell(id, "destroy", now, &[]);
        self.containers.retain(|c| c.id != id);
    }

    /// Gives a container another name.
    pub fn rename(&mut self, id: &str, name: &str, now: Timestamp) {
        if let Some(container) = self.container_mut(id) {
            let old = std::mem::replace(&mut container.recipe.name, name.to_owned());
            self.tell(id, "rename", now, &[("oldName", format!("/{old}"))]);
        }
    }

    /// Tells those who listen that something happened to a container.
    fn tell(&mut self, id: &str, action: &str, at: Timestamp, more: &[(&str, String)]) {
        let Some(container) = self.container(id) else {
            return;
        };
        let mut attributes = container.recipe.labels.clone();
        attributes.insert("image".to_owned(), container.recipe.reference.clone());
        attributes.insert("name".to_owned(), container.recipe.name.clone());
        for (key, value) in more {
            attributes.insert((*key).to_owned(), value.clone());
        }
        self.events.push(Event {
            kind: "container",
            action: action.to_owned(),
            id: container.id.clone(),
            attributes,
            at,
        });
    }
}
