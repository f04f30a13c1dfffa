//! Keeps the connection to one server for ever: connects when somebody first wants it, reconnects with
//! growing waits, and stops only where waiting cannot help, until it is asked anew.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Connected,
    askpass::Askpass,
    attempts::{Attempts, Lost},
    connect,
    directory::SocketDirectory,
    master::Master,
};
use crate::{
    clock::Clock,
    config::Host,
    release::{Fault, FaultKind, Moment, observed::Link},
    target::Question,
};

/// What is the same for all servers.
pub struct Settings {
    /// Whether there is somebody to ask.
    pub asking: bool,
    /// What ssh runs to ask: flightdeck.
    pub program: PathBuf,
    /// The time.
    pub clock: Clock,
    directory: OnceLock<Arc<SocketDirectory>>,
}

impl Settings {
    /// Settings with the directory of sockets still to be made.
    pub fn new(asking: bool, program: PathBuf, clock: Clock) -> Self {
        Self {
            asking,
            program,
            clock,
            directory: OnceLock::new(),
        }
    }

    fn directory(&self) -> Result<Arc<SocketDirectory>, Fault> {
        if let Some(directory) = self.directory.get() {
            return Ok(Arc::clone(directory));
        }
        let made = SocketDirectory::make().map_err(|error| {
            Fault::new(
                FaultKind::Failed,
                "local",
                "no directory for sockets could be made",
            )
            .remedy("set XDG_RUNTIME_DIR or TMPDIR to a directory of yours with a short path")
            .because(error)
        })?;
        Ok(Arc::clone(self.directory.get_or_init(|| Arc::new(made))))
    }
}

/// How the connection stands.
#[derive(Clone)]
pub enum State {
    /// Being made, with how it stood before.
    Trying(Link),
    /// There.
    Live(Arc<Connected>),
    /// Not there: waiting for the next attempt, or for somebody.
    Waiting(Fault, Link),
}

/// How a connection stands for who can only wait for it.
pub enum Settled {
    /// There.
    Live(Arc<Connected>),
    /// Not there, and waiting.
    Waiting(Fault),
}

/// Waits until the connection is there, or not for a while; `None` once its server is given up.
pub async fn settled(state: &mut watch::Receiver<State>) -> Option<Settled> {
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Live(connected) => return Some(Settled::Live(connected)),
            State::Waiting(fault, _) => return Some(Settled::Waiting(fault)),
            State::Trying(_) => state.changed().await.ok()?,
        }
    }
}

/// One server. Its connection lives as long as this does.
pub struct Server {
    shared: Arc<Shared>,
    task: OnceLock<AbortOnDropHandle<()>>,
}

struct Shared {
    host: Host,
    settings: Arc<Settings>,
    state: watch::Sender<State>,
    /// Counts how often the operator asked for a new attempt.
    retries: watch::Sender<u64>,
    /// A deed wants the next attempt now.
    nudge: Notify,
    /// Who would show a question, the first who still listens.
    askers: Mutex<Vec<mpsc::UnboundedSender<Question>>>,
}

impl Server {
    /// A server that nobody has wanted yet.
    pub fn new(host: Host, settings: Arc<Settings>) -> Self {
        let since = settings.clock.moment();
        Self {
            shared: Arc::new(Shared {
                host,
                settings,
                state: watch::Sender::new(State::Trying(Link::Connecting { since })),
                retries: watch::Sender::new(0),
                nudge: Notify::new(),
                askers: Mutex::default(),
            }),
            task: OnceLock::new(),
        }
    }

    /// What is the same for all servers.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The server's configuration.
    pub fn host(&self) -> &Host {
        &self.shared.host
    }

    /// How the connection stands, from now on. Makes it if nobody wanted it before.
    pub fn state(&self) -> watch::Receiver<State> {
        self.task
            .get_or_init(|| AbortOnDropHandle::new(tokio::spawn(keep(Arc::clone(&self.shared)))));
        self.shared.state.subscribe()
    }

    /// Tries again now whatever failed, also where only an operator could help.
    pub fn retry_now(&self) {
        self.shared.retries.send_modify(|count| *count += 1);
    }

    /// A row of attempts at something on this server, which the operator can wish for too.
    pub fn attempts(&self) -> Attempts {
        Attempts::new(
            self.settings().clock.clone(),
            self.shared.retries.subscribe(),
        )
    }

    /// Who asks the operator: each question goes to the first of these that still listens.
    pub fn questions(&self) -> mpsc::UnboundedReceiver<Question> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.shared
            .askers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sender);
        receiver
    }

    /// The connection, for one deed: waits for an attempt that is under way. Where the next one would
    /// only come later it is made now, unless only an operator can help.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connected(&self) -> Result<Arc<Connected>, Fault> {
        let mut state = self.state();
        let mut may_nudge = true;
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Live(connected) => return Ok(connected),
                State::Waiting(fault, _) if may_nudge && fault.kind.is_passing() => {
                    may_nudge = false;
                    self.shared.nudge.notify_one();
                }
                State::Waiting(fault, _) => return Err(fault),
                State::Trying(_) => may_nudge = false,
            }
            if state.changed().await.is_err() {
                return Err(Fault::new(
                    FaultKind::Unreachable,
                    self.host().label(),
                    "the connection was given up",
                ));
            }
        }
    }
}

impl Shared {
    fn ask(&self, question: Question) -> bool {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        askers.retain(|asker| !asker.is_closed());
        askers
            .first()
            .is_some_and(|asker| asker.send(question).is_ok())
    }

    /// Connects once, with somebody to ask where there is anybody.
    async fn attempt(self: &Arc<Self>) -> Result<(Connected, Option<Master>), Fault> {
        let directory = self.settings.directory()?;
        let asks = self.settings.asking && self.host.reach != crate::config::Reach::Local;
        let askpass = if asks {
            let socket = directory.socket(&super::socket_name("a"));
            let shared = Arc::clone(self);
            let listening = Askpass::listen(
                socket,
                self.settings.program.clone(),
                self.host.label().to_owned(),
                move |question| shared.ask(question),
            );
            Some(listening.map_err(|error| {
                Fault::new(
                    FaultKind::Failed,
                    self.host.label(),
                    "no socket for questions could be made",
                )
                .because(error)
            })?)
        } else {
            None
        };
        connect(&self.host, &directory, askpass.as_ref()).await
    }
}

async fn keep(shared: Arc<Shared>) {
    let clock = &shared.settings.clock;
    let mut attempts = Attempts::new(clock.clone(), shared.retries.subscribe());
    loop {
        attempts.begin();
        let lost = match shared.attempt().await {
            Ok((connected, master)) => {
                let connected = Arc::new(connected);
                shared
                    .state
                    .send_replace(State::Live(Arc::clone(&connected)));
                // Without a fault it is the operator who wants a new login.
                let Some(fault) = until_lost(&connected, master, &mut attempts).await else {
                    let since = clock.moment();
                    let trying = State::Trying(Link::Connecting { since });
                    shared.state.send_replace(trying);
                    continue;
                };
                Lost {
                    fault,
                    was_live: true,
                }
            }
            Err(fault) => Lost {
                fault,
                was_live: false,
            },
        };
        tracing::warn!(fault = %lost.fault, "connection");
        let fault = lost.fault.clone();
        let link = attempts.fail(lost);
        shared
            .state
            .send_replace(State::Waiting(fault, link.clone()));
        let comes_again = attempts.comes_again();
        tokio::select! {
            () = attempts.pause() => {}
            () = shared.nudge.notified(), if comes_again => {}
        }
        shared
            .state
            .send_replace(State::Trying(tried_now(link, clock.moment())));
    }
}

/// A lost link whose next attempt is under way.
fn tried_now(link: Link, now: Moment) -> Link {
    match link {
        Link::Lost { since, fault, .. } => Link::Lost {
            since,
            fault,
            retry: Some(now),
        },
        link => link,
    }
}

/// Waits until a live connection is lost and says why; `None` if the operator wants a new one.
async fn until_lost(
    connected: &Connected,
    master: Option<Master>,
    attempts: &mut Attempts,
) -> Option<Fault> {
    let lost = async {
        match master {
            Some(mut master) => master.ended().await,
            // This machine is always there.
            None => std::future::pending().await,
        }
    };
    tokio::pin!(lost);
    loop {
        tokio::select! {
            fault = &mut lost => return Some(fault),
            () = attempts.wish() => if connected.is_refused() { return None },
        }
    }
}
