//! What a server answers to a survey: a plan whose words draw nothing, or a fault in words. An example is
//! written as its parts, each after a line `@NAME STATUS`: what they are framed in is only a length.

use std::path::Path;

use flightdeck::{
    config::{self, Config},
    plan::{self, Context, GateFacts},
    release::{
        Fault,
        operation::OperationId,
        plan::{ChosenVersion, Deed, Plan, Request, RollbackTo, SchemaChoice},
    },
    target::compose::{
        render,
        shell::{Shell, ShellOutput},
        survey,
    },
};
use futures::{FutureExt as _, executor::block_on, future::BoxFuture};
use jiff::Timestamp;

use super::assert_clean;

const CONFIGURATION: &str = r#"
[services.backend]
image = "ghcr.io/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"
[environments.production]
host = "local"
directory = "/srv/shop"
project = "shop"
[environments.production.migration]
service = "backend"
tool = "alembic"
[environments.production.backup]
tool = "pg_dump"
service = "database"
database = "shop"
user = "shop"
"#;

/// Answers everything alike.
struct Answering(Vec<u8>);

impl Shell for Answering {
    fn run(&self, _: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        let output = ShellOutput {
            status: 0,
            stdout: self.0.clone(),
            stderr: Vec::new(),
        };
        async { Ok(output) }.boxed()
    }
}

pub fn survey(bytes: &[u8]) {
    let config = configuration();
    // All of them take long; which one is nothing that a fuzzer could not turn.
    let [promote, rollback, restore, clean_up] = deeds();
    let deed = match bytes.len() % 4 {
        0 => promote,
        1 => rollback,
        2 => restore,
        _ => clean_up,
    };
    // As it comes, and with lengths that are right whatever has become of the parts.
    for answer in [bytes.to_vec(), framed(bytes)] {
        match planned(&config, deed.clone(), &Answering(answer)) {
            Ok(plan) => is_harmless(&plan, &config),
            Err(fault) => {
                assert!(
                    !fault.subject.is_empty() && !fault.message.is_empty(),
                    "{fault:?}"
                );
                assert_clean(&fault);
            }
        }
    }
}

/// An example that is not spoilt becomes a plan for every deed: what is spoilt is worth something.
pub fn survey_example(example: &[u8]) {
    let (config, server) = (configuration(), Answering(framed(example)));
    for deed in deeds() {
        let plan = planned(&config, deed, &server).unwrap_or_else(|fault| panic!("{fault}"));
        is_harmless(&plan, &config);
    }
}

fn configuration() -> Config {
    config::parse(CONFIGURATION, Path::new("flightdeck.toml")).expect("it is right")
}

fn deeds() -> [Deed; 4] {
    let backend = || "backend".parse().expect("a name");
    let digest = format!("sha256:{}", "2".repeat(64));
    let version = ChosenVersion {
        tag: "v2".parse().expect("a tag"),
        digest: digest.parse().expect("a digest"),
        revision: None,
    };
    [
        Deed::Promote {
            versions: [(backend(), version)].into(),
            migrate: true,
        },
        Deed::Rollback {
            to: RollbackTo::Operation(OperationId(40)),
            schema: SchemaChoice::Downgrade,
            files: true,
        },
        Deed::Restore { operation: None },
        Deed::CleanUp {
            keep: 1,
            older_than: Default::default(),
        },
    ]
}

fn planned(config: &Config, deed: Deed, server: &Answering) -> Result<Plan, Fault> {
    let [production] = &config.environments[..] else {
        panic!("one environment is configured");
    };
    let request = Request {
        environment: production.name.clone(),
        deed,
        reason: String::new(),
        overrides: Vec::new(),
    };
    let neighbours = [production.clone()];
    let now = Timestamp::UNIX_EPOCH;
    let survey = block_on(survey::take(
        server,
        production,
        &config.services,
        &neighbours,
        &request,
        now,
    ))?;
    let context = Context {
        unseen: Default::default(),
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        gates: GateFacts {
            now,
            runs: Ok(Vec::new()),
            environments: Default::default(),
        },
    };
    plan::make(config, &request, &survey, &context)
}

/// What people read of a plan draws nothing, and it can be laid out or says why not.
fn is_harmless(plan: &Plan, config: &Config) {
    assert_clean(&plan.title());
    assert_clean(&plan.warnings);
    assert_clean(&plan.gates);
    assert_clean(&plan.confirm);
    let shown = render::commands(plan, &config.environments[0]);
    assert_clean(&[shown.forward, shown.back]);
    if let Err(fault) = render::folder(plan, &config.environments[0], &config.services) {
        assert_clean(&fault);
    }
}

/// The answer that has these parts.
fn framed(example: &[u8]) -> Vec<u8> {
    let mut parts: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for line in example.split_inclusive(|&byte| byte == b'\n') {
        match (line.strip_prefix(b"@"), parts.last_mut()) {
            (Some(head), _) => parts.push((head.trim_ascii(), Vec::new())),
            (None, Some((_, text))) => text.extend_from_slice(line),
            (None, None) => {}
        }
    }
    let mut answer = b"flightdeck survey 1\n".to_vec();
    for (head, text) in parts {
        answer.extend_from_slice(head);
        answer.extend_from_slice(format!(" {} 0\n", text.len()).as_bytes());
        answer.extend_from_slice(&text);
        answer.push(b'\n');
    }
    answer
}
