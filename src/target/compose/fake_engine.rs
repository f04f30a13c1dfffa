//! An Engine for tests: the few answers that are asked for, over a Unix socket, changed by hand.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::{net::UnixListener, sync::broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::task::AbortOnDropHandle;

/// The image that every container runs.
pub const IMAGE: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The project of every container.
pub const PROJECT: &str = "shop";

/// One line of a container's log.
#[derive(Clone)]
pub struct Line {
    container: String,
    stream: u8,
    second: i64,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Inside {
    /// Inspect answers, by ID.
    containers: HashMap<String, Value>,
    lines: Vec<Line>,
    requests: Vec<String>,
}

/// What is told to open streams.
#[derive(Clone)]
enum Told {
    Event(String),
    Line(Line),
    /// Every stream breaks off.
    Break,
}

#[derive(Clone)]
struct Shared {
    inside: Arc<Mutex<Inside>>,
    told: broadcast::Sender<Told>,
    asked: Arc<tokio::sync::watch::Sender<usize>>,
}

/// The Engine; gone when dropped.
pub struct FakeEngine {
    shared: Shared,
    directory: tempfile::TempDir,
    _server: AbortOnDropHandle<()>,
}

impl FakeEngine {
    /// An Engine without containers.
    pub fn start() -> Self {
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(directory.path().join("docker.sock")).unwrap();
        let shared = Shared {
            inside: Arc::default(),
            told: broadcast::channel(1024).0,
            asked: Arc::new(tokio::sync::watch::Sender::new(0)),
        };
        let router = Router::new()
            .route(
                "/version",
                get(async || Json(json!({"Version": "20.10.24"}))),
            )
            .route("/_ping", get(async || "OK"))
            .route("/events", get(events))
            .route("/containers/json", get(list))
            .route("/containers/{id}/json", get(inspect))
            .route("/containers/{id}/logs", get(logs))
            .route(
                "/images/{id}/json",
                get(async |Path(id): Path<String>| Json(json!({"Id": id}))),
            )
            .layer(middleware::from_fn_with_state(shared.clone(), note))
            .with_state(shared.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            shared,
            directory,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// An empty directory that lives as long as this.
    pub fn project_directory(&self) -> String {
        self.directory.path().display().to_string()
    }

    /// Makes or changes a container and tells of it.
    pub fn container(&self, id: &str, service: &str, health: &str, action: &str) {
        self.make(id, service, health, action, false);
    }

    /// Starts a container with a terminal and tells of it.
    pub fn container_with_terminal(&self, id: &str, service: &str) {
        self.make(id, service, "healthy", "start", true);
    }

    fn make(&self, id: &str, service: &str, health: &str, action: &str, terminal: bool) {
        let labels = json!({
            "com.docker.compose.project": PROJECT,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1",
        });
        let inspected = json!({
            "Id": id, "Name": format!("/{PROJECT}-{service}-1"), "Image": IMAGE,
            "Config": {"Image": "acme/shop:v1", "Labels": labels, "Tty": terminal},
            "State": {"Status": "running", "Health": {"Status": health}},
        });
        let event = json!({"Type": "container", "Action": action,
                           "Actor": {"ID": id, "Attributes": labels}});
        let mut inside = self.shared.inside.lock().unwrap();
        if action == "destroy" {
            inside.containers.remove(id);
        } else {
            inside.containers.insert(id.to_owned(), inspected);
        }
        drop(inside);
        self.tell(Told::Event(format!("{event}\n")));
    }

    /// Writes a line into a container's log; `stream` is 1 or 2, `second` since 1970.
    pub fn log(&self, container: &str, stream: u8, second: i64, text: &str) {
        self.write(container, stream, second, &format!("{text}\n"));
    }

    /// Writes into a container's log what may be a part of a line.
    pub fn write(&self, container: &str, stream: u8, second: i64, text: &str) {
        let stamp = jiff::Timestamp::from_second(second).unwrap();
        let line = Line {
            container: container.to_owned(),
            stream,
            second,
            bytes: format!("{}.000000000Z {text}", stamp.strftime("%FT%T")).into_bytes(),
        };
        self.shared.inside.lock().unwrap().lines.push(line.clone());
        self.tell(Told::Line(line));
    }

    /// Breaks every open stream off.
    pub fn break_streams(&self) {
        self.tell(Told::Break);
    }

    fn tell(&self, told: Told) {
        // Nobody listening is fine.
        let _ = self.shared.told.send(told);
    }

    /// The paths that were asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        self.shared.inside.lock().unwrap().requests.clone()
    }

    /// How many of them begin with `path`.
    pub fn count(&self, path: &str) -> usize {
        self.requests()
            .iter()
            .filter(|r| r.starts_with(path))
            .count()
    }

    /// Waits until at least `n` requests begin with `path`.
    pub async fn asked(&self, path: &str, n: usize) {
        let mut asked = self.shared.asked.subscribe();
        while self.count(path) < n {
            asked.changed().await.unwrap();
        }
    }
}

async fn note(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().to_string();
    let response = next.run(request).await;
    shared.inside.lock().unwrap().requests.push(path);
    shared.asked.send_modify(|count| *count += 1);
    response
}

async fn list(State(shared): State<Shared>) -> Json<Value> {
    let inside = shared.inside.lock().unwrap();
    let summaries: Vec<Value> = inside
        .containers
        .values()
        .map(|c| json!({"Id": c["Id"], "Labels": c["Config"]["Labels"]}))
        .collect();
    Json(summaries.into())
}

async fn inspect(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    match shared.inside.lock().unwrap().containers.get(&id) {
        Some(container) => Json(container.clone()).into_response(),
        None => missing(),
    }
}

fn missing() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({"message": "No such container"})),
    )
        .into_response()
}

async fn events(State(shared): State<Shared>) -> Response {
    let stream = until_break(&shared).filter_map(async |told| match told {
        Told::Event(event) => Some(event.into_bytes()),
        _ => None,
    });
    body(stream)
}

async fn logs(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let since: i64 = query["since"].parse().unwrap();
    // Subscribed before what there is is read: a line in between comes twice rather than never, and
    // the filter below takes the second one away.
    let live = until_break(&shared);
    let (before, has_terminal): (Vec<Line>, bool) = {
        let inside = shared.inside.lock().unwrap();
        let Some(container) = inside.containers.get(&id) else {
            return missing();
        };
        let all: Vec<Line> = inside
            .lines
            .iter()
            .filter(|line| line.container == id && line.second >= since)
            .cloned()
            .collect();
        let tail = query["tail"].parse().unwrap_or(all.len());
        let wanted = all[all.len().saturating_sub(tail)..].to_vec();
        (wanted, container["Config"]["Tty"] == true)
    };
    let sent = move |line: &Line| match has_terminal {
        true => line.bytes.clone(),
        false => framed(line),
    };
    let seen = before.len();
    let mut live_seen = 0;
    let known: Vec<Vec<u8>> = before.iter().map(|line| line.bytes.clone()).collect();
    let live = live.filter_map(move |told| {
        let line = match told {
            Told::Line(line) if line.container == id => {
                live_seen += 1;
                let is_known = live_seen <= seen && known.contains(&line.bytes);
                (!is_known).then(|| sent(&line))
            }
            _ => None,
        };
        std::future::ready(line)
    });
    let before: Vec<Vec<u8>> = before.iter().map(sent).collect();
    body(futures::stream::iter(before).chain(live))
}

fn framed(line: &Line) -> Vec<u8> {
    let length = u32::try_from(line.bytes.len()).unwrap().to_be_bytes();
    let mut frame = vec![line.stream, 0, 0, 0];
    frame.extend(length);
    frame.extend(&line.bytes);
    frame
}

fn until_break(shared: &Shared) -> impl futures::Stream<Item = Told> + Send + use<> {
    BroadcastStream::new(shared.told.subscribe())
        .map(|told| told.unwrap_or(Told::Break))
        .take_while(|told| std::future::ready(!matches!(told, Told::Break)))
}

fn body(stream: impl futures::Stream<Item = Vec<u8>> + Send + 'static) -> Response {
    Body::from_stream(stream.map(Ok::<_, std::io::Error>)).into_response()
}
