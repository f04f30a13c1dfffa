//! A plan's steps as text: the commands that people read, and the scripts of an operation's folder.
//! Pure; knows no connection.
//!
//! What the scripts do on the server is written once, as functions of `sh/*.sh` that travel as
//! `steps.sh`; a step's own script only calls them with its values, each quoted. How the runner starts
//! them is told at the head of `assets/runner.sh`.

mod checks;
mod commands;
pub mod hooks;
pub mod library;
mod names;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};

pub use commands::{commands, compose_words};

use super::script::{Access, Folder, LayError, Pass, Unquotable};
use crate::{
    config::{Compose, Environment, Service, Target},
    release::{
        Fault, FaultKind, ServiceName,
        plan::{LOCK_GATE, Plan, PlanKind},
    },
};

/// The operation's folder, as the runner wants it, for [`upload`](super::script::upload). `services` are
/// the configuration's: what pins them is taken out of our commands' environment.
///
/// # Errors
/// A value that no shell word can hold, and mistakes of ours.
pub fn folder(
    plan: &Plan,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<Folder, Fault> {
    lay(plan, environment, services).map_err(|error| {
        Fault::new(
            FaultKind::Invalid,
            environment.name.as_str(),
            "this plan cannot be laid out for the server",
        )
        .because(error)
    })
}

/// What keeps a plan from being laid out.
#[derive(Debug, thiserror::Error)]
enum RenderError {
    #[error(transparent)]
    Quote(#[from] Unquotable),
    #[error(transparent)]
    Lay(#[from] LayError),
}

fn lay(
    plan: &Plan,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<Folder, RenderError> {
    let scripts = scripts::scripts(plan, environment)?;
    let mut folder = Folder::for_plan(plan, &scripts, &passes(plan))?;
    folder.add(
        library::NAME,
        Access::Shared,
        library::text(environment, services, plan.health_timeout)?,
    );
    for (path, text) in scripts::overrides(plan) {
        folder.add(path, Access::Shared, text);
    }
    Ok(folder)
}

/// What the plan may be started over: a rollback is the decision that an interrupted operation waits
/// for, and may pass a lock where the operator said so.
fn passes(plan: &Plan) -> BTreeSet<Pass> {
    let mut passes = BTreeSet::new();
    if plan.kind == PlanKind::Rollback {
        passes.insert(Pass::Interrupted);
        passes.insert(Pass::Orphaned);
        let mut gates = plan.gates.iter();
        if gates.any(|gate| gate.name == LOCK_GATE && gate.overridden) {
            passes.insert(Pass::Lock);
        }
    }
    passes
}

fn compose(environment: &Environment) -> &Compose {
    let Target::Compose(compose) = &environment.target;
    compose
}

#[cfg(test)]
mod tests;
