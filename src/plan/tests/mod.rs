//! Plans as an operator reads them: what would be done, and what is refused with which words.

mod first_contact;
mod gates;
mod held;
mod hooks;
mod promote;
mod rollback;
mod services;

use super::fixture::*;
use crate::config::Protection;
use crate::release::{
    Permit, ServiceName,
    confirm::Answer,
    observation::{Containers, Health},
    operation::{Claim, Liveness, OperationId, OperationState, Outcome},
    plan::{
        Deed, ImageName, Intent, MarkedRelease, OnFailure, OnStepFailure, Plan, PlanKind,
        RollbackTo, SchemaChoice, Step, Verdict,
    },
    record::Record,
};

const MIGRATION: &str =
    "[environments.production.migration]\nservice = \"backend\"\ntool = \"alembic\"\n";

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

fn rollback() -> Deed {
    Deed::Rollback {
        to: RollbackTo::LastHealthy,
        schema: SchemaChoice::ImageOnly,
        files: false,
    }
}

fn warns(plan: &Plan, words: &str) -> bool {
    plan.warnings.iter().any(|warning| warning.contains(words))
}

fn switch(plan: &Plan) -> (&Vec<ServiceName>, bool) {
    plan.forward
        .iter()
        .find_map(|step| match &step.intent {
            Intent::Switch {
                services,
                dependencies,
                ..
            } => Some((services, *dependencies)),
            _ => None,
        })
        .unwrap()
}

fn migration(plan: &Plan) -> Option<(&ImageName, String)> {
    plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { image, command, .. } => Some((image, command.join(" "))),
        _ => None,
    })
}

/// A promotion that succeeded, from one version to another.
fn promoted(number: u64, from: u8, to: u8) -> Record {
    record(number, PlanKind::Promote, from, to, Outcome::Succeeded)
}

/// A world in which a version runs, and this is recorded.
fn recorded(runs: u8, records: Vec<Record>) -> World {
    let mut world = World::new();
    world.runs(runs);
    world.records(records);
    world
}
