//! The schema's part of a rollback: the way down, or the words that the database is ahead of the image.

use crate::{
    config::MigrationTool,
    release::{
        Fault, FaultKind,
        plan::{SchemaChoice, Step},
    },
};

use super::{Making, running, schema, steps};

/// The schema's part: a downgrade with the image that runs now, or a warning where the database is
/// ahead of the image.
pub(super) fn step(
    making: &Making<'_>,
    recorded: Option<&Vec<String>>,
    choice: SchemaChoice,
    warnings: &mut Vec<String>,
) -> Result<Option<Step>, Fault> {
    let Some(migration) = &making.environment.migration else {
        return Ok(None);
    };
    let Some(goal) = recorded else {
        return match choice {
            SchemaChoice::ImageOnly => {
                warnings.push(
                    "at which revision the schema was with that release is not recorded".to_owned(),
                );
                Ok(None)
            }
            SchemaChoice::Downgrade => Err(making
                .fault(
                    FaultKind::Missing,
                    "at which revision the schema was with that release is not recorded",
                )
                .remedy("roll back the image alone, or migrate to a revision by name")),
        };
    };
    let now = schema::heads_now(making.survey);
    let (heads, recorded_only) = match &now {
        Some((heads, recorded_only)) => (schema::words(heads), *recorded_only),
        None => ("unknown".to_owned(), false),
    };
    if now
        .as_ref()
        .is_some_and(|(now, _)| schema::is_same(now, goal))
    {
        return Ok(None);
    }
    let words = schema::words(goal);
    let between = match making.survey.schema_path.len() {
        0 => String::new(),
        1 => ", 1 revision between".to_owned(),
        n => format!(", {n} revisions between"),
    };
    if choice == SchemaChoice::ImageOnly {
        let source = if recorded_only { " (recorded)" } else { "" };
        warnings.push(format!(
            "the database is ahead of the image: it is at {heads}{source}, that release ran at {words}{between}; \
             the schema stays"
        ));
        return Ok(None);
    }
    warnings.extend(schema::trouble(making.survey));
    let (MigrationTool::Alembic { .. }, [] | [_]) = (&migration.tool, goal.as_slice()) else {
        return Err(making
            .fault(
                FaultKind::Unsupported,
                match migration.tool {
                    MigrationTool::Command { .. } => {
                        "the configured migration command cannot go down".to_owned()
                    }
                    MigrationTool::Alembic { .. } => {
                        format!("that release ran at several heads ({words}): there is no single way down")
                    }
                },
            )
            .remedy("roll back the image alone, or migrate by hand first"));
    };
    let revision = goal.first().map_or("base", String::as_str);
    let image = making
        .running
        .services
        .get(&migration.service)
        .map(|release| running::image_name(release, making.survey));
    let (Some(image), true) = (image, schema::is_revision(revision)) else {
        return Err(making
            .fault(
                FaultKind::Missing,
                format!(
                    "no image that runs knows the way from {heads} down to {words}: {} does not run",
                    migration.service
                ),
            )
            .remedy("roll back the image alone"));
    };
    warnings.push(format!(
        "the schema goes down from {heads} to {words}{between}: data that only the newer revisions hold is lost"
    ));
    let command = schema::to(migration, revision, true).ok_or_else(|| {
        making.fault(
            FaultKind::Unsupported,
            "the configured migration command cannot go down",
        )
    })?;
    Ok(Some(steps::migrate(
        migration,
        image,
        command,
        format!("{heads} → {words}{between}"),
    )))
}
