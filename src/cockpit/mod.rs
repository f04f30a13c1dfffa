//! Face two: the terminal UI.
//!
//! [`run`] is the loop: signals, keys, facts and deadlines become messages, [`update`] takes them into
//! the [`model`], [`view`] draws it. What has to be done outside is an effect, what has to be kept
//! running is a want; both are carried out by [`tasks`]. Nothing here speaks to a server by itself.
//!
//! Watch mode is the cockpit without a [`Permit`](crate::release::Permit): what changes things is made
//! from one, and there is nothing else to make it from. With a permit a plan can be confirmed,
//! ```
//! use flightdeck::release::{Confirmed, Permit, confirm::Answer, plan::Plan};
//!
//! fn confirm(plan: &Plan, permit: Permit) -> Option<Confirmed<Plan>> {
//!     plan.confirm(permit, Answer::Button).ok()
//! }
//! ```
//! without one it cannot, nor can the confirmation be put together by hand:
//! ```compile_fail,E0308
//! use flightdeck::release::{Confirmed, Permit, confirm::Answer, plan::Plan};
//!
//! fn confirm(plan: &Plan, permit: Option<Permit>) -> Option<Confirmed<Plan>> {
//!     plan.confirm(permit, Answer::Button).ok()
//! }
//! ```
//! ```compile_fail,E0451
//! use flightdeck::release::{Confirmed, Permit, plan::Plan};
//!
//! fn confirm(plan: Plan, permit: Permit) -> Confirmed<Plan> {
//!     Confirmed { inner: plan, permit }
//! }
//! ```
//! ```compile_fail,E0451
//! let permit = flightdeck::release::Permit { _only_minted: () };
//! ```

pub mod ages;
pub mod cells;
pub mod input;
pub mod keymap;
pub mod layout;
pub mod model;
pub mod overlays;
pub mod panes;
pub mod run;
pub mod signals;
pub mod tasks;
pub mod terminal;
pub mod theme;
pub mod update;
pub mod view;

#[cfg(test)]
mod tests;

pub use run::{OpenAt, Options, run};
