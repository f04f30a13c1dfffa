//! An operation's folder, as the runner wants it: see the head of `assets/runner.sh`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use secrecy::ExposeSecret;
use serde::Serialize;

use crate::release::{
    EnvironmentName,
    operation::Direction,
    plan::{Again, FORMAT, Gate, OnFailure, OnStepFailure, Plan, PlanKind, Step},
    record::Release,
};

/// Who may read a file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever may look at the directory above.
    Shared,
    /// Its owner, and where several users share the directory, whoever may take part.
    Secret,
}

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) bytes: Vec<u8>,
}

/// The files of an operation's folder; its runner is laid beside them when it travels.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Folder {
    files: Vec<File>,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what they hold: some of it is secret.
        f.debug_list()
            .entries(self.files.iter().map(|file| &file.path))
            .finish()
    }
}

/// What an operation may be started over, although it has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// An operation that died half-way. What succeeds over it writes its end.
    Interrupted,
    /// A lock by hand.
    Lock,
    /// An operation that died and whose last step still runs: that is ended first.
    Orphaned,
}

/// The scripts of a plan's steps, as the target renders them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scripts {
    /// Looks whether the basis still holds, and prints what does not.
    pub basis: Option<String>,
    /// By the step's id.
    pub forward: BTreeMap<String, String>,
    /// By the step's id.
    pub back: BTreeMap<String, String>,
    /// By the step's id.
    pub closing: BTreeMap<String, String>,
}

/// A plan that cannot be laid. Each of them is a mistake of this program's, not of an operator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayError {
    /// Ids are used in file names and journals.
    #[error("step id {id:?} is not made of small letters, digits and '-'; report this")]
    BadId {
        /// The id.
        id: String,
    },
    /// Two steps of one list have the same id.
    #[error("two steps have the id {id:?}; report this")]
    TwoSteps {
        /// The id.
        id: String,
    },
    /// No script for a step.
    #[error("step {id:?} has no script; report this")]
    NoScript {
        /// The id.
        id: String,
    },
    /// An attachment's name is used in a file name.
    #[error(
        "attachment {name:?} is not named with small letters, digits, '.' and '-'; report this"
    )]
    BadAttachment {
        /// The name.
        name: String,
    },
    /// It cannot be written as JSON.
    #[error("the plan cannot be written as JSON: {why}; report this")]
    Json {
        /// serde's words.
        why: String,
    },
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; `path` is relative to the folder.
    pub fn add(&mut self, path: impl Into<String>, access: Access, bytes: impl Into<Vec<u8>>) {
        self.files.push(File {
            path: path.into(),
            access,
            bytes: bytes.into(),
        });
    }

    /// Everything that the runner needs for `plan`. Attachments become `attachments/<name>`, readable
    /// by their owner alone.
    ///
    /// # Errors
    /// Ids, names or scripts that do not fit.
    pub fn for_plan(
        plan: &Plan,
        scripts: &Scripts,
        passes: &BTreeSet<Pass>,
    ) -> Result<Self, LayError> {
        let mut folder = Self::new();
        folder.add("who.json", Access::Shared, unclosed(&Who::of(plan))?);
        folder.add(
            "record.json",
            Access::Shared,
            unclosed(&RecordHead::of(plan))?,
        );
        let whole = serde_json::to_vec(plan).map_err(json)?;
        folder.add("plan.json", Access::Shared, whole);
        if let Some(basis) = &scripts.basis {
            folder.add("basis.sh", Access::Shared, basis.as_str());
        }
        folder.add_steps(plan, Direction::Forward, &scripts.forward)?;
        folder.add_steps(plan, Direction::Back, &scripts.back)?;
        folder.add_steps(plan, Direction::Closing, &scripts.closing)?;
        let changes_from = plan
            .forward
            .iter()
            .find(|s| s.changes)
            .map_or("", |s| &s.id);
        folder.add("changes_from", Access::Shared, format!("{changes_from}\n"));
        let on_failure = match plan.on_failure {
            OnFailure::GoBack => "back\n",
            OnFailure::Stay => "stay\n",
        };
        folder.add("on_failure", Access::Shared, on_failure);
        let passes: String = passes
            .iter()
            .map(|pass| match pass {
                Pass::Interrupted => "interrupted\n",
                Pass::Lock => "lock\n",
                Pass::Orphaned => "orphaned\n",
            })
            .collect();
        folder.add("passes", Access::Shared, passes);
        for attachment in &plan.attachments {
            let name = &attachment.name;
            let fits = |b: u8| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
            };
            if name.is_empty() || name.starts_with('.') || !name.bytes().all(fits) {
                return Err(LayError::BadAttachment { name: name.clone() });
            }
            folder.add(
                format!("attachments/{name}"),
                Access::Secret,
                attachment.bytes.expose_secret(),
            );
        }
        Ok(folder)
    }

    fn add_steps(
        &mut self,
        plan: &Plan,
        direction: Direction,
        scripts: &BTreeMap<String, String>,
    ) -> Result<(), LayError> {
        let list = direction.word();
        let mut lines = String::new();
        let mut seen = BTreeSet::new();
        for step in plan.steps(direction) {
            let id = &step.id;
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            // The runner's own step, before the first of the plan's.
            if id.is_empty() || id == "basis" || !id.bytes().all(fits) {
                return Err(LayError::BadId { id: id.clone() });
            }
            if !seen.insert(id) {
                return Err(LayError::TwoSteps { id: id.clone() });
            }
            let script = scripts
                .get(id)
                .ok_or_else(|| LayError::NoScript { id: id.clone() })?;
            self.add(format!("{list}/{id}.sh"), Access::Shared, script.as_str());
            lines.push_str(&step_line(step));
        }
        self.add(format!("{list}/steps"), Access::Shared, lines);
        Ok(())
    }

    /// What the file at `path` holds, if there is one.
    #[cfg(test)]
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        let file = self.files.iter().find(|file| file.path == path)?;
        Some(&file.bytes)
    }

    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// The directories that its files lie in, and where steps put results.
    pub(super) fn directories(&self) -> BTreeSet<&str> {
        self.files
            .iter()
            .filter_map(|file| Some(file.path.rsplit_once('/')?.0))
            .chain(["results"])
            .collect()
    }
}

fn step_line(step: &Step) -> String {
    let limit = step.limit.as_secs() + u64::from(step.limit.subsec_nanos() > 0);
    let interruptible = if step.interruptible { "yes" } else { "no" };
    let again = match step.again {
        Again::Safe => "safe",
        Again::Probe => "probe",
        Again::Ask => "ask",
    };
    let failure = match step.failure {
        OnStepFailure::Stops => "stops",
        OnStepFailure::Reported => "reported",
    };
    format!(
        "{} {} {interruptible} {again} {failure}\n",
        step.id,
        limit.max(1)
    )
}

/// The claim's record, as far as it is known before there is a process.
#[derive(Serialize)]
struct Who<'a> {
    v: u32,
    kind: PlanKind,
    operator: &'a str,
    origin: &'a str,
    reason: &'a str,
}

impl<'a> Who<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            v: FORMAT,
            kind: plan.kind,
            operator: &plan.operator,
            origin: &plan.origin,
            reason: &plan.reason,
        }
    }
}

/// The ledger's line, as far as it is known before anything runs.
#[derive(Serialize)]
struct RecordHead<'a> {
    v: u32,
    environment: &'a EnvironmentName,
    kind: PlanKind,
    operator: &'a str,
    origin: &'a str,
    reason: &'a str,
    before: &'a Release,
    after: &'a Release,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    gates: &'a [Gate],
    overridden: Vec<&'a str>,
}

impl<'a> RecordHead<'a> {
    fn of(plan: &'a Plan) -> Self {
        Self {
            v: FORMAT,
            environment: &plan.environment,
            kind: plan.kind,
            operator: &plan.operator,
            origin: &plan.origin,
            reason: &plan.reason,
            before: &plan.before,
            after: &plan.after,
            subject: plan.subject(),
            gates: &plan.gates,
            overridden: plan
                .gates
                .iter()
                .filter(|gate| gate.overridden)
                .map(|gate| gate.name.as_str())
                .collect(),
        }
    }
}

/// A JSON object on one line without its closing brace: the runner adds the rest.
fn unclosed(object: &impl Serialize) -> Result<Vec<u8>, LayError> {
    let mut text = serde_json::to_string(object).map_err(json)?;
    text.pop();
    text.push('\n');
    Ok(text.into_bytes())
}

fn json(error: serde_json::Error) -> LayError {
    LayError::Json {
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn step(id: &str, limit_ms: u64, changes: bool) -> serde_json::Value {
        json!({
            "id": id, "intent": {"intent": "restart", "services": []},
            "limit": {"secs": limit_ms / 1000, "nanos": limit_ms % 1000 * 1_000_000},
            "estimate": null, "again": "probe", "interruptible": !changes, "changes": changes,
        })
    }

    fn plan(forward: &[serde_json::Value]) -> Plan {
        serde_json::from_value(json!({
            "v": 1, "kind": "promote", "environment": "production", "operator": "mi\"ra",
            "origin": "laptop", "reason": "two\nlines", "basis": {"last_operation": null,
            "images": {}, "files": {}, "schema_heads": null}, "before": {"services": {}},
            "after": {"services": {}}, "gates": [{"name": "ci", "verdict": "failed",
            "detail": "red", "overridden": true}], "warnings": [], "forward": forward,
            "back": [step("pin", 60_000, true)], "on_failure": "go_back", "confirm": null,
        }))
        .unwrap()
    }

    fn scripts(ids: &[&str]) -> Scripts {
        let of = |ids: &[&str]| {
            let script = |id: &&str| ((*id).to_owned(), format!("echo {id}\n"));
            ids.iter().map(script).collect()
        };
        Scripts {
            basis: None,
            forward: of(ids),
            back: of(&["pin"]),
            closing: of(&["tell"]),
        }
    }

    fn text<'a>(folder: &'a Folder, path: &str) -> &'a str {
        let file = folder.files.iter().find(|file| file.path == path);
        std::str::from_utf8(&file.unwrap().bytes).unwrap()
    }

    #[test]
    fn a_plan_becomes_what_the_runner_reads() {
        let mut plan = plan(&[step("pull-a", 1_200, false), step("pin", 0, true)]);
        plan.attachments.push(crate::release::plan::Attachment {
            name: "env.new".to_owned(),
            bytes: b"PASSWORD=x".to_vec().into(),
        });
        let mut tell = plan.back[0].clone();
        tell.id = "tell".to_owned();
        tell.failure = OnStepFailure::Reported;
        plan.closing.push(tell);
        let passes = BTreeSet::from([Pass::Lock, Pass::Interrupted]);
        let folder = Folder::for_plan(&plan, &scripts(&["pull-a", "pin"]), &passes).unwrap();
        assert_eq!(
            text(&folder, "forward/steps"),
            "pull-a 2 yes probe stops\npin 1 no probe stops\n"
        );
        assert_eq!(text(&folder, "back/pin.sh"), "echo pin\n");
        assert_eq!(
            text(&folder, "closing/steps"),
            "tell 60 no probe reported\n"
        );
        assert_eq!(text(&folder, "closing/tell.sh"), "echo tell\n");
        assert_eq!(text(&folder, "changes_from"), "pin\n");
        assert_eq!(text(&folder, "on_failure"), "back\n");
        assert_eq!(text(&folder, "passes"), "interrupted\nlock\n");
        assert_eq!(
            text(&folder, "who.json"),
            "{\"v\":1,\"kind\":\"promote\",\"operator\":\"mi\\\"ra\",\"origin\":\"laptop\",\"reason\":\"two\\nlines\"\n"
        );
        let record = text(&folder, "record.json").trim_end().to_owned()
            + r#","operation":42,"started":5,"ended":6,"outcome":"succeeded","changed":true,"times":{},"results":{}}"#;
        let record: crate::release::record::Record = serde_json::from_str(&record).unwrap();
        assert_eq!(
            (record.overridden, record.reason.as_str()),
            (vec!["ci".to_owned()], "two\nlines")
        );
        let secret = folder
            .files
            .iter()
            .find(|f| f.path == "attachments/env.new");
        assert_eq!(secret.unwrap().access, Access::Secret);
        assert!(!format!("{folder:?}").contains("PASSWORD"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let none = BTreeSet::new();
        let lay = |ids: &[&str], scripts: &Scripts| {
            let steps: Vec<_> = ids.iter().map(|id| step(id, 1, false)).collect();
            Folder::for_plan(&plan(&steps), scripts, &none).unwrap_err()
        };
        for bad in ["", "basis", "Pull", "../x", "a b"] {
            assert_eq!(
                lay(&[bad], &scripts(&[bad])),
                LayError::BadId { id: bad.to_owned() }
            );
        }
        let id = "pull".to_owned();
        assert_eq!(
            lay(&["pull", "pull"], &scripts(&["pull"])),
            LayError::TwoSteps { id: id.clone() }
        );
        assert_eq!(lay(&["pull"], &scripts(&[])), LayError::NoScript { id });
    }
}
