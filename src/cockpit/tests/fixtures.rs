//! A small world for the cockpit's tests: a shop with production, staging and a server that cannot be
//! reached, as facts.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use ratatui::layout::Size;

use crate::{
    config::{self, Config},
    fleet::{Fact, log_buffer::LogLine},
    pipeline::RunsReading,
    registry::VersionsReading,
    release::{
        Digest, EnvironmentName, Fault, FaultKind, ImageId, Moment, Now, Permit, Repository,
        ServiceName,
        check::{Check, HttpCheck, HttpMeans},
        observation::{Container, Containers, Files, Health, Image},
        observed::Link,
        operation::{
            Claim, Direction, End, Event, JournalLine, Liveness, OperationId, OperationState,
            Outcome,
        },
        plan::{
            Again, Basis, ConfirmWords, FORMAT, Gate, ImageName, Intent, OnFailure, OnStepFailure,
            PinFile, Plan, PlanKind, Step, Verdict,
        },
        record::{Record, Release, ServiceRelease},
        version::{Known, Version, VersionDetails, Versions},
        workflow::{Job, RateLimit, RunState, Runs, WorkflowRun},
    },
    target::{Reading, RenderedPlan},
};

use super::super::{
    keymap::Keymap,
    model::{Model, Msg},
    theme::Theme,
    update::update,
};

const CONFIG: &str = r#"
[github]
repository = "acme/shop"

[services.backend]
image = "ghcr.io/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"

[services.frontend]
image = "ghcr.io/acme/shop-frontend"
pin = "FRONTEND_IMAGE_TAG"

[environments.production]
host = "shop.example.com"
directory = "/srv/shop"
services = ["backend", "frontend"]
protected = true
confirm = "prod"

[environments.production.migration]
service = "backend"
tool = "alembic"

[environments.staging]
host = "staging"
directory = "/srv/shop"
services = ["backend", "frontend"]
protected = false

[environments.edge]
host = "edge.example.com"
directory = "/srv/edge"
services = ["frontend"]
"#;

/// The time of every fixture: a Saturday in January, 14:02:31 UTC.
pub fn now() -> Now {
    Now {
        moment: Moment(10_000_000_000),
        wall: "2026-01-24T14:02:31Z".parse().unwrap(),
    }
}

fn ago(seconds: i64) -> Timestamp {
    now().wall - jiff::SignedDuration::from_secs(seconds)
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

pub fn config() -> Arc<Config> {
    Arc::new(config::parse(CONFIG, Path::new("/etc/flightdeck.toml")).unwrap())
}

pub fn environment(name: &str) -> EnvironmentName {
    name.parse().unwrap()
}

pub fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

pub fn repository(name: &str) -> Repository {
    format!("ghcr.io/acme/shop-{name}").parse().unwrap()
}

pub fn digest(n: u8) -> Digest {
    format!("sha256:{}", format!("{n:02x}").repeat(32))
        .parse()
        .unwrap()
}

fn image_id(n: u8) -> ImageId {
    format!("sha256:{}", format!("{:02x}", n | 0x80).repeat(32))
        .parse()
        .unwrap()
}

/// A cockpit at its start, with or without the right to change things.
pub fn empty(permit: bool, width: u16, height: u16) -> Model {
    Model::new(
        config(),
        permit.then(Permit::mint),
        Keymap::new(&BTreeMap::new()).unwrap(),
        Theme::built_in("default").unwrap(),
        now(),
        Size { width, height },
    )
}

/// A cockpit that has been told all facts.
pub fn full(width: u16, height: u16) -> Model {
    let mut model = empty(true, width, height);
    update(&mut model, Msg::Facts(facts()), now());
    model.logs.buffer().push(log_lines(200));
    model.dirty.take();
    model
}

pub fn log_lines(count: i64) -> impl Iterator<Item = LogLine> {
    (0..count).map(move |n| LogLine {
        at: Some(ago(count - n)),
        from: "shop-backend-1".into(),
        text: format!("INFO  GET /api/v1/status/{n} 200 {}ms", 3 + n % 7).into(),
    })
}

/// A model with this reading of an environment.
pub fn told(model: &mut Model, name: &str, reading: Reading) {
    let fact = Fact::Environment(environment(name), reading);
    update(model, Msg::Facts(vec![fact]), now());
}

pub fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    for (name, backend, age, restarts) in [
        ("production", 2, 3 * DAY, 0),
        ("staging", 3, DAY + 7 * HOUR, 1),
    ] {
        let mut environment_fact =
            |reading| facts.push(Fact::Environment(environment(name), reading));
        environment_fact(Reading::EngineLink(Link::Live));
        environment_fact(Reading::Containers(Arc::new(containers(
            backend, age, restarts,
        ))));
        environment_fact(Reading::FilesLink(Link::Live));
        environment_fact(Reading::Files(Arc::new(files(name))));
    }
    facts.push(Fact::Environment(
        environment("edge"),
        Reading::EngineLink(lost()),
    ));
    for name in ["backend", "frontend"] {
        facts.push(Fact::Versions(
            repository(name),
            VersionsReading::Link(Link::Polled {
                next: now().moment.after(Duration::from_secs(30)),
            }),
        ));
        facts.push(Fact::Versions(
            repository(name),
            VersionsReading::Versions(Arc::new(versions(name))),
        ));
    }
    facts.push(Fact::Runs(RunsReading::Link(Link::Polled {
        next: now().moment.after(Duration::from_secs(10)),
    })));
    facts.push(Fact::Runs(RunsReading::Runs(Arc::new(runs()))));
    facts
}

pub fn lost() -> Link {
    Link::Lost {
        since: Moment(now().moment.0 - 41_000),
        fault: Fault::new(
            FaultKind::Unreachable,
            "edge.example.com",
            "connection refused",
        ),
        retry: Some(now().moment.after(Duration::from_secs(8))),
    }
}

const TAGS: [(&str, i64, &str); 4] = [
    ("v20260124.1", 4 * 60, "9f3c1ab"),
    ("v20260123.1", DAY + 7 * HOUR, "41d07e2"),
    ("v20260122.1", 2 * DAY + HOUR, "c0ffee1"),
    ("v20260121.2", 3 * DAY, "77ab012"),
];

/// Versions 4 (the newest) to 1: number n has the digest `digest(n)`.
pub fn versions(name: &str) -> Versions {
    let offset = if name == "frontend" { 0x10 } else { 0 };
    Versions {
        repository: repository(name),
        versions: TAGS
            .iter()
            .enumerate()
            .map(|(index, (tag, age, revision))| Version {
                tag: tag.parse().unwrap(),
                digest: Known::Known(digest(offset + 4 - index as u8)),
                details: Known::Known(VersionDetails {
                    created: Some(ago(*age)),
                    revision: Some(format!("{revision}{}", "0".repeat(33))),
                    source: None,
                }),
            })
            .collect(),
        complete: true,
    }
}

fn tag_of(number: u8) -> &'static str {
    TAGS[usize::from(4 - (number & 0x0f))].0
}

pub fn containers(backend: u8, age: i64, restarts: u64) -> Containers {
    let mut all = Containers {
        engine_version: "20.10.24".to_owned(),
        ..Containers::default()
    };
    for (name, number) in [("backend", backend), ("frontend", 0x10 + backend)] {
        let reference = format!("{}:{}@{}", repository(name), tag_of(number), digest(number));
        all.containers.push(Container {
            id: format!("{number:064}"),
            name: format!("shop-{name}-1"),
            service: service(name),
            reference: reference.clone(),
            image_id: image_id(number),
            health: Health::Healthy,
            started: Some(ago(age)),
            restarts: if name == "backend" { restarts } else { 0 },
            exit_code: None,
            config_hash: "abc".to_owned(),
            compose_version: "2.40.3".to_owned(),
            working_directory: "/srv/shop".to_owned(),
            config_files: "/srv/shop/compose.yml".to_owned(),
        });
        all.images.insert(
            image_id(number),
            Image {
                id: image_id(number),
                repository_digests: vec![
                    format!("{}@{}", repository(name), digest(number))
                        .parse()
                        .unwrap(),
                ],
                tags: Vec::new(),
                revision: None,
                version: None,
                created: None,
            },
        );
    }
    all.containers.push(Container {
        id: "f".repeat(64),
        name: "shop-nginx-1".to_owned(),
        service: service("nginx"),
        reference: "nginx:alpine".to_owned(),
        health: Health::Running,
        image_id: image_id(0x70),
        started: Some(ago(9 * DAY)),
        restarts: 0,
        ..all.containers[0].clone()
    });
    all
}

fn running(number: u8) -> Release {
    let services = [("backend", number), ("frontend", 0x10 + number)]
        .into_iter()
        .map(|(name, number)| {
            (
                service(name),
                ServiceRelease {
                    repository: repository(name),
                    tag: Some(tag_of(number).parse().unwrap()),
                    digest: Some(digest(number)),
                    image_id: Some(image_id(number)),
                    revision: None,
                },
            )
        })
        .collect();
    Release {
        services,
        ..Release::default()
    }
}

pub fn record(id: u64, name: &str, outcome: Outcome, before: u8, after: u8, age: i64) -> Record {
    Record {
        v: FORMAT,
        operation: OperationId(id),
        environment: environment(name),
        kind: PlanKind::Promote,
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        reason: String::new(),
        before: running(before),
        after: running(after),
        recovers: None,
        overridden: Vec::new(),
        started: ago(age).as_second(),
        ended: ago(age).as_second() + 41,
        outcome,
        step: (outcome != Outcome::Succeeded).then(|| "verify-status".to_owned()),
        times: BTreeMap::new(),
        results: BTreeMap::new(),
        other: serde_json::Map::new(),
    }
}

pub fn files(name: &str) -> Files {
    let (number, records) = match name {
        "production" => (
            2,
            vec![
                record(40, name, Outcome::Succeeded, 1, 1, 4 * DAY),
                record(41, name, Outcome::Succeeded, 1, 2, 3 * DAY),
            ],
        ),
        _ => (
            3,
            vec![
                record(7, name, Outcome::Succeeded, 2, 3, DAY + 7 * HOUR),
                record(8, name, Outcome::WentBack, 3, 4, 2 * HOUR),
            ],
        ),
    };
    Files {
        pins: [("backend", number), ("frontend", 0x10 + number)]
            .into_iter()
            .map(|(name, n)| (service(name), format!("{}@{}", tag_of(n), digest(n))))
            .collect(),
        records,
        damaged: 0,
        damaged_at: Vec::new(),
        hashes: BTreeMap::new(),
        newer: 0,
        operation: None,
        clock_skew_ms: 0,
    }
}

fn job(name: &str, state: RunState, age: i64) -> Job {
    Job {
        id: 1,
        name: name.to_owned(),
        state,
        started: (state != RunState::Queued).then(|| ago(age)),
        ended: state.is_ended().then(|| ago(age - 60)),
        url: String::new(),
    }
}

fn run(number: u64, state: RunState, revision: &str, jobs: Vec<Job>) -> WorkflowRun {
    WorkflowRun {
        id: 9_000 + number,
        number,
        attempt: 1,
        workflow: "ci".to_owned(),
        title: "Send the receipt once".to_owned(),
        branch: "main".to_owned(),
        revision: format!("{revision}{}", "0".repeat(33)),
        event: "push".to_owned(),
        actor: "mira".to_owned(),
        state,
        started: ago(900),
        updated: ago(600),
        url: format!(
            "https://github.com/acme/shop/actions/runs/{}",
            9_000 + number
        ),
        jobs,
    }
}

pub fn runs() -> Runs {
    use RunState::{Failed, InProgress, Queued, Succeeded};
    Runs {
        runs: vec![
            run(
                482,
                InProgress,
                "9f3c1ab",
                vec![
                    job("build", Succeeded, 900),
                    job("test", Succeeded, 700),
                    job("e2e", InProgress, 200),
                    job("prod", Queued, 0),
                ],
            ),
            run(
                481,
                Failed,
                "aaaaaaa",
                vec![job("build", Succeeded, 7_000), job("test", Failed, 6_900)],
            ),
            run(
                480,
                Succeeded,
                "41d07e2",
                vec![
                    job("build", Succeeded, 9_000),
                    job("test", Succeeded, 8_900),
                ],
            ),
        ],
        limit: Some(RateLimit {
            remaining: 4_812,
            limit: 5_000,
            reset: ago(-1_200),
        }),
    }
}

fn step(id: &str, intent: Intent, estimate: u64, changes: bool) -> Step {
    Step {
        id: id.to_owned(),
        intent,
        limit: Duration::from_secs(300),
        estimate: Some(Duration::from_secs(estimate)),
        again: Again::Safe,
        interruptible: true,
        changes,
        failure: OnStepFailure::Stops,
    }
}

/// A promotion of production from version 2 to version 3.
pub fn promotion() -> Plan {
    let reference = format!("{}@{}", repository("backend"), digest(3))
        .parse()
        .unwrap();
    let pin = PinFile {
        path: "/srv/shop/.env".to_owned(),
        expected: Some("sha256:1".to_owned()),
        attachment: Some("pin-0".to_owned()),
        summary: vec![format!("BACKEND_IMAGE_TAG=v20260123.1@{}", digest(3))],
    };
    let switch = |number| Intent::Switch {
        services: vec![service("backend")],
        expected: BTreeMap::from([(service("backend"), ImageName::Id(image_id(number)))]),
        dependencies: true,
    };
    let check = Intent::Check {
        name: "status".to_owned(),
        check: Check::Http(HttpCheck::get(
            "http://127.0.0.1:8080/api/v1/status/",
            HttpMeans::Curl,
        )),
        attempts: 12,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
    };
    let pull = Intent::Pull {
        service: service("backend"),
        reference,
    };
    let migrate = Intent::Migrate {
        service: service("backend"),
        image: ImageName::Id(image_id(3)),
        command: vec![
            "alembic".to_owned(),
            "upgrade".to_owned(),
            "head".to_owned(),
        ],
        heads: None,
        summary: "a1f3 → c9e2 (2 revisions)".to_owned(),
    };
    Plan {
        v: FORMAT,
        kind: PlanKind::Promote,
        environment: environment("production"),
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        reason: String::new(),
        basis: Basis {
            last_operation: Some(OperationId(41)),
            schema_heads: Some(vec!["a1f3".to_owned()]),
            ..Basis::default()
        },
        before: only_backend(2),
        after: only_backend(3),
        gates: vec![
            gate("ci", Verdict::Passed, "run 480 succeeded"),
            gate("staging healthy", Verdict::Passed, "for 31 h"),
        ],
        warnings: vec!["nginx is restarted too, for a second".to_owned()],
        forward: vec![
            step("pull-backend", pull, 12, false),
            step("migrate", migrate, 2, true),
            step(
                "pin",
                Intent::Pin {
                    files: vec![pin.clone()],
                },
                1,
                true,
            ),
            step("switch", switch(3), 3, true),
            step("verify-status", check, 5, false),
        ],
        back: vec![
            step("pin", Intent::Pin { files: vec![pin] }, 1, true),
            step("switch", switch(2), 3, true),
        ],
        closing: Vec::new(),
        on_failure: OnFailure::GoBack,
        schema_offers: Vec::new(),
        confirm: Some(ConfirmWords {
            name: "production".to_owned(),
            short: Some("prod".to_owned()),
        }),
        attachments: Vec::new(),
    }
}

/// The same plan for an environment that is not protected.
pub fn unprotected_promotion() -> Plan {
    Plan {
        environment: environment("staging"),
        confirm: None,
        ..promotion()
    }
}

/// The images that lie on a server where nothing was ever recorded.
pub fn images() -> Vec<(ServiceName, ServiceRelease)> {
    only_backend(1).services.into_iter().collect()
}

fn only_backend(number: u8) -> Release {
    let mut release = running(number);
    release.services.remove(&service("frontend"));
    release
}

pub fn gate(name: &str, verdict: Verdict, detail: &str) -> Gate {
    Gate {
        name: name.to_owned(),
        verdict,
        detail: detail.to_owned(),
        overridden: false,
    }
}

pub fn commands() -> RenderedPlan {
    RenderedPlan {
        forward: vec![
            (
                "pull-backend".to_owned(),
                vec![format!(
                    "docker pull {}@{}",
                    repository("backend"),
                    digest(3)
                )],
            ),
            (
                "switch".to_owned(),
                vec!["docker compose up -d --wait --pull never --no-build backend".to_owned()],
            ),
        ],
        back: vec![(
            "switch".to_owned(),
            vec!["docker compose up -d --wait --pull never --no-build backend".to_owned()],
        )],
        closing: Vec::new(),
    }
}

fn at(seconds_ago: i64, event: Event) -> JournalLine {
    JournalLine {
        v: FORMAT,
        at: ago(seconds_ago).as_second(),
        event,
    }
}

/// The journal of a promotion whose verification failed and that goes back.
pub fn journal() -> Vec<JournalLine> {
    let start = |direction, id: &str| Event::StepStart {
        direction,
        step: id.to_owned(),
        group: 1,
        offset: 0,
    };
    let finish = |direction, id: &str, exit| Event::StepEnd {
        direction,
        step: id.to_owned(),
        exit: Some(exit),
        offset: 0,
        why: None,
    };
    use Direction::{Back, Forward};
    vec![
        at(60, Event::Begin { direction: Forward }),
        at(60, start(Forward, "pull-backend")),
        at(48, finish(Forward, "pull-backend", 0)),
        at(48, start(Forward, "migrate")),
        at(46, finish(Forward, "migrate", 0)),
        at(46, start(Forward, "pin")),
        at(45, finish(Forward, "pin", 0)),
        at(45, start(Forward, "switch")),
        at(41, finish(Forward, "switch", 0)),
        at(41, start(Forward, "verify-status")),
        at(9, finish(Forward, "verify-status", 1)),
        at(9, Event::Begin { direction: Back }),
        at(9, start(Back, "pin")),
        at(8, finish(Back, "pin", 0)),
        at(8, start(Back, "switch")),
    ]
}

pub fn end() -> End {
    End {
        outcome: Outcome::WentBack,
        step: Some("verify-status".to_owned()),
        exit: Some(1),
        why: None,
        back_step: None,
        changed: true,
        started: ago(60).as_second(),
        ended: ago(4).as_second(),
    }
}

/// An operation that the files of an environment tell of.
pub fn under_way(liveness: Liveness) -> OperationState {
    OperationState {
        id: OperationId(42),
        claim: Claim {
            operator: "mira".to_owned(),
            origin: "laptop".to_owned(),
            reason: String::new(),
            kind: "promote".to_owned(),
            at: ago(60).as_second(),
            nonce: "n".to_owned(),
        },
        plan: Some(Box::new(promotion())),
        journal: journal().into_iter().take(8).collect(),
        liveness,
        cancelling: false,
        end: None,
    }
}

/// The files of production while an operation holds it.
pub fn held(liveness: Liveness) -> Reading {
    Reading::Files(Arc::new(Files {
        operation: Some(under_way(liveness)),
        ..files("production")
    }))
}
