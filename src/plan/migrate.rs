//! Migrating the schema without a switch.

use std::collections::BTreeMap;

use crate::{
    config::Migration,
    release::{
        Fault, FaultKind, ServiceName,
        plan::{ChosenVersion, ImageName, OnFailure, Plan, PlanKind},
    },
};

use super::{
    Draft, Making, backup, holder, promote, running,
    schema::{self, Named},
    steps,
};

pub(super) fn plan(
    making: &Making<'_>,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    to: Option<&str>,
) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::Migrate)?;
    let migration = making.environment.migration.as_ref().ok_or_else(|| {
        making
            .fault(FaultKind::Invalid, "no migration is configured for it")
            .remedy("add a migration to this environment")
    })?;
    let mut chosen = promote::chosen(making.environment, making.services, versions)?;
    let mut forward = vec![steps::snapshot(&survey.files, &Default::default())];
    let (image, label) = match chosen.remove(&migration.service) {
        Some(release) => {
            let (reference, label) = (release.reference(), release.label());
            forward.push(steps::pull(&migration.service, &reference));
            forward.push(steps::keep(
                &migration.service,
                ImageName::Reference(reference.clone()),
            ));
            warnings.push(format!(
                "the migration runs with {label}, which does not run here: what runs must bear the new schema"
            ));
            (ImageName::Reference(reference), label)
        }
        None => making
            .running
            .services
            .get(&migration.service)
            .map(|release| (running::image_name(release, survey), release.label()))
            .ok_or_else(|| {
                making
                    .fault(
                        FaultKind::Missing,
                        format!(
                            "{} does not run: there is no image to migrate with",
                            migration.service
                        ),
                    )
                    .remedy("choose a version to migrate with")
            })?,
    };
    warnings.extend(schema::trouble(survey));
    let at = survey.schema_heads.clone();
    forward.extend(steps::knows_schema(migration, image.clone(), at));
    forward.extend(backup::step(making, &mut warnings)?);
    match to {
        None => forward.push(steps::migrate(
            migration,
            image,
            schema::tool(migration).up(),
            schema::summary_up(survey),
        )),
        Some(revision) => {
            let revision = in_full(making, migration, &label, revision, &mut warnings)?;
            let (commands, summary) = to_revision(making, migration, &revision, &mut warnings)?;
            for command in commands {
                let (image, summary) = (image.clone(), summary.clone());
                forward.push(steps::migrate(migration, image, command, summary));
            }
        }
    }
    forward.push(steps::observe(making.environment));
    let mut after = making.running.clone();
    after.schema_heads = None;
    Ok(making.plan(Draft {
        kind: PlanKind::Migrate,
        after,
        gates,
        warnings,
        forward,
        back: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        depends_on_schema: true,
    }))
}

/// The commands that lead to one revision, and what they do in words.
fn to_revision(
    making: &Making<'_>,
    migration: &Migration,
    revision: &str,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Vec<String>>, String), Fault> {
    let survey = making.survey;
    let history = schema::history_for(&making.request.deed, survey);
    let now = schema::heads_now(survey);
    if now
        .as_ref()
        .is_some_and(|(now, recorded)| !recorded && *now == [revision])
    {
        return Err(making.fault(
            FaultKind::Invalid,
            format!("the schema is at {revision} already"),
        ));
    }
    let tool = schema::tool(migration);
    let unsupported = |words: String| making.fault(FaultKind::Unsupported, words);
    let from = now
        .as_ref()
        .map_or_else(|| "unknown".to_owned(), |(now, _)| schema::words(now));
    let now = now.map(|(now, _)| now).unwrap_or_default();
    let known = schema::Known { history, now: &now };
    if !tool.is_behind(&known, revision) {
        let command = tool.up_to(revision).map_err(unsupported)?;
        return Ok((vec![command], format!("{from} → {revision}")));
    }
    let way = tool.down_to(&known, revision).map_err(unsupported)?;
    let undone = if survey.schema_undone.is_empty() {
        &way.undone
    } else {
        &survey.schema_undone
    };
    if let Some(why) = schema::refusal(undone) {
        return Err(unsupported(format!("it cannot be undone: {why}"))
            .remedy("go down to a revision above it, or undo it by hand"));
    }
    warnings.extend(
        schema::obstacle(undone)
            .map(|why| format!("the schema will not be what the revision says: {why}")),
    );
    warnings.push(format!(
        "the schema goes down from {from} to {revision}{}: data that only the newer revisions hold is lost",
        schema::undoes(undone)
    ));
    Ok((way.commands, format!("{from} → {revision}")))
}

/// The revision in full that `text` names to the image that the migration runs with, which people call
/// `label`.
///
/// # Errors
/// It names none there, or several.
fn in_full(
    making: &Making<'_>,
    migration: &Migration,
    label: &str,
    text: &str,
    warnings: &mut Vec<String>,
) -> Result<String, Fault> {
    if !schema::is_revision(text) {
        return Err(making
            .fault(FaultKind::Invalid, format!("{text:?} is not a revision"))
            .remedy("name the revision itself: a relative step can mean two things when it is run twice"));
    }
    let (survey, deed) = (making.survey, &making.request.deed);
    let tool = schema::tool(migration);
    let history = match schema::asked(migration, deed, survey) {
        Ok(history) => history,
        Err(why) => {
            let others = schema::history_for(deed, survey);
            if text != schema::BASE && tool.named(others, text) != Named::Word {
                warnings.push(schema::untold(label, text, why));
            }
            return Ok(schema::in_full(&*tool, others, text));
        }
    };
    match tool.named(history, text) {
        Named::One(_) | Named::Word => Ok(schema::in_full(&*tool, history, text)),
        Named::Several(meant) => {
            let meant: Vec<&str> = meant.iter().map(|known| known.revision.as_str()).collect();
            Err(making
                .fault(
                    FaultKind::Invalid,
                    format!("{text} can mean several revisions of {label}"),
                )
                .remedy(format!("name one of them: {}", meant.join(", "))))
        }
        Named::Nothing if text == schema::BASE => Ok(text.to_owned()),
        Named::Nothing => Err(making
            .fault(
                FaultKind::Missing,
                format!("{label} has no revision {text}: nothing can migrate to it"),
            )
            .remedy(format!(
                "name one that it has ({}), or a version that has that revision",
                schema::listed(history)
            ))),
    }
}
