//! What an environment looked like when somebody looked: containers, images, pins, the server's clock.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Digest, ImageId, ImageReference, ServiceName,
    newer::Newer,
    operation::OperationState,
    record::{DamagedLine, Record},
};

/// A container's health, or its state where it has no health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its health check succeeds.
    Healthy,
    /// Its start period runs, or its first checks do.
    Starting,
    /// Its health check fails.
    Unhealthy,
    /// Runs, and has no health check: nobody knows more.
    Running,
    /// Being restarted by the Engine, after a crash.
    Restarting,
    /// Paused by somebody.
    Paused,
    /// Created and never started.
    Created,
    /// Ended; the exit code is in [`Container::exit_code`].
    Exited,
    /// There is no container.
    Missing,
}

impl Health {
    /// The word for it, as screens and JSON write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Starting => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Paused => "paused",
            Self::Created => "created",
            Self::Exited => "exited",
            Self::Missing => "missing",
        }
    }

    /// Whether its processes run, well or not.
    pub fn is_running(self) -> bool {
        matches!(
            self,
            Self::Healthy | Self::Starting | Self::Unhealthy | Self::Running
        )
    }

    /// Whether an operator has nothing to do here.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Healthy | Self::Running)
    }
}

/// One container of a Compose project, from the Engine's inspect. One-off containers are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The Engine's full ID.
    pub id: String,
    /// Its name without the leading slash.
    pub name: String,
    /// Its service, from the label `com.docker.compose.service`.
    pub service: ServiceName,
    /// The reference as it was asked for (`.Config.Image`); cleaned, not necessarily a reference of
    /// ours: it can be an image ID.
    pub reference: String,
    /// The image it runs (`.Image`).
    pub image_id: ImageId,
    /// Its health or state.
    pub health: Health,
    /// When it was started last.
    pub started: Option<Timestamp>,
    /// Restarts by the Engine's restart policy since it was created.
    pub restarts: u64,
    /// The exit code, once it has ended.
    pub exit_code: Option<i64>,
    /// How long its health check gives it to start (`.Config.Healthcheck`, whether compose file or image
    /// says so); `None` if nothing does.
    pub start_period: Option<Duration>,
    /// `com.docker.compose.config-hash`.
    pub config_hash: String,
    /// `com.docker.compose.version`: which Compose made it.
    pub compose_version: String,
    /// `com.docker.compose.project.working_dir`.
    pub working_directory: String,
    /// `com.docker.compose.project.config_files`, comma-separated as Compose writes it.
    pub config_files: String,
}

/// Restarts from which on they are several.
const SEVERAL: u64 = 3;
/// For how long a start has to hold before the restarts up to it are history.
const HOLDS: Duration = Duration::from_secs(5 * 60);

/// That a container was restarted several times by its restart policy. Between two crashes it looks well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crashes {
    /// How often. The Engine counts from nought whenever somebody else starts it.
    pub restarts: u64,
    /// The last time.
    pub last: Timestamp,
}

impl Crashes {
    /// Whether they go on, as far as can be told at `at`: the last one was a few minutes ago at most.
    /// When the others were the Engine does not tell.
    pub fn go_on(&self, at: Timestamp) -> bool {
        at.duration_since(self.last).as_secs() < HOLDS.as_secs().cast_signed()
    }
}

/// An image as the Engine knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its ID on this Engine.
    pub id: ImageId,
    /// `RepoDigests`: empty for what was neither pulled nor pushed.
    pub repository_digests: Vec<ImageReference>,
    /// `RepoTags`.
    pub tags: Vec<ImageReference>,
    /// The label `org.opencontainers.image.revision`.
    pub revision: Option<String>,
    /// The label `org.opencontainers.image.version`.
    pub version: Option<String>,
    /// The label `org.opencontainers.image.created`, else the image's build time.
    pub created: Option<Timestamp>,
    /// How long its own health check gives a container to start; `None` if it says nothing.
    pub start_period: Option<Duration>,
}

impl Image {
    /// The digest under which `repository` knows this image.
    pub fn digest_in(&self, repository: &super::Repository) -> Option<&Digest> {
        self.repository_digests
            .iter()
            .find(|r| r.repository == *repository)
            .and_then(|r| r.digest.as_ref())
    }
}

/// The containers of one environment and the images they run, read together from the Engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Containers {
    /// By service name, then by container number.
    pub containers: Vec<Container>,
    /// The images that these containers run.
    pub images: BTreeMap<ImageId, Image>,
    /// The Engine's version, such as `20.10.24`.
    pub engine_version: String,
}

impl Containers {
    /// The containers of one service.
    pub fn of<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = &'a Container> {
        self.containers
            .iter()
            .filter(move |c| c.service == *service)
    }

    /// The worst health among a service's containers; `Missing` if there are none.
    pub fn health(&self, service: &ServiceName) -> Health {
        const WORST_FIRST: [Health; 8] = [
            Health::Unhealthy,
            Health::Restarting,
            Health::Exited,
            Health::Created,
            Health::Paused,
            Health::Starting,
            Health::Running,
            Health::Healthy,
        ];
        WORST_FIRST
            .into_iter()
            .find(|health| self.of(service).any(|c| c.health == *health))
            .unwrap_or(Health::Missing)
    }

    /// What tells of crashes among a service's containers: of those that were restarted several times,
    /// the one that was restarted last.
    pub fn crashes(&self, service: &ServiceName) -> Option<Crashes> {
        self.of(service)
            .filter(|container| container.restarts >= SEVERAL)
            .filter_map(|container| {
                Some(Crashes {
                    restarts: container.restarts,
                    last: container.started?,
                })
            })
            .max_by_key(|crashes| crashes.last)
    }
}

/// What the files on the server say, from the host's follower.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Files {
    /// The compose and environment files' hashes as `algorithm:hex`, by their paths as they are
    /// configured; `None` where a file is not there or cannot be read.
    pub hashes: BTreeMap<String, Option<String>>,
    /// For each service with a pin: the value that its variable has, or the image of its override file.
    /// Cleaned; not necessarily a reference.
    pub pins: BTreeMap<ServiceName, String>,
    /// The ledger's last records, oldest first, the last line of each operation only.
    pub records: Vec<Record>,
    /// Ledger lines that could not be read and were set aside, of all of it.
    pub damaged: usize,
    /// Where those are.
    pub damaged_at: Vec<DamagedLine>,
    /// What a newer flightdeck has written: of the newest operation, else in the ledger.
    pub newer: Option<Newer>,
    /// The newest operation, if it has not ended, or has been interrupted.
    pub operation: Option<OperationState>,
    /// By how many milliseconds the server's clock is ahead of ours.
    pub clock_skew_ms: i64,
}

#[cfg(test)]
mod tests {
    use crate::plan::fixture::World;

    #[test]
    fn only_several_restarts_of_which_the_last_was_just_now_tell_that_it_crashes() {
        let crashes = |restarts: u64, ago: i64| {
            let mut world = World::new();
            let container = world.container("backend");
            container.restarts = restarts;
            let at = container.started.unwrap() + jiff::SignedDuration::from_secs(ago);
            let service = "backend".parse().unwrap();
            let crashes = world.survey.containers.crashes(&service);
            crashes.is_some_and(|crashes| crashes.go_on(at))
        };
        const MONTH: i64 = 30 * 86_400;
        assert!(crashes(12, 2) && crashes(3, 299));
        // A clock that is somewhat behind.
        assert!(crashes(12, -20));
        for (restarts, ago) in [(1, MONTH), (40, MONTH), (12, 300), (1, 2), (0, 0)] {
            assert!(!crashes(restarts, ago), "{restarts} {ago}");
        }
    }
}
