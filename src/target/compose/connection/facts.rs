//! What a server tells of itself at connect, in one round trip: whether there is what we need, and
//! where the Engine listens.

use crate::{
    config::Host,
    release::{Fault, FaultKind, text},
    target::compose::{
        docker,
        script::{Unquotable, quote},
        shell::Shell,
    },
};

const SCRIPT: &str = include_str!("facts.sh");

/// What a server told of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// `uname -srm`.
    pub system: String,
    /// Who we are there.
    pub user: String,
    /// Whether there is `setsid`, without which no operation can be started.
    pub has_setsid: bool,
    /// Whether the docker command is there.
    pub has_docker: bool,
    /// Where the Engine listens.
    pub endpoint: Endpoint,
}

/// Where the Engine listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket, and whether it can be used.
    Socket {
        /// Its path on the server.
        path: String,
        /// Whether we may use it.
        state: SocketState,
    },
    /// Something that only the docker command can reach.
    Other(String),
    /// It was not told.
    #[default]
    Unknown,
}

/// Whether a socket can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// It is there and we may write to it.
    Open,
    /// It is there and we may not write to it.
    Denied,
    /// There is nothing.
    Missing,
    /// There is something else than a socket.
    Other,
}

/// Asks the server behind `shell`.
///
/// # Errors
/// The link's faults; [`Unsupported`](FaultKind::Unsupported) if it runs no `sh`;
/// [`Invalid`](FaultKind::Invalid) where its docker or its socket cannot be named.
pub async fn ask(shell: &dyn Shell, host: &Host) -> Result<Facts, Fault> {
    let script = script(host).map_err(|error| {
        let message = "its docker or socket holds something that no command can be given";
        Fault::new(FaultKind::Invalid, host.label(), message).because(error)
    })?;
    let output = shell.run(script.into_bytes()).await?;
    let facts = read(&output.stdout);
    if output.status != 0 && facts.system.is_empty() {
        return Err(Fault::new(
            FaultKind::Unsupported,
            host.label(),
            "the server runs no `sh` for us",
        )
        .remedy(format!(
            "check what `ssh {} sh` does: the account may be closed or bound to one command",
            shell_words::quote(host.label())
        ))
        .because(super::words::tail(&String::from_utf8_lossy(&output.stderr))));
    }
    Ok(facts)
}

fn script(host: &Host) -> Result<String, Unquotable> {
    Ok(format!(
        "{}{SCRIPT}facts {} {} </dev/null\n",
        docker::ENDPOINT,
        quote(host.socket.as_deref().unwrap_or_default())?,
        docker::quoted(&host.docker)?
    ))
}

/// Reads what the script printed. What is none of it is left out.
pub fn read(printed: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let mut socket = String::new();
    for line in String::from_utf8_lossy(printed).lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        let value = text::clean(value.trim());
        match (key, &*value) {
            ("system", _) => facts.system = value,
            ("user", _) => facts.user = value,
            ("setsid", "yes") => facts.has_setsid = true,
            ("docker", "yes") => facts.has_docker = true,
            ("endpoint", _) => facts.endpoint = Endpoint::Other(value),
            ("socket", _) => socket = value,
            ("state", state) => {
                let state = match state {
                    "open" => SocketState::Open,
                    "denied" => SocketState::Denied,
                    "missing" => SocketState::Missing,
                    _ => SocketState::Other,
                };
                facts.endpoint = Endpoint::Socket {
                    path: std::mem::take(&mut socket),
                    state,
                };
            }
            _ => {}
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_from_what_it_says() {
        let said = "system Linux 6.1 x86_64\nuser deploy\nsetsid yes\ndocker yes\n\
                    socket /run/user/1000/docker.sock\nstate denied\n";
        let facts = read(said.as_bytes());
        assert!(facts.has_setsid && facts.has_docker);
        assert_eq!(
            facts.endpoint,
            Endpoint::Socket {
                path: "/run/user/1000/docker.sock".into(),
                state: SocketState::Denied
            }
        );
    }
}
