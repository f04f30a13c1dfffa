//! Where an environment is, and how it is reached.

use std::path::PathBuf;

/// Where an environment is.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A Docker Compose project on a server.
    Compose(Compose),
}

/// A Docker Compose project on a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Compose {
    /// The server.
    pub host: Host,
    /// The project's directory on it: absolute, or relative to the login's home with `~/`.
    pub directory: String,
    /// The compose files, relative to the directory, in order.
    pub files: Vec<String>,
    /// The files that feed interpolation, in order; `.env` unless configured.
    pub environment_files: Vec<String>,
    /// The project's name.
    pub project: String,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// How it is reached.
    pub reach: Reach,
    /// The command that runs Docker there: `docker`, or `sudo -n docker`.
    pub docker: Vec<String>,
    /// The Engine's socket there; `None`: what `docker context inspect` and `$DOCKER_HOST` say.
    pub socket: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// This machine.
    Local,
    /// Anything that the operator's ssh understands.
    Ssh {
        /// `shop.example.com`, `deploy@10.0.0.4`, a `Host` of `~/.ssh/config`.
        destination: String,
        /// Another configuration file than the operator's own (`ssh -F`).
        config: Option<PathBuf>,
    },
}

impl Host {
    /// What people call it: the destination, or `local`.
    pub fn label(&self) -> &str {
        match &self.reach {
            Reach::Local => "local",
            Reach::Ssh { destination, .. } => destination,
        }
    }
}
