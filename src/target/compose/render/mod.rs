//! A plan's steps as what runs on the server: commands that people read, and the operation's folder
//! with its small scripts. Pure; knows no connection.
//!
//! All that steps do is written once, as functions of `sh/*.sh` that travel as `steps.sh`; a step's own
//! script only calls them with its values, each quoted.

mod basis;
mod commands;
pub(super) mod library;
mod scripts;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Compose, Environment, Service, Target},
    release::{
        Fault, FaultKind, ServiceName,
        operation::Direction,
        plan::{Plan, PlanKind},
    },
    target::RenderedPlan,
};

use super::script::{Access, Folder, LayError, Pass, Scripts, Unquotable};

pub use commands::compose_words;

/// The commands of each step, as a person could type them in the project's directory. Holds no secrets.
pub fn commands(plan: &Plan, environment: &Environment) -> RenderedPlan {
    let list = |direction| {
        plan.steps(direction)
            .iter()
            .map(|step| (step.id.clone(), commands::of(step, direction, environment)))
            .collect()
    };
    RenderedPlan {
        forward: list(Direction::Forward),
        back: list(Direction::Back),
    }
}

/// The operation's folder, as the runner wants it.
///
/// # Errors
/// A value that no shell word can hold, and mistakes of ours.
pub fn folder(
    plan: &Plan,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<Folder, Fault> {
    build(plan, environment, services).map_err(|error| {
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

fn build(
    plan: &Plan,
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<Folder, RenderError> {
    let mut scripts = Scripts {
        basis: Some(basis::script(plan, environment)?),
        ..Scripts::default()
    };
    for direction in [Direction::Forward, Direction::Back] {
        let list = match direction {
            Direction::Forward => &mut scripts.forward,
            Direction::Back => &mut scripts.back,
        };
        for step in plan.steps(direction) {
            list.insert(
                step.id.clone(),
                scripts::of(step, direction, plan, environment)?,
            );
        }
    }
    let mut folder = Folder::for_plan(plan, &scripts, &passes(plan))?;
    folder.add(
        library::NAME,
        Access::Shared,
        library::text(environment, services)?,
    );
    Ok(folder)
}

/// What the plan may be started over: a rollback is the decision that an interrupted operation waits
/// for, and may pass a lock where the operator said so.
fn passes(plan: &Plan) -> BTreeSet<Pass> {
    let mut passes = BTreeSet::new();
    if plan.kind == PlanKind::Rollback {
        passes.insert(Pass::Interrupted);
        let over_a_lock = |gate: &crate::release::plan::Gate| {
            gate.name == crate::plan::LOCK_GATE && gate.overridden
        };
        if plan.gates.iter().any(over_a_lock) {
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
