//! What runs on a server: a script to its end, or one that goes on until its input is closed. The same
//! over ssh, as sessions of one connection, and here.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use openssh::{Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::task::AbortOnDropHandle;

use super::words;
use crate::{
    process,
    release::{Fault, FaultKind},
    target::compose::shell::{Shell, ShellOutput},
};

/// More than this is not an answer to any question of ours.
const LONGEST_OUTPUT: usize = 32 << 20;
/// How much of a channel's complaints is kept: the end.
const LONGEST_COMPLAINT: usize = 4096;
/// How long a local script may go on after its input was closed.
const GRACE: Duration = Duration::from_secs(5);

/// A server's `sh`.
#[derive(Clone)]
pub enum Channels {
    /// This machine's.
    Local,
    /// A server's, as sessions of one connection.
    Ssh {
        /// The connection.
        session: Arc<Session>,
        /// What people call the server.
        label: Arc<str>,
    },
}

impl Shell for Channels {
    fn run(&self, script: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>> {
        Box::pin(async move {
            match self {
                Self::Local => {
                    let output = process::Command::new("sh")
                        .collect(&script, LONGEST_OUTPUT)
                        .await
                        .map_err(local_fault)?;
                    Ok(ShellOutput {
                        status: output.status,
                        stdout: output.stdout,
                        stderr: output.stderr,
                    })
                }
                Self::Ssh { session, label } => run_over_ssh(session, label, &script).await,
            }
        })
    }
}

impl Channels {
    /// Starts `script`, which goes on until its input is closed: when the handle is dropped.
    ///
    /// # Errors
    /// The link's faults, and too many sessions.
    pub async fn open(&self, script: &[u8]) -> Result<Running, Fault> {
        let mut running = self.start(&["sh"]).await?;
        if let Some(stdin) = &mut running.stdin {
            let fed = async {
                stdin.write_all(script).await?;
                stdin.flush().await
            };
            fed.await.map_err(|error| {
                Fault::new(
                    FaultKind::Unreachable,
                    self.label(),
                    "a script could not be handed over",
                )
                .because(error)
            })?;
        }
        Ok(running)
    }

    /// Starts a command, its words as they are.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn start(&self, command: &[&str]) -> Result<Running, Fault> {
        match self {
            Self::Local => {
                let (program, args) = command.split_first().unwrap_or((&"true", &[]));
                let mut child = process::Command::new(program)
                    .args(args)
                    .ends_with_its_input()
                    .spawn()
                    .map_err(local_fault)?;
                let stdin = child.stdin.take().map(|stdin| Box::pin(stdin) as Writer);
                let stdout = child.stdout.take().map(|stdout| Box::pin(stdout) as Reader);
                let complaints = Complaints::collect(child.stderr.take());
                Ok(Running {
                    stdin,
                    stdout,
                    complaints,
                    end: End::Local(Some(child)),
                })
            }
            Self::Ssh { session, label } => {
                let mut child = Arc::clone(session)
                    .arc_raw_command(shell_words::join(command))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .await
                    .map_err(|error| ssh_fault(&error, label))?;
                let stdin = child.stdin().take().map(|stdin| Box::pin(stdin) as Writer);
                let stdout = child
                    .stdout()
                    .take()
                    .map(|stdout| Box::pin(stdout) as Reader);
                let complaints = Complaints::collect(child.stderr().take());
                Ok(Running {
                    stdin,
                    stdout,
                    complaints,
                    end: End::Ssh(child),
                })
            }
        }
    }

    fn label(&self) -> &str {
        match self {
            Self::Local => "local",
            Self::Ssh { label, .. } => label,
        }
    }
}

async fn run_over_ssh(
    session: &Arc<Session>,
    label: &str,
    script: &[u8],
) -> Result<ShellOutput, Fault> {
    let mut child = session
        .raw_command("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .await
        .map_err(|error| ssh_fault(&error, label))?;
    let stdin = child.stdin().take();
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let feed = async {
        match stdin {
            Some(mut stdin) => process::feed(&mut stdin, script).await,
            None => Ok(()),
        }
    };
    let ((), stdout, stderr) = tokio::try_join!(
        feed,
        process::read_bounded(stdout, LONGEST_OUTPUT),
        process::read_bounded(stderr, LONGEST_OUTPUT)
    )
    .map_err(|error| {
        Fault::new(
            FaultKind::Malformed,
            label,
            "a script's answer could not be read",
        )
        .because(error)
    })?;
    let status = match child.wait().await {
        Ok(status) => process::status_number(status),
        // How the crate tells exit status 127.
        Err(openssh::Error::Remote(_)) => 127,
        Err(openssh::Error::RemoteProcessTerminated) if session.check().await.is_ok() => {
            return Err(Fault::new(
                FaultKind::Failed,
                label,
                "a script of ours was ended by a signal",
            ));
        }
        Err(error) => return Err(ssh_fault(&error, label)),
    };
    Ok(ShellOutput {
        status,
        stdout,
        stderr,
    })
}

type Reader = Pin<Box<dyn AsyncRead + Send + Sync>>;
type Writer = Pin<Box<dyn AsyncWrite + Send + Sync>>;

/// Something that runs on a server until its input is closed. Reads as what it prints, writes as what
/// it reads. Dropped, its input is closed, which ends what we run there.
pub struct Running {
    stdin: Option<Writer>,
    stdout: Option<Reader>,
    complaints: Complaints,
    end: End,
}

enum End {
    Local(Option<tokio::process::Child>),
    // Its being dropped closes the session.
    Ssh(#[expect(dead_code, reason = "held for its drop")] openssh::Child<Arc<Session>>),
}

impl Running {
    /// The last of what it complained of, so far.
    pub fn complaint(&self) -> String {
        self.complaints.last()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stdin = None;
        if let End::Local(child) = &mut self.end
            && let Some(child) = child.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(process::let_go(child, GRACE));
        }
    }
}

impl AsyncRead for Running {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stdout {
            Some(stdout) => stdout.as_mut().poll_read(context, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Running {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => stdin.as_mut().poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => stdin.as_mut().poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}

/// The end of what something complains of; read on, so that it never blocks on it.
struct Complaints {
    text: Arc<Mutex<Vec<u8>>>,
    _reader: Option<AbortOnDropHandle<()>>,
}

impl Complaints {
    fn collect(source: Option<impl AsyncRead + Send + Unpin + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&text);
        let reader = source.map(|mut source| {
            AbortOnDropHandle::new(tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(read @ 1..) = source.read(&mut buffer).await {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&buffer[..read]);
                    let excess = kept.len().saturating_sub(LONGEST_COMPLAINT);
                    kept.drain(..excess);
                }
            }))
        });
        Self {
            text,
            _reader: reader,
        }
    }

    fn last(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        words::tail(&String::from_utf8_lossy(&text))
    }
}

fn local_fault(error: io::Error) -> Fault {
    let kind = match error.kind() {
        io::ErrorKind::FileTooLarge => FaultKind::Malformed,
        io::ErrorKind::NotFound => FaultKind::Unsupported,
        _ => FaultKind::Failed,
    };
    Fault::new(kind, "local", "a command of ours could not be run").because(error)
}

/// What goes wrong with a session of a connection that was made.
pub fn ssh_fault(error: &openssh::Error, label: &str) -> Fault {
    let said = said(error);
    if said.contains("open refused by peer") || said.contains("Session open refused") {
        return Fault::new(
            FaultKind::RateLimited,
            label,
            "the server allows no more sessions on this connection",
        )
        .remedy("close what you do not need, or raise MaxSessions in its sshd_config")
        .because(said);
    }
    match error {
        openssh::Error::Disconnected | openssh::Error::RemoteProcessTerminated => {
            Fault::new(FaultKind::Unreachable, label, "the connection broke off")
        }
        _ => Fault::new(
            FaultKind::Unreachable,
            label,
            "the connection could not be used",
        )
        .because(said),
    }
}

/// An error with its sources, in one line.
fn said(error: &openssh::Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_local_script_answers_and_fails_as_it_does() {
        let output = Channels::Local
            .run(b"echo out; echo err >&2; exit 4\n".to_vec())
            .await
            .unwrap();
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(output.status, 4);
    }

    #[tokio::test]
    async fn what_goes_on_ends_with_its_input() {
        let end = tempfile::NamedTempFile::new().unwrap();
        let script = format!(
            "go_on() {{ echo ready; cat >/dev/null; echo ended >'{}'; }}\ngo_on\n",
            end.path().display()
        );
        let mut running = Channels::Local.open(script.as_bytes()).await.unwrap();
        let mut ready = [0; 6];
        running.read_exact(&mut ready).await.unwrap();
        assert_eq!(&ready, b"ready\n");
        running.shutdown().await.unwrap();
        let mut rest = Vec::new();
        running.read_to_end(&mut rest).await.unwrap();
        assert_eq!(std::fs::read_to_string(end.path()).unwrap(), "ended\n");
    }
}
