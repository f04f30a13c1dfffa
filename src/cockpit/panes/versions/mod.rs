//! Pane 2: the versions of one repository, and what `p` would do with the one under the cursor.
//!
//! The cursor stays on its tag and digest while rows arrive and dates are filled in.

pub mod view;

use std::collections::BTreeMap;

use crate::{
    cockpit::{
        cells,
        keymap::Action,
        model::{Effect, Model},
        panes::{Motion, Pane, environments, nothing},
    },
    config::Environment,
    release::{
        Digest, Repository, ServiceName, Tag,
        plan::ChosenVersion,
        version::{Known, Version},
    },
};

/// What the pane does by itself.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "mark",
        help: "mark the version for its services, to release several together",
        hint: Some("mark"),
        keys: &["space"],
        changes: false,
        run: mark,
    },
    Action {
        name: "next-repository",
        help: "show the versions of the next repository",
        hint: Some("repository"),
        keys: &["]"],
        changes: false,
        run: |model| turn(model, true),
    },
    Action {
        name: "previous-repository",
        help: "show the versions of the previous repository",
        hint: None,
        keys: &["["],
        changes: false,
        run: |model| turn(model, false),
    },
];

/// A version as it was when it came under the cursor or was marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pick {
    /// Its tag.
    pub tag: Tag,
    /// What the tag pointed at, if that was known.
    pub digest: Option<Digest>,
    /// The commit it was built from, if that was known.
    pub revision: Option<String>,
}

/// The pane's state.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Which of the configuration's repositories is shown.
    repository: usize,
    /// The cursor of each repository.
    cursors: BTreeMap<Repository, Pick>,
    /// Marked versions, one a repository.
    pub marks: BTreeMap<Repository, Pick>,
    /// What tags must hold to be shown; empty for all.
    pub needle: String,
}

impl Pick {
    fn of(version: &Version) -> Self {
        Self {
            tag: version.tag.clone(),
            digest: version.digest.value().cloned(),
            revision: version.details.value().and_then(|d| d.revision.clone()),
        }
    }
}

/// The repository that is shown.
pub fn repository(model: &Model) -> Option<&Repository> {
    let repositories = model.fleet.config.repositories();
    let at = model.versions.repository % repositories.len().max(1);
    repositories.get(at).map(|(repository, _)| *repository)
}

/// The versions that are shown, newest first, those that the search leaves.
pub fn rows(model: &Model) -> Vec<&Version> {
    let Some(versions) = repository(model)
        .and_then(|r| model.fleet.versions(r))
        .and_then(|observed| observed.value())
    else {
        return Vec::new();
    };
    let needle = model.versions.needle.to_lowercase();
    versions
        .versions
        .iter()
        .filter(|v| needle.is_empty() || v.tag.as_str().to_lowercase().contains(&needle))
        .collect()
}

/// The row under the cursor: the tag that was chosen, else the first.
pub fn cursor(model: &Model, rows: &[&Version]) -> usize {
    repository(model)
        .and_then(|r| model.versions.cursors.get(r))
        .and_then(|pick| rows.iter().position(|v| v.tag == pick.tag))
        .unwrap_or_default()
}

/// The version under the cursor as it was when the cursor came to it.
pub fn under_cursor(model: &Model) -> Option<(&Repository, Pick)> {
    let repository = repository(model)?;
    let rows = rows(model);
    let version = rows.get(cursor(model, &rows))?;
    let mut pick = Pick::of(version);
    if let Some(chosen) = model.versions.cursors.get(repository)
        && chosen.tag == pick.tag
        && chosen.digest.is_some()
    {
        pick.digest = chosen.digest.clone();
    }
    Some((repository, pick))
}

/// Whether the tag of a pick points at another image by now.
pub fn has_moved(model: &Model, repository: &Repository, pick: &Pick) -> bool {
    let now = listed(model, repository, &pick.tag).and_then(|v| v.digest.value());
    matches!((now, &pick.digest), (Some(now), Some(then)) if now != then)
}

/// What the registry says of a tag by now.
fn listed<'a>(model: &'a Model, repository: &Repository, tag: &Tag) -> Option<&'a Version> {
    let versions = model.fleet.versions(repository)?.value()?;
    versions.versions.iter().find(|v| v.tag == *tag)
}

/// What `p` would bring into `environment`: the marked versions, else the one under the cursor, for
/// each service that comes from their repositories.
///
/// # Errors
/// Why nothing can be promoted, in words.
pub fn promoted(
    model: &Model,
    environment: &Environment,
) -> Result<BTreeMap<ServiceName, ChosenVersion>, String> {
    let picks: Vec<(&Repository, Pick)> = if model.versions.marks.is_empty() {
        under_cursor(model).into_iter().collect()
    } else {
        model
            .versions
            .marks
            .iter()
            .map(|(r, p)| (r, p.clone()))
            .collect()
    };
    if picks.is_empty() {
        return Err("no version is known yet".to_owned());
    }
    let mut versions = BTreeMap::new();
    for (repository, pick) in picks {
        if has_moved(model, repository, &pick) {
            return Err(format!(
                "{} points at another image by now: look again, then choose it anew",
                pick.tag
            ));
        }
        let Some(digest) = pick.digest else {
            return Err(format!("the digest of {} is not known yet", pick.tag));
        };
        // A pick may be older than what its image says of itself, and gates ask for the revision.
        let details = listed(model, repository, &pick.tag).map(|v| &v.details);
        if matches!(details, Some(Known::Pending)) && !environment.gates.is_empty() {
            return Err(format!("what {} was built from is not known yet", pick.tag));
        }
        let revision = details
            .and_then(Known::value)
            .map_or(pick.revision, |details| details.revision.clone());
        let services: Vec<&ServiceName> = environment
            .services
            .iter()
            .filter(|name| {
                model
                    .fleet
                    .config
                    .services
                    .get(*name)
                    .is_some_and(|s| s.repository == *repository)
            })
            .collect();
        if services.is_empty() {
            return Err(format!(
                "{} runs no service from {repository}",
                environment.name
            ));
        }
        for service in services {
            versions.insert(
                service.clone(),
                ChosenVersion {
                    tag: pick.tag.clone(),
                    digest: digest.clone(),
                    revision: revision.clone(),
                },
            );
        }
    }
    Ok(versions)
}

/// What the other services of `environment` would bring in under the same tag; empty unless `versions` have
/// one tag and every other service has it too.
pub fn same_tag_elsewhere(
    model: &Model,
    environment: &Environment,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
) -> BTreeMap<ServiceName, ChosenVersion> {
    let mut tags = versions.values().map(|version| &version.tag);
    let Some(tag) = tags.next().filter(|tag| tags.all(|other| other == *tag)) else {
        return BTreeMap::new();
    };
    let others = environment
        .services
        .iter()
        .filter(|name| !versions.contains_key(*name));
    let found: Option<BTreeMap<ServiceName, ChosenVersion>> = others
        .map(|name| {
            let service = model.fleet.config.services.get(name)?;
            let version = listed(model, &service.repository, tag)?;
            let chosen = ChosenVersion {
                tag: tag.clone(),
                digest: version.digest.value()?.clone(),
                revision: version.details.value()?.revision.clone(),
            };
            Some((name.clone(), chosen))
        })
        .collect();
    found.unwrap_or_default()
}

/// Moves the cursor; left and right change the repository.
pub fn motion(model: &mut Model, motion: Motion) {
    match motion {
        Motion::Left => {
            turn(model, false);
        }
        Motion::Right => {
            turn(model, true);
        }
        motion => {
            let rows = rows(model);
            let page = model.layout().height(Pane::Versions);
            let to = motion.moved(cursor(model, &rows), rows.len(), page);
            let pick = rows.get(to).map(|v| Pick::of(v));
            if let (Some(repository), Some(pick)) = (repository(model).cloned(), pick) {
                model.versions.cursors.insert(repository, pick);
            }
        }
    }
}

/// Takes facts in: a cursor that was on nothing is put on the first row, so that newer rows arriving
/// above do not change what `p` does; a digest that was not known when the cursor came is filled in.
pub fn settle(model: &mut Model) {
    let Some(repository) = repository(model).cloned() else {
        return;
    };
    let rows = rows(model);
    let Some(row) = rows.get(cursor(model, &rows)) else {
        return;
    };
    let pick = Pick::of(row);
    let complete = model
        .fleet
        .versions(&repository)
        .and_then(|o| o.value())
        .is_some_and(|v| v.complete);
    match model.versions.cursors.get_mut(&repository) {
        // Before the list is whole its first row is not the newest: nothing is chosen yet.
        None if complete => {
            model.versions.cursors.insert(repository, pick);
        }
        Some(chosen) if chosen.tag == pick.tag => {
            if chosen.digest.is_none() {
                chosen.digest = pick.digest;
            }
            if chosen.revision.is_none() {
                chosen.revision = pick.revision;
            }
        }
        _ => {}
    }
}

fn mark(model: &mut Model) -> Vec<Effect> {
    let Some((repository, pick)) = under_cursor(model) else {
        return nothing();
    };
    let repository = repository.clone();
    if model.versions.marks.get(&repository).map(|m| &m.tag) == Some(&pick.tag) {
        model.versions.marks.remove(&repository);
    } else {
        model.versions.marks.insert(repository, pick);
    }
    nothing()
}

fn turn(model: &mut Model, forward: bool) -> Vec<Effect> {
    let count = model.fleet.config.repositories().len().max(1);
    let at = model.versions.repository;
    model.versions.repository = if forward { at + 1 } else { at + count - 1 } % count;
    settle(model);
    nothing()
}

/// Shows the tags that hold `needle`.
pub fn search(model: &mut Model, needle: &str) {
    needle.clone_into(&mut model.versions.needle);
}

/// The reference under the cursor, with its digest where that is known.
pub fn copied(model: &Model) -> Option<String> {
    let (repository, pick) = under_cursor(model)?;
    Some(match pick.digest {
        Some(digest) => format!("{repository}:{}@{digest}", pick.tag),
        None => format!("{repository}:{}", pick.tag),
    })
}

/// The tags on the screen, if the pane is shown.
pub fn visible_tags(model: &Model) -> Option<(Repository, Vec<Tag>)> {
    let layout = model.layout();
    let place = layout.place(Pane::Versions)?;
    let rows = rows(model);
    let visible = cells::visible(
        rows.len(),
        cursor(model, &rows),
        usize::from(place.inner().height),
    );
    let tags = rows[visible].iter().map(|v| v.tag.clone()).collect();
    Some((repository(model)?.clone(), tags))
}

/// The environment that `p` would change.
pub fn destination(model: &Model) -> Option<&Environment> {
    environments::chosen(model)
}
