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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        plan::fixture,
        release::{
            operation::Outcome,
            plan::{Deed, RollbackTo, SchemaChoice},
        },
    };

    /// What comes of a rollback whose hook before it has a secret that nobody can find.
    async fn rolled_back_with(more: &str) -> Result<(), Fault> {
        let mut world = fixture::World::with(&format!(
            "[[environments.production.hooks]]\nname = \"approval\"\nwhen = \"before\"\n\
             command = \"./approval\"\nsecrets = {{ TOKEN = {{ file = \"/nowhere/token\" }} }}\n{more}"
        ));
        world.runs(2);
        let promoted = |number, from, to| {
            fixture::record(number, PlanKind::Promote, from, to, Outcome::Succeeded)
        };
        world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
        let rollback = Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema: SchemaChoice::ImageOnly,
            files: false,
        };
        let plan = world.plan(rollback).unwrap();
        let environment = world.config.environment(&plan.environment).unwrap();
        let secrets = Secrets::beside(Path::new("flightdeck.toml"));
        lay(&mut Folder::new(), &secrets, &plan, environment).await
    }

    #[tokio::test]
    async fn a_secret_that_is_not_found_stops_only_the_rollback_that_its_hook_would_stop() {
        rolled_back_with("").await.unwrap();
        let fault = rolled_back_with("on = [\"rollback\"]\nblocking = true\n")
            .await
            .unwrap_err();
        assert!(fault.subject.contains("approval"), "{fault}");
    }
}
