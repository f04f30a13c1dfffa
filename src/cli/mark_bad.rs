//! `flightdeck mark-bad`: say of a release that no rollback may return to it by default.

use crate::release::{
    Permit,
    operation::OperationId,
    plan::{Deed, MarkedRelease, Request},
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Say of a release that no rollback may return to it by default, until it is healthy anew.
#[derive(Debug, clap::Args)]
pub struct MarkBad {
    /// Where
    environment: String,
    /// The operation that brought the release, as `history` numbers them
    #[arg(required_unless_present = "running")]
    operation: Option<OperationId>,
    /// The release that runs now
    #[arg(long, conflicts_with = "operation")]
    running: bool,
    #[command(flatten)]
    flags: DeedFlags,
}

impl MarkBad {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let release = match self.operation {
            Some(operation) => MarkedRelease::Operation(operation),
            None => MarkedRelease::Running,
        };
        let request = Request {
            environment: session.environment(&self.environment)?.name.clone(),
            deed: Deed::MarkBad { release },
            reason: self.flags.reason.clone(),
            overrides: Vec::new(),
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}
