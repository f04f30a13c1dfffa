//! Docker Compose projects on servers, over ssh or here.
//!
//! [`Targets`] makes an environment's target; environments on the same host share one connection and
//! one follower. Everything that changes things is a script that travels ([`script`]); everything else
//! only reads: GET for the Engine, and a fixed list of scripts.

pub mod connection;
mod docker;
pub mod engine;
#[cfg(test)]
mod fake_engine;
pub mod files;
mod follow;
mod follower;
mod history;
mod hook_secrets;
mod lock;
pub mod logs;
mod one_off;
mod operate;
pub mod pin;
mod readings;
mod recover;
pub mod render;
pub mod script;
pub mod shell;
pub mod survey;
mod tell;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;

use self::{
    connection::server::{Server, Settings},
    follower::{Follower, Membership},
    script::{Pin as WatchedPin, Place, Watched},
};
use crate::{
    clock::Clock,
    config::{self, Compose, Config, Environment, Host, Pin, Service},
    release::{
        Confirmed, Fault, ServiceName,
        check::CheckAnswer,
        operation::{OperationId, Operator, Progress},
        plan::{Plan, Request},
        record::Ledger,
        recovery::{LockRequest, Recovery, RecoveryRequest, UnlockRequest},
        survey::Survey,
    },
    secrets::Secrets,
    target::{BoxStream, Chunk, LogQuery, Observe, Operate, Reading, RenderedPlan},
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
        let neighbours = config.environments.iter().filter(|other| {
            let config::Target::Compose(there) = &other.target;
            other.name != environment.name && there.host.reach == compose.host.reach
        });
        let services = environment
            .services
            .iter()
            .filter_map(|name| Some((name.clone(), config.services.get(name)?.clone())))
            .collect();
        ComposeTarget {
            host: host.clone(),
            environment: environment.clone(),
            compose: compose.clone(),
            neighbours: neighbours.cloned().collect(),
            services,
            secrets: Secrets::beside(&config.path),
        }
    }

    /// Tries again now wherever something failed, also where only an operator could help.
    pub fn retry_now(&self) {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        for host in hosts.values() {
            host.server.retry_now();
        }
    }
}

/// One environment on a Compose server.
pub struct ComposeTarget {
    host: SharedHost,
    environment: Environment,
    compose: Compose,
    /// The other environments on the same host.
    neighbours: Vec<Environment>,
    /// Those that are released here.
    services: BTreeMap<ServiceName, Service>,
    secrets: Secrets,
}

impl ComposeTarget {
    fn place(&self) -> Place {
        Place {
            environment: self.environment.name.clone(),
            directory: self.compose.directory.clone(),
            project: self.compose.project.clone(),
        }
    }

    fn follow_files(&self) -> Membership {
        let services: Vec<Service> = self.services.values().cloned().collect();
        let pins = services.iter().map(|service| match &service.pin {
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
            files: survey::files(&self.environment, &self.services),
        };
        self.host.follower.join(watched, services)
    }
}

impl Observe for ComposeTarget {
    fn readings(&self) -> BoxStream<Reading> {
        readings::readings(self)
    }

    fn retry_now(&self) {
        self.host.server.retry_now();
    }

    fn logs(&self, query: LogQuery) -> BoxStream<Chunk> {
        logs::logs(
            Arc::clone(&self.host.server),
            self.compose.project.clone(),
            query,
        )
    }

    fn follow(&self, operation: OperationId) -> BoxStream<Progress> {
        follow::follow(Arc::clone(&self.host.server), self.place(), operation)
    }

    fn history(&self, n: usize) -> BoxFuture<'_, Result<Ledger, Fault>> {
        Box::pin(async move { history::history(&self.host.server, &self.place(), n).await })
    }

    fn survey(&self, request: Request) -> BoxFuture<'_, Result<Survey, Fault>> {
        Box::pin(async move {
            let connected = self.host.server.connected().await?;
            let taken = self.host.server.settings().clock.now().wall;
            survey::take(
                &connected.channels,
                &self.environment,
                &self.services,
                &self.neighbours,
                &request,
                taken,
            )
            .await
        })
    }

    fn commands(&self, plan: &Plan) -> RenderedPlan {
        render::commands(plan, &self.environment)
    }
}

impl Operate for ComposeTarget {
    fn start(&self, plan: Confirmed<Plan>) -> BoxFuture<'_, Result<OperationId, Fault>> {
        Box::pin(async move {
            let plan = plan.get();
            let mut folder = render::folder(plan, &self.environment, &self.services)?;
            hook_secrets::lay(&mut folder, &self.secrets, plan, &self.environment).await?;
            operate::start(&self.host.server, &self.place(), &folder).await
        })
    }

    fn recover(
        &self,
        recovery: Confirmed<RecoveryRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<Option<OperationId>, Fault>> {
        let by = by.clone();
        Box::pin(async move {
            let (server, place, request) = (&self.host.server, self.place(), recovery.get());
            match request.recovery {
                Recovery::Cancel => {
                    let cancelled = tell::cancel(server, &place, request, &by).await;
                    cancelled.map(|()| None)
                }
                Recovery::Resume | Recovery::Back | Recovery::Abandon => {
                    let started = recover::recover(server, &place, request, &by).await;
                    started.map(Some)
                }
            }
        })
    }

    fn lock(
        &self,
        lock: Confirmed<LockRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<OperationId, Fault>> {
        let by = by.clone();
        Box::pin(async move {
            let name = &self.environment.name;
            lock::lock(&self.host.server, &self.place(), name, lock.get(), &by).await
        })
    }

    fn answer_check(&self, answer: Confirmed<CheckAnswer>) -> BoxFuture<'_, Result<bool, Fault>> {
        Box::pin(
            async move { tell::answer_check(&self.host.server, &self.place(), answer.get()).await },
        )
    }

    fn unlock(
        &self,
        unlock: Confirmed<UnlockRequest>,
        by: &Operator,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        let by = by.clone();
        Box::pin(
            async move { tell::unlock(&self.host.server, &self.place(), *unlock.get(), &by).await },
        )
    }
}
