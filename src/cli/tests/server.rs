//! A server that answers what the test says.

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::Timestamp;

use crate::{
    fleet::world::Operator,
    release::{
        Confirmed, Fault, FaultKind, Moment, ServiceName,
        check::CheckAnswer,
        observation::{Container, Containers, Files, Health, Image},
        observed::Link,
        operation::{OperationId, Outcome, Progress},
        plan::{Plan, PlanKind, Request},
        record::{Ledger, Record, Release, ServiceRelease},
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
        survey::Survey,
    },
    target::{BoxStream, Chunk, LogQuery, Observe, Operate, Reading, RenderedPlan},
};

pub(super) const V1: &str =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";
pub(super) const V2: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// A server that tells what it was made with.
#[derive(Default)]
pub(super) struct Server {
    pub(super) readings: Vec<Reading>,
    pub(super) records: Vec<Record>,
    pub(super) logs: Vec<Chunk>,
    pub(super) progress: Vec<Progress>,
}

impl Observe for Server {
    fn readings(&self) -> BoxStream<Reading> {
        let readings = futures::stream::iter(self.readings.clone());
        readings.chain(futures::stream::pending()).boxed()
    }
    fn retry_now(&self) {}
    fn logs(&self, _: LogQuery) -> BoxStream<Chunk> {
        futures::stream::iter(self.logs.clone()).boxed()
    }
    fn follow(&self, _: OperationId) -> BoxStream<Progress> {
        futures::stream::iter(self.progress.clone()).boxed()
    }
    fn history(&self, n: usize) -> BoxFuture<'_, Result<Ledger, Fault>> {
        let from = self.records.len().saturating_sub(n);
        let ledger = Ledger {
            records: self.records[from..].to_vec(),
            ..Ledger::default()
        };
        futures::future::ready(Ok(ledger)).boxed()
    }
    fn survey(&self, _: Request) -> BoxFuture<'_, Result<Survey, Fault>> {
        let refused = Fault::new(FaultKind::Unreachable, "shop", "no answer");
        futures::future::ready(Err(refused)).boxed()
    }
    fn commands(&self, _: &Plan) -> RenderedPlan {
        RenderedPlan::default()
    }
}

impl Operate for Server {
    fn start(&self, _: Confirmed<Plan>) -> BoxFuture<'_, Result<OperationId, Fault>> {
        futures::future::ready(Ok(OperationId(7))).boxed()
    }
    fn recover(
        &self,
        _: Confirmed<RecoveryRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<Option<OperationId>, Fault>> {
        futures::future::ready(Ok(None)).boxed()
    }
    fn lock(
        &self,
        _: Confirmed<LockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<OperationId, Fault>> {
        futures::future::ready(Ok(OperationId(8))).boxed()
    }
    fn answer_check(&self, _: Confirmed<CheckAnswer>) -> BoxFuture<'_, Result<bool, Fault>> {
        futures::future::ready(Ok(false)).boxed()
    }

    fn unlock(
        &self,
        _: Confirmed<UnlockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        futures::future::ready(Ok(())).boxed()
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn running(digest: &str, health: Health) -> Reading {
    let service: ServiceName = "backend".parse().unwrap();
    let id: crate::release::ImageId = digest.parse().unwrap();
    let reference = format!("127.0.0.1:1/shop:v1@{digest}");
    let image = Image {
        id: id.clone(),
        repository_digests: vec![format!("127.0.0.1:1/shop@{digest}").parse().unwrap()],
        tags: Vec::new(),
        revision: None,
        version: None,
        created: None,
        start_period: None,
    };
    Reading::Containers(Arc::new(Containers {
        containers: vec![Container {
            id: "c1".to_owned(),
            name: "shop-backend-1".to_owned(),
            service,
            reference,
            image_id: id.clone(),
            health,
            started: Some(at(-7200)),
            restarts: 2,
            exit_code: None,
            start_period: None,
            config_hash: String::new(),
            compose_version: String::new(),
            working_directory: String::new(),
            config_files: String::new(),
        }],
        images: BTreeMap::from([(id, image)]),
        engine_version: "20.10.24".to_owned(),
    }))
}

pub(super) fn record(number: u64, digest: &str) -> Record {
    let service = ServiceRelease {
        repository: "127.0.0.1:1/shop".parse().unwrap(),
        tag: Some("v0".parse().unwrap()),
        digest: Some(digest.parse().unwrap()),
        image_id: None,
        revision: None,
    };
    let release = Release {
        services: BTreeMap::from([("backend".parse().unwrap(), service)]),
        ..Release::default()
    };
    Record {
        v: 1,
        operation: OperationId(number),
        environment: "production".parse().unwrap(),
        kind: PlanKind::Promote,
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        reason: "friday's fix".to_owned(),
        before: release.clone(),
        after: release,
        subject: String::new(),
        recovers: None,
        overridden: vec!["ci".to_owned()],
        started: 1_800_000_000,
        ended: 1_800_000_041,
        outcome: Outcome::Succeeded,
        step: None,
        times: BTreeMap::new(),
        results: BTreeMap::new(),
        other: serde_json::Map::new(),
    }
}

pub(super) fn well(digest: &str) -> Server {
    Server {
        readings: vec![
            Reading::EngineLink(Link::Live),
            running(digest, Health::Healthy),
            Reading::FilesLink(Link::Live),
            Reading::Files(Arc::new(Files {
                records: vec![record(4, V1), record(5, V2)],
                ..Files::default()
            })),
        ],
        records: vec![record(4, V1), record(5, V2)],
        ..Server::default()
    }
}

pub(super) fn unreachable() -> Server {
    let lost = Link::Lost {
        since: Moment(0),
        fault: Fault::new(FaultKind::Unreachable, "shop", "connection refused")
            .because("ssh: connect to host shop port 22")
            .remedy("look whether sshd runs there"),
        retry: None,
    };
    Server {
        readings: vec![Reading::EngineLink(lost.clone()), Reading::FilesLink(lost)],
        ..Server::default()
    }
}
