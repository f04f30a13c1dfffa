//! What has happened before the world began: releases of the last days in both environments, with their
//! ledgers, claims, journals and outputs as the runner writes them, and the containers that run now.

mod folder;

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    docker::recipe,
    places::{ENVIRONMENTS, Places},
    seed::Seed,
    world::{
        World,
        catalogue::{Version, recent},
        schema::REVISIONS,
    },
};
use crate::release::{
    EnvironmentName, ServiceName,
    operation::{OperationId, Outcome},
    plan::{FORMAT, PlanKind},
    record::{Record, Release, ServiceRelease},
};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// One operation of the past.
struct Past {
    /// How many seconds before the world's beginning it began.
    ago: u64,
    kind: PlanKind,
    /// The service, and the position in its repository: [`recent`] for the backend.
    service: &'static str,
    version: usize,
    /// The step that failed; the release before came back then.
    failed: Option<&'static str>,
    reason: &'static str,
}

const fn promote(
    ago: u64,
    version: usize,
    failed: Option<&'static str>,
    reason: &'static str,
) -> Past {
    Past {
        ago,
        kind: PlanKind::Promote,
        service: "backend",
        version,
        failed,
        reason,
    }
}

const PRODUCTION: [Past; 8] = [
    promote(12 * DAY, 10, None, ""),
    promote(9 * DAY, 9, None, "voucher rounding"),
    Past {
        ago: 8 * DAY,
        kind: PlanKind::Promote,
        service: "frontend",
        version: 3,
        failed: None,
        reason: "",
    },
    promote(6 * DAY, 8, Some("verify-check-status"), ""),
    promote(4 * DAY, recent::BEFORE, None, ""),
    promote(3 * DAY + HOUR, recent::PRODUCTION, None, "delivery dates"),
    Past {
        ago: 2 * DAY + 20 * HOUR,
        kind: PlanKind::Rollback,
        service: "backend",
        version: recent::BEFORE,
        failed: None,
        reason: "checkout slow",
    },
    promote(
        2 * DAY + 4 * HOUR,
        recent::PRODUCTION,
        None,
        "cache was cold, not the release",
    ),
];

const STAGING: [Past; 6] = [
    promote(9 * DAY + 5 * HOUR, 9, None, ""),
    promote(4 * DAY + 3 * HOUR, recent::BEFORE, None, ""),
    promote(3 * DAY + 2 * HOUR - 600, recent::PRODUCTION, None, ""),
    promote(2 * DAY, recent::UNHEALTHY, Some("switch"), ""),
    Past {
        ago: DAY + 4 * HOUR,
        kind: PlanKind::Promote,
        service: "frontend",
        version: 0,
        failed: None,
        reason: "new basket",
    },
    promote(26 * HOUR, recent::STAGING, None, ""),
];

/// How long each step took, in seconds at least and how many more at most.
const TIMES: [(&str, u64, u64); 8] = [
    ("snapshot", 0, 1),
    ("pull", 7, 6),
    ("keep", 0, 1),
    ("pin", 0, 1),
    ("switch", 4, 3),
    ("restart", 1, 1),
    ("verify-health", 11, 2),
    ("verify-check-status", 0, 2),
];

/// What runs of the two services that are released.
#[derive(Clone)]
struct Running {
    backend: Arc<Version>,
    frontend: Arc<Version>,
    schema: usize,
}

impl Running {
    fn release(&self, name_schema: bool) -> Release {
        let service = |name: &str, version: &Version| {
            let name: ServiceName = name.parse().expect("the world's own names are names");
            let release = ServiceRelease {
                repository: version.repository.clone(),
                tag: Some(version.tag.clone()),
                digest: Some(version.digest.clone()),
                image_id: Some(version.image_id.clone()),
                revision: Some(version.revision.clone()),
            };
            (name, release)
        };
        Release {
            services: BTreeMap::from([
                service("backend", &self.backend),
                service("frontend", &self.frontend),
            ]),
            schema_heads: name_schema.then(|| vec![REVISIONS[self.schema].0.to_owned()]),
            files: BTreeMap::new(),
            pinned_files: BTreeMap::new(),
        }
    }
}

/// Writes the past of both environments, and leaves what runs on the Engine.
///
/// # Errors
/// Those of the file system.
pub fn write(world: &mut World, places: &Places) -> io::Result<()> {
    for environment in ENVIRONMENTS {
        let past: &[Past] = if environment == "production" {
            &PRODUCTION
        } else {
            &STAGING
        };
        let first = &past[0];
        let mut running = Running {
            backend: Arc::clone(world.catalogue.recent(first.version + 1)),
            frontend: Arc::clone(&world.catalogue.frontend[4]),
            schema: world.catalogue.recent(first.version + 1).schema,
        };
        let mut changed = world.start - Duration::from_secs(40 * DAY);
        let directory = places.ledger_directory(environment);
        folder::prepare(&places.project(environment), &directory)?;
        for (index, past) in past.iter().enumerate() {
            let id = OperationId(index as u64 + 1);
            let before = running.clone();
            let after = after(world, &running, past);
            let record = record(world, environment, id, past, &before, &after)?;
            let concerned = if past.service == "backend" {
                &after.backend
            } else {
                &after.frontend
            };
            keep(world, environment, past.service, id, concerned);
            changed = Timestamp::from_second(record.ended).unwrap_or(changed);
            folder::write(&directory, &record, world.seed)?;
            if past.failed.is_none() {
                running = after;
            }
        }
        let project = places.pin(environment, &running.backend, &running.frontend)?;
        world
            .schemas
            .insert(environment.to_owned(), Some(running.schema));
        run(world, &project, &running, changed);
    }
    Ok(())
}

fn after(world: &World, running: &Running, past: &Past) -> Running {
    let mut after = running.clone();
    if past.service == "backend" {
        after.backend = Arc::clone(world.catalogue.recent(past.version));
        after.schema = after.schema.max(after.backend.schema);
    } else {
        after.frontend = Arc::clone(&world.catalogue.frontend[past.version]);
    }
    after
}

/// Puts an image on the Engine, as the pull and the keep of an operation did.
fn keep(world: &mut World, project: &str, service: &str, id: OperationId, version: &Arc<Version>) {
    let at = version.published;
    world.engine.pulled(version, &version.reference(), at);
    let tag = format!("flightdeck.keep/{project}/{service}:{}", id.0);
    world.engine.tag(&version.image_id, &tag);
}

fn record(
    world: &World,
    environment: &str,
    id: OperationId,
    past: &Past,
    before: &Running,
    after: &Running,
) -> io::Result<Record> {
    let started = world.start - Duration::from_secs(past.ago);
    let migrates = past.service == "backend" && after.schema != before.schema;
    let times = times(world.seed, id, past, migrates);
    let seconds: i64 = times.values().sum();
    let environment: EnvironmentName = environment.parse().map_err(io::Error::other)?;
    let mut results = BTreeMap::new();
    if past.failed.is_none() {
        results.insert("healthy".to_owned(), "yes".to_owned());
        results.insert(
            "schema_heads".to_owned(),
            REVISIONS[after.schema].0.to_owned(),
        );
    }
    let people = ["mira", "jonas", "aylin"];
    Ok(Record {
        v: FORMAT,
        operation: id,
        kind: past.kind,
        operator: world.seed.pick("operator", past.ago, &people).to_owned(),
        origin: world
            .seed
            .pick("origin", past.ago, &["desk-3", "laptop-mira", "jump-1"])
            .to_owned(),
        environment,
        reason: past.reason.to_owned(),
        before: before.release(true),
        after: after.release(false),
        subject: String::new(),
        recovers: None,
        overridden: Vec::new(),
        started: started.as_second(),
        ended: started.as_second() + seconds,
        outcome: match past.failed {
            Some(_) => Outcome::WentBack,
            None => Outcome::Succeeded,
        },
        step: past.failed.map(str::to_owned),
        times,
        results,
        other: serde_json::Map::new(),
    })
}

/// The steps that an operation took, with their seconds.
fn times(seed: Seed, id: OperationId, past: &Past, migrates: bool) -> BTreeMap<String, i64> {
    let mut times = BTreeMap::new();
    let mut take = |step: String, least: u64, more: u64| {
        let seconds = least + seed.below(&step, id.0 + past.ago, more + 1);
        times.insert(step, i64::try_from(seconds).unwrap_or_default());
    };
    for (step, least, more) in TIMES {
        if past.kind == PlanKind::Rollback && step == "pull" {
            continue;
        }
        if step == "pin" && migrates {
            take("migrate".to_owned(), 1, 2);
        }
        let named = match step {
            "pull" | "keep" => format!("{step}-{}", past.service),
            step => step.to_owned(),
        };
        take(named, least, more);
        if past.failed == Some(step) {
            for (step, least, more) in &TIMES[3..] {
                take(format!("back/{step}"), *least, *more);
            }
            return times;
        }
    }
    take("observe".to_owned(), 0, 1);
    times
}

/// The containers that run now: the database for long, the rest since the last operation.
fn run(
    world: &mut World,
    project: &super::docker::project::Project,
    running: &Running,
    since: Timestamp,
) {
    let others = world.catalogue.others.clone();
    for (name, service) in &project.services {
        let version = match name.as_str() {
            "backend" => &running.backend,
            "frontend" => &running.frontend,
            "db" => &others[0],
            _ => &others[1],
        };
        let started = if name == "db" {
            world.start - Duration::from_secs(40 * DAY)
        } else {
            since
        };
        if let Ok(reference) = service.image.parse() {
            world.engine.pulled(version, &reference, started);
        }
        let recipe = recipe(
            project,
            service,
            version,
            format!("{}-{name}-1", project.name),
            1,
        );
        let id = world.engine.create(recipe, started);
        world.engine.start(&id, started);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::demo::world::Pace;

    fn written(seed: u64) -> (tempfile::TempDir, World) {
        let root = tempfile::tempdir().unwrap();
        let places = Places::make(root.path(), "127.0.0.1:5000", Path::new("/bin/true")).unwrap();
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut world = World::new(Seed(seed), start, Pace::REAL, "127.0.0.1:5000");
        write(&mut world, &places).unwrap();
        world.advance(start);
        (root, world)
    }

    fn records(root: &Path, environment: &str) -> Vec<Record> {
        let path = root.join(environment).join(".flightdeck").join(environment);
        let text = std::fs::read_to_string(path.join("ledger.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_seed_gives_one_history() {
        let ledger = |seed| {
            let (root, _) = written(seed);
            records(root.path(), "production")
        };
        assert_eq!(ledger(1), ledger(1));
        assert_ne!(ledger(1), ledger(2));
    }

    #[test]
    fn the_ledger_tells_of_the_containers_that_run() {
        let (root, world) = written(1);
        for environment in ENVIRONMENTS {
            let records = records(root.path(), environment);
            let last = records.last().unwrap().runs().unwrap();
            for (service, release) in &last.services {
                let running = world
                    .engine
                    .container(&format!("{environment}-{service}-1"))
                    .unwrap();
                assert_eq!(
                    Some(&running.recipe.version.image_id),
                    release.image_id.as_ref()
                );
                assert_eq!(running.health.map(|h| h.word()), Some("healthy"));
            }
        }
    }

    #[test]
    fn production_has_an_earlier_healthy_release_that_lies_on_the_server() {
        let (root, world) = written(1);
        let records = records(root.path(), "production");
        let runs = records.last().unwrap().runs().unwrap();
        let earlier = records
            .iter()
            .rev()
            .filter_map(Record::proves_healthy)
            .find(|release| !release.is_same_images(runs))
            .unwrap();
        let image = &earlier.services.values().next().unwrap().image_id;
        assert!(world.engine.images.contains_key(image.as_ref().unwrap()));
        assert!(records.iter().any(|r| r.kind == PlanKind::Rollback));
    }
}
