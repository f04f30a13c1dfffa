//! What the tests stand on: a terminal to look at, and worlds to look into.

pub mod project;
pub mod real_world;
pub mod shellcheck;
pub mod terminal;
mod turns;
pub mod waiting;
