//! Docker Compose projects on servers, over ssh or here.

pub mod shell;

pub mod connection;
pub mod engine;
