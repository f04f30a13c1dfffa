//! `flightdeck restore`: bring a backup of the database back.

use crate::release::{
    Permit,
    operation::OperationId,
    plan::{Deed, Request},
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Bring a backup of the database back. What was written to the database since is lost.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// Where
    environment: String,
    /// The backup that this operation made, as `history` numbers them; the newest unless said
    operation: Option<OperationId>,
    #[command(flatten)]
    flags: DeedFlags,
}

impl Restore {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let environment = session.environment(&self.environment)?;
        if environment.backup.is_none() {
            return Err(Failure::Usage(format!(
                "{0} has no backup; add [environments.{0}.backup] to the configuration",
                environment.name
            )));
        }
        let request = Request {
            environment: environment.name.clone(),
            deed: Deed::Restore {
                operation: self.operation,
            },
            reason: self.flags.reason.clone(),
            overrides: Vec::new(),
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}
