//! What has to hold before a promotion, judged from facts that the caller brings.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    config::{Environment, GateRule},
    release::{
        EnvironmentName, ServiceName,
        observation::Containers,
        plan::{ChosenVersion, Gate, Verdict},
        time::short_age,
        workflow::{RunState, WorkflowRun},
    },
};

/// What gates are judged by. What is not known stays empty, and a gate says so.
#[derive(Debug, Clone)]
pub struct GateFacts {
    /// The wall clock.
    pub now: Timestamp,
    /// Workflow runs, in any order; `None` if nobody could ask, with the reason in words.
    pub runs: Result<Vec<WorkflowRun>, String>,
    /// What other environments run, where that is known *now*.
    pub environments: BTreeMap<EnvironmentName, Containers>,
}

/// The gates of an environment for these versions. Those that the operator passes are marked.
pub(super) fn judge(
    environment: &Environment,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    overrides: &[String],
    facts: &GateFacts,
) -> Vec<Gate> {
    environment
        .gates
        .iter()
        .map(|rule| {
            let (name, (verdict, detail)) = match rule {
                GateRule::Ci { workflow } => (
                    workflow
                        .as_ref()
                        .map_or_else(|| "ci".to_owned(), |workflow| format!("ci {workflow}")),
                    ci(workflow.as_deref(), versions, facts),
                ),
                GateRule::HealthyIn {
                    environment,
                    at_least,
                } => (
                    format!("healthy in {environment}"),
                    healthy_in(environment, *at_least, versions, facts),
                ),
            };
            Gate {
                overridden: verdict != Verdict::Passed && overrides.contains(&name),
                name,
                verdict,
                detail,
            }
        })
        .collect()
}

fn ci(
    workflow: Option<&str>,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    facts: &GateFacts,
) -> (Verdict, String) {
    let runs = match &facts.runs {
        Ok(runs) => runs,
        Err(why) => return (Verdict::Unknown, why.clone()),
    };
    let mut passed = Vec::new();
    for (service, version) in versions {
        let Some(revision) = &version.revision else {
            return (
                Verdict::Unknown,
                format!("{service} {}: its image names no revision", version.tag),
            );
        };
        // The newest run of each workflow decides: a failed one may have been started again.
        let mut newest: BTreeMap<&str, &WorkflowRun> = BTreeMap::new();
        for run in runs {
            if run.revision == *revision && workflow.is_none_or(|w| w == run.workflow) {
                let known = newest.entry(&run.workflow).or_insert(run);
                if (run.number, run.attempt) > (known.number, known.attempt) {
                    *known = run;
                }
            }
        }
        if newest.is_empty() {
            return (
                Verdict::Unknown,
                format!("no workflow run of {} is known", short(revision)),
            );
        }
        for run in newest.values() {
            let what = format!("{} #{} {}", run.workflow, run.number, run.state.word());
            match run.state {
                RunState::Succeeded => passed.push(what),
                RunState::Skipped => {}
                state if state.is_ended() => return (Verdict::Failed, what),
                _ => return (Verdict::Failed, format!("{what}, not ended yet")),
            }
        }
    }
    if passed.is_empty() {
        (Verdict::Unknown, "every run was skipped".to_owned())
    } else {
        passed.dedup();
        (Verdict::Passed, passed.join(", "))
    }
}

fn healthy_in(
    environment: &EnvironmentName,
    at_least: std::time::Duration,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    facts: &GateFacts,
) -> (Verdict, String) {
    let Some(containers) = facts.environments.get(environment) else {
        return (
            Verdict::Unknown,
            format!("{environment} cannot be seen now"),
        );
    };
    let mut youngest: Option<std::time::Duration> = None;
    for (service, version) in versions {
        let mut any = false;
        for container in containers.of(service) {
            any = true;
            let runs_it = containers
                .images
                .get(&container.image_id)
                .is_some_and(|image| {
                    image
                        .repository_digests
                        .iter()
                        .any(|known| known.digest.as_ref() == Some(&version.digest))
                });
            if !runs_it {
                return (
                    Verdict::Failed,
                    format!("{environment} runs another {service}"),
                );
            }
            if !container.health.is_well() {
                return (
                    Verdict::Failed,
                    format!("{service} is {} in {environment}", container.health.word()),
                );
            }
            let Some(started) = container.started else {
                return (
                    Verdict::Unknown,
                    format!("since when {service} runs in {environment} is not known"),
                );
            };
            let age = std::time::Duration::try_from(facts.now.duration_since(started))
                .unwrap_or_default();
            youngest = Some(youngest.map_or(age, |known| known.min(age)));
        }
        if !any {
            return (Verdict::Failed, format!("{environment} runs no {service}"));
        }
    }
    let age = youngest.unwrap_or_default();
    let since = short_age(age, true).0;
    if age >= at_least {
        (
            Verdict::Passed,
            format!("{environment} healthy for {since}"),
        )
    } else {
        let needed = short_age(at_least, true).0;
        (
            Verdict::Failed,
            format!("{environment} healthy for {since} only, {needed} needed"),
        )
    }
}

fn short(revision: &str) -> &str {
    revision.get(..7).unwrap_or(revision)
}
