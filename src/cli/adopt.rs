//! `flightdeck adopt`: record what runs in an environment that flightdeck has not seen before.

use crate::release::{
    Permit,
    plan::{Deed, Request},
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Record what runs in an environment that flightdeck has not seen before. Changes nothing that runs.
#[derive(Debug, clap::Args)]
pub struct Adopt {
    /// Where
    environment: String,
    #[command(flatten)]
    flags: DeedFlags,
}

impl Adopt {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let request = Request {
            environment: session.environment(&self.environment)?.name.clone(),
            deed: Deed::Adopt,
            reason: self.flags.reason.clone(),
            overrides: Vec::new(),
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}
