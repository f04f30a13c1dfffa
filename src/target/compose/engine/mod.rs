//! What runs: an environment's containers and their images, read from the Engine and kept true by its
//! events. Only reads.

mod coalesce;
pub mod containers;
pub mod events;
pub mod watch;

use std::io;

use bollard::errors::Error;

use crate::release::{Fault, FaultKind};

/// Compose's labels.
pub mod label {
    /// The project.
    pub const PROJECT: &str = "com.docker.compose.project";
    /// The service.
    pub const SERVICE: &str = "com.docker.compose.service";
    /// `True` for containers of `docker compose run`.
    pub const ONE_OFF: &str = "com.docker.compose.oneoff";
    /// The number among a service's containers, from 1.
    pub const NUMBER: &str = "com.docker.compose.container-number";
    /// The hash of the service's configuration.
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// Which Compose made the container.
    pub const VERSION: &str = "com.docker.compose.version";
    /// The project's directory.
    pub const WORKING_DIRECTORY: &str = "com.docker.compose.project.working_dir";
    /// The compose files, comma-separated.
    pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
}

/// A part of a path, whatever it holds.
pub fn segment(text: &str) -> String {
    // What is written with a `+` in a query is none in a path.
    let written: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    written.replace('+', "%20")
}

/// What stands behind the question mark.
fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What a client's error means; `host` is what people call the server.
pub fn fault_of(error: &Error, host: &str) -> Fault {
    let (kind, message) = match error {
        Error::DockerResponseServerError { status_code, .. } => match status_code {
            401 | 403 => (FaultKind::Permission, "the Docker Engine refuses it"),
            404 => (FaultKind::Missing, "the Docker Engine knows no such thing"),
            429 => (FaultKind::RateLimited, "the Docker Engine asks us to wait"),
            400..=499 => (
                FaultKind::Unsupported,
                "the Docker Engine does not take our request",
            ),
            _ => (FaultKind::Failed, "the Docker Engine failed"),
        },
        Error::RequestTimeoutError => (
            FaultKind::TimedOut,
            "the Docker Engine did not answer in time",
        ),
        Error::JsonDataError { .. } | Error::JsonSerdeError { .. } => (
            FaultKind::Malformed,
            "the Docker Engine's answer cannot be understood",
        ),
        Error::IOError { err } if err.kind() == io::ErrorKind::FileTooLarge => {
            return Fault::new(
                FaultKind::Malformed,
                host,
                "the Docker Engine's answer is longer than any that we ask for",
            )
            .because(chain(error))
            .remedy(
                "look there, by docker ps and docker inspect, at what is so long: its labels?",
            );
        }
        _ => (FaultKind::Unreachable, "the Docker Engine does not answer"),
    };
    Fault::new(kind, host, message).because(chain(error))
}

/// That the Engine ended its stream of events, which it does only when it stops.
pub fn ended(host: &str) -> Fault {
    Fault::new(
        FaultKind::Unreachable,
        host,
        "the Docker Engine ended its stream of events",
    )
}

/// An error with its sources, in one line.
fn chain(error: &Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
