//! The secrets of a plan's hooks: found when an operation starts, and laid into its folder as files that
//! their owner alone reads. The runner takes them away when the operation has ended. No plan, argument
//! list, journal or ledger has them.

use secrecy::{ExposeSecret, SecretString};

use super::{
    render::hooks::{ADDRESS, CURL},
    script::{Access, Folder},
};
use crate::{
    config::{Environment, HookAction, HookRule, WebhookAddress},
    release::{
        Fault, FaultKind,
        plan::{Intent, OnStepFailure, Plan, PlanKind, Step},
    },
    secrets::Secrets,
};

/// Finds them and lays them into `folder`.
///
/// # Errors
/// A secret that cannot be found, or an address that is none: then nothing is started. A rollback is
/// started all the same, unless the hook may stop it: its hook fails, and that is reported.
pub(super) async fn lay(
    folder: &mut Folder,
    secrets: &Secrets,
    plan: &Plan,
    environment: &Environment,
) -> Result<(), Fault> {
    for step in plan.forward.iter().chain(&plan.closing) {
        let Some(rule) = rule_of(step, environment) else {
            continue;
        };
        if let Err(fault) = lay_one(folder, secrets, step, rule, environment).await {
            // What stops a rollback by failing would stop it for this.
            if plan.kind != PlanKind::Rollback || step.failure == OnStepFailure::Stops {
                return Err(fault);
            }
            tracing::warn!(hook = rule.name, %fault, "a rollback goes on without this secret");
        }
    }
    Ok(())
}

fn rule_of<'a>(step: &Step, environment: &'a Environment) -> Option<&'a HookRule> {
    let name = match &step.intent {
        Intent::Hook(hook) => &hook.name,
        Intent::Notify(notification) => &notification.name,
        _ => return None,
    };
    environment.hooks.iter().find(|rule| rule.name == *name)
}

async fn lay_one(
    folder: &mut Folder,
    secrets: &Secrets,
    step: &Step,
    rule: &HookRule,
    environment: &Environment,
) -> Result<(), Fault> {
    let key = format!("environments.{}.hooks {:?}", environment.name, rule.name);
    for (name, reference) in &rule.secrets {
        let value = secrets.resolve(&key, reference).await?;
        add(folder, step, name, &value);
    }
    if let HookAction::Webhook { address, .. } = &rule.action {
        let address = match address {
            WebhookAddress::Literal(url) => parsed(&key, &SecretString::from(url.to_string()))?,
            WebhookAddress::Secret(reference) => {
                parsed(&key, &secrets.resolve(&key, reference).await?)?
            }
        };
        let curl = format!("url = \"{}\"\n", address.expose_secret());
        add(folder, step, CURL, &SecretString::from(curl));
        add(folder, step, ADDRESS, &address);
    }
    Ok(())
}

fn add(folder: &mut Folder, step: &Step, name: &str, value: &SecretString) {
    folder.add(
        format!("secrets/{}/{name}", step.id),
        Access::Secret,
        value.expose_secret(),
    );
}

/// The address, written as a URL is; what is none is not shown.
fn parsed(key: &str, address: &SecretString) -> Result<SecretString, Fault> {
    url::Url::parse(address.expose_secret().trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(|url| SecretString::from(url.to_string().replace('"', "%22").replace('\\', "%5C")))
        .ok_or_else(|| {
            Fault::new(
                FaultKind::Invalid,
                key,
                "what is found for this webhook is not an address",
            )
            .remedy("it has to be one line that begins with https:// or http://")
        })
}
