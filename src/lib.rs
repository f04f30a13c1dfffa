//! flightdeck: a release cockpit for the terminal.
//!
//! The rooms, from the top: `cli` and `cockpit` are two faces of one library; `operation` starts and
//! follows deeds; `fleet` knows all environments; `target`, `registry` and `pipeline` are where releases
//! run, where versions come from and what built them; `plan` and `config` are pure; `release` is the
//! ground floor. A room uses only rooms below it.

pub mod release;

pub mod cli;
pub mod clock;
pub mod cockpit;
pub mod config;
pub mod demo;
pub mod diagnostics;
pub mod fleet;
pub mod operation;
pub mod pipeline;
pub mod plan;
pub mod process;
pub mod registry;
pub mod retry;
pub mod secrets;
pub mod target;
#[cfg(test)]
mod time_by_hand;
