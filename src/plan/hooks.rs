//! The configured hooks as steps of a plan: before what changes anything, and after the outcome.

use crate::{
    config::{HookAction, HookRule},
    release::{
        Fault, FaultKind,
        hook::{Hook, HookCommand, HookWhen, Notification, NotificationMeans},
        plan::{Intent, OnStepFailure, Plan, PlanKind, Step},
    },
};

use super::{Making, steps};

/// Lays the environment's hooks into a plan whose other steps are all there. Those before go in front
/// of the first step that changes something, a backup included: by then everything is at hand, and where
/// one stops the operation nothing has changed.
///
/// # Errors
/// A webhook that nothing on the server can reach. A rollback goes on without it, and says so.
pub(super) fn weave(making: &Making<'_>, plan: &mut Plan) -> Result<(), Fault> {
    let mut before = Vec::new();
    let mut after = Vec::new();
    for (index, rule) in making.environment.hooks.iter().enumerate() {
        if !rule.on.contains(&plan.kind) {
            continue;
        }
        let intent = match intent(making, rule) {
            Ok(intent) => intent,
            Err(lack) if plan.kind == PlanKind::Rollback => {
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
        let step = steps::hook(index + 1, rule, intent, failure(rule, plan.kind));
        match rule.when {
            HookWhen::Before => before.push(step),
            HookWhen::After => after.push(step),
        }
    }
    let at = place(&plan.forward);
    plan.forward.splice(at..at, before);
    plan.closing.extend(after);
    Ok(())
}

/// Where the hooks before go.
fn place(forward: &[Step]) -> usize {
    forward
        .iter()
        .position(|step| step.changes || step.id.starts_with("backup"))
        .unwrap_or(0)
}

/// What is done after changes nothing by failing; and nothing stops a rollback.
fn failure(rule: &HookRule, kind: PlanKind) -> OnStepFailure {
    let stops = rule.when == HookWhen::Before && rule.blocking && kind != PlanKind::Rollback;
    if stops {
        OnStepFailure::Stops
    } else {
        OnStepFailure::Reported
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
