//! How environments and services are drawn.

use ratatui::{buffer::Buffer, layout::Rect, style::Style, text::Line};

use crate::{
    cockpit::{
        ages::{self, Ages, time_of},
        cells::{self, Row as Cells},
        model::Model,
        panes::{Pane, freshness_words, is_old, operations, operations::steps::by_our_clock},
        theme::Theme,
    },
    config::{Environment, Target},
    fleet::join::{Condition, ServiceRow},
    release::{
        EnvironmentName,
        observation::Health,
        operation::{Direction, OperationState},
        record::{Record, damaged_words},
        recovery,
        text::clean,
    },
};

use super::{Row, chosen, cursor, drawn_name, rows};

/// Draws the pane's inside.
pub fn view(model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let rows = rows(model);
    let at = cursor(model, &rows);
    let width = usize::from(area.width);
    let focused = model.focus == Pane::Environments;
    // A row takes more than one line where it has something to explain: the window is cut over lines.
    let mut lines: Vec<(Line<'_>, bool)> = Vec::new();
    let mut cursor_line = 0;
    for (index, row) in rows.iter().enumerate() {
        if index == at {
            cursor_line = lines.len();
        }
        match row {
            Row::Environment(environment) => {
                let line = environment_line(model, ages, environment, width);
                lines.push((line, index == at));
                lines.extend(notes(model, ages, environment, width).map(|l| (l, false)));
            }
            Row::Service(environment, service) => {
                let facts = model.fleet.environment(&environment.name);
                let seen = match facts {
                    Some(facts) if facts.containers.value().is_none() => Seen::Never,
                    Some(facts) if is_old(&ages.freshness(&facts.containers)) => Seen::Before,
                    _ => Seen::Now,
                };
                let line = service_line(&model.theme, ages, service, seen, width);
                lines.push((line, index == at));
                if let (Seen::Now, Some((began, period))) = (seen, service.starting) {
                    let words = format!(
                        "      starting, {} of {} start period",
                        ages.running(began),
                        ages::seconds(period.as_secs())
                    );
                    lines.push((Line::styled(words, model.theme.dim), false));
                }
                if let (Seen::Now, Some(crashes)) = (seen, service.crashing(ages.now())) {
                    let ago = match ages.ago(crashes.last).as_str() {
                        "now" => "just now".to_owned(),
                        ago => ago.to_owned(),
                    };
                    let restarts = crashes.restarts;
                    let words = format!("      restarted {restarts} times, the last {ago}");
                    lines.push((Line::styled(words, model.theme.bad), false));
                }
                if index == at && focused {
                    lines.extend(service.drift.iter().flat_map(|drift| {
                        cells::wrap(&drift.words(), width.saturating_sub(6))
                            .into_iter()
                            .map(|words| {
                                (
                                    Line::styled(format!("      {words}"), model.theme.warning),
                                    false,
                                )
                            })
                    }));
                }
            }
        }
    }
    let visible = cells::visible(lines.len(), cursor_line, usize::from(area.height));
    for ((line, is_cursor), y) in lines.drain(visible).zip(area.top()..) {
        let row = Rect::new(area.x, y, area.width, 1);
        cells::draw([line], row, buf);
        if is_cursor {
            cells::mark_cursor(&model.theme, focused, row, buf);
        }
    }
}

/// One environment in one line, for the strip above the focused pane and for the pane itself.
pub fn environment_line<'a>(
    model: &Model,
    ages: &Ages,
    environment: &'a Environment,
    width: usize,
) -> Line<'a> {
    let theme = &model.theme;
    let is_chosen = chosen(model).is_some_and(|e| e.name == environment.name);
    let name = drawn_name(theme, environment);
    let condition = model
        .fleet
        .condition(&environment.name, model.now, &model.policy);
    let (word, style) = condition_words(model, environment, condition);
    let mut row = Cells::new(width)
        .text(if is_chosen { "▸ " } else { "  " }, theme.text)
        .text(name.content, name.style)
        .gap(2 + longest_name(model).saturating_sub(cells::width(environment.name.as_str())))
        .text(kind(environment), theme.dim)
        .gap(2)
        .text(word, style);
    let facts = model.fleet.environment(&environment.name);
    if facts.is_some_and(|facts| facts.lock().is_some()) {
        row = row.text("  LOCKED", theme.warning);
    }
    let newest = model
        .fleet
        .services(environment)
        .iter()
        .filter(|s| s.released)
        .filter_map(|s| s.since)
        .max();
    match newest {
        Some(newest) => row.right(ages.since(newest), theme.dim).line(),
        None => row.line(),
    }
}

/// The cells of the longest name, so that what follows names stands in a column.
fn longest_name(model: &Model) -> usize {
    let names = model.fleet.config.environments.iter();
    let longest = names.map(|e| cells::width(e.name.as_str())).max();
    longest.unwrap_or_default().min(24)
}

fn kind(environment: &Environment) -> &'static str {
    match environment.target {
        Target::Compose(_) => "compose",
    }
}

/// An environment's state in a word or two.
pub fn condition_words(
    model: &Model,
    environment: &Environment,
    condition: Condition,
) -> (String, Style) {
    let theme = &model.theme;
    let facts = model.fleet.environment(&environment.name);
    let operation = facts
        .and_then(|facts| facts.operation())
        .filter(|operation| operation.end.is_none());
    let is_newer = facts.is_some_and(|facts| facts.newer().is_some());
    match (condition, operation) {
        (Condition::Unwell, _) if is_newer => ("newer flightdeck".to_owned(), theme.warning),
        (Condition::Unseen, _) => ("unreachable".to_owned(), theme.bad),
        (_, Some(operation)) => operation_words(theme, operation),
        (Condition::Unwell, None) => match facts.and_then(|facts| facts.left_stuck()) {
            Some(record) => (stuck(record), theme.bad),
            None => ("UNWELL".to_owned(), theme.bad),
        },
        (Condition::Changing, None) => ("starting".to_owned(), theme.warning),
        (Condition::Unknown, None) => ("connecting…".to_owned(), theme.warning),
        (Condition::Well, None) => ("healthy".to_owned(), theme.good),
    }
}

/// `STUCK at verify-status`, with the step that decided it.
fn stuck(record: &Record) -> String {
    match &record.step {
        Some(step) => format!("{} at {}", record.outcome.words(), clean(step)),
        None => record.outcome.words().to_owned(),
    }
}

/// Who holds a lock by hand, since when and why.
pub fn lock_words(model: &Model, environment: &EnvironmentName, lock: &OperationState) -> String {
    let claim = &lock.claim;
    let since = claim.at.map_or_else(String::new, |at| {
        let since = by_our_clock(model, environment, at);
        format!(" since {}", time_of(since, model.now))
    });
    format!(
        "LOCKED by {}{since}: {}",
        clean(&claim.who()),
        clean(&claim.reason)
    )
}

fn operation_words(theme: &Theme, operation: &OperationState) -> (String, Style) {
    if operation.liveness.is_interrupted() {
        return (recovery::interrupted(operation), theme.bad);
    }
    let words = match operations::direction(&operation.journal) {
        Direction::Forward => clean(&operation.claim.kind),
        Direction::Back => "going back".to_owned(),
        Direction::Closing => "closing".to_owned(),
    };
    let step = operations::step_number(operation)
        .map(|(at, of)| format!(" {at}/{of}"))
        .unwrap_or_default();
    (format!("{words}{step}"), theme.warning)
}

fn notes<'a>(
    model: &Model,
    ages: &Ages,
    environment: &Environment,
    width: usize,
) -> impl Iterator<Item = Line<'a>> {
    let theme = &model.theme;
    let facts = model.fleet.environment(&environment.name);
    let freshness = facts.map(|f| ages.freshness(&f.containers));
    let mut words: Vec<(String, Style)> = freshness
        .as_ref()
        .and_then(|f| freshness_words(f, ages))
        .map(|words| (words, theme.warning))
        .into_iter()
        .collect();
    // The files' link is told only where the Engine's is well: else it is the same story twice.
    if words.is_empty()
        && let Some(files) = facts
            .map(|f| ages.freshness(&f.files))
            .and_then(|f| freshness_words(&f, ages))
    {
        words.push((format!("files: {files}"), theme.dim));
    }
    if let Some(lock) = facts.and_then(|facts| facts.lock()) {
        words.push((lock_words(model, &environment.name, lock), theme.warning));
    }
    if let Some(files) = facts.and_then(|f| f.files.value()) {
        if let Some(damaged) = damaged_words(files.damaged, &files.damaged_at) {
            words.push((format!("ledger: {damaged}"), theme.warning));
        }
        if let Some(newer) = &files.newer {
            words.push((newer.words(), theme.warning));
        }
    }
    for drift in model.fleet.file_drift(environment) {
        words.push((format!("drift: {}", drift.words()), theme.warning));
    }
    let most = 3;
    words
        .into_iter()
        .flat_map(move |(words, style)| {
            cells::wrap(&words, width.saturating_sub(4))
                .into_iter()
                .take(most)
                .map(move |line| Line::styled(format!("    {line}"), style))
        })
        .collect::<Vec<_>>()
        .into_iter()
}

/// How well a service's row is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nobody has looked yet: nothing may be said of it, not even that it is missing.
    Never,
    /// It was so when somebody looked last.
    Before,
    /// It is so.
    Now,
}

fn service_line<'a>(
    theme: &Theme,
    ages: &Ages,
    row: &ServiceRow,
    seen: Seen,
    width: usize,
) -> Line<'a> {
    let (word, style) = match (seen, row.crashing(ages.now())) {
        (Seen::Never, _) => ("unknown", theme.dim),
        (_, Some(_)) => ("CRASHING", theme.bad),
        (_, None) => health(theme, row.health),
    };
    let style = if seen == Seen::Now { style } else { theme.dim };
    let text = if seen == Seen::Now && row.released {
        theme.text
    } else {
        theme.dim
    };
    let roomy = width >= 48;
    let mut cells = Cells::new(width)
        .gap(4)
        .column(row.service.to_string(), if roomy { 14 } else { 10 }, text)
        .column(
            row.label.clone().unwrap_or_else(|| "-".to_owned()),
            if roomy { 16 } else { 13 },
            text,
        )
        .text(word, style);
    if row.containers > 1 {
        cells = cells.text(format!(" x{}", row.containers), text);
    }
    if row.restarts > 0 {
        let words = match (roomy, row.restarts) {
            (true, 1) => "  1 restart".to_owned(),
            (true, n) => format!("  {n} restarts"),
            (false, n) => format!(" r{n}"),
        };
        cells = cells.text(words, theme.warning);
    }
    if let Some(drift) = row.drift.first() {
        cells = cells
            .gap(1)
            .text(format!("drift:{}", drift.word()), theme.warning);
    }
    match row.since {
        Some(since) => cells.right(ages.since(since), theme.dim).line(),
        None => cells.line(),
    }
}

fn health(theme: &Theme, health: Health) -> (&'static str, Style) {
    match health {
        Health::Healthy => ("ok", theme.good),
        Health::Running => ("running", theme.good),
        Health::Starting => ("starting", theme.warning),
        Health::Unhealthy => ("UNHEALTHY", theme.bad),
        Health::Restarting => ("RESTARTING", theme.bad),
        Health::Paused => ("paused", theme.bad),
        Health::Created => ("created", theme.bad),
        Health::Exited => ("EXITED", theme.bad),
        Health::Missing => ("missing", theme.bad),
    }
}
