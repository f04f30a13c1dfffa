//! GitHub's API on loopback: says what it was asked, and refuses when told to.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

pub(super) const REVISION: &str = "41d07e241d07e241d07e241d07e241d07e241d07";

type Headers = Vec<(&'static str, String)>;

#[derive(Default)]
pub(super) struct Answers {
    pub(super) runs: Vec<Value>,
    pub(super) jobs: HashMap<u64, Vec<Value>>,
    /// Answers that are given instead of the right one, once each.
    instead: Vec<(u16, Headers, String)>,
    pub(super) remaining: Option<u64>,
}

pub(super) struct Fake {
    pub(super) address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    log: watch::Receiver<Vec<String>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Shared = (Arc<Mutex<Answers>>, watch::Sender<Vec<String>>);

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (answers, log) = &*shared;
    let mut answers = answers.lock().unwrap();
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |v| v.to_str().unwrap()).to_owned()
    };
    let path = request.uri().path().to_owned();
    let known = header("if-none-match");
    let note = |status: u16| {
        let line = format!("{status} {}", request.uri());
        log.send_modify(|log| log.push(line));
    };
    assert_eq!(header("x-github-api-version"), "2022-11-28");
    if !answers.instead.is_empty() {
        let (status, headers, body) = answers.instead.remove(0);
        note(status);
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        return response.body(Body::from(body)).unwrap();
    }
    let body = if header("authorization") != "Bearer t0ken" {
        None
    } else if path == "/api/v3/repos/acme/shop/actions/runs" {
        let query = request.uri().query().unwrap_or_default();
        let of_one = query.contains("head_sha=");
        let runs = answers.runs.iter();
        let runs: Vec<&Value> = runs
            .filter(|run| !of_one || query.contains(run["head_sha"].as_str().unwrap()))
            .collect();
        Some(json!({"total_count": runs.len(), "workflow_runs": runs}))
    } else {
        path.strip_prefix("/api/v3/repos/acme/shop/actions/runs/")
            .and_then(|rest| rest.strip_suffix("/jobs")?.parse::<u64>().ok())
            .and_then(|id| answers.jobs.get(&id))
            .map(|jobs| json!({"total_count": jobs.len(), "jobs": jobs}))
    };
    let Some(body) = body else {
        note(404);
        let body = json!({"message": "Not Found"}).to_string();
        return Response::builder()
            .status(404)
            .body(Body::from(body))
            .unwrap();
    };
    let body = body.to_string();
    let tag = format!("\"{:x}\"", Sha256::digest(&body)[0]);
    let mut response = Response::builder().header(header::ETAG, &tag);
    if let Some(remaining) = answers.remaining {
        response = response
            .header("x-ratelimit-limit", "5000")
            .header("x-ratelimit-remaining", remaining.to_string())
            // An hour after the clock by hand began.
            .header("x-ratelimit-reset", "1769266800");
    }
    if known == tag {
        note(304);
        return response
            .status(StatusCode::NOT_MODIFIED)
            .body(Body::empty())
            .unwrap();
    }
    note(200);
    response.body(Body::from(body)).unwrap()
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(Answers::default()));
        let (sender, log) = watch::channel(Vec::new());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::new((Arc::clone(&answers), sender)));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            answers,
            log,
            server,
        }
    }

    /// Changes what is answered from now on.
    pub(super) fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    /// One more request is refused, in order.
    pub(super) fn instead(&self, status: u16, headers: &[(&'static str, &str)], message: &str) {
        let headers = headers.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        let body = json!({ "message": message }).to_string();
        self.set(|answers| answers.instead.push((status, headers, body)));
    }

    /// What was asked so far, as `200 runs`, `304 runs/7/jobs`.
    pub(super) fn asked(&self) -> Vec<String> {
        let short = |line: &String| {
            let line = line.replace("/api/v3/repos/acme/shop/actions/", "");
            line.split('?').next().unwrap_or_default().to_owned()
        };
        self.log.borrow().iter().map(short).collect()
    }

    /// Waits until so many requests were made.
    pub(super) async fn wait_for(&self, count: usize) {
        let mut log = self.log.clone();
        log.wait_for(|log| log.len() >= count).await.unwrap();
    }
}

/// A run as GitHub tells it.
pub(super) fn run(id: u64, status: &str, conclusion: Option<&str>) -> Value {
    json!({
        "id": id, "run_number": id, "run_attempt": 1, "name": "release",
        "display_title": "Faster checkout", "head_branch": "main", "head_sha": REVISION,
        "event": "push", "status": status, "conclusion": conclusion,
        "created_at": "2026-01-24T13:50:00Z", "updated_at": "2026-01-24T13:55:00Z",
        "html_url": "https://github.com/acme/shop/actions/runs/1",
        "actor": {"login": "mira"},
    })
}

/// A job as GitHub tells it.
pub(super) fn job(id: u64, status: &str, conclusion: Option<&str>) -> Value {
    json!({
        "id": id, "name": "build", "status": status, "conclusion": conclusion,
        "started_at": "2026-01-24T13:50:00Z", "completed_at": null,
        "html_url": "https://github.com/acme/shop/actions/runs/1/job/2",
    })
}
