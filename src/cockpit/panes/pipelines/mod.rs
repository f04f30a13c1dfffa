//! Pane 3: workflow runs, their jobs as lanes.

pub mod view;

use ratatui::style::Style;

use crate::{
    cockpit::{
        model::Model,
        panes::{Motion, Pane},
        theme::Theme,
    },
    release::{
        text::clean,
        workflow::{RunState, WorkflowRun},
    },
};

/// The run under the cursor, by its ID; the newest until the cursor is moved.
#[derive(Debug, Clone, Default)]
pub struct State {
    run: Option<u64>,
}

/// The runs that are known, newest first.
pub fn rows(model: &Model) -> &[WorkflowRun] {
    model
        .fleet
        .runs
        .value()
        .map(|runs| runs.runs.as_slice())
        .unwrap_or_default()
}

/// The row under the cursor.
pub fn cursor(model: &Model) -> usize {
    model
        .pipelines
        .run
        .and_then(|id| rows(model).iter().position(|run| run.id == id))
        .unwrap_or_default()
}

/// The run under the cursor.
pub fn under_cursor(model: &Model) -> Option<&WorkflowRun> {
    rows(model).get(cursor(model))
}

/// Moves the cursor.
pub fn motion(model: &mut Model, motion: Motion) {
    let page = model.layout().height(Pane::Pipelines);
    let to = motion.moved(cursor(model), rows(model).len(), page);
    model.pipelines.run = rows(model).get(to).map(|run| run.id);
}

/// The address of the run under the cursor.
pub fn copied(model: &Model) -> Option<String> {
    under_cursor(model).map(|run| run.url.clone())
}

/// How the workflows stand that ran for a commit: the newest run of each, in words such as `ci ok`.
pub fn of_revision(model: &Model, revision: Option<&str>) -> Vec<(String, Style)> {
    let Some(revision) = revision.filter(|r| r.len() >= 7) else {
        return Vec::new();
    };
    let mut newest: Vec<&WorkflowRun> = Vec::new();
    for run in rows(model) {
        let same = run.revision.starts_with(revision) || revision.starts_with(&run.revision);
        if same && !run.revision.is_empty() && newest.iter().all(|n| n.workflow != run.workflow) {
            newest.push(run);
        }
    }
    newest.sort_by(|a, b| a.workflow.cmp(&b.workflow));
    newest
        .into_iter()
        .map(|run| {
            (
                format!("{} {}", clean(&run.workflow), run.state.word()),
                style(&model.theme, run.state),
            )
        })
        .collect()
}

/// How a state looks.
pub fn style(theme: &Theme, state: RunState) -> Style {
    match state {
        RunState::Succeeded => theme.good,
        RunState::Failed | RunState::TimedOut => theme.bad,
        RunState::InProgress | RunState::Waiting => theme.warning,
        RunState::Queued | RunState::Cancelled | RunState::Skipped | RunState::Other => theme.dim,
    }
}
