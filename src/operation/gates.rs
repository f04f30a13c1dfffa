//! Gathers what gates are judged by, and only that: a promotion without gates asks nobody.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, future::join_all};

use crate::{
    config::{Environment, GateRule},
    fleet::{Fleet, world::World},
    plan::GateFacts,
    release::{
        EnvironmentName,
        observation::Containers,
        observed::{Freshness, Link, Policy},
        plan::{Deed, Request},
        workflow::WorkflowRun,
    },
    target::Reading,
};

/// How long another environment may take to show what it runs before the gate says "unknown".
const PATIENCE: Duration = Duration::from_secs(10);

/// The facts for `request`'s gates. What cannot be learnt stays unknown, and the gate says so.
pub(super) async fn facts(world: &World, fleet: &Fleet, request: &Request) -> GateFacts {
    let rules = match (
        &request.deed,
        world.config.environment(&request.environment),
    ) {
        (Deed::Promote { .. }, Some(environment)) => environment.gates.as_slice(),
        _ => &[],
    };
    let now = world.clock.now();
    let runs = async {
        if rules.iter().any(|rule| matches!(rule, GateRule::Ci { .. })) {
            runs(world, fleet, &request.deed).await
        } else {
            Ok(Vec::new())
        }
    };
    let environments = rules.iter().filter_map(|rule| match rule {
        GateRule::HealthyIn { environment, .. } => world.config.environment(environment),
        GateRule::Ci { .. } => None,
    });
    let environments =
        join_all(environments.map(|other| async {
            Some((other.name.clone(), containers(world, fleet, other).await?))
        }));
    let (runs, environments) = tokio::join!(runs, environments);
    let environments: BTreeMap<EnvironmentName, Containers> =
        environments.into_iter().flatten().collect();
    GateFacts {
        now: now.wall,
        runs,
        environments,
    }
}

/// The workflow runs of the revisions that are to be promoted, asked for anew: a gate is no place for
/// old data.
async fn runs(world: &World, fleet: &Fleet, deed: &Deed) -> Result<Vec<WorkflowRun>, String> {
    let Some(pipeline) = &world.pipeline else {
        return Err("no GitHub repository is configured".to_owned());
    };
    let Deed::Promote { versions, .. } = deed else {
        return Ok(Vec::new());
    };
    let revisions: Vec<&str> = versions
        .values()
        .filter_map(|version| version.revision.as_deref())
        .collect();
    let mut known = Vec::new();
    for answer in join_all(revisions.iter().map(|revision| pipeline.runs_for(revision))).await {
        known.extend(answer.map_err(|fault| fault.to_string())?);
    }
    // The list on the screen may know a run that the search by revision does not find yet.
    known.extend(
        fleet
            .runs
            .value()
            .into_iter()
            .flat_map(|runs| runs.runs.clone()),
    );
    Ok(known)
}

/// What another environment runs now: from the fleet where that is fresh, else asked.
async fn containers(world: &World, fleet: &Fleet, other: &Environment) -> Option<Containers> {
    let known = fleet
        .environment(&other.name)
        .map(|facts| &facts.containers);
    if let Some(observed) = known
        && observed.freshness(world.clock.now(), &Policy::default()) == Freshness::Fresh
    {
        return observed.value().cloned();
    }
    let mut readings = world.target(&other.name).ok()?.readings();
    let asked = async {
        while let Some(reading) = readings.next().await {
            match reading {
                Reading::Containers(containers) => return Some((*containers).clone()),
                Reading::EngineLink(Link::Lost { .. }) => return None,
                _ => {}
            }
        }
        None
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?
}
