//! From the Engine's answers to what a release needs of them. Pure; all text is cleaned.

use std::{collections::HashMap, time::Duration};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, ContainerSummary,
    HealthConfig, HealthStatusEnum, ImageInspect,
};
use jiff::Timestamp;

use super::label;
use crate::release::{
    ImageReference,
    observation::{Container, Health, Image},
    text::clean,
};

/// What the Engine writes for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The IDs of those that are listed, one-off ones left out.
pub fn ids(listed: Vec<ContainerSummary>) -> Vec<String> {
    listed
        .into_iter()
        .filter(|summary| {
            let one_off = summary.labels.as_ref().and_then(|l| l.get(label::ONE_OFF));
            !one_off.is_some_and(|value| value.eq_ignore_ascii_case("true"))
        })
        .filter_map(|summary| summary.id)
        .collect()
}

/// A container with its number among its service's; `None` for a one-off container, one that is not
/// Compose's, or one whose image has no ID.
pub fn container(inspected: ContainerInspectResponse) -> Option<(u64, Container)> {
    let config = inspected.config.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let label = |name| clean(labels.get(name).map_or("", String::as_str));
    if label(label::ONE_OFF).eq_ignore_ascii_case("true") {
        return None;
    }
    let state = inspected.state.unwrap_or_default();
    let health = health(&state);
    let container = Container {
        id: clean(&inspected.id?),
        name: clean(inspected.name.unwrap_or_default().trim_start_matches('/')),
        service: label(label::SERVICE).parse().ok()?,
        reference: clean(&config.image.unwrap_or_default()),
        image_id: inspected.image?.parse().ok()?,
        health,
        started: state.started_at.as_deref().and_then(time),
        restarts: inspected
            .restart_count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or(0),
        exit_code: (health == Health::Exited)
            .then_some(state.exit_code)
            .flatten(),
        start_period: start_period(config.healthcheck.as_ref()),
        config_hash: label(label::CONFIG_HASH),
        compose_version: label(label::VERSION),
        working_directory: label(label::WORKING_DIRECTORY),
        config_files: label(label::CONFIG_FILES),
    };
    Some((label(label::NUMBER).parse().unwrap_or(0), container))
}

fn health(state: &ContainerState) -> Health {
    use ContainerStateStatusEnum as Status;
    match state.status {
        Some(Status::RUNNING) => match state.health.as_ref().and_then(|h| h.status) {
            Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
            Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
            Some(HealthStatusEnum::STARTING) => Health::Starting,
            _ => Health::Running,
        },
        Some(Status::PAUSED) => Health::Paused,
        Some(Status::RESTARTING) => Health::Restarting,
        Some(Status::CREATED) => Health::Created,
        _ => Health::Exited,
    }
}

/// An image; `None` if its ID is none.
pub fn image(inspected: ImageInspect) -> Option<Image> {
    let config = inspected.config.unwrap_or_default();
    let labels: HashMap<String, String> = config.labels.unwrap_or_default();
    let annotation = |name: &str| {
        labels
            .get(&format!("org.opencontainers.image.{name}"))
            .map(|value| clean(value))
            .filter(|value| !value.is_empty())
    };
    let references = |texts: Option<Vec<String>>| -> Vec<ImageReference> {
        texts
            .unwrap_or_default()
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    };
    Some(Image {
        id: inspected.id?.parse().ok()?,
        repository_digests: references(inspected.repo_digests),
        tags: references(inspected.repo_tags),
        revision: annotation("revision"),
        version: annotation("version"),
        created: annotation("created")
            .as_deref()
            .and_then(time)
            .or_else(|| inspected.created.as_deref().and_then(time)),
        start_period: start_period(config.healthcheck.as_ref()),
    })
}

/// The Engine counts in nanoseconds; 0: nothing is said.
fn start_period(check: Option<&HealthConfig>) -> Option<Duration> {
    let nanoseconds = u64::try_from(check?.start_period?).ok()?;
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds))
}

fn time(text: &str) -> Option<Timestamp> {
    (text != NEVER).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inspected(state: serde_json::Value, labels: serde_json::Value) -> ContainerInspectResponse {
        serde_json::from_value(json!({
            "Id": "c0ffee", "Name": "/shop-backend-1", "RestartCount": 2,
            "Image": format!("sha256:{}", "a".repeat(64)),
            "Config": { "Image": "shop:v1\u{1b}[2J", "Labels": labels },
            "State": state,
        }))
        .unwrap()
    }

    fn labels() -> serde_json::Value {
        json!({
            "com.docker.compose.service": "backend",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.config-hash": "abc",
            "com.docker.compose.project.working_dir": "/srv/shop",
        })
    }

    #[test]
    fn a_container_says_how_it_is() {
        for (state, expected) in [
            (json!({"Status": "running"}), Health::Running),
            (
                json!({"Status": "running", "Health": {"Status": "none"}}),
                Health::Running,
            ),
            (
                json!({"Status": "running", "Health": {"Status": "healthy"}}),
                Health::Healthy,
            ),
            (
                json!({"Status": "running", "Health": {"Status": "unhealthy"}}),
                Health::Unhealthy,
            ),
            (
                json!({"Status": "restarting", "Restarting": true}),
                Health::Restarting,
            ),
            (
                json!({"Status": "created", "StartedAt": NEVER}),
                Health::Created,
            ),
            (json!({"Status": "exited", "ExitCode": 137}), Health::Exited),
        ] {
            let (_, container) = container(inspected(state.clone(), labels())).unwrap();
            assert_eq!(container.health, expected, "{state}");
            assert_eq!(container.started, None);
            assert_eq!(
                container.exit_code,
                (expected == Health::Exited).then_some(137)
            );
        }
    }

    #[test]
    fn labels_name_the_service_and_nothing_hostile_gets_through() {
        let state = json!({"Status": "running", "StartedAt": "2026-01-22T14:02:31.5Z"});
        let (number, container) = container(inspected(state, labels())).unwrap();
        assert_eq!((number, container.service.as_str()), (1, "backend"));
        assert_eq!(container.name, "shop-backend-1");
        assert_eq!(container.reference, "shop:v1");
        assert_eq!(container.restarts, 2);
        assert_eq!(container.working_directory, "/srv/shop");
        assert_eq!(
            container.started.unwrap().to_string(),
            "2026-01-22T14:02:31.5Z"
        );
    }

    #[test]
    fn one_off_containers_and_those_of_others_are_left_out() {
        let state = || json!({"Status": "running"});
        let mut one_off = labels();
        one_off["com.docker.compose.oneoff"] = "True".into();
        assert!(container(inspected(state(), one_off)).is_none());
        assert!(container(inspected(state(), json!({}))).is_none());
    }

    #[test]
    fn an_image_without_digests_is_an_image() {
        let id = format!("sha256:{}", "b".repeat(64));
        let inspected: ImageInspect = serde_json::from_value(json!({
            "Id": id, "RepoTags": null, "RepoDigests": null, "Created": "2026-01-01T00:00:00Z",
            "Config": {"Labels": {"org.opencontainers.image.revision": "9f3c1ab"}},
        }))
        .unwrap();
        let image = image(inspected).unwrap();
        assert!(image.repository_digests.is_empty() && image.tags.is_empty());
        assert_eq!(image.revision.as_deref(), Some("9f3c1ab"));
        assert!(image.created.is_some());
    }
}
