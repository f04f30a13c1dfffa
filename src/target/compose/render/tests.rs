use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    config::{Host, Pin, PinForm, Protection, Reach},
    release::{
        check::{Check, HttpCheck, HttpMeans},
        operation::{Direction, OperationId},
        plan::{
            Again, Basis, FORMAT, Gate, HeadsFormat, HeadsQuery, ImageName, Intent, OnFailure,
            OnStepFailure, PinFile, Step, Verdict,
        },
        record::{Release, ServiceRelease},
    },
};

const DIGEST: &str = "sha256:41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a41d07e2a";
const ID: &str = "sha256:c0ffee01c0ffee01c0ffee01c0ffee01c0ffee01c0ffee01c0ffee01c0ffee01";

fn name(service: &str) -> ServiceName {
    service.parse().unwrap()
}

fn candidate() -> ImageName {
    let reference = format!("ghcr.io/acme/shop-backend:v20260123.1@{DIGEST}");
    ImageName::Reference(reference.parse().unwrap())
}

fn running() -> ImageName {
    ImageName::Id(ID.parse().unwrap())
}

fn environment(host: Host) -> Environment {
    Environment {
        name: "production".parse().unwrap(),
        target: Target::Compose(Compose {
            host,
            directory: "~/the shop".to_owned(),
            files: vec!["docker-compose.yml".to_owned(), "versions.yml".to_owned()],
            environment_files: vec![".env".to_owned()],
            project: "shop".to_owned(),
        }),
        services: vec![name("backend")],
        layers: Vec::new(),
        protection: Protection::Open,
        gates: Vec::new(),
        checks: Vec::new(),
        hooks: Vec::new(),
        migration: None,
        backup: None,
        restart: Vec::new(),
        health_timeout: Duration::from_secs(120),
        stable_for: Duration::from_secs(10),
    }
}

fn host() -> Host {
    Host {
        reach: Reach::Local,
        docker: vec!["docker".to_owned()],
        socket: None,
    }
}

fn services() -> BTreeMap<ServiceName, Service> {
    let variable = Pin::Variable {
        file: ".env".to_owned(),
        variable: "BACKEND_IMAGE_TAG".to_owned(),
        form: PinForm::Tag,
    };
    let file = Pin::Override {
        file: "versions.yml".to_owned(),
    };
    [("backend", variable), ("worker", file)]
        .into_iter()
        .map(|(service, pin)| {
            let service = Service {
                name: name(service),
                repository: "ghcr.io/acme/shop-backend".parse().unwrap(),
                tags: Default::default(),
                strategy: Default::default(),
                pin,
            };
            (service.name.clone(), service)
        })
        .collect()
}

fn pin(expected: Option<&str>, attachment: Option<&str>) -> Intent {
    Intent::Pin {
        files: vec![PinFile {
            path: "/srv/shop/.env".to_owned(),
            expected: expected.map(str::to_owned),
            attachment: attachment.map(str::to_owned),
            summary: vec![format!("BACKEND_IMAGE_TAG=v20260123.1@{DIGEST}")],
        }],
    }
}

fn check(check: Check) -> Intent {
    Intent::Check {
        name: "the customer's view".to_owned(),
        check,
        attempts: 12,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(10),
    }
}

fn http(means: HttpMeans) -> Intent {
    check(Check::Http(HttpCheck {
        body: Some("\"ok\"".to_owned()),
        ..HttpCheck::get(
            "https://shop.example.com/status?a=1&b=$HOME".to_owned(),
            means,
        )
    }))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn steps(intents: impl IntoIterator<Item = (&'static str, Intent)>) -> Vec<Step> {
    intents
        .into_iter()
        .map(|(id, intent)| Step {
            id: id.to_owned(),
            intent,
            limit: Duration::from_secs(60),
            estimate: None,
            again: Again::Safe,
            interruptible: true,
            changes: false,
            failure: OnStepFailure::Stops,
        })
        .collect()
}

/// A plan with a step of every kind.
fn plan() -> Plan {
    let backend = || name("backend");
    let images = |image: ImageName| BTreeMap::from([(backend(), image)]);
    let heads = HeadsQuery {
        command: words(&["alembic", "current"]),
        format: HeadsFormat::Lines,
    };
    let switch = |image, dependencies| Intent::Switch {
        services: vec![backend(), name("worker")],
        expected: images(image),
        dependencies,
        reasons: BTreeMap::new(),
    };
    let forward = steps([
        (
            "snapshot",
            Intent::Snapshot {
                files: words(&["/srv/shop/.env", "/srv/shop/it's.yml", "/srv/base/.env"]),
                keep: images(running()),
            },
        ),
        (
            "pull-backend",
            Intent::Pull {
                service: backend(),
                reference: candidate().to_string().parse().unwrap(),
            },
        ),
        (
            "keep-backend",
            Intent::Keep {
                service: backend(),
                image: candidate(),
            },
        ),
        (
            "schema",
            Intent::KnowsSchema {
                service: backend(),
                image: candidate(),
                heads: heads.clone(),
                at: Some(words(&["a1f3", "b2c4"])),
            },
        ),
        (
            "migrate",
            Intent::Migrate {
                service: backend(),
                image: candidate(),
                command: words(&["sh", "-c", "alembic upgrade heads; echo $?"]),
                heads: Some(heads.clone()),
                summary: "a1f3 → head".to_owned(),
            },
        ),
        ("pin", pin(Some("sha256:00ff"), Some("env.candidate"))),
        ("switch", switch(candidate(), true)),
        (
            "restart",
            Intent::Restart {
                services: vec![name("proxy")],
            },
        ),
        (
            "verify-health",
            Intent::Health {
                services: vec![backend(), name("proxy")],
                stable_for: Duration::from_secs(10),
            },
        ),
        ("verify-check-1", http(HttpMeans::Curl)),
        ("verify-check-2", http(HttpMeans::WgetIn(backend()))),
        (
            "verify-check-3",
            check(Check::Command {
                command: "test -e 'a b' && ./probe".to_owned(),
            }),
        ),
        (
            "verify-check-4",
            check(Check::Exec {
                service: backend(),
                command: words(&["probe", "$HOME"]),
            }),
        ),
        (
            "observe",
            Intent::Observe {
                services: vec![backend()],
                heads: Some((backend(), heads)),
            },
        ),
    ]);
    let back = steps([
        (
            "last-words",
            Intent::Snapshot {
                files: Vec::new(),
                keep: images(candidate()),
            },
        ),
        ("pin", pin(None, None)),
        ("switch", switch(running(), false)),
    ]);
    Plan {
        v: FORMAT,
        kind: PlanKind::Promote,
        environment: "production".parse().unwrap(),
        operator: "mira".to_owned(),
        origin: "laptop".to_owned(),
        reason: String::new(),
        basis: Basis {
            last_operation: Some(OperationId(41)),
            images: BTreeMap::from([
                (backend(), vec![ID.parse().unwrap(), ID.parse().unwrap()]),
                (name("proxy"), Vec::new()),
            ]),
            made_from: BTreeMap::from([
                (
                    backend(),
                    vec!["/srv/the shop,/srv/the shop/compose.yml".to_owned(); 2],
                ),
                (name("proxy"), Vec::new()),
            ]),
            files: BTreeMap::from([("/srv/the shop/.env".to_owned(), "sha256:00ff".to_owned())]),
            schema_heads: Some(words(&["a1f3", "b2c4"])),
        },
        before: Release::default(),
        after: Release::default(),
        gates: Vec::new(),
        warnings: Vec::new(),
        forward,
        back,
        closing: Vec::new(),
        on_failure: OnFailure::GoBack,
        schema_offers: Vec::new(),
        health_timeout: Duration::from_secs(120),
        confirm: None,
        attachments: Vec::new(),
    }
}

#[test]
fn people_read_commands_that_they_could_type() {
    let shown = commands(&plan(), &environment(host()));
    let mut text = String::new();
    for (list, steps) in [("forward", shown.forward), ("back", shown.back)] {
        for (id, commands) in steps {
            text.push_str(&format!("{list}/{id}\n"));
            for command in commands {
                text.push_str(&format!("  {command}\n"));
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_steps_script_calls_the_library_with_quoted_values() {
    let environment = environment(host());
    let scripts = scripts::scripts(&plan(), &environment).unwrap();
    let mut text = format!("basis.sh\n{}", scripts.basis.unwrap_or_default());
    for (list, scripts) in [("forward", scripts.forward), ("back", scripts.back)] {
        for (id, script) in scripts {
            text.push_str(&format!("\n{list}/{id}.sh\n{script}"));
        }
    }
    for (path, override_file) in scripts::overrides(&plan()) {
        text.push_str(&format!("\n{path}\n{override_file}"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_library_knows_docker_compose_and_the_directory() {
    let plain = library::head(&environment(host()), &services()).unwrap();
    insta::assert_snapshot!(plain);
    let whole = library::text(&environment(host()), &services(), Duration::from_secs(120)).unwrap();
    assert!(whole.ends_with(
        "enter \"$HOME\"'/the shop' || fail \"cannot enter the project's directory\"\n"
    ));
    let mut home = environment(host());
    let Target::Compose(compose) = &mut home.target;
    compose.directory = "~".to_owned();
    let whole = library::text(&home, &services(), Duration::from_secs(120)).unwrap();
    assert!(whole.contains("\nenter \"$HOME\" || fail "), "{whole}");
}

#[test]
fn the_endpoint_reaches_docker_through_sudo() {
    let socket = Some("/run/user/1000/docker.sock".to_owned());
    let exported = library::head(
        &environment(Host {
            socket: socket.clone(),
            ..host()
        }),
        &services(),
    )
    .unwrap();
    assert!(
        exported.contains("DOCKER_HOST=unix:///run/user/1000/docker.sock\nexport DOCKER_HOST\n")
    );
    let sudo = Host {
        docker: words(&["sudo", "-n", "docker"]),
        socket,
        ..host()
    };
    let given = library::head(&environment(sudo), &services()).unwrap();
    assert!(
        given.contains("sudo -n docker -H unix:///run/user/1000/docker.sock \"$@\"\n"),
        "{given}"
    );
    assert!(!given.contains("export DOCKER_HOST"));
}

#[test]
fn what_cannot_be_said_to_a_shell_is_refused_in_words() {
    let mut plan = plan();
    plan.forward = steps([(
        "verify-check-1",
        check(Check::Command {
            command: "a\0b".to_owned(),
        }),
    )]);
    let fault = folder(&plan, &environment(host()), &services()).unwrap_err();
    assert!(fault.to_string().contains("cannot be laid out"), "{fault}");
    // And is still shown.
    let shown = commands(&plan, &environment(host()));
    assert_eq!(shown.forward[0].1, ["ab"]);
}

#[test]
fn only_a_rollback_passes_what_died_and_a_lock_only_where_the_operator_said_so() {
    let mut plan = plan();
    assert!(passes(&plan).is_empty());
    plan.kind = PlanKind::Rollback;
    assert_eq!(passes(&plan), [Pass::Interrupted, Pass::Orphaned].into());
    let gate = |overridden| Gate {
        name: LOCK_GATE.to_owned(),
        verdict: Verdict::Failed,
        detail: "locked by mira".to_owned(),
        overridden,
    };
    plan.gates = vec![gate(false)];
    assert_eq!(passes(&plan), [Pass::Interrupted, Pass::Orphaned].into());
    plan.gates = vec![gate(true)];
    assert_eq!(
        passes(&plan),
        [Pass::Interrupted, Pass::Lock, Pass::Orphaned].into()
    );
}

#[test]
fn a_candidate_migrates_with_its_own_variables_and_what_runs_with_those_in_place() {
    let environment = environment(host());
    let script = |plan: &Plan| {
        let scripts = scripts::scripts(plan, &environment).unwrap();
        scripts.forward["migrate"].clone()
    };
    let mut plan = plan();
    assert!(script(&plan).contains("environment_1=\"$FD_FOLDER\"/attachments/env.candidate\n"));
    for step in &mut plan.forward {
        if let Intent::Migrate { image, .. } = &mut step.intent {
            *image = running();
        }
    }
    assert!(!script(&plan).contains("environment_1="));
    assert_eq!(plan.steps(Direction::Forward)[4].id, "migrate");
}

#[test]
fn a_database_that_is_ahead_is_ahead_of_a_version() {
    let mut plan = plan();
    let runs = ServiceRelease {
        repository: "ghcr.io/acme/shop-backend".parse().unwrap(),
        tag: Some("v20260122.1".parse().unwrap()),
        digest: None,
        image_id: Some(ID.parse().unwrap()),
        revision: None,
    };
    plan.before.services.insert(name("backend"), runs);
    for step in &mut plan.forward {
        if let Intent::KnowsSchema { image, .. } = &mut step.intent {
            *image = running();
        }
    }
    let scripts = scripts::scripts(&plan, &environment(host())).unwrap();
    let script = &scripts.forward["schema"];
    assert!(script.contains("knows_schema v20260122.1 "), "{script}");
}
