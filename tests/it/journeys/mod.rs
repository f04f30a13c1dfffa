//! Whole journeys through a pseudo-terminal: keys in, screen out, and what the server says afterwards.
//!
//! A journey is one function over a [`world::World`]. It runs in the embedded world, which needs
//! nothing, and in the real one (`FLIGHTDECK_REAL=1`), each time on a project of its own.

mod ahead;
mod asked;
mod backup;
mod cockpit;
mod drift;
mod embedded;
mod failing;
mod first_contact;
mod killed;
mod locked;
mod marked;
mod newer;
mod overtaken;
pub mod real;
mod recovered;
mod rollback;
mod rolling;
mod schema;
mod services;
mod shop;
mod slow_start;
mod stopping;
mod watch;
pub mod world;

pub(crate) use world::program;
