//! `flightdeck demo`: an embedded world that needs nothing installed.
//!
//! It replaces only the outermost parts: the Engine's socket, the `docker` command (this program under
//! that name), GitHub's and the registry's HTTP servers. They live in a temporary directory and on
//! loopback ports, and end with the [`Demo`]. Everything inside (clients, plans, runner, journal,
//! cockpit) is the real code, which knows nothing of this room; only `main` and tests use it.
//!
//! Four seams make it repeatable: the clock, the seed, the endpoints, the terminal. The seed fixes the
//! world's history, not the order in which things happen at once.

mod directory;
pub mod docker;
mod engine;
mod github;
pub mod guide;
mod history;
mod places;
mod registry;
pub mod requests;
pub mod seed;
mod shared;
mod watch;
pub mod world;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch as channel,
};
use tokio_util::sync::CancellationToken;

use self::{
    directory::Directory,
    places::Places,
    requests::{Door, RequestLog},
    seed::Seed,
    shared::Shared,
    world::{Pace, World},
};
use crate::{
    clock::Clock,
    config::Config,
    release::{Fault, FaultKind},
};

/// How the embedded world is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// What its history comes from.
    pub seed: u64,
    /// How many times as fast as in reality things happen in it.
    pub speed: f64,
    /// Whether nothing happens by itself that no deed has caused.
    pub still: bool,
    /// The program that is called as `docker`; `None` for the one that runs.
    pub program: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            speed: 1.0,
            still: false,
            program: None,
        }
    }
}

/// A running embedded world. It ends, with everything that belongs to it, when this is dropped.
#[derive(Debug)]
pub struct Demo {
    /// What a `config.toml` for it says.
    pub config: Config,
    /// The line that says what to do next: 78 columns at most. The sender lives as long as this.
    pub guidance: channel::Receiver<String>,
    shared: Arc<Shared>,
    doors: Doors,
    directory: Directory,
}

/// What closes the servers that can be closed alone.
#[derive(Debug, Default)]
struct Doors {
    registry: CancellationToken,
    github: CancellationToken,
}

/// Starts an embedded world. Everything in it answers when this returns.
///
/// # Errors
/// A directory, socket or port that cannot be had, with what to do about it.
pub async fn start(options: Options, clock: Clock) -> Result<Demo, Fault> {
    let fault = |what: &str, error: std::io::Error| {
        Fault::new(FaultKind::Failed, "demo", what)
            .because(error)
            .remedy("look whether $TMPDIR can be written and loopback addresses can be listened on")
    };
    let directory = Directory::new().map_err(|e| fault("no temporary directory", e))?;
    let port = async || TcpListener::bind(("127.0.0.1", 0)).await;
    let address = |listener: &TcpListener| listener.local_addr().map(|a| a.to_string());
    let no_port = |e| fault("no port on 127.0.0.1", e);
    let registry = port().await.map_err(no_port)?;
    let github = port().await.map_err(no_port)?;
    let registry_address = address(&registry).map_err(no_port)?;
    let github_address = address(&github).map_err(no_port)?;
    let program = match options.program {
        Some(program) => program,
        None => std::env::current_exe().map_err(|e| fault("this program cannot be found", e))?,
    };
    let places = Places::make(directory.path(), &registry_address, &program)
        .map_err(|e| fault("the project directories cannot be made", e))?;
    let pace = Pace {
        speed: options.speed,
        still: options.still,
    };
    let now = clock.now().wall;
    let mut world = World::new(Seed(options.seed), now, pace, &registry_address);
    history::write(&mut world, &places).map_err(|e| fault("the ledgers cannot be written", e))?;
    let config = places.config(&registry_address, &github_address, pace)?;

    let shared = Arc::new(Shared::new(world, clock));
    let doors = Doors::default();
    let engine = UnixListener::bind(places.engine()).map_err(|e| fault("no Engine socket", e))?;
    let control =
        UnixListener::bind(places.control()).map_err(|e| fault("no control socket", e))?;
    let (told, guidance) = channel::channel(String::new());
    let guide = watch::Guide::new(&places, told, &shared)
        .map_err(|e| fault("files cannot be watched", e))?;
    let socket = places.engine().display().to_string();
    let api = engine::router(&shared);
    shared.spawn(async move {
        let _ = axum::serve(engine, api).await;
    });
    shared.spawn(serve(
        registry,
        registry::router(&shared, &registry_address),
        &doors.registry,
    ));
    shared.spawn(serve(
        github,
        github::router(&shared, &github_address),
        &doors.github,
    ));
    shared.spawn(docker::serve(control, Arc::clone(&shared), socket));
    let living = Arc::clone(&shared);
    shared.spawn(async move { living.live().await });
    shared.spawn(guide.run(Arc::clone(&shared)));
    Ok(Demo {
        config,
        guidance,
        shared,
        doors,
        directory,
    })
}

fn serve(
    listener: TcpListener,
    routes: axum::Router,
    door: &CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let closed = door.clone().cancelled_owned();
    async move {
        let _ = axum::serve(listener, routes)
            .with_graceful_shutdown(closed)
            .await;
    }
}

impl Demo {
    /// What was asked of the world so far.
    pub fn requests(&self) -> &RequestLog {
        &self.shared.requests
    }

    /// Where it lives: `production/` and `staging/` are the project directories.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The file of its configuration, for programs that are to see the same world.
    pub fn configuration(&self) -> PathBuf {
        self.directory.path().join(places::CONFIGURATION)
    }

    /// Where what never changes may be kept between requests: it ends with the world.
    pub fn cache_directory(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    /// Looks at the world's state, as it is now.
    pub fn look<R>(&self, f: impl FnOnce(&World) -> R) -> R {
        self.shared.with(|world, _| f(world))
    }

    /// Closes the registry or GitHub, as if its server were gone. The Engine and its command cannot be
    /// closed alone.
    pub fn close(&self, door: Door) {
        match door {
            Door::Registry => self.doors.registry.cancel(),
            Door::GitHub => self.doors.github.cancel(),
            Door::Engine | Door::Docker => {}
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.shared.end();
    }
}
