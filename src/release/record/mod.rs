//! The ledger's records of operations, and the releases that they tell of.

mod ledger;
mod release;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    ledger::{DamagedLine, Ledger, damaged_words},
    release::{Release, ServiceRelease},
};
use super::{
    EnvironmentName, ServiceName,
    operation::{self, OperationId, Outcome},
    plan::PlanKind,
};

/// One line of the ledger: an ended operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The format's version.
    pub v: u32,
    /// The operation's number.
    pub operation: OperationId,
    /// The environment's name in the configuration of whoever did it.
    pub environment: EnvironmentName,
    /// What it was.
    pub kind: PlanKind,
    /// Who.
    pub operator: String,
    /// From which machine.
    pub origin: String,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What ran before; empty for a lock by hand.
    #[serde(default)]
    pub before: Release,
    /// What the plan was to reach; empty for a lock by hand, and for a mark the release that is marked.
    #[serde(default)]
    pub after: Release,
    /// What it was about where that is no release, in words: `backup 000003.dump`, `2 images`. Empty where
    /// it was one, and in records of before this was written.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The operation that this one recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovers: Option<OperationId>,
    /// Gates and other rules that the operator overrode, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
    /// In seconds since 1970 by the server's clock.
    pub started: i64,
    /// In seconds since 1970 by the server's clock.
    pub ended: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// The step that decided it, if it was not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Seconds that each step took.
    #[serde(default)]
    pub times: BTreeMap<String, i64>,
    /// What steps found out: `schema_heads`, `backup`, `healthy` (`yes` or `no`), …; `reported`, the
    /// steps whose failure changed nothing; and `not_verified`, the checks that nobody could ask.
    #[serde(default)]
    pub results: BTreeMap<String, String>,
    /// Fields of a newer format: kept, not lost.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Record {
    /// The release that ran when the operation had ended, where that is known: `after` if it
    /// succeeded, `before` if nothing changed or it went back.
    pub fn runs(&self) -> Option<&Release> {
        match (self.kind, self.outcome) {
            // A lock has seen nothing, and what a newer kind does only a newer flightdeck knows.
            (PlanKind::Lock | PlanKind::Unknown, _) => None,
            (PlanKind::MarkBad, _) => Some(&self.before),
            (_, Outcome::Succeeded) => Some(&self.after),
            (_, Outcome::WentBack | Outcome::Cancelled | Outcome::Refused) => Some(&self.before),
            (_, Outcome::Stuck | Outcome::Interrupted | Outcome::Abandoned | Outcome::Unknown) => {
                None
            }
        }
    }

    /// What it was to bring, in words: of an adoption and a mark all of it, else the services that were to
    /// change, by name where others stayed; empty for what brings nothing.
    pub fn brings(&self) -> String {
        match self.kind {
            _ if !self.subject.is_empty() => self.subject.clone(),
            PlanKind::Lock | PlanKind::CleanUp | PlanKind::Unknown => String::new(),
            PlanKind::Promote | PlanKind::Rollback => {
                let changed = self.after.changed_since(&self.before);
                if changed.services.len() < self.after.services.len() {
                    changed.each()
                } else {
                    changed.label()
                }
            }
            _ => self.after.label(),
        }
    }

    /// What is to be said of it beside: what it recovered, what was overridden, by whom it was cancelled or
    /// a lock was ended.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(recovered) = self.recovers {
            remarks.push(format!("recovers {recovered}"));
        }
        if !self.overridden.is_empty() {
            remarks.push(format!("overrode {}", self.overridden.join(", ")));
        }
        let by = self.other.get("unlocked_by");
        if let Some(by) = by.and_then(|by| by.get("operator")?.as_str()) {
            remarks.push(format!("unlocked by {by}"));
        }
        if let Some(by) = self.other.get("cancelled_by") {
            let said = |key| by.get(key).and_then(serde_json::Value::as_str);
            if let Some(operator) = said("operator") {
                let why = said("reason").filter(|why| !why.is_empty());
                let why = why.map(|why| format!(": {why}")).unwrap_or_default();
                remarks.push(format!("cancelled by {operator}{why}"));
            }
        }
        if self.made_backup() {
            remarks.push("made a backup".to_owned());
        }
        if let Some(steps) = self.results.get("skipped") {
            remarks.push(format!("skipped {steps}"));
        }
        if let Some(checks) = self.not_verified() {
            remarks.push(format!("not verified: {checks}"));
        }
        if let Some(steps) = self.reported() {
            // Which list each is of is for programs.
            let steps: Vec<&str> = steps
                .split(',')
                .map(|step| step.rsplit('/').next().unwrap_or(step))
                .collect();
            remarks.push(format!("failed, only reported: {}", steps.join(", ")));
        }
        remarks
    }

    /// The handle of the backup that stands behind it, if there is one: made by it, or by what it recovered.
    pub fn backup(&self) -> Option<&str> {
        self.results.get("backup").map(String::as_str)
    }

    /// Whether it has made that backup itself. What it recovers without saving anew hands its own on.
    pub fn made_backup(&self) -> bool {
        self.backup().is_some() && (self.recovers.is_none() || self.times.contains_key("backup"))
    }

    /// Whether it may have made what was before it a thing of the past: neither refused nor gone back
    /// before anything had changed, and no lock, mark or clean-up, which leave alone what runs.
    pub fn counts(&self) -> bool {
        !matches!(self.kind, PlanKind::Lock | PlanKind::MarkBad)
            && (self.kind != PlanKind::CleanUp || self.waits_for_operator())
            && self.outcome != Outcome::Refused
            && (self.changed() || !matches!(self.outcome, Outcome::WentBack | Outcome::Cancelled))
    }

    /// Whether anything was changed; what does not say that it was not counts as changed.
    pub fn changed(&self) -> bool {
        let changed = self.other.get("changed");
        changed.and_then(serde_json::Value::as_bool) != Some(false)
    }

    /// How it ended and at which step, in words.
    pub fn ended_words(&self) -> String {
        operation::ended_words(self.outcome, self.changed(), self.step.as_deref())
    }

    /// Whether it can go on or be taken back, as long as nothing that [counts](Self::counts) came after.
    pub fn can_be_recovered(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Stuck
                | Outcome::Interrupted
                | Outcome::WentBack
                | Outcome::Cancelled
                | Outcome::Abandoned
        )
    }

    /// Whether somebody has to decide what becomes of what it left, unless something came after it.
    pub fn waits_for_operator(&self) -> bool {
        matches!(self.outcome, Outcome::Stuck | Outcome::Interrupted)
    }

    /// The steps that failed and whose failure was only to be reported, as the runner lists them; `None`
    /// if there were none.
    pub fn reported(&self) -> Option<&str> {
        self.results.get("reported").map(String::as_str)
    }

    /// The checks that nobody could ask or would answer, as the steps list them; `None` if there were none.
    pub fn not_verified(&self) -> Option<&str> {
        self.results.get("not_verified").map(String::as_str)
    }

    /// Whether it succeeded, and every check of it could be asked.
    pub fn was_verified(&self) -> bool {
        self.outcome == Outcome::Succeeded && self.not_verified().is_none()
    }

    /// The release that this record proves healthy: every verification held at its end. An adoption
    /// proves it only if it found everything healthy.
    pub fn proves_healthy(&self) -> Option<&Release> {
        (self.was_verified()
            && matches!(
                self.kind,
                PlanKind::Adopt | PlanKind::Promote | PlanKind::Rollback | PlanKind::Restore
            )
            && self.results.get("healthy").map(String::as_str) != Some("no"))
        .then_some(&self.after)
    }

    /// Whether it brought a release, or was to: other operations leave alone what runs.
    pub fn brings_release(&self) -> bool {
        matches!(
            self.kind,
            PlanKind::Adopt | PlanKind::Promote | PlanKind::Rollback
        )
    }

    /// Whether it is a rollback that left this image of a service: by that an operator has judged the
    /// image, even where what came in its place did not hold.
    pub fn left(&self, service: &ServiceName, image: &ServiceRelease) -> bool {
        let has_left = match self.outcome {
            Outcome::Succeeded => true,
            Outcome::Stuck => self.changed(),
            _ => false,
        };
        self.kind == PlanKind::Rollback
            && has_left
            && self.before.runs(service, image)
            && !self.after.runs(service, image)
    }

    /// Whether it proves this image of a service bad: an operator marked it, or it was tried and did not
    /// hold. Of what it did not change it says nothing.
    pub fn proves_bad(&self, service: &ServiceName, image: &ServiceRelease) -> bool {
        match (self.kind, self.outcome) {
            (PlanKind::MarkBad, Outcome::Succeeded) => self.after.runs(service, image),
            (PlanKind::Promote | PlanKind::Rollback, Outcome::WentBack | Outcome::Stuck) => {
                let changed = self.after.changed_since(&self.before);
                changed.runs(service, image) && self.tried(service)
            }
            _ => false,
        }
    }

    /// Whether it failed where that service was tried. A step that was cancelled or killed proves nothing
    /// of the release, and one that rolls a service nothing of the others.
    fn tried(&self, service: &ServiceName) -> bool {
        let why = self.other.get("why").and_then(serde_json::Value::as_str);
        let step = self.step.as_deref().unwrap_or_default();
        if matches!(why, Some("signal" | "cancel")) {
            return false;
        }
        let Some(rolled) = step.strip_prefix("roll-") else {
            return step.starts_with("switch") || step.starts_with("verify");
        };
        // A service that runs from another's pin is none of the release's own.
        let is_known = self.after.services.keys().any(|name| name.slug() == rolled);
        !is_known || service.slug() == rolled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    #[test]
    fn a_record_names_the_service_where_others_stayed_and_what_was_no_release() {
        let mut record = fixture::record(7, PlanKind::Promote, 1, 2, Outcome::Succeeded);
        assert_eq!(record.brings(), "v2");
        let frontend = record.before.services.values().next().cloned().unwrap();
        for release in [&mut record.before, &mut record.after] {
            let name: ServiceName = "frontend".parse().unwrap();
            release.services.insert(name, frontend.clone());
        }
        assert_eq!(record.brings(), "backend v2");
        assert_eq!(
            record.after.changes_since(&record.before),
            "backend v1 → v2"
        );
        record.kind = PlanKind::CleanUp;
        assert_eq!(record.brings(), "", "what runs was not removed");
        record.subject = "2 images".to_owned();
        assert_eq!(record.brings(), "2 images");
    }

    #[test]
    fn what_stopped_before_any_change_did_not_go_back_and_hooks_are_called_by_their_names() {
        let mut record = fixture::record(7, PlanKind::Promote, 1, 2, Outcome::WentBack);
        record.step = Some("hook-freeze".to_owned());
        assert_eq!(record.ended_words(), "went back at hook-freeze");
        record.other.insert("changed".to_owned(), false.into());
        assert_eq!(
            record.ended_words(),
            "stopped at hook-freeze before anything changed"
        );
        let reported = "hook-drain,closing/hook-tell-the-team".to_owned();
        record.results.insert("reported".to_owned(), reported);
        assert_eq!(
            record.remarks(),
            ["failed, only reported: hook-drain, hook-tell-the-team"]
        );
    }
}
