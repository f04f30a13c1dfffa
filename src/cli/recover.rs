//! `flightdeck recover`: cancel the operation that runs, or deal with one that did not end by itself.

use serde_json::json;

use crate::{
    fleet::Fleet,
    operation,
    release::{Fault, FaultKind, Permit, operation::Recovery},
};

use super::{
    Attendant, Exit, Failure, Session,
    progress::{self, Followed},
};

/// Cancel the operation that runs, or deal with one that did not end by itself.
#[derive(Debug, clap::Args)]
pub struct Recover {
    /// Where
    environment: String,
    /// What to do about the operation
    #[arg(value_enum)]
    how: How,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
}

/// What to do about an operation.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum How {
    /// Stop as soon as the running step allows, then go back
    Cancel,
    /// Go on with what it was doing
    Resume,
    /// Go back to the release before
    Back,
    /// Leave everything as it is, and record what is observed
    Abandon,
}

impl From<How> for Recovery {
    fn from(how: How) -> Self {
        match how {
            How::Cancel => Self::Cancel,
            How::Resume => Self::Resume,
            How::Back => Self::Back,
            How::Abandon => Self::Abandon,
        }
    }
}

impl Recover {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        if !self.yes {
            return Err(Failure::Usage(
                "add --yes to do it, or use the cockpit, which shows the operation first"
                    .to_owned(),
            ));
        }
        let names = [name.clone()];
        let attendant = Attendant::start(&session.world, &names, session.interactive)?;
        let mut fleet = Fleet::new(session.world.config.clone());
        attendant.settle(&mut fleet, &names, &session.clock).await;
        let facts = fleet.environment(&name);
        let Some(current) = facts.and_then(|facts| facts.operation()) else {
            let unseen = facts.and_then(|facts| match &facts.files.link {
                crate::release::observed::Link::Lost { fault, .. } => Some(fault.clone()),
                _ => None,
            });
            return Err(unseen
                .unwrap_or_else(|| {
                    Fault::new(
                        FaultKind::Invalid,
                        name.as_str(),
                        "no operation is under way",
                    )
                })
                .into());
        };
        let operation = current.id;
        operation::recover(
            &session.world,
            &name,
            permit.confirm((operation, self.how.into())),
        )
        .await?;
        if session.output.json {
            session
                .output
                .value(&json!({ "environment": name, "operation": operation }))?;
            return Ok(Exit::Ok);
        }
        let stream = operation::follow(&session.world, &name, operation)?;
        match progress::follow(operation, stream, &mut session.output).await? {
            Followed::Ended(end) => session.print_end(operation, &name, &end),
            Followed::Left => Ok(Exit::Interrupted),
        }
    }
}
