//! A service: where its images come from, what pins its version and how its containers are replaced.

use crate::release::{Repository, ServiceName, version::TagConvention};

/// A part of a release with an image of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, as in the compose file.
    pub name: ServiceName,
    /// Where its images come from.
    pub repository: Repository,
    /// How its tags are written and ordered.
    pub tags: TagConvention,
    /// What pins its version on a Compose server.
    pub pin: Pin,
    /// How its containers are replaced.
    pub strategy: Strategy,
}

/// How a service's containers are replaced by those of another version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The old ones are stopped, then the new ones are started.
    #[default]
    Recreate,
    /// The new ones are started beside the old, which go when the new ones hold; where the compose file
    /// allows it. For services of which two versions may run at once.
    Rolling,
}

/// What pins a service's version on a Compose server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// A variable of a `.env` file that the compose file interpolates.
    Variable {
        /// The file, relative to the environment's directory.
        file: String,
        /// The variable.
        variable: String,
        /// What the variable holds.
        form: PinForm,
    },
    /// An override file of our own that sets the service's `image`; one of the environment's files.
    Override {
        /// The file, relative to the environment's directory.
        file: String,
    },
}

/// What a pinning variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinForm {
    /// `v1@sha256:…`, for `image: repository:${TAG}`.
    Tag,
    /// `repository:v1@sha256:…`, for `image: ${IMAGE}`.
    Reference,
}
