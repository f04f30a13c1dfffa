//! What travels between the `docker` command and the world, over the control socket.
//!
//! One request (four bytes of length, then JSON), then frames back: a byte for the kind, four of length,
//! the bytes. The connection's end is the command's: who is killed stops asking.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The socket's name, beside the directory of the command.
pub const SOCKET: &str = "control.sock";

/// The longest request that is read.
pub const LONGEST: usize = 4 << 20;

/// What the command was asked to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Its arguments, without its own name.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its environment: Compose interpolates from it.
    pub environment: BTreeMap<String, String>,
    /// Its standard input, where an argument names it or asks for it.
    pub input: Option<String>,
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes for standard output.
    Out = 1,
    /// Bytes for standard error.
    Err = 2,
    /// One byte: the exit code. The last frame.
    Exit = 3,
}

impl Kind {
    /// The kind that a byte means.
    pub fn of(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Out),
            2 => Some(Self::Err),
            3 => Some(Self::Exit),
            _ => None,
        }
    }
}

/// Four bytes of length.
pub fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

/// Whether a command line reads standard input: it names it, or runs something that does.
pub fn reads_input(arguments: &[String]) -> bool {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    // A dump reads nothing: its standard input stays open for as long as somebody takes it.
    let is_fed = has("exec") && has("-i") && !has("pg_dump");
    is_fed || arguments.iter().any(|argument| names_input(argument))
}

/// Whether an argument names standard input.
fn names_input(argument: &str) -> bool {
    matches!(
        argument,
        "-" | "/dev/stdin" | "/proc/self/fd/0" | "/dev/fd/0"
    )
}
