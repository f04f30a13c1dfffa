//! Adopting what runs: recorded, kept from being pruned, its files copied. Nothing is recreated.

use crate::release::{
    Fault, FaultKind,
    plan::{OnFailure, Plan, PlanKind},
};

use super::{Draft, Making, holder, running, steps};

pub(super) fn plan(making: &Making<'_>) -> Result<Plan, Fault> {
    let (gates, mut warnings) = holder::clear(making, PlanKind::Adopt)?;
    let release = making.running.clone();
    if release.services.is_empty() {
        return Err(making
            .fault(
                FaultKind::Missing,
                "none of its services runs: there is nothing to adopt",
            )
            .remedy("promote a version, or start the project"));
    }
    for service in &making.environment.services {
        let health = making.survey.containers.health(service);
        if !health.is_well() {
            warnings.push(format!(
                "{service} is {}: it is recorded as not healthy, and no rollback returns to it by default",
                health.word()
            ));
        }
    }
    let images = steps::images(&release, |s| running::image_name(s, making.survey));
    let mut forward = vec![steps::snapshot(&making.survey.files, &Default::default())];
    forward.extend(
        images
            .iter()
            .map(|(service, image)| steps::keep(service, image.clone())),
    );
    forward.push(steps::observe(making.environment));
    Ok(making.plan(Draft {
        kind: PlanKind::Adopt,
        after: release,
        gates,
        warnings,
        forward,
        back: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        depends_on_schema: false,
    }))
}
