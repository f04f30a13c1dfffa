//! Cleaning up: names of images, backups and containers that nothing needs any more. What is needed is
//! found first, and everything else is judged against it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::release::{
    Fault, FaultKind, ImageId, ImageReference,
    observation::Image,
    plan::{Intent, OnFailure, Plan, PlanKind, Removal},
    record::{Record, Release},
    survey::{BackupFile, CleanUp, Survey},
    text::bytes,
};

use super::{
    Draft, Making, history, holder, running,
    steps::{self, LOOKS, Manners},
};

const LIMIT: Duration = Duration::from_secs(1800);
/// How many images a survey tells of at most.
const MOST_IMAGES: usize = 300;

pub(super) fn plan(making: &Making<'_>, keep: usize, older_than: Duration) -> Result<Plan, Fault> {
    let survey = making.survey;
    let (gates, mut warnings) = holder::clear(making, PlanKind::CleanUp)?;
    let seen = survey.clean_up.as_ref().ok_or_else(|| {
        making.fault(
            FaultKind::Malformed,
            "the server did not tell what there is to clean up",
        )
    })?;
    let needed = needed(making, seen, keep);
    let containers = containers(seen);
    let images = images(making, seen, &needed, older_than, &mut warnings);
    let backups = backups(making);
    if containers.is_empty() && images.is_empty() && backups.is_empty() {
        return Err(making.fault(
            FaultKind::Invalid,
            "there is nothing to clean up: what is there is needed, or not old enough",
        ));
    }
    said_before(making, seen, keep, &images, &backups, &mut warnings);
    // An image that a leftover container holds goes once that is gone.
    let forward = [
        ("remove-containers", containers),
        ("remove-images", images),
        ("remove-backups", backups),
    ]
    .into_iter()
    .filter(|(_, removals)| !removals.is_empty())
    .map(|(id, removals)| {
        let manners = Manners {
            limit: LIMIT,
            ..LOOKS
        };
        steps::step(id, Intent::CleanUp { removals }, manners)
    })
    .collect();
    Ok(making.plan(Draft {
        kind: PlanKind::CleanUp,
        after: making.running.clone(),
        gates,
        warnings,
        forward,
        back: Vec::new(),
        on_failure: OnFailure::Stay,
        schema_offers: Vec::new(),
        depends_on_schema: false,
    }))
}

/// The images that stay: what any container there was made from, what is pinned, and the last `keep`
/// healthy releases of every environment there beside what it runs.
fn needed(making: &Making<'_>, seen: &CleanUp, keep: usize) -> BTreeSet<ImageId> {
    let survey = making.survey;
    let mut needed: BTreeSet<ImageId> = seen
        .containers
        .iter()
        .filter(|container| !container.is_left_over)
        .map(|container| container.image_id.clone())
        .collect();
    for compose in survey.services.values() {
        needed.extend(running::resolved(&compose.image, survey).map(|image| image.id.clone()));
    }
    let mut take = |release: &Release| {
        for service in release.services.values() {
            needed.extend(service.image_id.clone());
            needed.extend(running::image_here(service, survey).map(|image| image.id.clone()));
        }
    };
    take(&making.running);
    let neighbours = seen.neighbours.iter();
    let ledgers = neighbours.filter_map(|neighbour| neighbour.records.as_deref());
    for records in ledgers.chain([survey.records.as_slice()]) {
        for release in kept(records, keep) {
            take(&release);
        }
    }
    needed
}

/// What a ledger says of the release that runs, and its last `keep` healthy ones beside that.
fn kept(records: &[Record], keep: usize) -> Vec<Release> {
    let runs = records.last().and_then(history::reached);
    let mut kept: Vec<Release> = history::healthy(records)
        .into_iter()
        .map(|proven| proven.release)
        .filter(|release| {
            runs.as_ref()
                .is_none_or(|runs| !running::runs_all(release, runs))
        })
        .take(keep)
        .collect();
    kept.extend(runs);
    kept
}

fn containers(seen: &CleanUp) -> Vec<Removal> {
    seen.containers
        .iter()
        .filter(|container| container.is_left_over)
        .map(|container| Removal::Container {
            id: container.id.clone(),
            name: container.name.clone(),
        })
        .collect()
}

/// Of what is not needed: our own keep tags, and with them the whole image where nothing else names it.
fn images(
    making: &Making<'_>,
    seen: &CleanUp,
    needed: &BTreeSet<ImageId>,
    older_than: Duration,
    warnings: &mut Vec<String>,
) -> Vec<Removal> {
    let mut removals: BTreeMap<&ImageId, Removal> = BTreeMap::new();
    let (mut young, mut held) = (0, Vec::new());
    for image in &making.survey.images {
        if needed.contains(&image.id) || removals.contains_key(&image.id) {
            continue;
        }
        let names = Names::of(making, seen, image);
        if names.own_tags.is_empty() && names.own.is_empty() {
            continue;
        }
        if !is_older(making.survey, image, older_than) {
            young += 1;
            continue;
        }
        let mut references = names.own_tags;
        let all = names.others.is_empty();
        if all {
            references.extend(names.own);
        } else if !references.is_empty() {
            held.push(format!("{} is {} too", image.id.short(), names.others[0]));
        }
        if references.is_empty() {
            continue;
        }
        let short = image.id.short();
        let unique = seen.unique_sizes.get(short).copied();
        removals.insert(
            &image.id,
            Removal::Image {
                id: image.id.clone(),
                label: label(making, image),
                references,
                all,
                frees: unique.filter(|_| all),
            },
        );
    }
    if young > 0 {
        warnings.push(format!(
            "{young} image{} not needed either and stay{}: younger than {}",
            if young == 1 { " is" } else { "s are" },
            if young == 1 { "s" } else { "" },
            days(older_than)
        ));
    }
    if !held.is_empty() {
        warnings.push(format!(
            "of these only our keep tags go: {}",
            held.join(", ")
        ));
    }
    removals.into_values().collect()
}

/// An image's names, by whose they are.
struct Names {
    /// Keep tags of this environment.
    own_tags: Vec<ImageReference>,
    /// Those in the repositories of this environment's services.
    own: Vec<ImageReference>,
    /// All others: of other projects, or given by hand.
    others: Vec<ImageReference>,
}

impl Names {
    fn of(making: &Making<'_>, seen: &CleanUp, image: &Image) -> Self {
        let mut names = Self {
            own_tags: Vec::new(),
            own: Vec::new(),
            others: Vec::new(),
        };
        for name in image.tags.iter().chain(&image.repository_digests) {
            let is_own = making.environment.services.iter().any(|service| {
                let service = making.services.get(service);
                service.is_some_and(|service| service.repository == name.repository)
            });
            let list = if seen.keep_tags.contains(&name.repository) {
                &mut names.own_tags
            } else if is_own {
                &mut names.own
            } else {
                &mut names.others
            };
            list.push(name.clone());
        }
        names
    }
}

/// What people call an image: the tag it has in a repository of ours, else the version that it bears.
fn label(making: &Making<'_>, image: &Image) -> String {
    let services = making.environment.services.iter();
    services
        .filter_map(|name| Some((name, making.services.get(name)?)))
        .find(|(_, service)| {
            let mut names = image.tags.iter().chain(&image.repository_digests);
            names.any(|known| known.repository == service.repository)
        })
        .map_or_else(
            || image.id.short().to_owned(),
            |(name, service)| {
                let release = running::of_image(image, &service.repository);
                format!("{name} {}", release.label())
            },
        )
}

/// Whether an image was made so long ago; one whose age nobody knows is not.
fn is_older(survey: &Survey, image: &Image, than: Duration) -> bool {
    than.is_zero()
        || image.created.is_some_and(|created| {
            Duration::try_from(survey.taken.duration_since(created)).is_ok_and(|age| age >= than)
        })
}

/// Those of ours beyond the number that stays, the oldest first, and what an operation left half written.
fn backups(making: &Making<'_>) -> Vec<Removal> {
    let (Some(backup), Some(there)) = (&making.environment.backup, &making.survey.backups) else {
        return Vec::new();
    };
    let (partial, mut whole): (Vec<&BackupFile>, Vec<&BackupFile>) =
        there.files.iter().partition(|file| file.is_partial());
    whole.sort_by(|a, b| a.handle.cmp(&b.handle));
    let beyond = whole.len().saturating_sub(backup.keep);
    partial
        .into_iter()
        .chain(whole.into_iter().take(beyond))
        .map(|file| Removal::Backup {
            handle: file.handle.clone(),
            size: file.size,
        })
        .collect()
}

fn said_before(
    making: &Making<'_>,
    seen: &CleanUp,
    keep: usize,
    images: &[Removal],
    backups: &[Removal],
    warnings: &mut Vec<String>,
) {
    let told: Option<u64> = images
        .iter()
        .filter_map(|removal| match removal {
            Removal::Image {
                all: true, frees, ..
            } => Some(*frees),
            _ => None,
        })
        .sum();
    let of_backups: u64 = backups
        .iter()
        .map(|removal| match removal {
            Removal::Backup { size, .. } => *size,
            _ => 0,
        })
        .sum();
    warnings.push(match told {
        Some(of_images) => format!(
            "frees at least {}: {} of images, {} of backups; layers that only the removed images share come on top",
            bytes(of_images + of_backups),
            bytes(of_images),
            bytes(of_backups)
        ),
        None => format!(
            "frees {} of backups; what the images free is not known: the Engine did not tell in time",
            bytes(of_backups)
        ),
    });
    warnings.push(format!(
        "what any container there uses, what is pinned and the last {keep} healthy releases of each environment there stay"
    ));
    for neighbour in &seen.neighbours {
        if neighbour.records.is_none() {
            warnings.push(format!(
                "the ledger of {} cannot be read: what it needs is told by its keep tags alone",
                neighbour.environment
            ));
        }
    }
    if making.survey.images.len() >= MOST_IMAGES {
        warnings.push(
            "there are more images than were looked at: clean up again afterwards".to_owned(),
        );
    }
}

fn days(duration: Duration) -> String {
    crate::release::time::short_age(duration, true).0
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use super::*;
    use crate::release::{
        operation::Outcome,
        plan::Deed,
        survey::{Backups, Neighbour, User},
    };

    const BACKUP: &str = "[environments.production.backup]\ntool = \"pg_dump\"\nservice = \"database\"\n\
         database = \"shop\"\nuser = \"shop\"\nkeep = 1\n";

    fn deed(keep: usize) -> Deed {
        Deed::CleanUp {
            keep,
            older_than: Duration::ZERO,
        }
    }

    fn user(name: &str, image: u8, is_left_over: bool) -> User {
        User {
            id: format!("{name}-id"),
            name: name.to_owned(),
            image_id: image_id(image),
            is_left_over,
        }
    }

    /// Version 3 runs, 1 and 2 were healthy before, 4 and 5 lie there too.
    fn world() -> World {
        let mut world = World::with(BACKUP);
        world.survey.images = (1..=5).map(image).collect();
        world.runs(3);
        world.records(vec![
            record(1, PlanKind::Promote, 1, 1, Outcome::Succeeded),
            record(2, PlanKind::Promote, 1, 2, Outcome::Succeeded),
            record(3, PlanKind::Promote, 2, 3, Outcome::Succeeded),
        ]);
        world.survey.clean_up = Some(CleanUp {
            keep_tags: [of("flightdeck.keep/shop/backend")].into(),
            containers: vec![user("shop-backend-1", 3, false)],
            unique_sizes: (1..=5)
                .map(|n| (image_id(n).short().to_owned(), 1_000_000))
                .collect(),
            neighbours: Vec::new(),
        });
        world
    }

    fn clean_up(world: &mut World) -> &mut CleanUp {
        world.survey.clean_up.as_mut().unwrap()
    }

    fn removed(plan: &Plan) -> Vec<String> {
        plan.forward
            .iter()
            .filter_map(|step| match &step.intent {
                Intent::CleanUp { removals } => Some(removals),
                _ => None,
            })
            .flatten()
            .map(|removal| match removal {
                Removal::Image { label, .. } => label.clone(),
                Removal::Container { name, .. } => name.clone(),
                Removal::Backup { handle, .. } => handle.clone(),
            })
            .collect()
    }

    #[test]
    fn what_runs_and_the_last_healthy_releases_stay() {
        let plan = world().plan(deed(1)).unwrap();
        // Version 2 is where a rollback goes; 1 is one too many.
        assert_eq!(removed(&plan), ["backend v1", "backend v4", "backend v5"]);
        let plan = world().plan(deed(2)).unwrap();
        assert_eq!(removed(&plan), ["backend v4", "backend v5"]);
        assert!(plan.warnings.iter().any(|w| w.contains("at least 2.0 MB")));
        assert_eq!(plan.title(), "clean up production: 2 images");
        assert!(plan.forward.iter().all(|step| !step.changes));
    }

    #[test]
    fn a_container_or_a_neighbour_keeps_what_it_needs() {
        let mut world = world();
        clean_up(&mut world)
            .containers
            .push(user("by-hand", 4, false));
        let mut other = record(9, PlanKind::Promote, 1, 5, Outcome::Succeeded);
        other.environment = of("staging");
        clean_up(&mut world).neighbours.push(Neighbour {
            environment: of("staging"),
            records: Some(vec![other]),
        });
        let fault = world.plan(deed(2)).unwrap_err();
        assert!(fault.message.contains("nothing to clean up"), "{fault}");
    }

    #[test]
    fn of_an_image_with_another_name_only_our_keep_tags_go() {
        let mut world = world();
        let keep: ImageReference = of("flightdeck.keep/shop/backend:4");
        world.survey.images[3].tags.push(keep.clone());
        world.survey.images[3]
            .tags
            .push(of("flightdeck.keep/other/backend:1"));
        let plan = world.plan(deed(2)).unwrap();
        let Intent::CleanUp { removals } = &plan.forward[0].intent else {
            panic!("{plan:?}")
        };
        assert!(
            removals.iter().any(|removal| matches!(
                removal,
                Removal::Image { references, all: false, frees: None, .. } if *references == [keep.clone()]
            )),
            "{removals:?}"
        );
        // Where all names are ours the keep tags go first.
        world.survey.images[3].tags.pop();
        let plan = world.plan(deed(2)).unwrap();
        let Intent::CleanUp { removals } = &plan.forward[0].intent else {
            panic!("{plan:?}")
        };
        assert!(
            removals.iter().any(|removal| matches!(
                removal,
                Removal::Image { references, all: true, .. } if references[0] == keep && references.len() == 3
            )),
            "{removals:?}"
        );
    }

    #[test]
    fn what_is_young_stays_and_what_is_left_over_goes() {
        let mut world = world();
        clean_up(&mut world)
            .containers
            .push(user("fd-shop-2-migrate", 4, true));
        world.survey.taken = world.survey.images[0].created.unwrap();
        world.survey.backups = Some(Backups {
            files: ["000002.dump", "000003.dump", "000004.dump.part"]
                .map(|handle| BackupFile {
                    handle: handle.to_owned(),
                    size: 5,
                    is_readable: true,
                })
                .into(),
            ..Backups::default()
        });
        let plan = world
            .plan(Deed::CleanUp {
                keep: 2,
                older_than: Duration::from_secs(3600),
            })
            .unwrap();
        assert_eq!(
            removed(&plan),
            ["fd-shop-2-migrate", "000004.dump.part", "000002.dump"]
        );
        assert!(plan.warnings.iter().any(|w| w.contains("younger than 1h")));
    }

    #[test]
    fn a_ledger_that_cannot_be_read_is_said() {
        let mut world = world();
        clean_up(&mut world).neighbours.push(Neighbour {
            environment: of("staging"),
            records: None,
        });
        let plan = world.plan(deed(2)).unwrap();
        assert!(plan.warnings.iter().any(|w| w.contains("staging")));
    }
}
