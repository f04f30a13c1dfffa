//! The configured hooks as steps of a plan: before what changes anything, and after the outcome.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    config::{HookAction, HookRule},
    release::{
        Fault, FaultKind,
        hook::{Hook, HookCommand, HookWhen, Notification, NotificationMeans},
        plan::{Intent, OnStepFailure, Plan, PlanKind, Step},
    },
};

use super::{Making, steps};

/// What a hook before a rollback may take of the time that it is configured with: whoever rolls back is in
/// a hurry, and it decides nothing.
const BEFORE_ROLLBACK: Duration = Duration::from_secs(5);

/// Lays the environment's hooks into a plan whose other steps are all there. Those before go in front
/// of the first step that changes something, a backup included: by then everything is at hand, and where
/// one stops the operation nothing has changed.
///
/// # Errors
/// A webhook that nothing on the server can reach. A rollback goes on without it, and says so, unless the
/// configuration has it stop rollbacks.
pub(super) fn weave(making: &Making<'_>, plan: &mut Plan) -> Result<(), Fault> {
    let mut before = Vec::new();
    let mut after = Vec::new();
    let mut hurried = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, rule) in making.environment.hooks.iter().enumerate() {
        if !rule.on.contains(&plan.kind) {
            continue;
        }
        let failure = failure(rule, plan.kind);
        let intent = match intent(making, rule) {
            Ok(intent) => intent,
            Err(lack) if plan.kind == PlanKind::Rollback && failure == OnStepFailure::Reported => {
                plan.warnings.push(format!(
                    "left out, since a rollback waits for nothing: {lack}"
                ));
                continue;
            }
            Err(lack) => {
                return Err(making.fault(FaultKind::Unsupported, lack).remedy(
                    "install curl on the server, or have a command of your own tell of it",
                ));
            }
        };
        if plan.kind == PlanKind::Rollback && failure == OnStepFailure::Stops {
            plan.warnings.push(format!(
                "the hook {:?} stops this rollback if it fails or takes longer than {} s: it has blocking = \
                 true, and \"rollback\" in \"on\"",
                rule.name,
                rule.timeout.as_secs()
            ));
        }
        let timeout = timeout(rule, plan.kind, failure);
        if timeout < rule.timeout {
            hurried.push(format!("{:?}", rule.name));
        }
        let id = id(&rule.name, index + 1, &mut ids);
        let step = steps::hook(id, intent, failure, timeout);
        match rule.when {
            HookWhen::Before => before.push(step),
            HookWhen::After => after.push(step),
        }
    }
    if !hurried.is_empty() {
        plan.warnings.push(format!(
            "nothing holds up a rollback: {} s at most for {}",
            BEFORE_ROLLBACK.as_secs(),
            hurried.join(", ")
        ));
    }
    let at = place(&plan.forward);
    plan.forward.splice(at..at, before);
    plan.closing.extend(after);
    Ok(())
}

/// What its step is called. Its secrets are kept under that, so that no two of a plan have the same.
fn id(name: &str, number: usize, taken: &mut BTreeSet<String>) -> String {
    let mut id = steps::called("hook", name, number);
    if taken.contains(&id) {
        id = format!("{id}-{number}");
    }
    taken.insert(id.clone());
    id
}

/// Where the hooks before go.
fn place(forward: &[Step]) -> usize {
    forward
        .iter()
        .position(|step| step.changes || step.id.starts_with("backup"))
        .unwrap_or(0)
}

/// What is done after changes nothing by failing; and nothing stops a rollback unless the configuration
/// says so.
fn failure(rule: &HookRule, kind: PlanKind) -> OnStepFailure {
    let blocks = match kind {
        PlanKind::Rollback => rule.blocks_rollback,
        _ => rule.blocking,
    };
    if rule.when == HookWhen::Before && blocks {
        OnStepFailure::Stops
    } else {
        OnStepFailure::Reported
    }
}

/// How long it may take: what decides nothing does not hold up a rollback.
fn timeout(rule: &HookRule, kind: PlanKind, failure: OnStepFailure) -> Duration {
    match (rule.when, kind, failure) {
        (HookWhen::Before, PlanKind::Rollback, OnStepFailure::Reported) => {
            rule.timeout.min(BEFORE_ROLLBACK)
        }
        _ => rule.timeout,
    }
}

fn intent(making: &Making<'_>, rule: &HookRule) -> Result<Intent, String> {
    let act = match &rule.action {
        HookAction::Command(command) => HookCommand::Command(command.clone()),
        HookAction::Exec { service, command } => HookCommand::Exec {
            service: service.clone(),
            command: command.clone(),
        },
        HookAction::Webhook { format, .. } => {
            return Ok(Intent::Notify(Notification {
                name: rule.name.clone(),
                when: rule.when,
                outcomes: rule.outcomes.clone(),
                format: *format,
                means: means(making, rule)?,
            }));
        }
    };
    Ok(Intent::Hook(Hook {
        name: rule.name.clone(),
        when: rule.when,
        outcomes: rule.outcomes.clone(),
        act,
        secrets: rule.secrets.keys().cloned().collect(),
    }))
}

fn means(making: &Making<'_>, rule: &HookRule) -> Result<NotificationMeans, String> {
    let means = &making.survey.means;
    if means.curl {
        return Ok(NotificationMeans::Curl);
    }
    if means.wget_is_gnu {
        return Ok(NotificationMeans::Wget);
    }
    match means.curl_in.iter().next() {
        Some(service) => Ok(NotificationMeans::CurlIn(service.clone())),
        None => Err(format!(
            "the webhook {:?} has nothing to be told with that keeps its address out of sight: neither curl \
             nor GNU wget on the server, nor curl in a running container",
            rule.name
        )),
    }
}
