//! How workflow runs are drawn.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::{
    cockpit::{
        ages::{Ages, seconds},
        cells::{self, Row},
        model::Model,
        panes::{Pane, freshness_words, is_old},
    },
    release::{
        observed::{Link, Why},
        text::clean,
        workflow::{Job, RunState, WorkflowRun},
    },
};

use super::{cursor, rows, style};

/// The pane's title.
pub fn title<'a>(model: &'a Model, ages: &Ages) -> (Line<'a>, Line<'a>) {
    let old = if is_old(&ages.freshness(&model.fleet.runs)) {
        "Pipelines  old"
    } else {
        "Pipelines"
    };
    (Line::raw(old), Line::default())
}

/// Draws the pane's inside.
pub fn view(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let rows = rows(model);
    let freshness = ages.freshness(&model.fleet.runs);
    let words = match &model.fleet.runs.link {
        Link::Never(Why::NotConfigured) => Some("no GitHub repository is configured".to_owned()),
        _ => freshness_words(&freshness, ages),
    };
    let words = words.or_else(|| rows.is_empty().then(|| "no workflow runs".to_owned()));
    let area = cells::noted(words, theme.warning, area, buf);
    let at = cursor(model);
    let focused = model.focus == Pane::Pipelines;
    // The run under the cursor says in a second line what it is.
    let explained = u16::from(focused && area.height > 1);
    let height = area.height.saturating_sub(explained);
    let old = is_old(&freshness);
    let mut y = area.y;
    for index in cells::visible(rows.len(), at, usize::from(height)) {
        let row = Rect::new(area.x, y, area.width, 1);
        cells::draw(
            [run_line(model, ages, &rows[index], old, area.width)],
            row,
            buf,
        );
        y += 1;
        if index == at {
            cells::mark_cursor(theme, focused, row, buf);
            if explained == 1 {
                let line = about(model, &rows[index], area.width);
                cells::draw([line], Rect::new(area.x, y, area.width, 1), buf);
                y += 1;
            }
        }
    }
}

fn run_line<'a>(
    model: &'a Model,
    ages: &Ages,
    run: &'a WorkflowRun,
    old: bool,
    width: u16,
) -> Line<'a> {
    let theme = &model.theme;
    let text = if old { theme.dim } else { theme.text };
    let mut row = Row::new(usize::from(width))
        .gap(1)
        .text(format!("#{} ", run.number), theme.dim)
        .column(clean(&run.branch), 16, text);
    if run.jobs.is_empty() {
        return row
            .text(clean(&run.workflow), text)
            .gap(1)
            .text(run.state.word(), style(theme, run.state))
            .line();
    }
    for (index, job) in run.jobs.iter().enumerate() {
        if index > 0 {
            row = row.text(" ─ ", theme.border);
        }
        row = row.text(clean(&job.name), text);
        row = match job_words(ages, job) {
            Some(words) => row.gap(1).text(words, style(theme, job.state)),
            None => row,
        };
    }
    row.line()
}

fn job_words(ages: &Ages, job: &Job) -> Option<String> {
    match (job.state, job.started) {
        (RunState::InProgress, Some(started)) => Some(format!("▶ {}", ages.since(started))),
        (RunState::InProgress, None) => Some("▶".to_owned()),
        (RunState::Queued, _) => None,
        (state, _) => Some(state.word().to_owned()),
    }
}

fn about<'a>(model: &Model, run: &WorkflowRun, width: u16) -> Line<'a> {
    let took = run
        .state
        .is_ended()
        .then(|| {
            run.updated
                .duration_since(run.started)
                .as_secs()
                .unsigned_abs()
        })
        .map(seconds);
    let mut words = vec![
        clean(&run.workflow),
        clean(&run.title),
        clean(&run.actor),
        clean(&run.event),
        run.revision.chars().take(7).collect(),
    ];
    words.extend(took);
    if run.attempt > 1 {
        words.push(format!("attempt {}", run.attempt));
    }
    Row::new(usize::from(width))
        .gap(4)
        .text(words.join("  "), model.theme.dim)
        .line()
}
