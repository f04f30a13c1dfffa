//! Face two: the terminal UI.
//!
//! [`run`] is the loop: signals, keys, facts and deadlines become messages, [`update`] takes them into
//! the [`model`], [`view`] draws it. What has to be done outside is an effect, what has to be kept
//! running is a want; both are carried out by [`tasks`]. Nothing here speaks to a server by itself.

pub mod ages;
pub mod cells;
pub mod input;
pub mod keymap;
pub mod layout;
pub mod model;
pub mod overlays;
pub mod panes;
pub mod run;
pub mod tasks;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;

#[cfg(test)]
mod tests;

pub use run::{Options, run};
