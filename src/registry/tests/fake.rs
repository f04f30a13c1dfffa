//! A registry on loopback that says what it was asked, and fails when told to.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, watch};

/// Who may read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    Anybody,
    /// `mira` with `s3cret`, by basic authentication.
    Basic,
    /// Whoever has a token; tokens are given to anybody.
    TokenForAnybody,
    /// Whoever has a token; tokens are given to `mira` with `s3cret`.
    TokenForLogin,
}

/// An answer that is given instead of the right one, once.
struct Instead {
    part: String,
    status: u16,
    headers: Vec<(&'static str, String)>,
}

struct World {
    access: Access,
    page: usize,
    tags: Vec<String>,
    manifests: HashMap<String, Bytes>,
    blobs: HashMap<String, Bytes>,
    tells_digests: bool,
    is_circle: bool,
    tokens: usize,
    valid_tokens: BTreeSet<String>,
    scopes: Vec<String>,
    instead: Vec<Instead>,
    /// Requests whose path has this part wait for a permit.
    gate: Option<(String, Arc<Semaphore>)>,
}

pub(super) struct Fake {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    log: watch::Receiver<Vec<String>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Shared {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    log: watch::Sender<Vec<String>>,
}

pub(super) fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("sha256:{hex}")
}

impl Fake {
    pub(super) async fn start(access: Access, page: usize) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = Arc::new(Mutex::new(World {
            access,
            page,
            tags: Vec::new(),
            manifests: HashMap::new(),
            blobs: HashMap::new(),
            tells_digests: true,
            is_circle: false,
            tokens: 0,
            valid_tokens: BTreeSet::new(),
            scopes: Vec::new(),
            instead: Vec::new(),
            gate: None,
        }));
        let (sender, log) = watch::channel(Vec::new());
        let shared = Arc::new(Shared {
            address,
            world: Arc::clone(&world),
            log: sender,
        });
        let router = Router::new().fallback(answer).with_state(shared);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            world,
            log,
            server,
        }
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// An image whose configuration is `configuration`, under `tag`; what its digest is.
    pub(super) fn push(&self, tag: &str, configuration: &Value) -> String {
        let configuration = Bytes::from(configuration.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest(&configuration),
            },
        });
        let mut world = self.world.lock().unwrap();
        world.blobs.insert(digest(&configuration), configuration);
        drop(world);
        self.put_manifest(tag, &manifest)
    }

    /// Any manifest under `tag`; what its digest is.
    pub(super) fn put_manifest(&self, tag: &str, manifest: &Value) -> String {
        let bytes = Bytes::from(manifest.to_string());
        let mut world = self.world.lock().unwrap();
        if !world.tags.iter().any(|t| t == tag) {
            world.tags.push(tag.to_owned());
        }
        world.manifests.insert(digest(&bytes), bytes.clone());
        world.manifests.insert(tag.to_owned(), bytes.clone());
        digest(&bytes)
    }

    pub(super) fn remove(&self, tag: &str) {
        let mut world = self.world.lock().unwrap();
        world.tags.retain(|t| t != tag);
        world.manifests.remove(tag);
    }

    /// The manifest of `digest` is another one from now on, to whoever asks by digest.
    pub(super) fn corrupt(&self, digest: &str) {
        let mut world = self.world.lock().unwrap();
        let other = Bytes::from_static(b"{\"schemaVersion\": 2}");
        world.manifests.insert(digest.to_owned(), other);
    }

    pub(super) fn tell_no_digests(&self) {
        self.world.lock().unwrap().tells_digests = false;
    }

    /// The last page leads to itself.
    pub(super) fn lead_in_a_circle(&self) {
        self.world.lock().unwrap().is_circle = true;
    }

    pub(super) fn revoke_tokens(&self) {
        self.world.lock().unwrap().valid_tokens.clear();
    }

    /// What tokens were asked for.
    pub(super) fn scopes(&self) -> Vec<String> {
        self.world.lock().unwrap().scopes.clone()
    }

    /// The next request whose path has `part` is answered with `status` and `headers` instead.
    pub(super) fn instead(&self, part: &str, status: u16, headers: &[(&'static str, &str)]) {
        self.world.lock().unwrap().instead.push(Instead {
            part: part.to_owned(),
            status,
            headers: headers.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(),
        });
    }

    /// Requests whose path has `part` wait from now on; each permit lets one through.
    pub(super) fn gate(&self, part: &str) -> Arc<Semaphore> {
        let permits = Arc::new(Semaphore::new(0));
        self.world.lock().unwrap().gate = Some((part.to_owned(), Arc::clone(&permits)));
        permits
    }

    /// All requests so far that begin with `start`, such as `GET /v2/shop/blobs/`.
    pub(super) fn requests(&self, start: &str) -> Vec<String> {
        let log = self.log.borrow();
        log.iter()
            .filter(|r| r.starts_with(start))
            .cloned()
            .collect()
    }

    /// Waits until so many requests that begin with `start` were made.
    pub(super) async fn wait_for(&self, start: &str, count: usize) {
        let enough =
            |log: &Vec<String>| log.iter().filter(|r| r.starts_with(start)).count() >= count;
        self.log.clone().wait_for(enough).await.unwrap();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let line = format!("{} {}", request.method(), request.uri());
    let gate = {
        let mut world = shared.world.lock().unwrap();
        shared.log.send_modify(|log| log.push(line));
        if let Some(at) = world.instead.iter().position(|i| path.contains(&i.part)) {
            let instead = world.instead.remove(at);
            let mut response = Response::builder().status(instead.status);
            for (name, value) in instead.headers {
                response = response.header(name, value);
            }
            return response.body(Body::empty()).unwrap();
        }
        world
            .gate
            .as_ref()
            .filter(|(part, _)| path.contains(part))
            .map(|(_, permits)| Arc::clone(permits))
    };
    if let Some(permits) = gate {
        permits.acquire().await.unwrap().forget();
    }
    let mut world = shared.world.lock().unwrap();
    let authorization = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let login = format!("Basic {}", BASE64_STANDARD.encode("mira:s3cret"));
    if path == "/token" {
        world.scopes.push(query["scope"].clone());
        if world.access == Access::TokenForLogin && authorization != login {
            return status(StatusCode::UNAUTHORIZED);
        }
        world.tokens += 1;
        let token = format!("token-{}", world.tokens);
        world.valid_tokens.insert(format!("Bearer {token}"));
        return Response::new(Body::from(json!({"token": token}).to_string()));
    }
    let (is_allowed, challenge) = match world.access {
        Access::Anybody => (true, String::new()),
        Access::Basic => (authorization == login, "Basic realm=\"r\"".to_owned()),
        Access::TokenForAnybody | Access::TokenForLogin => (
            world.valid_tokens.contains(authorization),
            format!(
                "Bearer realm=\"http://{}/token\",service=\"fake\",scope=\"repository:shop:pull,push\"",
                shared.address
            ),
        ),
    };
    if !is_allowed {
        return Response::builder()
            .status(StatusCode::UNAUTHORIZED)
            .header(header::WWW_AUTHENTICATE, challenge)
            .body(Body::from(
                json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]})
                    .to_string(),
            ))
            .unwrap();
    }
    let Some(rest) = path.strip_prefix("/v2/shop/") else {
        return status(StatusCode::NOT_FOUND);
    };
    if rest == "tags/list" {
        return list(&world, &query);
    }
    if let Some(reference) = rest.strip_prefix("manifests/") {
        let Some(bytes) = world.manifests.get(reference) else {
            return status(StatusCode::NOT_FOUND);
        };
        let mut response = Response::builder();
        if world.tells_digests {
            response = response.header("Docker-Content-Digest", digest(bytes));
        }
        return response.body(Body::from(bytes.clone())).unwrap();
    }
    match rest.strip_prefix("blobs/").and_then(|d| world.blobs.get(d)) {
        Some(bytes) => Response::new(Body::from(bytes.clone())),
        None => status(StatusCode::NOT_FOUND),
    }
}

/// Pages by a cursor of its own, as GHCR does: `last` is no tag of the page.
fn list(world: &World, query: &HashMap<String, String>) -> Response {
    let from: usize = query.get("last").map_or(0, |cursor| {
        cursor.strip_prefix("cursor ").unwrap().parse().unwrap()
    });
    let to = (from + world.page).min(world.tags.len());
    let mut response = Response::builder();
    if to < world.tags.len() || world.is_circle {
        let next = format!(
            "</v2/shop/tags/list?n={}&last=cursor+{to}>; rel=\"next\"",
            world.page
        );
        response = response.header(header::LINK, next);
    }
    let body = json!({"name": "shop", "tags": world.tags[from..to]});
    response.body(Body::from(body.to_string())).unwrap()
}

fn status(status: StatusCode) -> Response {
    Response::builder()
        .status(status)
        .body(Body::empty())
        .unwrap()
}
