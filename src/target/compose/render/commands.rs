//! A step's commands as a person could type them in the project's directory. What is no command of one
//! line is told as a comment.

use std::collections::BTreeMap;

use crate::{
    config::{Compose, Environment},
    plan::steps::MARGIN,
    release::{
        ServiceName,
        operation::Direction,
        plan::{Check, HttpMeans, ImageName, Intent, PinFile, Step},
    },
};

use super::{
    super::{pin::keep, script::quote},
    library,
    scripts::engine_name,
};

/// Where the number stands that only the claim gives.
const OPERATION: &str = "<operation>";

/// `docker compose` with all that says which project is meant.
pub fn compose_words(compose: &Compose) -> Vec<String> {
    let mut words = compose.host.docker.clone();
    words.extend(["compose", "-p"].map(str::to_owned));
    words.push(compose.project.clone());
    for file in &compose.files {
        words.extend(["-f".to_owned(), file.clone()]);
    }
    if !library::reads_environment_by_itself(&compose.files, &compose.environment_files) {
        for file in &compose.environment_files {
            words.extend(["--env-file".to_owned(), file.clone()]);
        }
    }
    words
}

pub(super) fn of(step: &Step, direction: Direction, environment: &Environment) -> Vec<String> {
    let compose = super::compose(environment);
    let docker = |words: &[&str]| {
        let host = compose.host.docker.iter().map(String::as_str);
        line(host.chain(words.iter().copied()))
    };
    let composed = |words: &[&str]| {
        let base = compose_words(compose);
        line(base.iter().map(String::as_str).chain(words.iter().copied()))
    };
    let tag = |service: &ServiceName, suffix: &str| {
        format!(
            "{}:{OPERATION}{suffix}",
            keep::repository(&compose.project, service)
        )
    };
    match &step.intent {
        Intent::Snapshot { keep, .. } if direction == Direction::Back => keep
            .keys()
            .map(|service| composed(&["logs", "--timestamps", "--tail", "500", service.as_str()]))
            .collect(),
        Intent::Snapshot { files, keep } => {
            let copies = format!(".flightdeck/{}/releases/{OPERATION}/", compose.project);
            let copy = |file: &String| format!("cp -p {} {copies}", word(file));
            let kept = keep.iter().map(|(service, image)| {
                docker(&["tag", &engine_name(image), &tag(service, "-before")])
            });
            files.iter().map(copy).chain(kept).collect()
        }
        Intent::Pull { reference, .. } => {
            let name = engine_name(&ImageName::Reference(reference.clone()));
            vec![docker(&["pull", &name])]
        }
        Intent::Keep { service, image } => {
            vec![docker(&["tag", &engine_name(image), &tag(service, "")])]
        }
        Intent::Migrate {
            service,
            image,
            command,
            ..
        } => {
            let mut words = vec!["run", "--no-deps", "-T", "--rm", service.as_str()];
            words.extend(command.iter().map(String::as_str));
            vec![
                format!("# with {}, whatever is pinned:", engine_name(image)),
                composed(&words),
            ]
        }
        Intent::Pin { files } => files.iter().flat_map(pinned).collect(),
        Intent::Switch {
            services,
            expected,
            dependencies,
        } => {
            let wait = step.limit.saturating_sub(MARGIN).as_secs().to_string();
            let mut words = vec![
                "up",
                "-d",
                "--wait",
                "--wait-timeout",
                &wait,
                "--pull",
                "never",
                "--no-build",
            ];
            if !dependencies {
                words.push("--no-deps");
            }
            words.extend(services.iter().map(ServiceName::as_str));
            let mut lines = vec![composed(&words)];
            lines.extend(expectations(expected));
            lines
        }
        Intent::Restart { services } => {
            let words: Vec<&str> = ["restart", "--no-deps"]
                .into_iter()
                .chain(services.iter().map(ServiceName::as_str))
                .collect();
            vec![composed(&words)]
        }
        Intent::Health {
            services,
            stable_for,
        } => {
            let words: Vec<&str> = ["ps"]
                .into_iter()
                .chain(services.iter().map(ServiceName::as_str))
                .collect();
            let wait = step
                .limit
                .saturating_sub(MARGIN)
                .saturating_sub(*stable_for);
            vec![
                composed(&words),
                format!(
                    "# healthy within {} s, then {} s without a restart",
                    wait.as_secs(),
                    stable_for.as_secs()
                ),
            ]
        }
        Intent::Check {
            check,
            attempts,
            interval,
            ..
        } => {
            let times = format!("# up to {attempts} times, {} s between", interval.as_secs());
            vec![asked(check, &composed), times]
        }
        Intent::Observe { services, heads } => {
            let words: Vec<&str> = ["ps"]
                .into_iter()
                .chain(services.iter().map(ServiceName::as_str))
                .collect();
            let mut lines = vec![composed(&words)];
            if let Some((service, command)) = heads {
                let words: Vec<&str> = ["exec", "-T", service.as_str()]
                    .into_iter()
                    .chain(command.iter().map(String::as_str))
                    .collect();
                lines.push(composed(&words));
            }
            lines
        }
    }
}

fn expectations(expected: &BTreeMap<ServiceName, ImageName>) -> impl Iterator<Item = String> {
    expected
        .iter()
        .map(|(service, image)| format!("# {service} then runs {}", engine_name(image)))
}

fn pinned(file: &PinFile) -> Vec<String> {
    let path = word(&file.path);
    if file.attachment.is_none() {
        return vec![format!("rm {path}")];
    }
    if file.summary.is_empty() {
        return vec![format!("# {path} as it was")];
    }
    file.summary
        .iter()
        .map(|change| format!("# {path}: {change}"))
        .collect()
}

fn asked(check: &Check, composed: &dyn Fn(&[&str]) -> String) -> String {
    match check {
        Check::Http { url, means, .. } => {
            let curl = ["curl", "-sS", "-i", "--max-time", "10", url];
            let wget = ["wget", "-S", "-T", "10", "-O", "-", url];
            let inside = |service: &ServiceName, command: &[&str]| {
                let words: Vec<&str> = ["exec", "-T", service.as_str()]
                    .into_iter()
                    .chain(command.iter().copied())
                    .collect();
                composed(&words)
            };
            match means {
                HttpMeans::Curl => line(curl),
                HttpMeans::Wget => line(wget),
                HttpMeans::CurlIn(service) => inside(service, &curl),
                HttpMeans::WgetIn(service) => inside(service, &wget),
            }
        }
        Check::Command { command } => crate::release::text::clean(command),
        Check::Exec { service, command } => {
            let words: Vec<&str> = ["exec", "-T", service.as_str()]
                .into_iter()
                .chain(command.iter().map(String::as_str))
                .collect();
            composed(&words)
        }
    }
}

fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(word).collect();
    words.join(" ")
}

/// A word as a shell reads it and a terminal may show it.
fn word(text: &str) -> String {
    let clean = crate::release::text::clean(text);
    if clean.contains(OPERATION) {
        return clean;
    }
    // Cleaned text holds no NUL byte.
    quote(&clean).unwrap_or(clean)
}
