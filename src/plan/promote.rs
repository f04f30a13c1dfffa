//! Promoting versions: pull, keep, migrate, pin, switch, verify; and the way back to what runs.

use std::collections::BTreeMap;

use crate::{
    config::{Environment, Service},
    release::{
        Fault, FaultKind, ServiceName,
        plan::{ChosenVersion, ImageName, OnFailure, Plan, PlanKind, Step},
        record::{Release, ServiceRelease},
        survey::Survey,
    },
};

use super::{
    Draft, Making, Wanted, backup, checks, converge, gates, history, holder, running, schema,
    service, steps, switch,
};

/// What a chosen version is as a release's part.
pub(super) fn chosen(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
) -> Result<BTreeMap<ServiceName, ServiceRelease>, Fault> {
    versions
        .iter()
        .map(|(name, version)| {
            let service = service(environment, services, name)?;
            let release = ServiceRelease {
                repository: service.repository.clone(),
                tag: Some(version.tag.clone()),
                digest: Some(version.digest.clone()),
                image_id: None,
                revision: version.revision.clone(),
            };
            Ok((name.clone(), release))
        })
        .collect()
}

pub(super) fn wanted(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    running: Release,
) -> Result<Wanted, Fault> {
    let pins = chosen(environment, services, versions)?;
    if pins.is_empty() {
        return Err(Fault::new(
            FaultKind::Invalid,
            environment.name.as_str(),
            "no version was chosen",
        ));
    }
    let mut after = running;
    after.services.extend(pins.clone());
    Ok(Wanted { after, pins })
}

pub(super) fn plan(
    making: &Making<'_>,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
    migrate: bool,
) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (mut gates, mut warnings) = holder::clear(making, PlanKind::Promote)?;
    let Wanted { mut after, pins } = wanted(
        making.environment,
        making.services,
        versions,
        making.running.clone(),
    )?;
    refuse_nothing(making, &pins)?;
    let brought = Release {
        services: pins.clone(),
        ..Release::default()
    };
    let bad = history::bad(&survey.records, &brought);
    warnings.extend(bad.iter().map(history::Bad::sentence));
    gates.extend(gates::judge(
        making.environment,
        versions,
        &making.request.overrides,
        &making.context.gates,
    ));
    let switch = switch::judge(making, &pins, |release| {
        ImageName::Reference(release.reference())
    })?;
    warnings.extend(switch.warnings.iter().cloned());
    let checks = checks::steps(making, &mut warnings)?;
    let on_failure = on_failure(making, &switch.services, &mut warnings);

    let running = steps::images(&making.running, |s| running::image_name(s, survey));
    let mut forward = vec![steps::snapshot(&survey.files, &running)];
    for (name, release) in &pins {
        forward.push(steps::pull(name, &release.reference()));
        forward.push(steps::keep(name, ImageName::Reference(release.reference())));
    }
    let migration = migration(making, &pins, migrate, &mut warnings)?;
    if migration.is_some() {
        // Where it ends is known once it has run.
        after.schema_heads = None;
    }
    let depends_on_schema = migration.is_some();
    if let Some((knows, migration)) = migration {
        forward.extend(knows);
        forward.extend(backup::step(making, &mut warnings)?);
        forward.push(migration);
    }
    forward.extend(converge::converge(converge::Convergence {
        environment: making.environment,
        pins: survey.candidate_pins.clone(),
        switch: &switch,
        expected: &switch.expected,
        proven_for: making.environment.stable_for,
        watched: true,
        interruptible: on_failure == OnFailure::GoBack,
        checks: checks.clone(),
    }));
    let back = converge::way_back(making, &switch, depends_on_schema, Vec::new(), checks);
    Ok(making.plan(Draft {
        kind: PlanKind::Promote,
        after,
        gates,
        warnings,
        forward,
        back,
        on_failure,
        schema_offers: Vec::new(),
        depends_on_schema,
    }))
}

/// Refuses a promotion of what runs and is pinned already.
fn refuse_nothing(
    making: &Making<'_>,
    pins: &BTreeMap<ServiceName, ServiceRelease>,
) -> Result<(), Fault> {
    let all = pins.iter().all(|(name, release)| {
        let runs = making.running.services.get(name);
        runs.is_some_and(|runs| runs.is_same_image(release))
            && running::is_pinned(name, release, making.survey)
            && is_well(name, making.survey)
    });
    if !all {
        return Ok(());
    }
    let names: Vec<String> = pins
        .iter()
        .map(|(name, release)| format!("{name} {}", release.label()))
        .collect();
    Err(making.fault(
        FaultKind::Invalid,
        format!(
            "{} runs already and is pinned: nothing to promote",
            names.join(", ")
        ),
    ))
}

/// Back, if what runs is recorded healthy or is seen healthy now; else it stays, and the plan says so.
fn on_failure(
    making: &Making<'_>,
    switched: &[ServiceName],
    warnings: &mut Vec<String>,
) -> OnFailure {
    let survey = making.survey;
    let runs_all = switched
        .iter()
        .all(|service| survey.containers.of(service).next().is_some());
    let well = making
        .running
        .services
        .keys()
        .chain(switched)
        .all(|service| is_well(service, survey));
    if runs_all && (well || history::is_proven_healthy(&survey.records, &making.running)) {
        return OnFailure::GoBack;
    }
    warnings.push(
        if runs_all {
            "if it fails it stays as it is: what runs now is neither recorded healthy nor healthy now"
        } else {
            "if it fails it stays as it is: there is nothing running to go back to"
        }
        .to_owned(),
    );
    OnFailure::Stay
}

/// Whether a service is well, and not just between two crashes.
fn is_well(service: &ServiceName, survey: &Survey) -> bool {
    let crashes = survey.containers.crashes(service);
    survey.containers.health(service).is_well()
        && !crashes.is_some_and(|crashes| crashes.go_on(survey.taken))
}

/// The migration with the candidate, where one is configured and its service is promoted, and before it
/// the look at whether that image knows where the database is. What else is promoted needs no migration:
/// one with the image that runs already would do nothing, or fail where the database is ahead of it.
///
/// # Errors
/// The image lies on the server, and the database is ahead of it.
fn migration(
    making: &Making<'_>,
    pins: &BTreeMap<ServiceName, ServiceRelease>,
    migrate: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<(Option<Step>, Step)>, Fault> {
    let Some(migration) = &making.environment.migration else {
        return Ok(None);
    };
    let Some(release) = pins.get(&migration.service) else {
        warnings.extend(left_pending(making, &migration.service));
        return Ok(None);
    };
    let ahead = schema::ahead_of_candidate(making.survey, &release.label());
    if !migrate {
        warnings.push("the configured migration is not run".to_owned());
        warnings.extend(ahead);
        return Ok(None);
    }
    if let Some(words) = ahead {
        return Err(making.fault(FaultKind::Conflict, words).remedy(
            "roll back instead, which can take the schema along; promote it without the migration \
             (--no-migrate), if it bears the newer schema; or promote a version that has the revision",
        ));
    }
    warnings.extend(schema::trouble(making.survey));
    let image = ImageName::Reference(release.reference());
    let at = making.survey.schema_heads.clone();
    Ok(Some((
        steps::knows_schema(migration, image.clone(), at),
        steps::migrate(
            migration,
            image,
            schema::tool(migration).up(),
            schema::summary_up(making.survey),
        ),
    )))
}

/// Says so where what runs of the service with the migrations waits for one, and is not promoted.
fn left_pending(making: &Making<'_>, service: &ServiceName) -> Option<String> {
    let running = making.running.services.get(service)?;
    let pending = schema::pending_here(making.survey)?;
    Some(format!(
        "{service} {} stays and waits for a migration, which is not run: {pending}. `flightdeck migrate {}` \
         runs it",
        running.label(),
        making.environment.name
    ))
}
