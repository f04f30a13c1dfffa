//! The way to a server: one connection a host, shared by all its environments, kept for ever.
//!
//! [`server::Server`] keeps it; [`Connected`] is it while it is live: a shell, the facts that the
//! server told of itself, and the Engine. Knows nothing of environments, services or releases.

pub mod askpass;
pub mod attempts;
pub mod channel;
mod directory;
pub mod facts;
mod master;
pub mod server;
pub mod transport;
pub mod words;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bollard::models::SystemVersion;
use openssh::{ForwardType, Socket};

use self::{
    askpass::Askpass,
    channel::Channels,
    directory::SocketDirectory,
    facts::{Endpoint, Facts, SocketState},
    master::Master,
    transport::{Dial, Engine},
};
use super::docker;
use crate::{
    config::{Host, Reach},
    release::{Fault, FaultKind},
    target::compose::shell::Shell as _,
};

/// A live connection to a server.
pub struct Connected {
    host: Host,
    /// The server's shell.
    pub channels: Channels,
    facts: tokio::sync::Mutex<Facts>,
    engine: tokio::sync::Mutex<Option<(Engine, EngineVersion)>>,
    /// Set when the Engine refused us for a reason that a new login may change, such as a group.
    refused: AtomicBool,
    directory: Arc<SocketDirectory>,
    /// The forward that was made: the Engine's socket there, and its near end.
    forward: tokio::sync::Mutex<Option<(String, PathBuf)>>,
}

/// Which Engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineVersion {
    /// Such as `20.10.24`.
    pub version: String,
}

/// Makes one connection. What has to live as long as it does is the second part.
async fn connect(
    host: &Host,
    directory: &Arc<SocketDirectory>,
    askpass: Option<&Askpass>,
) -> Result<(Connected, Option<Master>), Fault> {
    let (channels, master) = match &host.reach {
        Reach::Local => (Channels::Local, None),
        Reach::Ssh {
            destination,
            config,
        } => {
            let socket = directory.socket(&socket_name("s"));
            let master = Master::connect(destination, config.as_deref(), socket, askpass).await?;
            let channels = Channels::Ssh {
                session: Arc::clone(&master.session),
                label: host.label().into(),
            };
            (channels, Some(master))
        }
    };
    let facts = facts::ask(&channels, host).await?;
    tracing::info!(host = host.label(), ?facts, "connected");
    let connected = Connected {
        host: host.clone(),
        channels,
        facts: tokio::sync::Mutex::new(facts),
        engine: tokio::sync::Mutex::new(None),
        refused: AtomicBool::new(false),
        directory: Arc::clone(directory),
        forward: tokio::sync::Mutex::new(None),
    };
    Ok((connected, master))
}

/// A name for a socket that was not given before.
fn socket_name(kind: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{kind}{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

impl Connected {
    /// What people call the server.
    pub fn label(&self) -> &str {
        self.host.label()
    }

    /// What the server told of itself, last.
    pub async fn facts(&self) -> Facts {
        self.facts.lock().await.clone()
    }

    /// A client of the Engine that has just answered.
    ///
    /// # Errors
    /// [`Permission`](FaultKind::Permission) where its socket is not for us, else the link's faults.
    pub async fn engine(&self) -> Result<(Engine, EngineVersion), Fault> {
        let mut kept = self.engine.lock().await;
        if let Some((engine, _)) = kept.clone()
            && let Ok(version) = self.greet(&engine).await
        {
            *kept = Some((engine.clone(), version.clone()));
            return Ok((engine, version));
        }
        // What was known may have changed since: a socket that appeared, an Engine that was started.
        if kept.take().is_some() {
            *self.facts.lock().await = facts::ask(&self.channels, &self.host).await?;
        }
        let found = self.find_engine().await;
        let is_final = matches!(&found, Err(fault) if !fault.kind.is_passing());
        self.refused.store(is_final, Ordering::Relaxed);
        match &found {
            Ok(found) => *kept = Some(found.clone()),
            // For the next time.
            Err(_) => *self.facts.lock().await = facts::ask(&self.channels, &self.host).await?,
        }
        found
    }

    /// Whether the Engine refused us for a reason that a new login may change.
    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    async fn find_engine(&self) -> Result<(Engine, EngineVersion), Fault> {
        let facts = self.facts().await;
        match &facts.endpoint {
            Endpoint::Socket {
                path,
                state: SocketState::Open,
            } => {
                let engine = Engine::new(Dial::Socket(self.near_end(path).await?));
                let fault = match self.greet(&engine).await {
                    Ok(version) => return Ok((engine, version)),
                    Err(fault) => fault,
                };
                // The socket is there and ours: forwarding may be forbidden. The command needs none.
                if matches!(self.channels, Channels::Ssh { .. })
                    && facts.has_docker
                    && let Ok(found) = self.by_command().await
                {
                    tracing::info!(
                        host = self.label(),
                        "forwarding fails: docker system dial-stdio"
                    );
                    return Ok(found);
                }
                Err(fault)
            }
            // `sudo -n docker` reaches what we may not even see; TCP and ssh endpoints are the command's
            // secret.
            Endpoint::Socket { .. } if facts.has_docker && self.host.docker.len() > 1 => {
                self.by_command().await
            }
            Endpoint::Other(_) if facts.has_docker => self.by_command().await,
            endpoint => Err(self.no_way(endpoint, &facts)),
        }
    }

    /// The Engine by the docker command, which knows ways that a socket does not.
    async fn by_command(&self) -> Result<(Engine, EngineVersion), Fault> {
        let unquotable = |error| {
            Fault::new(
                FaultKind::Invalid,
                self.label(),
                "its docker or socket holds something that no command can be given",
            )
            .because(error)
        };
        let engine = Engine::new(Dial::Command {
            channels: self.channels.clone(),
            script: docker::dial(&self.host).map_err(unquotable)?.into(),
        });
        let fault = match self.greet(&engine).await {
            Ok(version) => return Ok((engine, version)),
            Err(fault) => fault,
        };
        // A connection that ends tells nothing of why: the same command as a question does.
        let probe = docker::probe(&self.host).map_err(unquotable)?;
        let answer = self.channels.run(probe.into_bytes()).await?;
        if answer.status == 0 {
            return Err(fault);
        }
        let complaint = String::from_utf8_lossy(&answer.stderr);
        Err(docker::trouble(
            &self.host,
            self.label(),
            &words::tail(&complaint),
        ))
    }

    /// The socket here that leads to the Engine's socket `path` there.
    async fn near_end(&self, path: &str) -> Result<PathBuf, Fault> {
        let Channels::Ssh { session, label } = &self.channels else {
            return Ok(path.into());
        };
        let mut forward = self.forward.lock().await;
        if let Some((far, near)) = &*forward
            && far == path
        {
            return Ok(near.clone());
        }
        let near = self.directory.socket(&socket_name("e"));
        session
            .request_port_forward(
                ForwardType::Local,
                Socket::UnixSocket {
                    path: near.as_path().into(),
                },
                Socket::UnixSocket {
                    path: Path::new(path).into(),
                },
            )
            .await
            .map_err(|error| channel::ssh_fault(&error, label))?;
        *forward = Some((path.to_owned(), near.clone()));
        Ok(near)
    }

    async fn greet(&self, engine: &Engine) -> Result<EngineVersion, Fault> {
        let version: SystemVersion = engine
            .ask("/version")
            .await
            .map_err(|error| crate::target::compose::engine::fault_of(&error, self.label()))?;
        Ok(EngineVersion {
            version: crate::release::text::clean(&version.version.unwrap_or_default()),
        })
    }

    fn no_way(&self, endpoint: &Endpoint, facts: &Facts) -> Fault {
        let fault = |kind, message: String| Fault::new(kind, self.label(), message);
        match endpoint {
            Endpoint::Socket {
                path,
                state: SocketState::Denied,
            } => fault(
                FaultKind::Permission,
                format!("{} may not use the Engine's socket {path}", facts.user),
            )
            .remedy(format!(
                "type `sudo usermod -aG docker {}` there, or set docker = \"sudo -n docker\" for this \
                 host, then press R",
                facts.user
            )),
            Endpoint::Socket { path, .. } => fault(
                FaultKind::Unreachable,
                format!("no Docker Engine listens on {path}"),
            )
            .remedy("start it there (`systemctl start docker`), or set socket for this host"),
            Endpoint::Other(_) | Endpoint::Unknown => fault(
                FaultKind::Unsupported,
                format!("there is no `{}` command on it", self.host.docker.join(" ")),
            )
            .remedy("install Docker there, or set docker for this host; then press R"),
        }
    }
}
