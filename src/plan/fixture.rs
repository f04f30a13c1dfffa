//! An environment in three services, as tests see it: a backend with a migration, a database below it,
//! a proxy that is restarted after it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::Timestamp;
use secrecy::SecretSlice;

use super::{Context, GateFacts, Wanted};
use crate::{
    config::{self, Config},
    release::{
        Digest, Fault, ImageId, ServiceName,
        observation::{Container, Containers, Health, Image},
        operation::{OperationId, Outcome},
        plan::{Attachment, ChosenVersion, Deed, FORMAT, PinFile, Plan, PlanKind, Request},
        record::{Record, Release, ServiceRelease},
        survey::{ComposeService, Means, Survey},
        version::VersionDetails,
    },
};

pub const REPOSITORY: &str = "ghcr.io/acme/shop-backend";

const CONFIG: &str = r#"
[github]
repository = "acme/shop"

[services.backend]
image = "ghcr.io/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"

[environments.production]
host = "shop.example.com"
directory = "/srv/shop"
project = "shop"
services = ["backend"]
restart = ["proxy"]
protected = true
confirm = "prod"
"#;

/// A name, a digest, an ID, … from a text.
pub fn of<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A digest of version `n`.
pub fn digest(n: u8) -> Digest {
    of(&format!("sha256:{}", format!("{n:02x}").repeat(32)))
}

/// The image that version `n` is on the server.
pub fn image_id(n: u8) -> ImageId {
    of(&format!(
        "sha256:{}",
        format!("{:02x}", n + 0x80).repeat(32)
    ))
}

/// The image of version `n`, as it lies on the server.
pub fn image(n: u8) -> Image {
    Image {
        id: image_id(n),
        repository_digests: vec![of(&format!("{REPOSITORY}@{}", digest(n)))],
        tags: vec![of(&format!("{REPOSITORY}:v{n}"))],
        revision: Some(format!("{n}").repeat(40)),
        version: None,
        created: Timestamp::from_second(1_760_000_000 + i64::from(n)).ok(),
        start_period: None,
    }
}

pub fn release(n: u8) -> Release {
    let service = ServiceRelease {
        repository: of(REPOSITORY),
        tag: Some(of(&format!("v{n}"))),
        digest: Some(digest(n)),
        image_id: Some(image_id(n)),
        revision: None,
    };
    Release {
        services: [(of("backend"), service)].into(),
        ..Release::default()
    }
}

/// An ended operation from version `from` to version `to`.
pub fn record(number: u64, kind: PlanKind, from: u8, to: u8, outcome: Outcome) -> Record {
    Record {
        v: FORMAT,
        operation: OperationId(number),
        environment: of("production"),
        kind,
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        reason: String::new(),
        before: release(from),
        after: release(to),
        subject: String::new(),
        recovers: None,
        overridden: Vec::new(),
        started: 100,
        ended: 160,
        outcome,
        step: (outcome != Outcome::Succeeded).then(|| "switch".to_owned()),
        times: BTreeMap::new(),
        results: BTreeMap::new(),
        other: serde_json::Map::new(),
    }
}

fn container(service: &str, reference: &str, image: &ImageId) -> Container {
    Container {
        id: format!("{service:0<64}"),
        name: format!("shop-{service}-1"),
        service: of(service),
        reference: reference.to_owned(),
        image_id: image.clone(),
        health: Health::Healthy,
        started: Timestamp::from_second(1_765_000_000).ok(),
        restarts: 0,
        exit_code: None,
        start_period: None,
        config_hash: format!("hash-{service}"),
        compose_version: "2.40.3".to_owned(),
        working_directory: "/srv/shop".to_owned(),
        config_files: "/srv/shop/docker-compose.yml".to_owned(),
    }
}

fn compose(service: &str, image: &str, below: &[&str]) -> (ServiceName, ComposeService) {
    let resolved = ComposeService {
        image: image.to_owned(),
        config_hash: format!("hash-{service}"),
        depends_on: below.iter().map(|name| of(name)).collect(),
        has_health_check: true,
        ..ComposeService::default()
    };
    (of(service), resolved)
}

/// What a server told, and how it is asked.
pub struct World {
    pub config: Config,
    pub survey: Survey,
    pub gates: GateFacts,
    /// What registries say of images that do not lie on the server.
    pub unseen: BTreeMap<Digest, Result<VersionDetails, Fault>>,
    /// What Compose makes of the candidate, where it is another than one expects.
    pub resolved: Option<BTreeMap<ServiceName, ComposeService>>,
}

impl World {
    /// Version 1 runs, healthy; versions 1 to 3 lie on the server; nothing is recorded.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same with more of a configuration for the environment.
    pub fn with(environment: &str) -> Self {
        let text = format!("{CONFIG}{environment}");
        let config = config::parse(&text, Path::new("flightdeck.toml")).unwrap();
        let database: ImageId = of(&format!("sha256:{}", "d0".repeat(32)));
        let proxy: ImageId = of(&format!("sha256:{}", "e0".repeat(32)));
        let containers = Containers {
            containers: vec![
                container("backend", &format!("{REPOSITORY}:v1"), &image_id(1)),
                container("database", "postgres:16", &database),
                container("proxy", "nginx:1", &proxy),
            ],
            images: [(image_id(1), image(1))].into(),
            engine_version: "28.2.2".to_owned(),
        };
        let survey = Survey {
            taken: Timestamp::UNIX_EPOCH,
            containers,
            anonymous_volumes: BTreeSet::new(),
            services: [
                compose("backend", &format!("{REPOSITORY}:v1"), &["database"]),
                compose("database", "postgres:16", &[]),
                compose("proxy", "nginx:1", &["backend"]),
            ]
            .into(),
            candidate_services: BTreeMap::new(),
            compose_version: "2.40.3".to_owned(),
            directory: "/srv/shop".to_owned(),
            files: ["/srv/shop/.env", "/srv/shop/docker-compose.yml"]
                .map(|path| (path.to_owned(), format!("sha256:{}", "ab".repeat(32))))
                .into(),
            candidate_pins: Vec::new(),
            former_pins: Vec::new(),
            attachments: Vec::new(),
            changed_files: Vec::new(),
            changed_settings: Vec::new(),
            images: vec![image(1), image(2), image(3)],
            warnings: Vec::new(),
            means: Means::default(),
            last_operation: None,
            operation: None,
            records: Vec::new(),
            schema_heads: None,
            schema_trouble: None,
            schema_history: Vec::new(),
            candidate_history: None,
            schema_undone: Vec::new(),
            backups: None,
            clean_up: None,
        };
        let gates = GateFacts {
            now: Timestamp::from_second(1_765_100_000).unwrap(),
            runs: Ok(Vec::new()),
            environments: BTreeMap::new(),
        };
        Self {
            config,
            survey,
            gates,
            unseen: BTreeMap::new(),
            resolved: None,
        }
    }

    /// Version `n` runs and is pinned.
    pub fn runs(&mut self, n: u8) {
        let reference = format!("{REPOSITORY}:v{n}@{}", digest(n));
        let backend = &mut self.survey.containers.containers[0];
        backend.image_id = image_id(n);
        backend.reference.clone_from(&reference);
        self.survey.containers.images = [(image_id(n), image(n))].into();
        self.service("backend").image = reference;
    }

    pub fn records(&mut self, records: Vec<Record>) {
        self.survey.last_operation = records.last().map(|record| record.operation);
        self.survey.records = records;
    }

    pub fn container(&mut self, service: &str) -> &mut Container {
        let containers = &mut self.survey.containers.containers;
        containers
            .iter_mut()
            .find(|container| container.service.as_str() == service)
            .unwrap()
    }

    pub fn service(&mut self, service: &str) -> &mut ComposeService {
        self.survey.services.get_mut(&of(service)).unwrap()
    }

    pub fn request(&self, deed: Deed) -> Request {
        Request {
            environment: of("production"),
            deed,
            reason: "because".to_owned(),
            overrides: Vec::new(),
        }
    }

    /// The plan for `deed`, with the pins as a server would tell them.
    pub fn plan(&mut self, deed: Deed) -> Result<Plan, Fault> {
        let request = self.request(deed);
        self.plan_for(&request)
    }

    pub fn plan_for(&mut self, request: &Request) -> Result<Plan, Fault> {
        let environment = &self.config.environments[0];
        let wanted = super::wanted(environment, &self.config.services, request, &self.survey)?;
        self.pin(&wanted);
        let context = Context {
            operator: "mira".to_owned(),
            origin: "laptop".to_owned(),
            gates: self.gates.clone(),
            unseen: self.unseen.clone(),
        };
        super::make(&self.config, request, &self.survey, &context)
    }

    /// What Compose would make of the wanted pins.
    fn pin(&mut self, wanted: &Wanted) {
        self.survey.candidate_services = self.resolved.clone().unwrap_or_else(|| {
            let mut services = self.survey.services.clone();
            for (name, release) in &wanted.pins {
                if let Some(service) = services.get_mut(name) {
                    service.image = release.reference().to_string();
                    service.config_hash = "hash-candidate".to_owned();
                }
            }
            services
        });
        let Some(release) = wanted.pins.values().next() else {
            return;
        };
        let value = format!("v@{}", release.digest.as_ref().unwrap());
        let candidate = format!("BACKEND_IMAGE_TAG={value}\n");
        self.survey.attachments = [
            ("candidate-1", candidate.as_str()),
            ("former-1", "SECRET=1\n"),
        ]
        .map(|(name, text)| Attachment {
            name: name.to_owned(),
            bytes: SecretSlice::from(text.as_bytes().to_vec()),
        })
        .into();
        let file = |attachment: &str, expected: &str, summary: Vec<String>| PinFile {
            path: "/srv/shop/.env".to_owned(),
            expected: Some(format!("sha256:{}", expected.repeat(32))),
            attachment: Some(attachment.to_owned()),
            summary,
        };
        let summary = vec![candidate.trim().to_owned()];
        self.survey.candidate_pins = vec![file("candidate-1", "ab", summary)];
        self.survey.former_pins = vec![file("former-1", "cd", Vec::new())];
    }
}

pub fn version(n: u8) -> ChosenVersion {
    ChosenVersion {
        tag: of(&format!("v{n}")),
        digest: digest(n),
        revision: Some(format!("{n}").repeat(40)),
    }
}

/// Promote version `n` of the backend.
pub fn promote(n: u8) -> Deed {
    Deed::Promote {
        versions: [(of("backend"), version(n))].into(),
        migrate: true,
    }
}
