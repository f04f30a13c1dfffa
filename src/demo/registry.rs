//! The registry's HTTP server: the OCI distribution API, read-only, behind a token as most registries
//! have it.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    requests::{Asked, Door},
    seed::sha256,
    shared::Shared,
    world::catalogue::{MANIFEST_TYPE, Version},
};

/// Tags on one page, unless fewer are asked for.
const PAGE: usize = 100;

#[derive(Clone)]
struct Registry {
    shared: Arc<Shared>,
    /// Its own address, `host:port`.
    address: Arc<str>,
}

/// The API's routes; `address` is the host and port that it is reached at.
pub fn router(shared: &Arc<Shared>, address: &str) -> Router {
    Router::new()
        .route("/token", get(token))
        .fallback(distribution)
        .with_state(Registry {
            shared: Arc::clone(shared),
            address: address.into(),
        })
}

#[derive(Deserialize)]
struct TokenQuery {
    #[serde(default)]
    scope: String,
}

impl Registry {
    fn note(&self, method: &Method, what: &str) {
        self.shared.requests.note(Asked {
            door: Door::Registry,
            what: format!("{method} {what}"),
            changes: method != Method::GET && method != Method::HEAD,
        });
    }

    /// The token for a scope: whoever asks gets it, as for a public image.
    fn token(&self, scope: &str) -> String {
        let seed = self.shared.with(|world, _| world.seed);
        seed.hex(&format!("token {scope}"), 0, 40)
    }
}

async fn token(State(registry): State<Registry>, Query(query): Query<TokenQuery>) -> Response {
    registry.note(&Method::GET, &format!("/token?scope={}", query.scope));
    let token = registry.token(&query.scope);
    Json(json!({ "token": token, "access_token": token, "expires_in": 300 })).into_response()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    (status, Json(body)).into_response()
}

async fn distribution(State(registry): State<Registry>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    registry.note(request.method(), &request.uri().to_string());
    let Some(rest) = path.strip_prefix("/v2/") else {
        return error(StatusCode::NOT_FOUND, "UNSUPPORTED", "not part of the API");
    };
    let (name, kind, what) = parts(rest);
    let scope = format!("repository:{name}:pull");
    let bearer = request.headers().get(header::AUTHORIZATION);
    let expected = format!("Bearer {}", registry.token(&scope));
    if bearer.is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return challenge(&registry.address, &scope);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "this registry is read-only",
        );
    }
    let is_head = request.method() == Method::HEAD;
    let response = match kind {
        "tags" => tags(&registry, name, &query),
        "manifests" => manifest(&registry, name, what),
        "blobs" => blob(&registry, name, what),
        _ => StatusCode::OK.into_response(),
    };
    if is_head {
        without_body(response)
    } else {
        response
    }
}

/// `acme/shop/manifests/v1` → `acme/shop`, `manifests`, `v1`.
fn parts(path: &str) -> (&str, &str, &str) {
    if let Some(name) = path.strip_suffix("/tags/list") {
        return (name, "tags", "");
    }
    for kind in ["manifests", "blobs"] {
        if let Some((name, what)) = path.split_once(&format!("/{kind}/")) {
            return (name, kind, what);
        }
    }
    (path, "", "")
}

fn challenge(address: &str, scope: &str) -> Response {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "UNAUTHORIZED",
        "authentication required",
    );
    let value =
        format!("Bearer realm=\"http://{address}/token\",service=\"{address}\",scope=\"{scope}\"");
    if let Ok(value) = HeaderValue::from_str(&value) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body_length(&body) {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}

fn body_length(body: &Body) -> Option<u64> {
    use hyper::body::Body as _;
    body.size_hint().exact()
}

/// The versions of a repository that are published.
fn published(registry: &Registry, name: &str) -> Vec<Arc<Version>> {
    let wanted = format!("{}/{name}", registry.address);
    registry.shared.with(|world, now| {
        let now = world.pipeline.time(now);
        world
            .catalogue
            .all()
            .filter(|v| v.repository.as_str() == wanted && v.published <= now)
            .cloned()
            .collect()
    })
}

fn unknown_name(name: &str) -> Response {
    error(
        StatusCode::NOT_FOUND,
        "NAME_UNKNOWN",
        &format!("repository name not known to registry: {name}"),
    )
}

#[derive(Deserialize)]
struct TagsQuery {
    n: Option<usize>,
    last: Option<String>,
}

fn tags(registry: &Registry, name: &str, query: &str) -> Response {
    let uri: Result<axum::http::Uri, _> = format!("/?{query}").parse();
    let parsed = uri
        .ok()
        .and_then(|uri| Query::<TagsQuery>::try_from_uri(&uri).ok());
    let Some(Query(query)) = parsed else {
        return error(
            StatusCode::BAD_REQUEST,
            "PAGINATION_NUMBER_INVALID",
            "invalid page size",
        );
    };
    let versions = published(registry, name);
    if versions.is_empty() {
        return unknown_name(name);
    }
    // In the order of the text, as the specification has it: not the newest first.
    let tags: BTreeSet<&str> = versions.iter().map(|v| v.tag.as_str()).collect();
    let size = query.n.unwrap_or(PAGE).min(PAGE);
    let after = |tag: &&str| query.last.as_deref().is_none_or(|last| *tag > last);
    let page: Vec<&str> = tags.iter().copied().filter(after).take(size).collect();
    let mut response = Json(json!({ "name": name, "tags": page })).into_response();
    let last = page.last().copied();
    if let Some(last) = last.filter(|last| tags.last() != Some(last)) {
        let next = format!("</v2/{name}/tags/list?n={size}&last={last}>; rel=\"next\"");
        if let Ok(next) = HeaderValue::from_str(&next) {
            response.headers_mut().insert(header::LINK, next);
        }
    }
    response
}

fn manifest(registry: &Registry, name: &str, what: &str) -> Response {
    let versions = published(registry, name);
    if versions.is_empty() {
        return unknown_name(name);
    }
    let found = versions
        .iter()
        .find(|v| v.tag.as_str() == what || v.digest.as_str() == what);
    let Some(version) = found else {
        return error(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            &format!("manifest unknown: {what}"),
        );
    };
    (
        content(MANIFEST_TYPE, version.digest.as_str()),
        version.manifest.clone(),
    )
        .into_response()
}

fn blob(registry: &Registry, name: &str, what: &str) -> Response {
    let found = published(registry, name)
        .into_iter()
        .find(|v| v.image_id.as_str() == what);
    match found {
        Some(version) => {
            let digest = sha256(&version.config);
            (
                content("application/octet-stream", &digest),
                version.config.clone(),
            )
                .into_response()
        }
        None => error(
            StatusCode::NOT_FOUND,
            "BLOB_UNKNOWN",
            &format!("blob unknown: {what}"),
        ),
    }
}

fn content(kind: &'static str, digest: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(digest) = HeaderValue::from_str(digest) {
        headers.insert("docker-content-digest", digest);
    }
    headers
}
