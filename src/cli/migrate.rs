//! `flightdeck migrate`: migrate the schema, without changing what runs.

use crate::release::{
    Permit,
    plan::{Deed, Request},
};

use super::{Failure, Next, Session, deed::DeedFlags, promote};

/// Migrate the schema, without changing what runs.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// Where
    environment: String,
    /// With the image of this version instead of the one that runs
    #[arg(value_name = "TAG|SERVICE=TAG")]
    versions: Vec<String>,
    /// To this revision, downwards if it lies behind; to the newest unless said
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
    #[command(flatten)]
    flags: DeedFlags,
}

impl Migrate {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let environment = session.environment(&self.environment)?.clone();
        let Some(migration) = &environment.migration else {
            return Err(Failure::Usage(format!(
                "{0} has no migration; add [environments.{0}.migration] to the configuration",
                environment.name
            )));
        };
        let mut tags = promote::tags(&environment, &self.versions)?;
        tags.retain(|service, _| *service == migration.service);
        let request = Request {
            environment: environment.name.clone(),
            deed: Deed::Migrate {
                versions: session.chosen(tags).await?,
                to: self.to,
            },
            reason: self.flags.reason.clone(),
            overrides: Vec::new(),
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}
