//! Where a command prints.

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;

use super::wire::{Kind, length};

/// What a command prints to: both of its streams, in order.
#[derive(Debug, Clone)]
pub struct Console {
    frames: mpsc::Sender<Bytes>,
}

/// What a command comes to: its exit code, or a complaint and an exit code.
pub type Ended = Result<u8, Complaint>;

/// Why a command failed, as it says so on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The text, without a line break; nothing is printed where it is empty.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Complaint {
    /// A complaint with exit code 1.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: 1,
        }
    }

    /// A complaint of the Engine's, as the command repeats it.
    pub fn of_engine(text: impl AsRef<str>) -> Self {
        Self::new(format!("Error response from daemon: {}", text.as_ref()))
    }

    /// A complaint with another exit code.
    pub fn with_code(text: impl Into<String>, code: u8) -> Self {
        Self {
            text: text.into(),
            code,
        }
    }
}

impl From<String> for Complaint {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Console {
    /// A console, and the frames that it makes.
    pub fn new() -> (Self, mpsc::Receiver<Bytes>) {
        let (frames, receiver) = mpsc::channel(64);
        (Self { frames }, receiver)
    }

    /// Prints a line on standard output.
    pub async fn out(&self, line: impl AsRef<str>) {
        self.send(Kind::Out, format!("{}\n", line.as_ref()).as_bytes())
            .await;
    }

    /// Prints a line on standard error.
    pub async fn err(&self, line: impl AsRef<str>) {
        self.send(Kind::Err, format!("{}\n", line.as_ref()).as_bytes())
            .await;
    }

    /// Ends.
    pub async fn exit(&self, code: u8) {
        self.send(Kind::Exit, &[code]).await;
    }

    async fn send(&self, kind: Kind, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut frame = BytesMut::with_capacity(bytes.len() + 5);
        frame.put_u8(kind as u8);
        frame.put_slice(&length(bytes));
        frame.put_slice(bytes);
        // Who does not listen any more has gone, and the command is about to be dropped.
        let _ = self.frames.send(frame.freeze()).await;
    }
}
