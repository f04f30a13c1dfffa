//! A plan in words: its title, and what happens when it fails.

use super::{
    ImageName, Intent, OnFailure, Plan, PlanKind, Removal, RestoreFrom, SchemaChoice, SchemaOffer,
};
use crate::release::{ServiceName, text::bytes};

impl Plan {
    /// One line: `promote production: backend v1 → v2`, with the services that change.
    pub fn title(&self) -> String {
        let on = match self.kind {
            PlanKind::MarkBad => "on ",
            _ => "",
        };
        let what = self.subject().unwrap_or_else(|| match self.kind {
            PlanKind::Adopt | PlanKind::MarkBad => self.after.each(),
            _ => self.after.changes_since(&self.before),
        });
        format!("{} {on}{}: {what}", self.kind.verb(), self.environment)
    }

    /// What it is about where that is no release: the backup that it brings back, what it removes.
    pub fn subject(&self) -> Option<String> {
        match self.kind {
            PlanKind::Restore => self.restored(),
            PlanKind::CleanUp => self.removed(),
            _ => None,
        }
    }

    /// What people call the image that a step names: the version that it is of, where the plan knows it.
    pub fn image_label(&self, service: &ServiceName, image: &ImageName) -> String {
        let ImageName::Id(id) = image else {
            return image.label();
        };
        let releases = [&self.before, &self.after];
        let mut known = releases.iter().filter_map(|it| it.services.get(service));
        known
            .find(|release| release.image_id.as_ref() == Some(id))
            .map_or_else(|| image.label(), |release| release.label())
    }

    /// What happens when forward fails.
    pub fn on_failure_words(&self) -> String {
        let before = self.before.changed_since(&self.after).label();
        let migrates = self
            .forward
            .iter()
            .any(|step| matches!(step.intent, Intent::Migrate { .. }));
        let words = match (self.on_failure, self.kind) {
            (OnFailure::GoBack, PlanKind::Restore) => {
                "the database as it was before, and what was stopped started again"
            }
            (OnFailure::GoBack, _) if migrates => {
                return format!("back to {before}; the schema stays where the migration left it");
            }
            (OnFailure::GoBack, _) => return format!("back to {before}"),
            (OnFailure::Stay, PlanKind::Adopt | PlanKind::Lock | PlanKind::MarkBad) => {
                "nothing has changed"
            }
            (OnFailure::Stay, PlanKind::Rollback) => {
                "stays as it is and says so; nothing returns by itself to a release that was left"
            }
            (OnFailure::Stay, PlanKind::Migrate) => {
                "the schema stays where the migration stopped; what runs is not touched"
            }
            (OnFailure::Stay, PlanKind::Restore) => {
                "stays as it is: only the configured command knows how the database is then"
            }
            (OnFailure::Stay, PlanKind::CleanUp) => {
                "what is removed is removed; what runs is not touched"
            }
            (OnFailure::Stay, PlanKind::Promote) => {
                "stays as it is: no release before is recorded healthy"
            }
            (OnFailure::Stay, PlanKind::Unknown) => "stays as it is",
        };
        words.to_owned()
    }

    /// What a clean-up removes.
    pub fn removals(&self) -> impl Iterator<Item = &Removal> {
        let removals = self.forward.iter().filter_map(|step| match &step.intent {
            Intent::CleanUp { removals } => Some(removals),
            _ => None,
        });
        removals.flatten()
    }

    /// What else could become of the schema than what this does.
    pub fn other_schema_offers(&self) -> impl Iterator<Item = &SchemaOffer> {
        let does = |is: fn(&Intent) -> bool| self.forward.iter().any(|step| is(&step.intent));
        let chosen = if does(|intent| matches!(intent, Intent::Restore { .. })) {
            SchemaChoice::Restore
        } else if does(|intent| matches!(intent, Intent::Migrate { .. })) {
            SchemaChoice::Downgrade
        } else {
            SchemaChoice::ImageOnly
        };
        let offers = self.schema_offers.iter();
        offers.filter(move |offer| offer.choice != chosen)
    }

    /// The backup that it brings back.
    fn restored(&self) -> Option<String> {
        self.forward.iter().find_map(|step| match &step.intent {
            Intent::Restore {
                from: RestoreFrom::Handle(handle),
                ..
            } => Some(format!("backup {handle}")),
            _ => None,
        })
    }

    /// What it removes, counted.
    fn removed(&self) -> Option<String> {
        Some(counted(self.removals())).filter(|words| !words.is_empty())
    }
}

impl Intent {
    /// Which strategy replaces the containers and why: `recreated: it publishes host port 80`. `None` for
    /// what replaces none, and in plans of before this was said.
    pub fn strategy_words(&self) -> Option<String> {
        match self {
            Self::Roll { reason, .. } if !reason.is_empty() => Some(format!("rolling: {reason}")),
            Self::Switch { reasons, .. } if !reasons.is_empty() => {
                let first = reasons.values().next()?;
                if reasons.values().all(|reason| reason == first) {
                    return Some(format!("recreated: {first}"));
                }
                let each: Vec<String> = reasons
                    .iter()
                    .map(|(service, reason)| format!("{service}, {reason}"))
                    .collect();
                Some(format!("recreated: {}", each.join("; ")))
            }
            _ => None,
        }
    }
}

impl Removal {
    /// What people call it, with its size where that is known: `backend v1 (13.0 MB)`.
    pub fn words(&self) -> String {
        match self {
            Self::Image { label, frees, .. } => match frees {
                Some(frees) => format!("{label} ({})", bytes(*frees)),
                None => label.clone(),
            },
            Self::Container { name, .. } => name.clone(),
            Self::Backup { handle, size } => {
                let file = handle.rsplit('/').next().unwrap_or(handle);
                format!("{file} ({})", bytes(*size))
            }
        }
    }
}

/// So many images, containers and backups as are removed, in words; empty for nothing.
pub fn counted<'a>(removals: impl IntoIterator<Item = &'a Removal>) -> String {
    let (mut images, mut containers, mut backups) = (0, 0, 0);
    for removal in removals {
        match removal {
            Removal::Image { .. } => images += 1,
            Removal::Container { .. } => containers += 1,
            Removal::Backup { .. } => backups += 1,
        }
    }
    let counted: Vec<String> = [
        (images, "image"),
        (containers, "container"),
        (backups, "backup"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    .collect();
    counted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::{World, image_id, of, promote};

    #[test]
    fn an_image_that_is_named_by_its_id_is_called_by_its_version() {
        let plan = World::new().plan(promote(2)).unwrap();
        let label = |n| plan.image_label(&of("backend"), &ImageName::Id(image_id(n)));
        assert_eq!(label(1), "v1");
        assert_eq!(label(3), image_id(3).short());
    }
}
