//! The project's services as Compose itself resolves them: `docker compose config` in JSON, and its hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::{
    frames::Part,
    read::{lines, malformed, part},
};
use crate::{
    config::{Environment, Pin, Service},
    release::{
        Fault, FaultKind, ServiceName,
        survey::{ComposeService, Exclusive, Survey},
        text,
    },
};

/// The services, with their hashes.
///
/// # Errors
/// What Compose itself says of files that it cannot read.
pub(super) fn read(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
) -> Result<BTreeMap<ServiceName, ComposeService>, Fault> {
    let config = part(environment, parts, "config")?;
    if config.status != 0 {
        return Err(Fault::new(
            FaultKind::Invalid,
            environment.name.as_str(),
            "Compose cannot read its files",
        )
        .because(&config.complaint)
        .remedy("see what `docker compose config` says on the server"));
    }
    let resolved: Value = serde_json::from_slice(&config.bytes).map_err(|error| {
        malformed(
            environment,
            "compose files",
            format!("not JSON at line {}", error.line()),
        )
    })?;
    let hashes: BTreeMap<&str, &str> = parts
        .get("hashes")
        .into_iter()
        .flat_map(lines)
        .filter_map(|line| line.split_once(' '))
        .collect();
    let services = resolved.get("services").and_then(Value::as_object);
    let mut read: BTreeMap<ServiceName, ComposeService> = services
        .into_iter()
        .flatten()
        .filter_map(|(name, service)| {
            let hash = hashes.get(name.as_str()).copied().unwrap_or_default();
            Some((name.parse().ok()?, one(service, hash)))
        })
        .collect();
    for (name, service) in services.into_iter().flatten() {
        let Ok(borrower) = name.parse::<ServiceName>() else {
            continue;
        };
        for lender in borrowed_from(service) {
            if let Some(lender) = read.get_mut(&lender) {
                lender.exclusive.push(Exclusive::Lent(borrower.clone()));
            }
        }
    }
    Ok(read)
}

fn one(service: &Value, hash: &str) -> ComposeService {
    let word = |key: &str| service.get(key).and_then(Value::as_str).map(text::clean);
    ComposeService {
        image: word("image").unwrap_or_default(),
        config_hash: text::clean(hash.trim()),
        depends_on: depends_on(service),
        container_name: word("container_name"),
        pull_policy: word("pull_policy"),
        has_health_check: service
            .get("healthcheck")
            .is_some_and(|check| check.get("disable") != Some(&Value::Bool(true))),
        start_period: service
            .get("healthcheck")
            .and_then(|check| period(check, "start_period"))
            // The Engine takes 0 as nothing said, and the image's own counts.
            .filter(|period| !period.is_zero()),
        stop_grace_period: period(service, "stop_grace_period"),
        replicas: replicas(service),
        exclusive: exclusive(service),
    }
}

/// A time as Compose prints it: `1m30s`.
fn period(of: &Value, key: &str) -> Option<Duration> {
    let period: jiff::SignedDuration = of.get(key)?.as_str()?.parse().ok()?;
    period.try_into().ok()
}

fn depends_on(service: &Value) -> BTreeSet<ServiceName> {
    match service.get("depends_on") {
        Some(Value::Object(below)) => below.keys().filter_map(|name| name.parse().ok()).collect(),
        Some(Value::Array(below)) => below
            .iter()
            .filter_map(|name| name.as_str()?.parse().ok())
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// How many containers it has: `deploy.replicas`, else `scale`.
fn replicas(service: &Value) -> Option<u32> {
    let deploy = service
        .get("deploy")
        .and_then(|deploy| deploy.get("replicas"));
    let count = deploy.or_else(|| service.get("scale"))?.as_u64()?;
    u32::try_from(count).ok()
}

/// What keeps a second container from running beside the first, by the compose file.
fn exclusive(service: &Value) -> Vec<Exclusive> {
    let word = |key: &str| service.get(key).and_then(Value::as_str).map(text::clean);
    let mut found = Vec::new();
    found.extend(word("container_name").map(Exclusive::Name));
    let ports = service.get("ports").and_then(Value::as_array);
    found.extend(
        ports
            .into_iter()
            .flatten()
            .filter_map(host_port)
            .map(Exclusive::HostPort),
    );
    if word("network_mode").as_deref() == Some("host") {
        found.push(Exclusive::HostNetwork);
    }
    let networks = service.get("networks").and_then(Value::as_object);
    let addresses = networks
        .into_iter()
        .flatten()
        .flat_map(|(_, network)| {
            ["ipv4_address", "ipv6_address", "mac_address"].map(|key| network.get(key))
        })
        .chain([service.get("mac_address")])
        .flatten();
    found.extend(
        addresses
            .filter_map(Value::as_str)
            .map(|address| Exclusive::Address(text::clean(address))),
    );
    let mode = service.get("deploy").and_then(|deploy| deploy.get("mode"));
    if mode.and_then(Value::as_str) == Some("global") {
        found.push(Exclusive::Global);
    }
    found
}

/// The port of the host that a port is published on; `None` where the Engine chooses one.
fn host_port(port: &Value) -> Option<String> {
    let published = match port {
        // The short form: [[address:]published:]target
        Value::String(short) => short.rsplit(':').nth(1)?.to_owned(),
        long => match long.get("published")? {
            Value::String(published) => published.clone(),
            Value::Number(published) => published.to_string(),
            _ => return None,
        },
    };
    (!published.is_empty() && published != "0").then(|| text::clean(&published))
}

/// The services whose namespaces or volumes it uses: it is bound to their very containers.
fn borrowed_from(service: &Value) -> Vec<ServiceName> {
    let namespaces = ["network_mode", "pid", "ipc", "uts"]
        .into_iter()
        .filter_map(|key| service.get(key)?.as_str()?.strip_prefix("service:"));
    let volumes = service.get("volumes_from").and_then(Value::as_array);
    let volumes = volumes
        .into_iter()
        .flatten()
        .filter_map(|from| from.as_str()?.split(':').next());
    namespaces
        .chain(volumes)
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// A service that reads a pin file as its own `env_file` changes with it, and the candidate, which lies
/// elsewhere, does not show that: its hash is emptied, so that nothing is taken to be unchanged.
pub(super) fn distrust_stale_hashes(
    survey: &mut Survey,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    candidate: &BTreeMap<String, Part>,
) {
    let Some(resolved) = candidate
        .get("config")
        .and_then(|part| serde_json::from_slice::<Value>(&part.bytes).ok())
    else {
        return;
    };
    let variables: Vec<&str> = environment
        .services
        .iter()
        .filter_map(|name| match &services.get(name)?.pin {
            Pin::Variable { variable, .. } => Some(variable.as_str()),
            Pin::Override { .. } => None,
        })
        .collect();
    for (name, service) in &mut survey.candidate_services {
        let environment = resolved
            .get("services")
            .and_then(|services| services.get(name.as_str())?.get("environment"));
        let holds = |variable: &&str| environment.is_some_and(|e| e.get(variable).is_some());
        if variables.iter().any(holds) {
            let same = survey
                .services
                .get(name)
                .is_some_and(|now| now.config_hash == service.config_hash);
            if same {
                service.config_hash.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_keeps_a_second_container_from_running_is_found() {
        let service = json!({
            "container_name": "shop-backend",
            "network_mode": "host",
            "ports": [
                {"mode": "ingress", "target": 8000, "published": "8080", "protocol": "tcp"},
                {"mode": "ingress", "target": 8001, "protocol": "tcp"},
                "127.0.0.1:9000:9000", "9001",
            ],
            "networks": {"default": null, "edge": {"ipv4_address": "10.1.0.4"}},
            "deploy": {"mode": "global", "replicas": 3},
        });
        assert_eq!(
            exclusive(&service),
            [
                Exclusive::Name("shop-backend".to_owned()),
                Exclusive::HostPort("8080".to_owned()),
                Exclusive::HostPort("9000".to_owned()),
                Exclusive::HostNetwork,
                Exclusive::Address("10.1.0.4".to_owned()),
                Exclusive::Global,
            ]
        );
        assert_eq!(replicas(&service), Some(3));
        assert_eq!(
            exclusive(&json!({"expose": ["8000"], "networks": {"default": null}})),
            []
        );
    }

    #[test]
    fn times_are_read_as_compose_prints_them() {
        let service =
            json!({"stop_grace_period": "10m0s", "healthcheck": {"start_period": "1m30s"}});
        let read = one(&service, "");
        assert_eq!(read.stop_grace_period, Some(Duration::from_secs(600)));
        assert_eq!(read.start_period, Some(Duration::from_secs(90)));
        let read = one(
            &json!({"stop_grace_period": 10, "healthcheck": {"start_period": "0s"}}),
            "",
        );
        assert_eq!((read.stop_grace_period, read.start_period), (None, None));
    }

    #[test]
    fn a_service_whose_namespace_another_uses_is_bound_to_it() {
        let service = json!({"network_mode": "service:backend", "volumes_from": ["files:ro"]});
        let names: Vec<String> = borrowed_from(&service)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["backend", "files"]);
    }
}
