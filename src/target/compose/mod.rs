//! Docker Compose projects on servers, over ssh or here.

pub mod pin;
pub mod script;
pub mod shell;

pub mod connection;
pub mod engine;
