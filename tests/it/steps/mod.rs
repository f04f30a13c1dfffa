//! The scripts of a plan's steps on the real runner.

mod alembic;
mod backup;
mod checks;
mod heads;
mod hooks;
mod hostile;
mod killed;
mod pins;
mod real;
mod rolling;
mod server;
mod shells;
mod travels;
mod verify;

use std::time::Duration;

use flightdeck::release::{
    ServiceName,
    plan::{Again, Intent, OnStepFailure, Step},
};

fn name(service: &str) -> ServiceName {
    service.parse().unwrap()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A step that nobody interrupts and that changes something.
fn step(id: &str, intent: Intent) -> Step {
    Step {
        id: id.to_owned(),
        intent,
        limit: Duration::from_secs(120),
        estimate: None,
        again: Again::Safe,
        interruptible: false,
        changes: true,
        failure: OnStepFailure::Stops,
    }
}
