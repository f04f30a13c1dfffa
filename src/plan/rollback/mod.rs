//! Rolling back: to a release that was healthy here, with the images that lie on the server. Needs no
//! registry, no pipeline and no gate; where it fails it stays and says so.

mod target;

pub use target::{candidates, local_images, recorded_files, recorded_heads};
pub(super) use target::{target, wanted};

use crate::release::{
    Fault, FaultKind, ServiceName,
    plan::{OnFailure, Plan, PlanKind, RollbackTo, SchemaChoice},
    survey::Survey,
};

use super::{
    Draft, Making, Wanted, checks, converge, downgrade, history, holder, running, steps, switch,
};

pub(super) fn plan(
    making: &Making<'_>,
    to: &RollbackTo,
    choice: SchemaChoice,
    files: bool,
) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::Rollback)?;
    let target = target(
        making.environment,
        making.services,
        to,
        survey,
        &making.running,
    )?;
    let Wanted { mut after, pins } = wanted(making.environment, &target, survey, &making.running);
    if pins.is_empty() {
        return Err(making.fault(
            FaultKind::Invalid,
            format!(
                "{} runs already and is pinned: nothing to roll back",
                target.release.label()
            ),
        ));
    }
    warnings.extend(target.recorded.iter().cloned());
    warnings.extend(history::past(&survey.records, &target.release));
    changed_files(survey, files, &mut warnings);
    if files {
        let restored = survey.changed_files.iter();
        after
            .files
            .extend(restored.map(|file| (file.path.clone(), file.hash.clone())));
    }
    let switch = switch::judge(making, &pins, |release| {
        running::image_name(release, survey)
    })?;
    warnings.extend(switch.warnings.iter().cloned());
    let checks = checks::steps(making, &mut warnings)?;

    let switch_services: Vec<ServiceName> = switch.expected.keys().cloned().collect();
    let downgrade = downgrade::part(making, &target.release, choice, &switch_services)?;
    warnings.extend(downgrade.warnings);
    after.schema_heads = if downgrade.steps.is_empty() {
        // Where the database is says nothing of where this release's image can be.
        after
            .schema_heads
            .filter(|heads| target.release.schema_heads.as_ref() == Some(heads))
    } else {
        target.release.schema_heads.clone()
    };
    let depends_on_schema = !downgrade.steps.is_empty();
    let running = steps::images(&making.running, |s| running::image_name(s, survey));
    let mut forward = vec![steps::snapshot(&survey.files, &running)];
    for (name, release) in &pins {
        forward.push(steps::keep(name, running::image_name(release, survey)));
    }
    forward.extend(downgrade.steps);
    forward.extend(converge::converge(converge::Convergence {
        environment: making.environment,
        pins: survey.candidate_pins.clone(),
        switch: &switch,
        expected: &switch.expected,
        proven_for: making.environment.stable_for,
        watched: false,
        interruptible: false,
        checks: checks.clone(),
    }));
    let back = converge::way_back(making, &switch, depends_on_schema, downgrade.back, checks);
    Ok(making.plan(Draft {
        kind: PlanKind::Rollback,
        after,
        gates,
        warnings,
        forward,
        back,
        on_failure: OnFailure::Stay,
        schema_offers: downgrade.offers,
        depends_on_schema,
    }))
}

/// Says which files are no longer as they were with that release, and what becomes of them.
fn changed_files(survey: &Survey, files: bool, warnings: &mut Vec<String>) {
    let words: Vec<String> = survey
        .changed_files
        .iter()
        .map(|file| {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            format!("{name} ({})", file.differs.join(", "))
        })
        .collect();
    if words.is_empty() {
        if files {
            warnings.push("no file is another than with that release".to_owned());
        }
        return;
    }
    let words = words.join("; ");
    if !files {
        warnings.push(format!(
            "changed since that release, and kept as it is: {words}. It can go back too (--with-files)"
        ));
        return;
    }
    warnings.push(format!("goes back too: {words}"));
    if !survey.changed_settings.is_empty() {
        warnings.push(format!(
            "with it change: {}",
            survey.changed_settings.join(", ")
        ));
    }
}
