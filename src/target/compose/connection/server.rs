//! Keeps the connection to one server for ever: connects when somebody first wants it, reconnects with
//! growing waits, and stops only where waiting cannot help, until it is asked anew.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Connected, askpass::Askpass, backoff, connect, directory::SocketDirectory, master::Master,
};
use crate::{
    clock::Clock,
    config::Host,
    release::{Fault, FaultKind, observed::Link},
    target::Question,
};

/// A connection that lived so long was a good one: the next failure is a first one again.
const GOOD: Duration = Duration::from_secs(30);

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

    /// Changes when the operator asks for a new attempt.
    pub fn retries(&self) -> watch::Receiver<u64> {
        self.shared.retries.subscribe()
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
    let mut retries = shared.retries.subscribe();
    let mut failures = 0;
    let mut lost_since = None;
    loop {
        retries.mark_unchanged();
        let fault = match shared.attempt().await {
            Ok((connected, master)) => {
                let connected = Arc::new(connected);
                let began = clock.moment();
                lost_since = None;
                shared
                    .state
                    .send_replace(State::Live(Arc::clone(&connected)));
                let fault = until_lost(&connected, master, &mut retries).await;
                if clock.moment().since(began) >= GOOD {
                    failures = 0;
                }
                fault
            }
            Err(fault) => Some(fault),
        };
        // Without a fault it was the operator who wanted a new login.
        let Some(fault) = fault else { continue };
        tracing::warn!(%fault, "connection");
        failures += 1;
        let since = *lost_since.get_or_insert_with(|| clock.moment());
        let wait = fault
            .kind
            .is_passing()
            .then(|| backoff::delay(failures, fastrand::f64()));
        let link = |retry| Link::Lost {
            since,
            fault: fault.clone(),
            retry,
        };
        let retry = wait.map(|wait| clock.moment().after(wait));
        shared
            .state
            .send_replace(State::Waiting(fault.clone(), link(retry)));
        tokio::select! {
            asked_for = pause(wait, &mut retries) => if asked_for { failures = 0 },
            () = shared.nudge.notified(), if wait.is_some() => {}
        }
        shared
            .state
            .send_replace(State::Trying(link(Some(clock.moment()))));
    }
}

/// Waits until a live connection is lost and says why; `None` if the operator wants a new one.
async fn until_lost(
    connected: &Connected,
    master: Option<Master>,
    retries: &mut watch::Receiver<u64>,
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
            Ok(()) = retries.changed() => if connected.is_refused() { return None },
        }
    }
}

/// Waits, for ever without a `wait`, or until the operator asks for a new attempt: then true.
pub async fn pause(wait: Option<Duration>, retries: &mut watch::Receiver<u64>) -> bool {
    let waited = async {
        match wait {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = waited => false,
        Ok(()) = retries.changed() => true,
    }
}
