//! The Engine's API, the registry and GitHub.

use std::collections::HashMap;

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::LogOutput,
    query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder},
};
use flightdeck::demo::{Demo, Options, requests::Door};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::{command::docker, start, world};

fn engine(demo: &Demo) -> Docker {
    let socket = demo.directory().join("engine.sock");
    Docker::connect_with_unix(socket.to_str().unwrap(), 10, API_DEFAULT_VERSION).unwrap()
}

fn http() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn of_project(project: &str) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([(
        "label",
        vec![format!("com.docker.compose.project={project}")],
    )])
}

#[tokio::test]
async fn the_engine_tells_of_containers_and_images_as_bollard_asks() {
    let demo = world().await;
    let engine = engine(&demo);
    assert!(engine.version().await.unwrap().version.is_some());
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&of_project("production"))
        .build();
    let rows = engine.list_containers(Some(options)).await.unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let inspected = engine
            .inspect_container(&row.id.unwrap(), None)
            .await
            .unwrap();
        let name = inspected.name.clone().unwrap();
        assert!(name.starts_with("/production-"), "{name}");
        let state = inspected.state.unwrap();
        assert_eq!(state.running, Some(true));
        let has_check = !name.contains("nginx");
        assert_eq!(state.health.is_some(), has_check, "{name}");
        let image = engine
            .inspect_image(&inspected.image.unwrap())
            .await
            .unwrap();
        let digests = image.repo_digests.unwrap();
        assert!(
            digests.iter().all(|d| d.contains("@sha256:")),
            "{digests:?}"
        );
    }
}

#[tokio::test]
async fn what_happens_is_told_to_who_listens() {
    let demo = world().await;
    let engine = engine(&demo);
    let options = EventsOptionsBuilder::new()
        .filters(&of_project("staging"))
        .build();
    let events = engine.events(Some(options));
    let deed = async {
        let answer = docker(&demo, "staging", &["compose", "restart", "frontend"]).await;
        assert!(answer.is_good(), "{answer:?}");
    };
    let heard = events
        .map_ok(|event| event.action.unwrap_or_default())
        .try_take_while(|action| std::future::ready(Ok(action != "health_status: healthy")))
        .try_collect::<Vec<_>>();
    let (heard, ()) = tokio::join!(heard, deed);
    assert_eq!(heard.unwrap(), ["kill", "die", "stop", "start"]);
}

#[tokio::test]
async fn a_log_is_framed_and_followed() {
    let demo = start(Options {
        speed: 50.0,
        ..Options::default()
    })
    .await;
    let options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .follow(true)
        .timestamps(true)
        .tail("5")
        .build();
    let engine = engine(&demo);
    let lines = engine
        .logs("production-backend-1", Some(options))
        .take(12)
        .map_ok(LogOutput::into_bytes)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    assert_eq!(lines.len(), 12);
    let times: Vec<String> = lines
        .iter()
        .map(|line| {
            let line = std::str::from_utf8(line).unwrap();
            assert!(line.ends_with('\n'), "{line}");
            line.split(' ').next().unwrap().to_owned()
        })
        .collect();
    assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
}

#[tokio::test]
async fn the_registry_gives_a_token_pages_and_bytes_that_hash_to_their_digest() {
    let demo = world().await;
    let http = http();
    let (host, _) = demo.config.registries.iter().next().unwrap();
    let list = format!("http://{host}/v2/acme/shop-backend/tags/list?n=25");
    let refused = http.get(&list).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    let part = |name: &str| {
        let rest = challenge.split(&format!("{name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let address = format!(
        "{}?service={}&scope={}",
        part("realm"),
        part("service"),
        part("scope")
    );
    let token: serde_json::Value = http
        .get(address)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let get = |address: String| {
        let token = token["token"].as_str().unwrap();
        http.get(address).bearer_auth(token).send()
    };
    let mut tags: Vec<String> = Vec::new();
    let mut next = Some(list);
    while let Some(address) = next {
        let page = get(address).await.unwrap();
        next = page.headers().get("link").map(|link| {
            let path = link.to_str().unwrap();
            let path = path.split(['<', '>']).nth(1).unwrap();
            format!("http://{host}{path}")
        });
        let page: serde_json::Value = page.json().await.unwrap();
        let page = page["tags"].as_array().unwrap();
        assert!(page.len() <= 25);
        tags.extend(page.iter().map(|t| t.as_str().unwrap().to_owned()));
    }
    assert_eq!(tags.len(), 40);
    let address = format!("http://{host}/v2/acme/shop-backend/manifests/{}", tags[0]);
    let answer = get(address).await.unwrap();
    let digest = answer.headers()["docker-content-digest"]
        .to_str()
        .unwrap()
        .to_owned();
    let manifest = answer.bytes().await.unwrap();
    assert_eq!(digest, sha256(&manifest));
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap();
    let blob = get(format!("http://{host}/v2/acme/shop-backend/blobs/{config}"))
        .await
        .unwrap();
    let blob = blob.bytes().await.unwrap();
    assert_eq!(config, sha256(&blob));
    let blob: serde_json::Value = serde_json::from_slice(&blob).unwrap();
    let labels = &blob["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], tags[0]);
}

fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[tokio::test]
async fn github_tells_of_runs_and_says_when_nothing_has_changed() {
    let demo = world().await;
    let http = http();
    let api = demo.config.github.as_ref().unwrap().api.clone();
    let address = api
        .join("repos/acme/shop/actions/runs?per_page=10")
        .unwrap();
    let answer = http.get(address.clone()).send().await.unwrap();
    let tag = answer.headers()["etag"].clone();
    let remaining = answer.headers()["x-ratelimit-remaining"].clone();
    let runs: serde_json::Value = answer.json().await.unwrap();
    let runs: Vec<octocrab::models::workflows::Run> =
        serde_json::from_value(runs["workflow_runs"].clone()).unwrap();
    assert_eq!(runs.len(), 10);
    assert_eq!(
        (runs[0].run_number, runs[0].status.as_str()),
        (482, "in_progress")
    );
    assert_eq!(runs[1].conclusion.as_deref(), Some("failure"));

    let again = http
        .get(address)
        .header("if-none-match", tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["x-ratelimit-remaining"], remaining);

    let jobs = format!("{api}repos/acme/shop/actions/runs/{}/jobs", runs[0].id);
    let jobs: serde_json::Value = http.get(jobs).send().await.unwrap().json().await.unwrap();
    let jobs: Vec<octocrab::models::workflows::Job> =
        serde_json::from_value(jobs["jobs"].clone()).unwrap();
    let lanes: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(lanes, ["build", "test", "stage", "e2e", "prod"]);
}

#[tokio::test]
async fn a_closed_registry_refuses_and_the_log_of_requests_tells_who_asked() {
    let demo = world().await;
    let http = http();
    let (host, _) = demo.config.registries.iter().next().unwrap();
    let address = format!("http://{host}/v2/");
    assert!(http.get(&address).send().await.is_ok());
    demo.close(Door::Registry);
    // The server ends as soon as it is its turn: asked until then.
    while http.get(&address).send().await.is_ok() {
        tokio::task::yield_now().await;
    }
    let asked = demo.requests().asked();
    assert!(
        asked
            .iter()
            .any(|a| a.door == Door::Registry && a.what == "GET /v2/")
    );
    assert!(asked.iter().all(|a| !a.changes));
}

#[tokio::test]
async fn nothing_is_left_when_it_ends() {
    let demo = world().await;
    let directory = demo.directory().to_owned();
    assert!(directory.join("engine.sock").exists());
    drop(demo);
    assert!(!directory.exists());
}
