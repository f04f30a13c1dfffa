//! The Engine's HTTP API on a Unix socket: the part that is read. What changes things is the `docker`
//! command's.

pub mod filters;
pub mod json;
pub mod logs;
mod stream;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_service::Service as _;

use self::filters::Filters;
use super::{
    requests::{Asked, Door},
    shared::Shared,
    world::{container, engine},
};

/// An answer that is an error, as the Engine words it.
fn error(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "message": message.into() }))).into_response()
}

/// The API's routes, with and without a version in front.
pub fn router(shared: &Arc<Shared>) -> Router {
    let routes = Router::new()
        .route("/_ping", get(async || "OK"))
        .route("/version", get(version))
        .route("/info", get(info))
        .route("/events", get(stream::events))
        .route("/containers/json", get(containers))
        .route("/containers/{name}/json", get(container))
        .route("/containers/{name}/logs", get(logs::logs))
        .route("/images/json", get(images))
        .route("/images/{*name}", get(image))
        .with_state(Arc::clone(shared));
    let plain = routes.clone();
    let noted = Arc::clone(shared);
    // `/v1.47/version` is `/version`.
    Router::new().fallback(move |mut request: Request| {
        let mut routes = plain.clone();
        noted.requests.note(Asked {
            door: Door::Engine,
            what: format!("{} {}", request.method(), request.uri()),
            changes: request.method() != "GET" && request.method() != "HEAD",
        });
        async move {
            if let Some(uri) = without_version(request.uri()) {
                *request.uri_mut() = uri;
            }
            match routes.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    })
}

fn without_version(uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix("/v")?;
    let (version, rest) = rest.split_once('/')?;
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_version.then(|| format!("/{rest}").parse().ok())?
}

async fn version() -> Json<Value> {
    Json(json::version())
}

async fn info(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|world, _| {
        let running = world
            .engine
            .containers
            .iter()
            .filter(|c| c.state == container::State::Running)
            .count();
        json!({
            "ID": world.seed.hex("engine", 0, 32),
            "Name": "demo",
            "ServerVersion": engine::VERSION,
            "OperatingSystem": "flightdeck's embedded world",
            "OSType": "linux",
            "Architecture": "x86_64",
            "Containers": world.engine.containers.len(),
            "ContainersRunning": running,
            "Images": world.engine.images.len(),
            "Driver": "overlay2",
        })
    }))
}

#[derive(Deserialize)]
struct ListQuery {
    all: Option<String>,
    filters: Option<String>,
}

/// A flag of a query, as the Engine reads it.
fn is_set(flag: Option<&str>) -> bool {
    !matches!(flag, None | Some("" | "0" | "no" | "false" | "none"))
}

async fn containers(State(shared): State<Arc<Shared>>, Query(query): Query<ListQuery>) -> Response {
    let filters = match Filters::parse(query.filters.as_deref()) {
        Ok(filters) => filters,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    let all = is_set(query.all.as_deref()) || filters.names("status");
    let rows: Vec<Value> = shared.with(|world, now| {
        world
            .engine
            .containers
            .iter()
            .rev()
            .filter(|c| all || c.state == container::State::Running)
            .filter(|c| filters.take_container(c))
            .map(|c| json::container_row(c, now))
            .collect()
    });
    Json(rows).into_response()
}

async fn container(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let found = shared.with(|world, _| world.engine.container(&name).map(json::container));
    match found {
        Some(value) => Json(value).into_response(),
        None => error(StatusCode::NOT_FOUND, format!("No such container: {name}")),
    }
}

async fn images(State(shared): State<Arc<Shared>>, Query(query): Query<ListQuery>) -> Response {
    let filters = match Filters::parse(query.filters.as_deref()) {
        Ok(filters) => filters,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    let rows: Vec<Value> = shared.with(|world, _| {
        world
            .engine
            .images
            .values()
            .filter(|image| filters.take_image(image))
            .map(|image| json::image_row(image, &world.engine))
            .collect()
    });
    Json(rows).into_response()
}

async fn image(State(shared): State<Arc<Shared>>, Path(path): Path<String>) -> Response {
    let Some(name) = path.strip_suffix("/json") else {
        return error(StatusCode::NOT_FOUND, "page not found");
    };
    let found = shared.with(|world, _| world.engine.image(name).map(json::image));
    match found {
        Some(value) => Json(value).into_response(),
        None => error(StatusCode::NOT_FOUND, format!("No such image: {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_in_front_is_taken_away() {
        let uri: Uri = "/v1.47/containers/json?all=1".parse().unwrap();
        assert_eq!(
            without_version(&uri).unwrap().to_string(),
            "/containers/json?all=1"
        );
        for plain in ["/version", "/containers/json", "/volumes/x"] {
            assert!(without_version(&plain.parse().unwrap()).is_none());
        }
    }
}
