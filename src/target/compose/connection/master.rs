//! The one ssh connection to a server: a child of ours that logs in once and carries everything, and
//! whose end is the sign that the connection is lost.

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openssh::Session;
use tokio::{io::AsyncReadExt, sync::watch};
use tokio_util::task::AbortOnDropHandle;

use super::{askpass::Askpass, words};
use crate::{
    process,
    release::{Fault, FaultKind},
};

/// What ssh says is kept up to here: the end of it.
const LONGEST_WORDS: usize = 8192;
/// ssh tells nobody when it listens, so its socket is looked for: soon at first, rarely while a
/// passphrase is typed.
const LOOK_SOON: Duration = Duration::from_millis(10);
const LOOK_RARELY: Duration = Duration::from_millis(100);

const OPTIONS: [&str; 12] = [
    "StrictHostKeyChecking=yes",
    "ControlMaster=yes",
    "ControlPersist=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "RequestTTY=no",
    "PermitLocalCommand=no",
    "ConnectTimeout=5",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    "LogLevel=INFO",
    "StreamLocalBindMask=0177",
];

/// A live connection. Dropped, ssh is ended.
pub struct Master {
    /// What commands and forwards go through.
    pub session: Arc<Session>,
    socket: PathBuf,
    ended: watch::Receiver<Option<Fault>>,
    _watcher: AbortOnDropHandle<()>,
}

impl Master {
    /// Logs in to `destination`. With `askpass` the operator may be asked; without, nobody is.
    ///
    /// # Errors
    /// What ssh says, by [`words::fault_of`].
    pub async fn connect(
        destination: &str,
        config: Option<&Path>,
        socket: PathBuf,
        askpass: Option<&Askpass>,
    ) -> Result<Self, Fault> {
        let mut command = process::Command::new("ssh")
            .args(["-N", "-M", "-S"])
            .args([&socket])
            .dies_with_us();
        if let Some(config) = config {
            command = command.args(["-F".as_ref(), config.as_os_str()]);
        }
        for option in OPTIONS {
            command = command.args(["-o", option]);
        }
        match askpass {
            Some(askpass) => {
                for (name, value) in askpass.environment() {
                    command = command.env(name, value);
                }
            }
            None => command = command.args(["-o", "BatchMode=yes"]),
        }
        let mut child = command.args(["--", destination]).spawn().map_err(|error| {
            Fault::new(
                FaultKind::Unsupported,
                destination,
                "ssh could not be started here",
            )
            .remedy("install OpenSSH's client, then press R")
            .because(error)
        })?;

        let said = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take();
        let (ended_sender, ended) = watch::channel(None);
        let words_of_child = Arc::clone(&said);
        let label = destination.to_owned();
        let watcher = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Some(stderr) = stderr {
                listen(stderr, &words_of_child).await;
            }
            let status = child.wait().await;
            let said = words_of_child
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            ended_sender.send_replace(Some(end_of(status, &said, &label)));
        }));

        let mut master = Self {
            session: Arc::new(Session::resume_mux(socket.as_path().into(), None)),
            socket,
            ended,
            _watcher: watcher,
        };
        let mut look = LOOK_SOON;
        while !master.socket.exists() {
            tokio::select! {
                fault = master.ended() => {
                    let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    return Err(if said.trim().is_empty() {
                        fault
                    } else {
                        words::fault_of(&said, destination, &words::by_hand(destination, config))
                    });
                }
                () = tokio::time::sleep(look) => look = (look * 2).min(LOOK_RARELY),
            }
        }
        // What was said until now led to a login; what comes from now on tells of its end.
        said.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(master)
    }

    /// Waits for the end of the connection and says why it came.
    pub async fn ended(&mut self) -> Fault {
        loop {
            if let Some(fault) = &*self.ended.borrow_and_update() {
                return fault.clone();
            }
            if self.ended.changed().await.is_err() {
                // The watcher sends before it goes; this is only its being torn down with us.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn listen(mut stderr: tokio::process::ChildStderr, said: &Mutex<String>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..read]);
        tracing::debug!(target: "ssh", "{}", crate::release::text::clean(text.trim_end()));
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&text);
        let mut excess = said.len().saturating_sub(LONGEST_WORDS);
        while !said.is_char_boundary(excess) {
            excess += 1;
        }
        said.drain(..excess);
    }
}

fn end_of(status: std::io::Result<ExitStatus>, said: &str, label: &str) -> Fault {
    match status {
        Err(error) => {
            Fault::new(FaultKind::Unreachable, label, "ssh could not be waited for").because(error)
        }
        Ok(status) if said.trim().is_empty() => words::loss(&format!("ssh ended: {status}"), label),
        Ok(_) => words::loss(said, label),
    }
}
