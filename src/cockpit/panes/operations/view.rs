//! How the list of operations is drawn.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    cockpit::{
        ages::{Ages, seconds, time_of},
        cells,
        cells::Row as Cells,
        model::Model,
        panes::{Pane, environments::drawn_name},
    },
    config::Environment,
    plan::history,
    release::{
        operation::{Direction, Liveness, OperationState, ended_parts, timestamp},
        record::Record,
        recovery,
        text::clean,
    },
};

use super::{Row, cursor, direction, outcome, rows, step_number, steps};

/// Draws the pane's inside.
pub fn view(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let rows = rows(model);
    if rows.is_empty() {
        let line = Line::styled("  no operations are known yet", theme.dim);
        cells::draw([line], area, buf);
        return;
    }
    let at = cursor(model, &rows);
    let width = usize::from(area.width);
    // Narrow columns give each row a second line.
    let lines_each = if width >= 72 { 1 } else { 2 };
    let fitting = usize::from(area.height).div_ceil(lines_each);
    let mut y = area.y;
    for index in cells::visible(rows.len(), at, fitting.max(1)) {
        let height = u16::try_from(lines_each)
            .unwrap_or(1)
            .min(area.bottom().saturating_sub(y));
        let place = Rect::new(area.x, y, area.width, height);
        y += height;
        let lines = match rows[index] {
            Row::UnderWay(environment, operation) => {
                under_way(model, ages, environment, operation, width)
            }
            Row::Ended(environment, record) => ended(model, environment, record, width),
        };
        cells::draw(lines, place, buf);
        if index == at {
            let row = Rect {
                height: height.min(1),
                ..place
            };
            cells::mark_cursor(theme, model.focus == Pane::Operations, row, buf);
        }
    }
}

/// The operation under way in one line, for the foot of narrow screens.
pub fn under_way_line<'a>(
    model: &Model,
    ages: &Ages,
    environment: &Environment,
    operation: &OperationState,
    width: usize,
) -> Line<'a> {
    let mut lines = under_way(model, ages, environment, operation, width.max(72));
    lines.swap_remove(0)
}

fn name(model: &Model, environment: &Environment) -> (String, Style) {
    let name = drawn_name(&model.theme, environment);
    (name.content.into_owned(), name.style)
}

fn under_way<'a>(
    model: &Model,
    ages: &Ages,
    environment: &Environment,
    operation: &OperationState,
    width: usize,
) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let (name, name_style) = name(model, environment);
    let facts = model.fleet.environment(&environment.name);
    let is_newer = facts.is_some_and(|facts| facts.is_newer(operation.id));
    let (state, style) = match (operation.liveness, operation.cancelling) {
        _ if is_newer => ("of a newer flightdeck".to_owned(), theme.warning),
        (Liveness::Dead | Liveness::Orphaned, _) => (recovery::interrupted(operation), theme.bad),
        (_, true) => ("cancelling".to_owned(), theme.warning),
        (Liveness::Unknown, _) => ("under way, not seen".to_owned(), theme.warning),
        (Liveness::Alive, _) => match direction(&operation.journal) {
            Direction::Forward => ("under way".to_owned(), theme.warning),
            Direction::Back => ("going back".to_owned(), theme.warning),
            Direction::Closing => ("closing".to_owned(), theme.warning),
        },
    };
    let step = step_number(operation)
        .map(|(at, of)| format!("  step {at} of {of}"))
        .unwrap_or_default();
    let what = operation
        .plan
        .as_ref()
        .map(|plan| format!(" {}", plan.after.changed_since(&plan.before).label()))
        .unwrap_or_default();
    let first = Cells::new(width)
        .gap(1)
        .text("> ", style)
        .text(
            format!("{}{what} ", clean(&operation.claim.kind)),
            theme.text,
        )
        .text(name, name_style);
    let since = operation.claim.at.map_or_else(String::new, |at| {
        let since = steps::by_our_clock(model, &environment.name, at);
        format!("  {}", ages.running(since))
    });
    let second = [
        Span::styled(state, style),
        Span::styled(step, theme.text),
        Span::styled(since, theme.dim),
        Span::styled(format!("  {}", clean(&operation.claim.operator)), theme.dim),
    ];
    put_together(first, second, width)
}

fn ended<'a>(
    model: &Model,
    environment: &Environment,
    record: &Record,
    width: usize,
) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let (name, name_style) = name(model, environment);
    let first = Cells::new(width)
        .gap(1)
        .text(
            format!("{} ", time_of(timestamp(record.started), model.now)),
            theme.dim,
        )
        .text(
            format!("{} {} ", record.kind.verb(), clean(&record.brings())),
            theme.text,
        )
        .text(name, name_style);
    let took = seconds((record.ended - record.started).max(0).unsigned_abs());
    let style = outcome::style(theme, record.outcome);
    let step = record.step.as_deref().filter(|_| style != theme.good);
    let (word, step) = ended_parts(record.outcome, record.changed(), step);
    let mut second = vec![
        Span::styled(word, style),
        Span::styled(step, theme.text),
        Span::styled(format!(" {took}"), theme.dim),
        Span::styled(format!("  {}", clean(&record.operator)), theme.dim),
    ];
    let facts = model.fleet.environment(&environment.name);
    let mark = facts.and_then(|facts| history::mark(facts.records(), record));
    if mark.is_some() {
        second.push(Span::styled("  marked bad", theme.bad));
    }
    for remark in record.remarks() {
        second.push(Span::styled(format!("  {}", clean(&remark)), theme.text));
    }
    if !record.reason.is_empty() {
        second.push(Span::styled(
            format!("  {}", clean(&record.reason)),
            theme.dim,
        ));
    }
    put_together(first, second, width)
}

fn put_together<'a>(
    first: Cells<'a>,
    second: impl IntoIterator<Item = Span<'a>>,
    width: usize,
) -> Vec<Line<'a>> {
    if width >= 72 {
        let mut row = first.gap(2);
        for span in second {
            row = row.text(span.content, span.style);
        }
        return vec![row.line()];
    }
    let mut row = Cells::new(width).gap(7);
    for span in second {
        row = row.text(span.content, span.style);
    }
    vec![first.line(), row.line()]
}
