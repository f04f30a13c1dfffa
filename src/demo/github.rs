//! GitHub's HTTP API, read-only: the workflow runs of one repository and their jobs, with entity tags
//! and rate limits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    requests::{Asked, Door},
    seed::sha256,
    shared::Shared,
    world::pipeline::{Job, Run, Standing},
};

/// The repository that there is.
pub const OWNER: &str = "acme";
/// Its name.
pub const NAME: &str = "shop";

const LIMIT: u64 = 5000;

#[derive(Clone)]
struct GitHub {
    shared: Arc<Shared>,
    /// The API's base, without a slash at its end.
    base: Arc<str>,
    used: Arc<AtomicU64>,
}

/// The API's routes; `address` is the host and port that it is reached at.
pub fn router(shared: &Arc<Shared>, address: &str) -> Router {
    let github = GitHub {
        shared: Arc::clone(shared),
        base: format!("http://{address}").into(),
        used: Arc::new(AtomicU64::new(188)),
    };
    let repository = format!("/repos/{OWNER}/{NAME}");
    Router::new()
        .route(
            &repository,
            get(async |State(github): State<GitHub>| Json(github.repository())),
        )
        .route(&format!("{repository}/actions/runs"), get(runs))
        .route(&format!("{repository}/actions/runs/{{id}}"), get(run))
        .route(&format!("{repository}/actions/runs/{{id}}/jobs"), get(jobs))
        .fallback(async || not_found())
        .layer(middleware::from_fn_with_state(
            github.clone(),
            limits_and_tags,
        ))
        .with_state(github)
}

fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "message": "Not Found" })),
    )
        .into_response()
}

/// Notes the request, counts it against the limit unless nothing has changed, and answers 304 then.
async fn limits_and_tags(State(github): State<GitHub>, request: Request, next: Next) -> Response {
    github.shared.requests.note(Asked {
        door: Door::GitHub,
        what: format!("{} {}", request.method(), request.uri()),
        changes: request.method() != "GET" && request.method() != "HEAD",
    });
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (mut parts, body) = next.run(request).await.into_parts();
    // Everything here is JSON of a few kilobytes, made in memory.
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = format!("W/\"{}\"", &sha256(&bytes)["sha256:".len()..]);
    let tag = HeaderValue::from_str(&tag).ok();
    let unchanged = parts.status == StatusCode::OK && known.is_some() && known == tag;
    if !unchanged {
        github.used.fetch_add(1, Ordering::Relaxed);
    }
    github.limit_headers(&mut parts.headers);
    if let Some(tag) = tag {
        parts.headers.insert(header::ETAG, tag);
    }
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, axum::body::Body::empty());
    }
    Response::from_parts(parts, bytes.into())
}

#[derive(Deserialize)]
struct RunsQuery {
    per_page: Option<usize>,
    page: Option<usize>,
    head_sha: Option<String>,
    branch: Option<String>,
    status: Option<String>,
}

async fn runs(State(github): State<GitHub>, Query(query): Query<RunsQuery>) -> Response {
    let (runs, now) = github.shared.with(|world, now| {
        let now = world.pipeline.time(now);
        let runs: Vec<Run> = world.pipeline.begun(now).cloned().collect();
        (runs, now)
    });
    let wanted: Vec<&Run> = runs
        .iter()
        .filter(|run| {
            query
                .head_sha
                .as_ref()
                .is_none_or(|sha| run.revision == *sha)
        })
        .filter(|run| {
            query
                .branch
                .as_ref()
                .is_none_or(|branch| run.branch == branch)
        })
        .filter(|run| {
            query.status.as_ref().is_none_or(|wanted| {
                let (status, conclusion) = words(run.standing(now));
                status == wanted || conclusion == Some(wanted.as_str())
            })
        })
        .collect();
    let size = query.per_page.unwrap_or(30).clamp(1, 100);
    let page = query.page.unwrap_or(1).max(1);
    let shown: Vec<Value> = wanted
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size)
        .map(|run| github.run(run, now))
        .collect();
    let mut response =
        Json(json!({ "total_count": wanted.len(), "workflow_runs": shown })).into_response();
    if page.saturating_mul(size) < wanted.len() {
        let next = format!(
            "<{}/repos/{OWNER}/{NAME}/actions/runs?per_page={size}&page={}>; rel=\"next\"",
            github.base,
            page + 1
        );
        if let Ok(next) = HeaderValue::from_str(&next) {
            response.headers_mut().insert(header::LINK, next);
        }
    }
    response
}

async fn run(State(github): State<GitHub>, Path(id): Path<u64>) -> Response {
    match github.find(id) {
        Some((run, now)) => Json(github.run(&run, now)).into_response(),
        None => not_found(),
    }
}

async fn jobs(State(github): State<GitHub>, Path(id): Path<u64>) -> Response {
    let Some((run, now)) = github.find(id) else {
        return not_found();
    };
    let jobs: Vec<Value> = run
        .jobs
        .iter()
        .enumerate()
        .map(|(index, job)| github.job(&run, index, job, now))
        .collect();
    Json(json!({ "total_count": jobs.len(), "jobs": jobs })).into_response()
}

/// GitHub's `status` and `conclusion`.
fn words(standing: Standing) -> (&'static str, Option<&'static str>) {
    match standing {
        Standing::Queued => ("queued", None),
        Standing::InProgress => ("in_progress", None),
        Standing::Completed(conclusion) => ("completed", Some(conclusion)),
    }
}

/// A time as GitHub writes it, in whole seconds.
fn time(at: Timestamp) -> String {
    format!("{at:.0}")
}

impl GitHub {
    fn find(&self, id: u64) -> Option<(Run, Timestamp)> {
        self.shared.with(|world, now| {
            let now = world.pipeline.time(now);
            let run = world.pipeline.begun(now).find(|run| run.id == id)?;
            Some((run.clone(), now))
        })
    }

    fn limit_headers(&self, headers: &mut HeaderMap) {
        let used = self.used.load(Ordering::Relaxed).min(LIMIT);
        let hour = self.shared.now().as_second() / 3600 + 1;
        for (name, value) in [
            ("x-ratelimit-limit", LIMIT),
            ("x-ratelimit-remaining", LIMIT - used),
            ("x-ratelimit-used", used),
            ("x-ratelimit-reset", u64::try_from(hour * 3600).unwrap_or(0)),
        ] {
            headers.insert(name, value.into());
        }
    }

    fn person(&self, login: &str) -> Value {
        let address = format!("{}/users/{login}", self.base);
        json!({
            "login": login, "id": 1000 + login.len(), "node_id": "U", "type": "User",
            "avatar_url": address, "gravatar_id": "", "url": address, "html_url": address,
            "followers_url": address, "following_url": address, "gists_url": address,
            "starred_url": address, "subscriptions_url": address, "organizations_url": address,
            "repos_url": address, "events_url": address, "received_events_url": address,
            "site_admin": false,
        })
    }

    fn repository(&self) -> Value {
        json!({
            "id": 4242,
            "node_id": "R",
            "name": NAME,
            "full_name": format!("{OWNER}/{NAME}"),
            "private": true,
            "owner": self.person(OWNER),
            "url": format!("{}/repos/{OWNER}/{NAME}", self.base),
            "html_url": format!("{}/{OWNER}/{NAME}", self.base),
            "default_branch": "main",
        })
    }

    fn run(&self, run: &Run, now: Timestamp) -> Value {
        let (status, conclusion) = words(run.standing(now));
        let api = format!("{}/repos/{OWNER}/{NAME}/actions/runs/{}", self.base, run.id);
        let author = json!({ "name": run.actor, "email": format!("{}@example.com", run.actor) });
        json!({
            "id": run.id,
            "node_id": "W",
            "name": "release",
            "display_title": run.title,
            "path": ".github/workflows/release.yml",
            "head_branch": run.branch,
            "head_sha": run.revision,
            "run_number": run.number,
            "run_attempt": 1,
            "event": "push",
            "status": status,
            "conclusion": conclusion,
            "workflow_id": 77,
            "check_suite_id": run.id + 1,
            "url": api,
            "html_url": format!("{}/{OWNER}/{NAME}/actions/runs/{}", self.base, run.id),
            "created_at": time(run.starts),
            "run_started_at": time(run.starts),
            "updated_at": time(run.updated(now)),
            "actor": self.person(run.actor),
            "triggering_actor": self.person(run.actor),
            "jobs_url": format!("{api}/jobs"),
            "logs_url": format!("{api}/logs"),
            "check_suite_url": format!("{api}/check-suite"),
            "artifacts_url": format!("{api}/artifacts"),
            "cancel_url": format!("{api}/cancel"),
            "rerun_url": format!("{api}/rerun"),
            "workflow_url": format!("{}/repos/{OWNER}/{NAME}/actions/workflows/77", self.base),
            "pull_requests": [],
            "head_commit": {
                "id": run.revision,
                "tree_id": run.revision,
                "message": run.title,
                "timestamp": time(run.starts),
                "author": author,
                "committer": author,
            },
            "repository": self.repository(),
            "head_repository": self.repository(),
        })
    }

    fn job(&self, run: &Run, index: usize, job: &Job, now: Timestamp) -> Value {
        let (status, conclusion) = words(job.standing(now));
        let id = run.id * 10 + index as u64;
        let completed = conclusion.map(|_| time(job.ends));
        let api = format!("{}/repos/{OWNER}/{NAME}/actions", self.base);
        json!({
            "id": id,
            "run_id": run.id,
            "workflow_name": "release",
            "head_branch": run.branch,
            "run_url": format!("{api}/runs/{}", run.id),
            "run_attempt": 1,
            "node_id": "J",
            "head_sha": run.revision,
            "url": format!("{api}/jobs/{id}"),
            "html_url": format!("{}/{OWNER}/{NAME}/actions/runs/{}/job/{id}", self.base, run.id),
            "status": status,
            "conclusion": conclusion,
            "created_at": time(run.starts),
            "started_at": time(job.starts),
            "completed_at": completed,
            "name": job.name,
            "steps": [{
                "name": job.name, "status": status, "conclusion": conclusion, "number": 1,
                "started_at": time(job.starts), "completed_at": completed,
            }],
            "check_run_url": format!("{api}/check-runs/{id}"),
            "labels": ["ubuntu-latest"],
            "runner_id": 1,
            "runner_name": "runner-1",
            "runner_group_id": 1,
            "runner_group_name": "default",
        })
    }
}
