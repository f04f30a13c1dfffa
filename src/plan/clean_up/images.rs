//! Which names of which images go, and what is said of those that stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    plan::{Making, running},
    release::{
        ImageId, ImageReference,
        observation::Image,
        plan::Removal,
        survey::{CleanUp, Survey},
        time::short_age,
    },
};

/// Of what is not needed: our own keep tags, and with them the whole image where nothing else names it.
pub(super) fn images(
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
            short_age(older_than, true).0
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
