//! The ground floor: the words of this field as types.
//!
//! Everything above speaks in these: names, image references, releases, what was observed, plans,
//! journals, faults, moments. Nothing here does I/O, knows a screen, a server or a file format other
//! than the JSON of plans, journals and ledgers.

pub mod check;
pub mod confirm;
pub mod fault;
pub mod hook;
pub mod image;
pub mod name;
pub mod newer;
pub mod observation;
pub mod observed;
pub mod operation;
pub mod plan;
pub mod record;
pub mod recovery;
pub mod survey;
pub mod text;
pub mod time;
pub mod version;
pub mod workflow;
mod written;

pub use confirm::{Confirmed, Permit};
pub use fault::{Fault, FaultKind};
pub use image::{Digest, ImageId, ImageReference, Repository, Tag};
pub use name::{EnvironmentName, ServiceName};
pub use time::{Moment, Now};
