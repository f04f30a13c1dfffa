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
    /// Take the schema back too, to the revision recorded with that release
    #[arg(long)]
    downgrade: bool,
    /// Pass a lock by hand: `--override lock`; recorded
    #[arg(long = "override", value_name = "GATE")]
    overrides: Vec<String>,
    /// Take the compose and environment files back too, to the copies kept with that release
    #[arg(long)]
    with_files: bool,
    #[command(flatten)]
    flags: DeedFlags,
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
        let schema = if self.downgrade {
            SchemaChoice::Downgrade
        } else {
            SchemaChoice::ImageOnly
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
