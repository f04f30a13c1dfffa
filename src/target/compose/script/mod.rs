//! What travels to a server: the scripts of `assets/`, an operation's folder, and the answers.
//!
//! Nothing here runs anything or knows of docker: it lays text and reads text. How the parts meet on
//! the server is told at the head of `assets/runner.sh`, `assets/follower.sh` and `assets/tail.sh`.
//!
//! Every script that travels is one function that is called on the last line, so that a script which
//! was cut off on its way runs nothing.

mod folder;
mod frame;
mod lines;
mod quote;
mod reply;
mod shape;
mod travel;

pub use folder::{Access, Folder, LayError, Pass, Scripts};
pub use frame::{Frame, FrameCodec, FrameError, Part};
pub use lines::{JournalLines, read_ledger};
pub use quote::{Unquotable, directory, printf, quote};
pub use reply::{
    CancelReply, Refusal, StartFailure, StartReply, UnlockReply, Unreadable, VerdictReply,
    cancel_reply, find_reply, newer_reply, start_reply, unlock_reply, verdict_reply,
};
pub use shape::LedgerShape;
pub use travel::{
    Nonce, Pin, Place, Watched, cancel, find, follow, history, lock, tail, unlock, upload, verdict,
};
