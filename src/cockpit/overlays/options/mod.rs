//! The plan made otherwise: the operator's reason, gates that are passed all the same, the migration,
//! where a rollback returns to and what becomes of the schema.

mod view;

pub use view::view;

use std::{collections::BTreeMap, time::Duration};

use crossterm::event::{KeyCode, KeyEvent};

use crate::{
    cockpit::{
        ages::time_of,
        input::LineInput,
        model::{Effect, Model, Refusal},
        panes::{nothing, versions},
    },
    release::{
        ImageId, ServiceName,
        operation::{OperationId, timestamp},
        plan::{
            CLEAN_UP_KEEP, CLEAN_UP_OLDER_THAN, ChosenVersion, Deed, Plan, Request, RollbackTo,
            SchemaChoice, SchemaOffer, Verdict,
        },
        record::Release,
    },
};

use super::{
    Overlay,
    plan::{self, PlanView, State},
};

/// The options of a plan.
pub struct Options {
    request: Request,
    items: Vec<Item>,
    at: usize,
    /// The operator's reason, as it is typed.
    pub reason: LineInput,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Reason,
    /// A promotion runs the migration.
    Migrate,
    /// What a rollback does about the schema.
    Schema(SchemaOffer),
    /// A promotion brings the other services' versions of the same tag in with it.
    Together {
        others: BTreeMap<ServiceName, ChosenVersion>,
    },
    /// A rollback takes compose and environment files back too.
    Files,
    /// A clean-up takes images of any age.
    AnyAge,
    /// A clean-up leaves one healthy release beside what runs.
    KeepOne,
    /// A gate is passed all the same.
    Gate {
        name: String,
        detail: String,
    },
    /// A rollback returns to the last release recorded healthy.
    LastHealthy,
    /// A rollback returns to the release after that operation.
    Operation {
        id: OperationId,
        words: String,
    },
    /// A rollback returns to an image that was never recorded healthy.
    Image {
        service: ServiceName,
        image: ImageId,
        words: String,
    },
}

/// Releases offered to return to.
const MOST_RELEASES: usize = 8;

impl Options {
    /// The options that a request leaves, with the gates of the plan that was made for it, or the images
    /// that lie on the server where it was refused.
    pub fn of(model: &Model, view: &PlanView) -> Self {
        let request = &view.request;
        let plan = view.ready().map(|(plan, _)| plan);
        let mut items = vec![Item::Reason];
        match &request.deed {
            Deed::Promote { .. } => items.push(Item::Migrate),
            Deed::Rollback { .. } => {
                items.extend(schema(plan).into_iter().map(Item::Schema));
                items.push(Item::Files);
                items.push(Item::LastHealthy);
                items.extend(earlier_releases(model, request, plan));
                if let State::Refused(refusal) = &view.state {
                    items.extend(images(refusal));
                }
            }
            Deed::CleanUp { .. } => items.extend([Item::AnyAge, Item::KeepOne]),
            Deed::Adopt | Deed::MarkBad { .. } | Deed::Migrate { .. } | Deed::Restore { .. } => {}
        }
        items.extend(
            plan.into_iter()
                .flat_map(|plan| &plan.gates)
                .filter(|gate| gate.verdict != Verdict::Passed)
                .map(|gate| Item::Gate {
                    name: gate.name.clone(),
                    detail: gate.detail.clone(),
                }),
        );
        if let Deed::Promote { versions, .. } = &request.deed {
            items.extend(together(model, request, versions));
        }
        Self {
            reason: LineInput::of(&request.reason),
            request: request.clone(),
            items,
            at: 0,
        }
    }

    /// Whether the cursor is where the reason is typed.
    pub fn on_reason(&self) -> bool {
        self.items.get(self.at) == Some(&Item::Reason)
    }

    fn is_on(&self, item: &Item) -> bool {
        match (item, &self.request.deed) {
            (Item::Migrate, Deed::Promote { migrate, .. }) => *migrate,
            (Item::Schema(offer), Deed::Rollback { schema, .. }) => {
                let chosen = match schema {
                    SchemaChoice::Undecided => SchemaChoice::ImageOnly,
                    chosen => *chosen,
                };
                offer.choice == chosen
            }
            (Item::Together { others }, Deed::Promote { versions, .. }) => {
                others.keys().all(|name| versions.contains_key(name))
            }
            (Item::Files, Deed::Rollback { files, .. }) => *files,
            (Item::LastHealthy, Deed::Rollback { to, .. }) => *to == RollbackTo::LastHealthy,
            (Item::Operation { id, .. }, Deed::Rollback { to, .. }) => {
                *to == RollbackTo::Operation(*id)
            }
            (Item::Image { service, image, .. }, Deed::Rollback { to, .. }) => {
                *to == RollbackTo::Image {
                    service: service.clone(),
                    image: image.clone(),
                }
            }
            (Item::AnyAge, Deed::CleanUp { older_than, .. }) => older_than.is_zero(),
            (Item::KeepOne, Deed::CleanUp { keep, .. }) => *keep == 1,
            (Item::Gate { name, .. }, _) => self.request.overrides.contains(name),
            _ => false,
        }
    }

    fn toggle(&mut self) {
        let Some(item) = self.items.get(self.at) else {
            return;
        };
        match (item, &mut self.request.deed) {
            (Item::Migrate, Deed::Promote { migrate, .. }) => *migrate = !*migrate,
            (Item::Together { others }, Deed::Promote { versions, .. }) => {
                if others.keys().all(|name| versions.contains_key(name)) {
                    versions.retain(|name, _| !others.contains_key(name));
                } else {
                    versions.extend(others.clone());
                }
            }
            (Item::Schema(offer), Deed::Rollback { schema, .. }) if offer.obstacle.is_none() => {
                *schema = offer.choice;
            }
            (Item::Files, Deed::Rollback { files, .. }) => *files = !*files,
            (Item::LastHealthy, Deed::Rollback { to, .. }) => *to = RollbackTo::LastHealthy,
            (Item::Operation { id, .. }, Deed::Rollback { to, .. }) => {
                *to = RollbackTo::Operation(*id);
            }
            (Item::Image { service, image, .. }, Deed::Rollback { to, .. }) => {
                *to = RollbackTo::Image {
                    service: service.clone(),
                    image: image.clone(),
                };
            }
            (Item::AnyAge, Deed::CleanUp { older_than, .. }) => {
                *older_than = if older_than.is_zero() {
                    CLEAN_UP_OLDER_THAN
                } else {
                    Duration::ZERO
                };
            }
            (Item::KeepOne, Deed::CleanUp { keep, .. }) => {
                *keep = if *keep == 1 { CLEAN_UP_KEEP } else { 1 };
            }
            (Item::Gate { name, .. }, _) => {
                let overrides = &mut self.request.overrides;
                match overrides.iter().position(|o| o == name) {
                    Some(at) => {
                        overrides.remove(at);
                    }
                    None => overrides.push(name.clone()),
                }
            }
            _ => {}
        }
    }
}

/// What a rollback can do about the schema: as the plan offers it, else what there is in general.
fn schema(plan: Option<&Plan>) -> Vec<SchemaOffer> {
    if let Some(plan) = plan.filter(|plan| !plan.schema_offers.is_empty()) {
        return plan.schema_offers.clone();
    }
    let offer = |choice, consequence: &str| SchemaOffer {
        choice,
        obstacle: None,
        consequence: consequence.to_owned(),
    };
    vec![
        offer(SchemaChoice::ImageOnly, "the schema stays where it is"),
        offer(
            SchemaChoice::Downgrade,
            "down to the revision recorded with that release, if it is another",
        ),
    ]
}

/// The other services of the environment, where all of them have the tag that is promoted.
fn together(
    model: &Model,
    request: &Request,
    versions: &BTreeMap<ServiceName, ChosenVersion>,
) -> Option<Item> {
    let environment = model.fleet.config.environment(&request.environment)?;
    let others = versions::same_tag_elsewhere(model, environment, versions);
    (!others.is_empty()).then_some(Item::Together { others })
}

/// The releases that the ledger proves to have been healthy, each once and the newest first; without the
/// one that runs.
fn earlier_releases(model: &Model, request: &Request, plan: Option<&Plan>) -> Vec<Item> {
    let Some(facts) = model.fleet.environment(&request.environment) else {
        return Vec::new();
    };
    let chosen = match &request.deed {
        Deed::Rollback {
            to: RollbackTo::Operation(id),
            ..
        } => Some(*id),
        _ => None,
    };
    let mut named: Vec<&Release> = plan.map(|plan| &plan.before).into_iter().collect();
    facts
        .records()
        .iter()
        .rev()
        .filter(|record| record.brings_release())
        .filter_map(|record| {
            let release = record.proves_healthy()?;
            let is_named = named.iter().any(|other| {
                other.services.len() == release.services.len() && other.is_same_images(release)
            });
            if is_named && chosen != Some(record.operation) {
                return None;
            }
            named.push(release);
            Some(Item::Operation {
                id: record.operation,
                words: format!(
                    "{} of {} ({} {})",
                    release.label(),
                    time_of(timestamp(record.ended), model.now),
                    record.kind.verb(),
                    record.operation
                ),
            })
        })
        .take(MOST_RELEASES)
        .collect()
}

fn images(refusal: &Refusal) -> impl Iterator<Item = Item> {
    refusal
        .images
        .iter()
        .filter_map(|(service, release)| {
            let image = release.image_id.clone()?;
            Some(Item::Image {
                words: format!("{service} {} (image {})", release.label(), image.short()),
                service: service.clone(),
                image,
            })
        })
        .take(MOST_RELEASES)
}

/// Takes a key: arrows move, space switches, Enter makes the plan anew.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Options(options)) = model.overlays.last_mut() else {
        return None;
    };
    let count = options.items.len();
    match key.code {
        KeyCode::Esc => return None,
        KeyCode::Enter => {
            let mut request = options.request.clone();
            request.reason = options.reason.text().trim().to_owned();
            model.overlays.pop();
            return Some(plan::plan_anew(model, Some(request)));
        }
        KeyCode::Down | KeyCode::Tab => options.at = (options.at + 1) % count,
        KeyCode::Up | KeyCode::BackTab => options.at = (options.at + count - 1) % count,
        _ if options.on_reason() => {
            options.reason.key(key);
        }
        KeyCode::Char('j') => options.at = (options.at + 1) % count,
        KeyCode::Char('k') => options.at = (options.at + count - 1) % count,
        KeyCode::Char(' ') => options.toggle(),
        _ => return None,
    }
    Some(nothing())
}
