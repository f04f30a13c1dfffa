//! Steps: their ids, limits and manners; one function a step.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    config::{Environment, Migration},
    release::{
        ImageReference, ServiceName,
        name::slug,
        plan::{Again, ImageName, Intent, OnStepFailure, Plan, Step},
        record::{Record, Release},
    },
};

use super::{history, schema};

/// What a switch's or a verification's time limit has over the time that it waits for health: to stop
/// the old container, and to say what went wrong before it is ended.
pub const MARGIN: Duration = Duration::from_secs(60);

const SHORT: Duration = Duration::from_secs(60);
const PULL: Duration = Duration::from_secs(1800);
const MIGRATION: Duration = Duration::from_secs(3600);

/// How a step behaves.
pub(super) struct Manners {
    pub limit: Duration,
    pub again: Again,
    pub interruptible: bool,
    pub changes: bool,
}

/// The manners of a step after which the environment is as it was.
pub(super) const LOOKS: Manners = Manners {
    limit: SHORT,
    again: Again::Safe,
    interruptible: true,
    changes: false,
};

/// A step of these manners.
pub(super) fn step(id: impl Into<String>, intent: Intent, manners: Manners) -> Step {
    Step {
        id: id.into(),
        intent,
        limit: manners.limit,
        estimate: None,
        again: manners.again,
        interruptible: manners.interruptible,
        changes: manners.changes,
        failure: OnStepFailure::Stops,
    }
}

/// Copies the files as they are, and keeps the images that run.
pub(super) fn snapshot(
    files: &BTreeMap<String, String>,
    keep: &BTreeMap<ServiceName, ImageName>,
) -> Step {
    let intent = Intent::Snapshot {
        files: files.keys().cloned().collect(),
        keep: keep.clone(),
    };
    step("snapshot", intent, LOOKS)
}

/// Takes down the last words of the containers that failed, before they are replaced; and waits for a
/// migration that outlived its step, so that nothing is switched under it.
pub(super) fn last_words(services: &BTreeMap<ServiceName, ImageName>, migrates: bool) -> Step {
    let intent = Intent::Snapshot {
        files: Vec::new(),
        keep: services.clone(),
    };
    let limit = if migrates { MIGRATION } else { SHORT };
    step("last-words", intent, Manners { limit, ..LOOKS })
}

/// Pulls one image by digest.
pub(super) fn pull(service: &ServiceName, reference: &ImageReference) -> Step {
    let intent = Intent::Pull {
        service: service.clone(),
        reference: reference.clone(),
    };
    step(
        format!("pull-{}", service.slug()),
        intent,
        Manners {
            limit: PULL,
            ..LOOKS
        },
    )
}

/// Keeps one image from being pruned.
pub(super) fn keep(service: &ServiceName, image: ImageName) -> Step {
    let intent = Intent::Keep {
        service: service.clone(),
        image,
    };
    step(format!("keep-{}", service.slug()), intent, LOOKS)
}

/// Migrates the schema. A migration is never ended in the middle by a cancel.
pub(super) fn migrate(
    migration: &Migration,
    image: ImageName,
    command: Vec<String>,
    summary: String,
) -> Step {
    let intent = Intent::Migrate {
        service: migration.service.clone(),
        image,
        command,
        heads: schema::tool(migration).heads(),
        summary,
    };
    step(
        "migrate",
        intent,
        Manners {
            limit: MIGRATION,
            again: Again::Probe,
            interruptible: false,
            changes: true,
        },
    )
}

/// Sees that an image knows the revision that the database is at; `None` where the tool cannot tell.
pub(super) fn knows_schema(
    migration: &Migration,
    image: ImageName,
    at: Option<Vec<String>>,
) -> Option<Step> {
    let intent = Intent::KnowsSchema {
        service: migration.service.clone(),
        image,
        heads: schema::tool(migration).heads()?,
        at,
    };
    let limit = SHORT * 2;
    Some(step("schema", intent, Manners { limit, ..LOOKS }))
}

/// The most letters of a name in a step's id.
const LONGEST: usize = 40;

/// `hook-tell-the-team` for the hook "tell the team": its name as far as a step's id can have it, since
/// that is what journals, records and those who are told of an operation call it. `number` stands for a
/// name of which nothing is left.
pub(super) fn called(what: &str, name: &str, number: usize) -> String {
    let words = slug(name);
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let mut name = words.join("-");
    name.truncate(LONGEST);
    match name.trim_end_matches('-') {
        "" => format!("{what}-{number}"),
        name => format!("{what}-{name}"),
    }
}

/// One check.
pub(super) fn check(
    number: usize,
    rule: &crate::config::CheckRule,
    check: crate::release::check::Check,
) -> Step {
    let attempts = rule.attempts.max(1);
    let intent = Intent::Check {
        name: rule.name.clone(),
        check,
        attempts,
        interval: rule.interval,
        timeout: rule.timeout,
    };
    step(
        called("verify-check", &rule.name, number),
        intent,
        Manners {
            limit: rule.longest() + SHORT,
            ..LOOKS
        },
    )
}

/// One hook. What is not ours to know twice is not run twice without asking.
pub(super) fn hook(id: String, intent: Intent, failure: OnStepFailure, timeout: Duration) -> Step {
    let manners = Manners {
        // What it prints last is read before the limit falls.
        limit: timeout + Duration::from_secs(5),
        again: Again::Ask,
        ..LOOKS
    };
    Step {
        failure,
        ..step(id, intent, manners)
    }
}

/// Writes down what runs, whether it is healthy, and where the schema is.
pub(super) fn observe(environment: &Environment) -> Step {
    let heads = environment.migration.as_ref().and_then(|migration| {
        let heads = schema::tool(migration).heads()?;
        Some((migration.service.clone(), heads))
    });
    let intent = Intent::Observe {
        services: environment.services.clone(),
        heads,
    };
    step("observe", intent, LOOKS)
}

/// The images of a release by service, as steps name them.
pub(super) fn images(
    release: &Release,
    name: impl Fn(&crate::release::record::ServiceRelease) -> ImageName,
) -> BTreeMap<ServiceName, ImageName> {
    release
        .services
        .iter()
        .map(|(service, release)| (service.clone(), name(release)))
        .collect()
}

/// Makes the ids of each list unique and fills in what the ledger tells of times.
pub(super) fn finish(plan: &mut Plan, records: &[Record]) {
    let estimates = history::estimates(records, plan.kind);
    for list in [&mut plan.forward, &mut plan.back, &mut plan.closing] {
        let mut seen = BTreeSet::new();
        for step in list.iter_mut() {
            let mut id = step.id.clone();
            let mut number = 2;
            while !seen.insert(id.clone()) {
                id = format!("{}-{number}", step.id);
                number += 1;
            }
            step.estimate = estimates.get(&id).copied();
            step.id = id;
        }
    }
}
