//! Docker Compose projects on servers, over ssh or here.
//!
//! [`Targets`] makes an environment's target; environments on the same host share one connection and
//! one follower. Everything that changes things is a script that travels ([`script`]); everything else
//! only reads: GET for the Engine, and a fixed list of scripts.

pub mod connection;
pub mod engine;
mod files;
mod follower;
mod logs;
pub mod pin;
mod readings;
pub mod render;
pub mod script;
pub mod shell;
pub mod survey;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use self::{
    connection::server::{Server, Settings},
    follower::{Follower, Membership},
    script::{Pin as WatchedPin, Place, Watched},
};
use crate::{
    clock::Clock,
    config::{Compose, Config, Environment, Host, Pin, Service},
};

/// All hosts of one program, and what makes targets on them. Dropped with its targets, it ends every
/// connection.
pub struct Targets {
    settings: Arc<Settings>,
    hosts: Mutex<BTreeMap<Host, SharedHost>>,
}

/// What the environments on one host share.
#[derive(Clone)]
struct SharedHost {
    server: Arc<Server>,
    follower: Arc<Follower>,
}

impl Targets {
    /// No hosts yet. `asking`: whether there is somebody who can answer ssh's questions, which come as
    /// [`Reading::Ask`](crate::target::Reading::Ask); otherwise ssh is told never to ask.
    pub fn new(asking: bool, clock: Clock) -> Self {
        // Where it cannot be told ssh finds no program to ask with, and says that it may not log in.
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("flightdeck"));
        Self {
            settings: Arc::new(Settings::new(asking, program, clock)),
            hosts: Mutex::default(),
        }
    }

    /// The target of `environment`, which lies at `compose`. Connects to nothing yet.
    pub fn target(
        &self,
        config: &Config,
        environment: &Environment,
        compose: &Compose,
    ) -> ComposeTarget {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(compose.host.clone()).or_insert_with(|| {
            let server = Arc::new(Server::new(
                compose.host.clone(),
                Arc::clone(&self.settings),
            ));
            SharedHost {
                follower: Arc::new(Follower::new(Arc::clone(&server))),
                server,
            }
        });
        let services = environment
            .services
            .iter()
            .filter_map(|name| config.services.get(name))
            .cloned()
            .collect();
        ComposeTarget {
            host: host.clone(),
            environment: environment.clone(),
            compose: compose.clone(),
            services,
        }
    }

    /// Tries again now wherever something failed, also where only an operator could help.
    pub fn retry_now(&self) {
        self.settings.retries.send_modify(|count| *count += 1);
    }
}

/// One environment on a Compose server.
pub struct ComposeTarget {
    host: SharedHost,
    environment: Environment,
    compose: Compose,
    services: Vec<Service>,
}

impl ComposeTarget {
    fn place(&self) -> Place {
        Place {
            directory: self.compose.directory.clone(),
            project: self.compose.project.clone(),
        }
    }

    fn follow_files(&self) -> Membership {
        let pins = self.services.iter().map(|service| match &service.pin {
            Pin::Variable { file, variable, .. } => WatchedPin {
                file: file.clone(),
                variable: Some(variable.clone()),
            },
            Pin::Override { file } => WatchedPin {
                file: file.clone(),
                variable: None,
            },
        });
        let watched = Watched {
            place: self.place(),
            pins: pins.collect(),
            files: Vec::new(),
        };
        self.host.follower.join(watched, self.services.clone())
    }

    pub fn logs(
        &self,
        q: crate::target::LogQuery,
    ) -> crate::target::BoxStream<crate::target::Chunk> {
        logs::logs(
            Arc::clone(&self.host.server),
            self.compose.project.clone(),
            q,
        )
    }

    /// The environment's readings, until the stream is dropped.
    pub fn readings(&self) -> crate::target::BoxStream<crate::target::Reading> {
        readings::readings(self)
    }
}
