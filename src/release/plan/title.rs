//! A plan in one line.

use super::{Intent, Plan, PlanKind, Removal, RestoreFrom};

impl Plan {
    /// One line: `promote production: backend v1 → v2`, with the services that change.
    pub fn title(&self) -> String {
        let what = match self.kind {
            PlanKind::Restore => self.restored(),
            PlanKind::CleanUp => self.removed(),
            _ => None,
        };
        if let Some(what) = what {
            return format!("{} {}: {what}", self.kind.verb(), self.environment);
        }
        let is_told_whole = matches!(self.kind, PlanKind::Adopt | PlanKind::MarkBad);
        let changed = if is_told_whole {
            self.after.clone()
        } else {
            self.after.changed_since(&self.before)
        };
        let changes: Vec<String> = changed
            .services
            .iter()
            .map(|(name, to)| match self.before.services.get(name) {
                Some(from) if !is_told_whole && from.label() != to.label() => {
                    format!("{name} {} → {}", from.label(), to.label())
                }
                _ => format!("{name} {}", to.label()),
            })
            .collect();
        format!(
            "{} {}: {}",
            self.kind.verb(),
            self.environment,
            changes.join(", ")
        )
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
        let (mut images, mut containers, mut backups) = (0, 0, 0);
        for step in &self.forward {
            let Intent::CleanUp { removals } = &step.intent else {
                continue;
            };
            for removal in removals {
                match removal {
                    Removal::Image { .. } => images += 1,
                    Removal::Container { .. } => containers += 1,
                    Removal::Backup { .. } => backups += 1,
                }
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
        (!counted.is_empty()).then(|| counted.join(", "))
    }
}
