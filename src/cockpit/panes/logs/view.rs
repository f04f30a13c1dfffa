//! How log lines are drawn: only those that are visible are looked at.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    cockpit::{cells, model::Model, panes::environments::drawn_name, theme::Theme},
    fleet::log_buffer::{LogLine, Window},
};

use super::{Source, shown};

/// The pane's title: whose lines, whether they are followed, how many were dropped.
pub fn title(model: &Model) -> (Line<'_>, Line<'_>) {
    let theme = &model.theme;
    let left = match &model.logs.source {
        Source::Service(environment, service) => {
            match model.fleet.config.environment(environment) {
                Some(environment) => Line::from_iter([
                    Span::raw("Logs  "),
                    drawn_name(theme, environment),
                    Span::raw(format!("/{service}")),
                ]),
                None => Line::raw("Logs"),
            }
        }
        Source::Operation => match model.operations.open() {
            Some(followed) => Line::raw(format!(
                "Logs  output of {} on {}",
                followed.id, followed.environment
            )),
            None => Line::raw("Logs"),
        },
        Source::Nothing => Line::raw("Logs"),
    };
    let Some(buffer) = shown(model) else {
        return (left, Line::default());
    };
    let around = buffer.window(model.logs.end, 0);
    let mut words = Vec::new();
    if around.dropped > 0 {
        words.push(format!("{} dropped", around.dropped));
    }
    words.push(match model.logs.end {
        None => "following".to_owned(),
        Some(end) => {
            let newest = buffer.window(None, 1).lines.pop().and_then(|line| line.at);
            let upto = newest.map(|at| at.strftime(" up to %H:%M:%S").to_string());
            format!(
                "paused, {} newer{}",
                around.end.saturating_sub(end),
                upto.unwrap_or_default()
            )
        }
    });
    let style = if model.logs.end.is_none() {
        theme.good
    } else {
        theme.warning
    };
    (left, Line::styled(words.join("  "), style))
}

/// Draws the pane's inside.
pub fn view(model: &Model, area: Rect, buf: &mut Buffer) {
    let Some(buffer) = shown(model) else {
        return;
    };
    let height = usize::from(area.height);
    let window = buffer.window(model.logs.end, height);
    if window.lines.is_empty() {
        let words = if window.dropped > 0 && window.end > window.dropped {
            "the lines that were here have been dropped"
        } else {
            "no lines yet"
        };
        cells::draw(
            [Line::styled(format!(" {words}"), model.theme.dim)],
            area,
            buf,
        );
        return;
    }
    let lines = lines(model, &window, usize::from(area.width), height);
    cells::draw(lines, area, buf);
}

fn lines<'a>(model: &'a Model, window: &'a Window, width: usize, height: usize) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let several = window
        .lines
        .windows(2)
        .any(|two| two[0].from != two[1].from);
    if !model.logs.wrap {
        return window
            .lines
            .iter()
            .map(|line| {
                let from = if several { &*line.from } else { "" };
                let prefix = prefix(line, from);
                let room = width.saturating_sub(cells::width(&prefix) + 1);
                let text = shifted(&line.text, model.logs.shift);
                let text = cells::cut(text, room).into_owned();
                Line::from_iter(
                    [Span::raw(" "), Span::styled(prefix, theme.dim)]
                        .into_iter()
                        .chain(marked(text, &model.logs.needle, theme)),
                )
            })
            .collect();
    }
    // Wrapped lines take more room than there is: the newest stay.
    let mut rows: Vec<Line<'_>> = Vec::with_capacity(height);
    for line in window.lines.iter().rev() {
        let prefix = prefix(line, if several { &line.from } else { "" });
        let indent = cells::width(&prefix) + 1;
        let wrapped = cells::wrap(&line.text, width.saturating_sub(indent).max(8));
        for (index, text) in wrapped.into_iter().enumerate().rev() {
            if rows.len() >= height {
                rows.reverse();
                return rows;
            }
            let head = if index == 0 {
                prefix.clone()
            } else {
                " ".repeat(indent - 1)
            };
            rows.push(Line::from_iter(
                [Span::raw(" "), Span::styled(head, theme.dim)]
                    .into_iter()
                    .chain(marked(text, &model.logs.needle, theme)),
            ));
        }
    }
    rows.reverse();
    rows
}

fn prefix(line: &LogLine, from: &str) -> String {
    let time = line
        .at
        .map(|at| at.strftime("%H:%M:%S ").to_string())
        .unwrap_or_default();
    if from.is_empty() {
        time
    } else {
        format!("{time}{} ", cells::cut(from, 18))
    }
}

/// `text` without its first `cells` cells.
fn shifted(text: &str, cells: usize) -> &str {
    if cells == 0 {
        return text;
    }
    let mut used = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if used >= cells {
            return &text[at..];
        }
        used += self::cells::width(grapheme);
    }
    ""
}

fn marked(text: String, needle: &str, theme: &Theme) -> Vec<Span<'static>> {
    // Lower-casing can change lengths: places are only taken over where it does not.
    let lower = text.to_lowercase();
    let needle = needle.to_lowercase();
    if needle.is_empty() || lower.len() != text.len() {
        return vec![Span::styled(text, theme.text)];
    }
    let mut spans = Vec::new();
    let mut from = 0;
    let mut push = |range: std::ops::Range<usize>, style: Style| {
        if let Some(part) = text.get(range).filter(|p| !p.is_empty()) {
            spans.push(Span::styled(part.to_owned(), style));
        }
    };
    for (at, part) in lower.match_indices(&needle) {
        push(from..at, theme.text);
        push(at..at + part.len(), theme.found);
        from = at + part.len();
    }
    push(from..text.len(), theme.text);
    spans
}
