//! `flightdeck lock` and `flightdeck unlock`: keep others from changing an environment, and let them
//! again.

use serde_json::json;

use crate::{
    operation,
    release::{
        EnvironmentName, Fault, FaultKind, Permit,
        recovery::{LockRequest, UnlockRequest},
    },
};

use super::{Exit, Failure, Session};

/// Lock an environment by hand: changes are refused with your message until it is unlocked.
#[derive(Debug, clap::Args)]
pub struct Lock {
    /// Where
    environment: String,
    /// Why: what everybody else reads, such as "database maintenance until 15:00"
    message: String,
}

/// End a lock by hand, whoever made it.
#[derive(Debug, clap::Args)]
pub struct Unlock {
    /// Where
    environment: String,
}

impl Lock {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        let message = self.message.trim().to_owned();
        if message.is_empty() {
            return Err(Failure::Usage(
                "say in the message why it is locked: others have nothing else to go by".to_owned(),
            ));
        }
        let request = LockRequest { message };
        let operation = operation::lock(&session.world, &name, permit.confirm(request)).await?;
        if session.output.json {
            session
                .output
                .value(&json!({ "environment": name, "operation": operation, "locked": true }))?;
        } else {
            session.output.line(format!(
                "{name} is locked, {operation}; end it: flightdeck unlock {name}"
            ))?;
        }
        Ok(Exit::Ok)
    }
}

impl Unlock {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        let fleet = session.settled(&name).await?;
        let facts = fleet.environment(&name);
        if let Some(newer) = facts.and_then(|facts| facts.newer()) {
            return Err(newer.fault(name.as_str()).into());
        }
        let Some(lock) = facts.and_then(|facts| facts.lock()) else {
            return Err(session.nothing_there(&fleet, &name, "it is not locked"));
        };
        let request = UnlockRequest { operation: lock.id };
        operation::unlock(&session.world, &name, permit.confirm(request)).await?;
        if session.output.json {
            session
                .output
                .value(&json!({ "environment": name, "operation": lock.id, "locked": false }))?;
        } else {
            session.output.line(format!(
                "{name} is unlocked: {} of {} has ended",
                lock.id, lock.claim.operator
            ))?;
        }
        Ok(Exit::Ok)
    }
}

impl Session {
    /// Why something that was looked for in an environment is not there: `message`, or that the server's
    /// files could not be seen.
    pub(super) fn nothing_there(
        &self,
        fleet: &crate::fleet::Fleet,
        name: &EnvironmentName,
        message: &str,
    ) -> Failure {
        let unseen = fleet
            .environment(name)
            .and_then(|facts| match &facts.files.link {
                crate::release::observed::Link::Lost { fault, .. } => Some(fault.clone()),
                _ => None,
            });
        unseen
            .unwrap_or_else(|| {
                Fault::new(FaultKind::Invalid, name.as_str(), message).remedy(format!(
                    "`flightdeck status {name}` shows how it stands, `flightdeck history {name}` what was done"
                ))
            })
            .into()
    }
}
