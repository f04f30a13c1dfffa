//! Plans from a request, what was observed, and the configuration: pure functions, one file a deed.
//!
//! Knows no server, no shell and no screen. What a target lacks or refuses arrives in the survey as
//! data; what cannot be done is a [`Fault`] in words, before anything has changed.

mod adopt;
pub mod backup;
mod checks;
mod clean_up;
mod converge;
mod downgrade;
pub mod gates;
pub mod history;
mod holder;
mod hooks;
mod layers;
mod mark_bad;
mod migrate;
mod patience;
mod promote;
mod restore;
mod rollback;
pub mod running;
pub mod schema;
pub mod steps;
mod strategy;
mod switch;

use std::collections::BTreeMap;

pub use gates::GateFacts;
pub use patience::unseen_images;
pub use rollback::{candidates, local_images, recorded_files, recorded_heads};

use crate::{
    config::{Config, Environment, Service, keys::did_you_mean},
    release::{
        Digest, Fault, FaultKind, ServiceName,
        observation::Container,
        plan::{
            Basis, ConfirmWords, Deed, FORMAT, Gate, Intent, LOCK_GATE, OnFailure, Plan, PlanKind,
            Request, SchemaOffer, Step,
        },
        record::{Release, ServiceRelease},
        survey::Survey,
        version::VersionDetails,
    },
};

/// Who makes a plan, and what is known beside the server.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who, such as `mira`.
    pub operator: String,
    /// From which machine.
    pub origin: String,
    /// What the gates are judged by.
    pub gates: GateFacts,
    /// What their registries say of the [`unseen_images`], or why they could not be asked.
    pub unseen: BTreeMap<Digest, Result<VersionDetails, Fault>>,
}

/// What a request wants to run, before it is known how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What shall run after.
    pub after: Release,
    /// The services whose pins are written; empty if the request changes no pin.
    pub pins: BTreeMap<ServiceName, ServiceRelease>,
}

/// What `request` wants to run: what a survey's candidate pins are rendered from. Reads nothing in the
/// survey that depends on candidates.
///
/// # Errors
/// A service that the environment does not have, or a rollback with nothing to go back to.
pub fn wanted(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    request: &Request,
    survey: &Survey,
) -> Result<Wanted, Fault> {
    let running = running::release(environment, services, survey);
    match &request.deed {
        Deed::Adopt
        | Deed::MarkBad { .. }
        | Deed::Migrate { .. }
        | Deed::Restore { .. }
        | Deed::CleanUp { .. } => Ok(Wanted {
            after: running,
            pins: BTreeMap::new(),
        }),
        Deed::Promote { versions, .. } => promote::wanted(environment, services, versions, running),
        Deed::Rollback { to, .. } => {
            let target = rollback::target(environment, services, to, survey, &running)?;
            Ok(rollback::wanted(environment, &target, survey, &running))
        }
    }
}

/// The plan for `request`.
///
/// # Errors
/// Every refusal: an environment or service that is not configured, an environment that somebody
/// holds, a pin that does not do what it says, an image that is not there, a check without means.
pub fn make(
    config: &Config,
    request: &Request,
    survey: &Survey,
    context: &Context,
) -> Result<Plan, Fault> {
    let environment = config.environment(&request.environment).ok_or_else(|| {
        Fault::new(
            FaultKind::Invalid,
            request.environment.as_str(),
            "no environment of this name is configured",
        )
    })?;
    let made = Making {
        environment,
        services: &config.services,
        request,
        survey,
        context,
        running: running::release(environment, &config.services, survey),
    };
    let mut plan = match &request.deed {
        Deed::Adopt => adopt::plan(&made),
        Deed::Promote { versions, migrate } => promote::plan(&made, versions, *migrate),
        Deed::Rollback { to, schema, files } => rollback::plan(&made, to, *schema, *files),
        Deed::Restore { operation } => restore::plan(&made, *operation),
        Deed::CleanUp { keep, older_than } => clean_up::plan(&made, *keep, *older_than),
        Deed::MarkBad { release } => mark_bad::plan(&made, *release),
        Deed::Migrate { versions, to } => migrate::plan(&made, versions, to.as_deref()),
    }?;
    let has_pin = |step: &Step| matches!(step.intent, Intent::Pin { .. });
    if plan.forward.iter().any(has_pin) {
        // What going back expects to find is what pinning leaves.
        let left = survey.former_pins.iter();
        plan.after.pinned_files = left
            .filter_map(|pin| Some((pin.path.clone(), pin.expected.clone()?)))
            .collect();
    }
    overrides_exist(&made, &plan)?;
    hooks::weave(&made, &mut plan)?;
    patience::extend(&mut plan, environment, survey, context);
    steps::finish(&mut plan, &survey.records);
    Ok(plan)
}

/// An override that names no gate of the plan is a mistake that must not pass in silence. A lock may have
/// ended since somebody chose to pass it.
fn overrides_exist(making: &Making<'_>, plan: &Plan) -> Result<(), Fault> {
    let names = || plan.gates.iter().map(|gate| gate.name.as_str());
    let mut overrides = making.request.overrides.iter();
    let is_unknown = |name: &&String| *name != LOCK_GATE && !names().any(|known| known == *name);
    let Some(unknown) = overrides.find(is_unknown) else {
        return Ok(());
    };
    let message = format!("{unknown:?} is to be overridden, and is no gate of this plan");
    Err(making
        .fault(FaultKind::Invalid, message)
        .remedy(did_you_mean(unknown, names().collect::<Vec<_>>())))
}

/// What every deed's plan is made from.
struct Making<'a> {
    environment: &'a Environment,
    services: &'a BTreeMap<ServiceName, Service>,
    request: &'a Request,
    survey: &'a Survey,
    context: &'a Context,
    running: Release,
}

/// What differs from deed to deed.
struct Draft {
    kind: PlanKind,
    after: Release,
    gates: Vec<Gate>,
    warnings: Vec<String>,
    forward: Vec<Step>,
    back: Vec<Step>,
    on_failure: OnFailure,
    /// What could become of the schema, where that is a question.
    schema_offers: Vec<SchemaOffer>,
    /// Whether a difference of the schema's heads refuses it.
    depends_on_schema: bool,
}

impl Making<'_> {
    fn fault(&self, kind: FaultKind, message: impl AsRef<str>) -> Fault {
        Fault::new(kind, self.environment.name.as_str(), message)
    }

    fn plan(&self, draft: Draft) -> Plan {
        let concerned = || {
            let restarted = &self.environment.restart;
            self.environment.services.iter().chain(restarted)
        };
        let images = concerned()
            .map(|service| {
                let images = self.survey.containers.of(service);
                (
                    service.clone(),
                    images.map(|container| container.image_id.clone()).collect(),
                )
            })
            .collect();
        let made_from = concerned()
            .map(|service| {
                let containers = self.survey.containers.of(service);
                (service.clone(), containers.map(made_from).collect())
            })
            .collect();
        let mut warnings = draft.warnings;
        warnings.extend(self.survey.warnings.iter().cloned());
        let confirm = if draft.gates.iter().any(|gate| gate.name == LOCK_GATE) {
            // A lock is passed by nothing shorter than the name, protected or not.
            Some(ConfirmWords {
                name: self.environment.name.to_string(),
                short: None,
            })
        } else if draft.kind == PlanKind::Restore {
            // What was written since is lost, wherever it is.
            Some(ConfirmWords {
                name: self.environment.name.to_string(),
                short: None,
            })
        } else if matches!(draft.kind, PlanKind::Adopt | PlanKind::MarkBad) {
            None
        } else {
            self.environment.confirm_words()
        };
        Plan {
            v: FORMAT,
            kind: draft.kind,
            environment: self.environment.name.clone(),
            operator: self.context.operator.clone(),
            origin: self.context.origin.clone(),
            reason: self.request.reason.clone(),
            basis: Basis {
                last_operation: self.survey.last_operation,
                images,
                made_from,
                files: self.survey.files.clone(),
                schema_heads: draft
                    .depends_on_schema
                    .then(|| self.survey.schema_heads.clone())
                    .flatten(),
            },
            before: self.running.clone(),
            after: draft.after,
            gates: draft.gates,
            warnings,
            forward: draft.forward,
            back: draft.back,
            closing: Vec::new(),
            on_failure: draft.on_failure,
            health_timeout: self.environment.health_timeout,
            schema_offers: draft.schema_offers,
            confirm,
            attachments: self.survey.attachments.clone(),
        }
    }
}

/// From where a container was made, as Compose's labels say.
fn made_from(container: &Container) -> String {
    format!("{},{}", container.working_directory, container.config_files)
}

/// A service that the environment has.
fn service<'a>(
    environment: &Environment,
    services: &'a BTreeMap<ServiceName, Service>,
    name: &ServiceName,
) -> Result<&'a Service, Fault> {
    services
        .get(name)
        .filter(|_| environment.services.contains(name))
        .ok_or_else(|| {
            let names: Vec<&str> = environment
                .services
                .iter()
                .map(ServiceName::as_str)
                .collect();
            Fault::new(
                FaultKind::Invalid,
                environment.name.as_str(),
                format!("{name} is not one of its services"),
            )
            .remedy(format!("its services are {}", names.join(", ")))
        })
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
