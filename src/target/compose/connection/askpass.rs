//! How ssh asks the operator: it runs flightdeck under `SSH_ASKPASS` with its prompt, and that child
//! brings the prompt to the cockpit over a socket in our own directory and the answer back.
//!
//! Host keys are never asked about: `StrictHostKeyChecking=yes` stays. A secret travels only through
//! the socket (0700 directory) and the child's standard output, which ssh reads.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::net::UnixStream as BlockingStream,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    release::text,
    target::{Answerer, Question},
};

/// Names the socket for the child that ssh runs.
pub const VARIABLE: &str = "FLIGHTDECK_ASKPASS";
/// ssh tells with it that it wants a yes or no, or nothing at all.
const HINT: &str = "SSH_ASKPASS_PROMPT";
const LONGEST_PROMPT: usize = 1000;
/// A child that has connected sends its prompt at once.
const PROMPT_TIME: Duration = Duration::from_secs(5);

/// The whole life of the child that ssh runs: brings the prompt in its first argument to `socket`, the
/// value of [`VARIABLE`], and prints the answer. To be called by `main` before anything else where that
/// variable is set. Fails if the answer is "no" or nobody is there to ask.
pub fn client_main(socket: OsString) -> ExitCode {
    let prompt = std::env::args().nth(1).unwrap_or_default();
    let hint = std::env::var(HINT).unwrap_or_default();
    match bring(Path::new(&socket), &hint, &prompt) {
        Ok(Some(answer)) => {
            let mut out = io::stdout().lock();
            let printed = out
                .write_all(answer.expose_secret().as_bytes())
                .and_then(|()| out.write_all(b"\n"))
                .and_then(|()| out.flush());
            match printed {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        Ok(None) | Err(_) => ExitCode::FAILURE,
    }
}

/// Asks over the socket; `None` is "no".
fn bring(socket: &Path, hint: &str, prompt: &str) -> io::Result<Option<SecretString>> {
    let mut stream = BlockingStream::connect(socket)?;
    let hint = match hint {
        "" => "text",
        "confirm" => "confirm",
        _ => "none",
    };
    let bounded: String = prompt.chars().take(LONGEST_PROMPT).collect();
    stream.write_all(format!("{hint} {}\n{bounded}", bounded.len()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer
        .strip_prefix('+')
        .map(|answer| SecretString::from(answer.to_owned())))
}

/// Where the children of one server's ssh bring their prompts.
pub struct Askpass {
    socket: PathBuf,
    program: PathBuf,
    _listener: AbortOnDropHandle<()>,
}

impl Askpass {
    /// Listens on `socket` for prompts about `host`. Each becomes a question that is handed to `ask`,
    /// which returns whether anybody will see it. `program` is what ssh runs: flightdeck.
    ///
    /// # Errors
    /// Those of listening.
    pub fn listen(
        socket: PathBuf,
        program: PathBuf,
        host: String,
        ask: impl Fn(Question) -> bool + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = UnixListener::bind(&socket)?;
        let task = tokio::spawn(async move {
            // One after the other: ssh asks for one thing at a time.
            while let Ok((stream, _)) = listener.accept().await {
                // A child that goes away has no answer to wait for.
                let _ = serve(stream, &host, &ask).await;
            }
        });
        Ok(Self {
            socket,
            program,
            _listener: AbortOnDropHandle::new(task),
        })
    }

    /// The environment that makes ssh ask here.
    pub fn environment(&self) -> [(&'static str, OsString); 3] {
        [
            ("SSH_ASKPASS", self.program.clone().into()),
            ("SSH_ASKPASS_REQUIRE", "force".into()),
            (VARIABLE, self.socket.clone().into()),
        ]
    }
}

impl Drop for Askpass {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn serve(
    stream: UnixStream,
    host: &str,
    ask: &(impl Fn(Question) -> bool + Send + Sync),
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (hint, prompt) = tokio::time::timeout(PROMPT_TIME, read_prompt(&mut stream)).await??;
    if hint == "none" {
        // "Touch your key": there is nothing to type, and no question to answer.
        return stream.write_all(b"-").await;
    }
    let (answer, mut answered) = Answerer::new();
    let question = Question {
        prompt,
        host: host.to_owned(),
        secret: hint != "confirm",
        answer,
    };
    if !ask(question) {
        return stream.write_all(b"-").await;
    }
    let mut byte = [0];
    let answer = tokio::select! {
        answer = &mut answered => answer.ok().flatten(),
        // The child sends nothing more: this is its end.
        _ = stream.read(&mut byte) => return Ok(()),
    };
    match answer {
        Some(answer) => {
            stream.write_all(b"+").await?;
            stream.write_all(answer.expose_secret().as_bytes()).await
        }
        None => stream.write_all(b"-").await,
    }
}

async fn read_prompt(stream: &mut BufReader<UnixStream>) -> io::Result<(String, String)> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = String::new();
    (&mut *stream).take(32).read_line(&mut head).await?;
    let (hint, length) = head.trim_end().split_once(' ').ok_or_else(malformed)?;
    let length: usize = length.parse().map_err(|_| malformed())?;
    if length > LONGEST_PROMPT * 4 {
        return Err(malformed());
    }
    let mut prompt = vec![0; length];
    stream.read_exact(&mut prompt).await?;
    let prompt = text::clean(&String::from_utf8_lossy(&prompt));
    Ok((hint.to_owned(), prompt.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(
        directory: &Path,
        seen: bool,
    ) -> (Askpass, tokio::sync::mpsc::UnboundedReceiver<Question>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let askpass = Askpass::listen(
            directory.join("ask"),
            "flightdeck".into(),
            "shop".into(),
            move |question| seen && sender.send(question).is_ok(),
        )
        .unwrap();
        (askpass, receiver)
    }

    async fn brought(socket: PathBuf, hint: &'static str, prompt: String) -> Option<String> {
        tokio::task::spawn_blocking(move || bring(&socket, hint, &prompt))
            .await
            .unwrap()
            .unwrap()
            .map(|answer| answer.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_prompt_reaches_the_operator_and_the_answer_ssh() {
        let directory = tempfile::tempdir().unwrap();
        let (askpass, mut questions) = listening(directory.path(), true);
        let child = tokio::spawn(brought(
            askpass.socket.clone(),
            "",
            "Enter passphrase for key \u{1b}[31m'/home/mira/.ssh/id':\n".into(),
        ));
        let question = questions.recv().await.unwrap();
        assert_eq!(
            question.prompt,
            "Enter passphrase for key '/home/mira/.ssh/id':"
        );
        assert!(question.secret && question.host == "shop");
        assert!(
            question
                .answer
                .answer(Some("open sesame".to_owned().into()))
        );
        assert_eq!(child.await.unwrap().as_deref(), Some("open sesame"));
    }

    #[tokio::test]
    async fn where_nobody_can_see_it_the_answer_is_no() {
        let directory = tempfile::tempdir().unwrap();
        let (askpass, _questions) = listening(directory.path(), false);
        assert_eq!(
            brought(askpass.socket.clone(), "", "Password:".into()).await,
            None
        );
    }

    #[tokio::test]
    async fn a_child_that_was_ended_leaves_no_question_behind() {
        let directory = tempfile::tempdir().unwrap();
        let (askpass, mut questions) = listening(directory.path(), true);
        let mut stream = UnixStream::connect(&askpass.socket).await.unwrap();
        stream.write_all(b"text 9\nPassword:").await.unwrap();
        let question = questions.recv().await.unwrap();
        drop(stream);
        // The next one is served, so the first was given up.
        let child = tokio::spawn(brought(askpass.socket.clone(), "confirm", "Sure?".into()));
        let next = questions.recv().await.unwrap();
        assert!(question.answer.is_gone());
        assert!(!next.secret);
        next.answer.answer(None);
        assert_eq!(child.await.unwrap(), None);
    }
}
