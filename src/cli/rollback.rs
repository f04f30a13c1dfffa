//! `flightdeck rollback`: bring an earlier release back. Needs nothing but the server.

use crate::release::{
    ImageId, Permit, ServiceName,
    operation::OperationId,
    plan::{Deed, Request, RollbackTo, SchemaChoice},
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Bring an earlier release back: the last one recorded healthy, unless said.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// Where
    environment: String,
    /// To the release that this operation reached, as `history` numbers them
    #[arg(long, value_name = "OPERATION", conflicts_with = "image")]
    to: Option<OperationId>,
    /// To an image that lies on the server, by its ID: for a release that was never recorded
    #[arg(long, value_name = "SERVICE=ID", value_parser = image)]
    image: Option<(ServiceName, ImageId)>,
    /// What becomes of a schema that is ahead of that release: it stays, goes down first to the
    /// revision recorded with it, or comes back from the backup that holds it
    #[arg(long, value_enum)]
    schema: Option<Schema>,
    /// Pass a lock by hand: `--override lock`; recorded
    #[arg(long = "override", value_name = "GATE")]
    overrides: Vec<String>,
    /// Take the compose and environment files back too, to the copies kept with that release
    #[arg(long)]
    with_files: bool,
    #[command(flatten)]
    flags: DeedFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Schema {
    /// The schema stays
    ImageOnly,
    /// The image that runs takes it down first
    Downgrade,
    /// The backup from before it went up is brought back first; what was written since is lost
    Restore,
}

fn image(text: &str) -> Result<(ServiceName, ImageId), String> {
    let (service, id) = text
        .split_once('=')
        .ok_or("write SERVICE=sha256:…, as `docker images --no-trunc` shows it")?;
    Ok((
        service.parse().map_err(|error| format!("{error}"))?,
        id.parse().map_err(|error| format!("{error}"))?,
    ))
}

impl Rollback {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let environment = session.environment(&self.environment)?;
        let to = match (self.to, self.image) {
            (Some(operation), _) => RollbackTo::Operation(operation),
            (None, Some((service, image))) => RollbackTo::Image { service, image },
            (None, None) => RollbackTo::LastHealthy,
        };
        let schema = match self.schema {
            Some(Schema::ImageOnly) => SchemaChoice::ImageOnly,
            Some(Schema::Downgrade) => SchemaChoice::Downgrade,
            Some(Schema::Restore) => SchemaChoice::Restore,
            // There the plan shows what can be chosen.
            None if self.flags.wants_cockpit(session) => SchemaChoice::ImageOnly,
            None => SchemaChoice::Undecided,
        };
        let request = Request {
            environment: environment.name.clone(),
            deed: Deed::Rollback {
                to,
                schema,
                files: self.with_files,
            },
            reason: self.flags.reason.clone(),
            overrides: self.overrides,
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}
