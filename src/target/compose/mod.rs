//! Docker Compose projects on servers, over ssh or here.

pub mod script;
pub mod pin;
pub mod shell;
