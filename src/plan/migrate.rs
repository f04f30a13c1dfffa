//! Migrating the schema without a switch.

use std::collections::BTreeMap;

use crate::release::{
    Fault, FaultKind, ServiceName,
    plan::{ChosenVersion, ImageName, OnFailure, Plan, PlanKind},
};

use super::{Draft, Making, backup, holder, promote, running, schema, steps};

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
    let image = match chosen.remove(&migration.service) {
        Some(release) => {
            let reference = release.reference();
            forward.push(steps::pull(&migration.service, &reference));
            forward.push(steps::keep(
                &migration.service,
                ImageName::Reference(reference.clone()),
            ));
            warnings.push(format!(
                "the migration runs with {}, which does not run here: what runs must bear the new schema",
                release.label()
            ));
            ImageName::Reference(reference)
        }
        None => making
            .running
            .services
            .get(&migration.service)
            .map(|release| running::image_name(release, survey))
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
    let (command, goal) = match to {
        None => (schema::up(migration), "head".to_owned()),
        Some(revision) => {
            if !schema::is_revision(revision) {
                return Err(making
                    .fault(FaultKind::Invalid, format!("{revision:?} is not a revision"))
                    .remedy("name the revision itself: a relative step can mean two things when it is run twice"));
            }
            let command =
                schema::to(migration, revision, is_behind(making, revision)).ok_or_else(|| {
                    making.fault(
                        FaultKind::Unsupported,
                        "the configured migration command knows no revisions",
                    )
                })?;
            (command, revision.to_owned())
        }
    };
    if let Some(heads) = &survey.schema_heads
        && to.is_some_and(|to| schema::is_same(heads, &[to.to_owned()]))
    {
        return Err(making.fault(
            FaultKind::Invalid,
            format!("the schema is at {goal} already"),
        ));
    }
    let from = survey
        .schema_heads
        .as_deref()
        .map_or_else(|| "unknown".to_owned(), schema::words);
    warnings.extend(schema::trouble(survey));
    warnings.push("nothing brings the schema back by itself if this fails".to_owned());
    forward.extend(backup::step(making, &mut warnings)?);
    forward.push(steps::migrate(
        migration,
        image,
        command,
        format!("{from} → {goal}"),
    ));
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
        depends_on_schema: true,
    }))
}

/// Whether a revision lies behind where the database is. The survey's path is that from it to there.
fn is_behind(making: &Making<'_>, revision: &str) -> bool {
    revision == "base"
        || making
            .survey
            .schema_path
            .iter()
            .any(|known| known.revision.starts_with(revision))
}
