//! The one way to run something on a server: a script handed to `sh` on its standard input, so that the
//! login shell may be fish and no shell syntax travels in a command.

use futures::future::BoxFuture;

use crate::release::Fault;

/// A server's `sh`, over ssh or here. Reconnecting is not its business: a broken link is a fault.
pub trait Shell: Send + Sync {
    /// Runs `script` to its end, in one round trip.
    ///
    /// # Errors
    /// The link's faults. A script that ends with another status than 0 is not an error here.
    fn run(&self, script: Vec<u8>) -> BoxFuture<'_, Result<ShellOutput, Fault>>;
}

/// What a script answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellOutput {
    /// Its exit status; 128 + n for a signal.
    pub status: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: Vec<u8>,
}
