//! Operations for both faces: make a plan, start it, follow it, recover it.
//!
//! Knows no screen. What is done is the plan's, how it is done is the target's.

mod asker;
mod gates;
mod images;

use crate::{
    fleet::{Fleet, world::World},
    plan::{self, Context},
    release::{
        Confirmed, EnvironmentName, Fault, Permit,
        operation::{OperationId, Progress},
        plan::{Plan, Request},
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
    },
    target::BoxStream,
};

/// Starts a confirmed plan; returns its operation's number as soon as the claim is taken.
///
/// # Errors
/// The target's, [`Conflict`](crate::release::FaultKind::Conflict) above all: somebody holds the environment.
pub async fn start(world: &World, plan: Confirmed<Plan>) -> Result<OperationId, Fault> {
    world.target(&plan.get().environment)?.start(plan).await
}

/// Cancels, resumes, takes back or abandons an operation; returns the operation that does it, where
/// that is another.
///
/// # Errors
/// The target's.
pub async fn recover(
    world: &World,
    environment: &EnvironmentName,
    recovery: Confirmed<RecoveryRequest>,
) -> Result<Option<OperationId>, Fault> {
    world
        .target(environment)?
        .recover(recovery, &world.operator)
        .await
}

/// Locks an environment by hand; returns the lock's number.
///
/// # Errors
/// The target's, [`Conflict`](crate::release::FaultKind::Conflict) above all: somebody holds it.
pub async fn lock(
    world: &World,
    environment: &EnvironmentName,
    lock: Confirmed<LockRequest>,
) -> Result<OperationId, Fault> {
    world.target(environment)?.lock(lock, &world.operator).await
}

/// Ends a lock by hand.
///
/// # Errors
/// The target's.
pub async fn unlock(
    world: &World,
    environment: &EnvironmentName,
    unlock: Confirmed<UnlockRequest>,
) -> Result<(), Fault> {
    let target = world.target(environment)?;
    target.unlock(unlock, &world.operator).await
}

/// An operation from its first line to its end.
///
/// # Errors
/// A name that the configuration does not have.
pub fn follow(
    world: &World,
    environment: &EnvironmentName,
    operation: OperationId,
) -> Result<BoxStream<Progress>, Fault> {
    Ok(world.target(environment)?.follow(operation))
}

/// The same; meanwhile the checks that are asked "from here" are asked, and the operation is told.
///
/// # Errors
/// A name that the configuration does not have.
pub fn attend(
    world: &World,
    environment: &EnvironmentName,
    operation: OperationId,
    permit: Permit,
) -> Result<BoxStream<Progress>, Fault> {
    let target = world.target(environment)?;
    let progress = target.follow(operation);
    Ok(asker::asking(
        progress,
        std::sync::Arc::clone(target),
        permit,
        operation,
    ))
}

/// Surveys the server and makes the plan for `request`. Changes nothing and needs no permit.
///
/// # Errors
/// The link's faults, and every refusal of the room `plan`, in words.
pub async fn plan(world: &World, fleet: &Fleet, request: Request) -> Result<Plan, Fault> {
    let target = world.target(&request.environment)?;
    let (survey, gates) = tokio::join!(
        target.survey(request.clone()),
        gates::facts(world, fleet, &request)
    );
    let survey = survey?;
    let context = Context {
        operator: world.operator.name.clone(),
        origin: world.operator.origin.clone(),
        gates,
        unseen: images::unseen(world, fleet, &request, &survey).await,
    };
    plan::make(&world.config, &request, &survey, &context)
}
