//! The one place that starts a child.
//!
//! Every child gets a session of its own, so that nothing below it can ask on the operator's terminal
//! or be reached by the terminal's signals; plain words (`LC_ALL=C`), since some of them are read; and
//! pipes instead of our own descriptors. Nothing here knows what the children are for.

use std::{ffi::OsStr, io, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

/// A child to be: no input, output and errors piped, killed when its handle is dropped.
#[derive(Debug)]
pub struct Command {
    inner: tokio::process::Command,
    dies_with_us: bool,
}

/// What a child left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; 128 + n for a signal.
    pub status: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: Vec<u8>,
}

impl Command {
    /// A child that runs `program`, found on `$PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut inner = tokio::process::Command::new(program);
        inner
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            inner,
            dies_with_us: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.inner.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Gives it an input that we write.
    #[must_use]
    pub fn with_input(mut self) -> Self {
        self.inner.stdin(Stdio::piped());
        self
    }

    /// It is told to end when the thread that starts it ends, also when we are killed. To be spawned
    /// from a thread that lives as long as the program does: a worker of the runtime, never a blocking
    /// one.
    #[must_use]
    pub fn dies_with_us(mut self) -> Self {
        self.dies_with_us = true;
        self
    }

    /// It is not killed when its handle is dropped, since it ends by itself when its input does.
    #[must_use]
    pub fn ends_with_its_input(mut self) -> Self {
        self.inner.stdin(Stdio::piped()).kill_on_drop(false);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// Those of fork and exec: above all, `program` is not there.
    pub fn spawn(mut self) -> io::Result<tokio::process::Child> {
        let parent = rustix::process::getpid();
        let dies_with_us = self.dies_with_us;
        let prepare = move || in_the_child(parent, dies_with_us);
        // SAFETY: `prepare` runs between fork and exec. It only makes system calls that are safe there
        // (setsid, prctl, getppid), takes no lock and allocates nothing.
        unsafe {
            self.inner.pre_exec(prepare);
        }
        self.inner.spawn()
    }

    /// Starts it, hands it `input`, and waits for its end and the end of what it says.
    ///
    /// # Errors
    /// Those of [`spawn`](Self::spawn) and of its pipes; more than `limit` bytes of output are
    /// [`io::ErrorKind::FileTooLarge`].
    pub async fn collect(self, input: &[u8], limit: usize) -> io::Result<Output> {
        let mut child = self.with_input().spawn()?;
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                feed(&mut stdin, input).await?;
            }
            Ok(())
        };
        let ((), stdout, stderr, status) = tokio::try_join!(
            feed,
            read_bounded(stdout, limit),
            read_bounded(stderr, limit),
            child.wait()
        )?;
        Ok(Output {
            status: status_number(status),
            stdout,
            stderr,
        })
    }
}

fn in_the_child(parent: Pid, dies_with_us: bool) -> io::Result<()> {
    rustix::process::setsid()?;
    #[cfg(target_os = "linux")]
    if dies_with_us {
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        // We may have been killed before the line above: then nobody would tell the child.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from_raw_os_error(
                rustix::io::Errno::SRCH.raw_os_error(),
            ));
        }
    }
    Ok(())
}

/// Writes all of `input` and closes. A reader that has left already is not an error: its exit status
/// tells why.
///
/// # Errors
/// Those of writing, but for a closed pipe.
pub async fn feed(
    stdin: &mut (impl tokio::io::AsyncWrite + Unpin),
    input: &[u8],
) -> io::Result<()> {
    let written = async {
        stdin.write_all(input).await?;
        stdin.shutdown().await
    };
    match written.await {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Reads to the end; `None` has nothing.
///
/// # Errors
/// Those of reading; more than `limit` bytes are [`io::ErrorKind::FileTooLarge`].
pub async fn read_bounded(
    source: Option<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(source) = source {
        source
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .await?;
    }
    if bytes.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes of output"),
        ));
    }
    Ok(bytes)
}

/// An exit status as shells count: 128 + n for a signal.
pub fn status_number(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// Waits for a child whose input was closed; one that does not end within `grace` is killed with
/// everything in its session's first process group.
pub async fn let_go(mut child: tokio::process::Child, grace: Duration) {
    drop(child.stdin.take());
    if tokio::time::timeout(grace, child.wait()).await.is_ok() {
        return;
    }
    let group = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some(group) = group {
        // An error here means that it has ended meanwhile.
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_has_a_session_of_its_own_and_plain_words() {
        let script = "echo $$ $(cut -d' ' -f6 /proc/$$/stat) $LC_ALL; cat; exit 3";
        let output = Command::new("sh")
            .args(["-c", script])
            .collect(b"input", 1024)
            .await
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let (first, rest) = said.split_once('\n').unwrap();
        let words: Vec<&str> = first.split(' ').collect();
        assert_eq!(words[0], words[1], "it leads its session");
        assert_eq!(words[2], "C");
        assert_eq!((rest, output.status), ("input", 3));
    }

    #[tokio::test]
    async fn output_without_end_is_refused_not_kept() {
        let error = Command::new("sh")
            .args(["-c", "exec yes"])
            .collect(b"", 10_000)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[tokio::test]
    async fn a_signal_is_told_as_shells_do() {
        let output = Command::new("sh")
            .args(["-c", "kill -TERM $$"])
            .collect(b"", 10)
            .await
            .unwrap();
        assert_eq!(output.status, 128 + 15);
    }
}
