//! The box that overlays are drawn in, the row of buttons of a dialog, and the word that it asks for.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Block, Clear, Widget},
};

use crate::{
    cockpit::{cells, model::Model, theme::Theme},
    release::plan::ConfirmWords,
};

/// Lines that an overlay can be scrolled by at most.
pub const MOST_LINES: usize = 5_000;

/// Draws a box in the middle of `area`, as large as wanted and possible; returns its inside.
pub fn open(
    theme: &Theme,
    title: &str,
    border: Style,
    (width, height): (usize, usize),
    area: Rect,
    buf: &mut Buffer,
) -> Rect {
    let wide = u16::try_from(width + 2).unwrap_or(u16::MAX).min(area.width);
    let high = u16::try_from(height + 2)
        .unwrap_or(u16::MAX)
        .min(area.height);
    let place = Rect::new(
        area.x + (area.width - wide) / 2,
        area.y + (area.height - high) / 2,
        wide,
        high,
    );
    Clear.render(place, buf);
    let title = cells::cut(title, usize::from(wide.saturating_sub(4))).into_owned();
    let block = Block::bordered()
        .border_style(border)
        .title(Span::styled(format!(" {title} "), theme.title));
    let inner = block.inner(place);
    block.render(place, buf);
    inner
}

/// The width that an overlay with running text takes: most of the screen, and no more than one reads.
pub fn text_width(area: Rect) -> usize {
    usize::from(area.width).saturating_sub(4).min(100)
}

/// Draws as many of `lines` as fit from line `scroll` on, as far as there is something to see.
pub fn scrolled(lines: Vec<Line<'_>>, scroll: usize, area: Rect, buf: &mut Buffer) {
    let height = usize::from(area.height);
    let scroll = scroll.min(lines.len().saturating_sub(height));
    cells::draw(lines.into_iter().skip(scroll), area, buf);
}

/// A line of keys and what they do: `c continue  Esc cancel`.
pub fn keys<'a>(theme: &Theme, keys: impl IntoIterator<Item = (String, &'a str)>) -> Line<'a> {
    let mut line = Line::raw(" ");
    for (key, words) in keys {
        line.push_span(Span::styled(key, theme.key));
        line.push_span(Span::styled(format!(" {words}  "), theme.text));
    }
    line
}

/// What a dialog's row of buttons is moved in and taken by, beside Esc.
pub const BUTTON_KEYS: [(&str, &str); 3] = [
    ("Tab", "the other"),
    ("Enter", "take it"),
    ("Esc", "leave it"),
];

/// [`keys`] that no configuration changes.
pub fn fixed_keys<'a>(theme: &Theme, fixed: &[(&str, &'a str)]) -> Line<'a> {
    keys(
        theme,
        fixed.iter().map(|(key, words)| ((*key).to_owned(), *words)),
    )
}

/// What a key does to the choice of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Another one is in focus now.
    Moved(usize),
    /// The one in focus is meant.
    Taken(usize),
}

/// What `key` does to a choice among `count`, with `at` in focus.
pub fn choose(key: KeyEvent, at: usize, count: usize) -> Option<Choice> {
    let count = count.max(1);
    match key.code {
        KeyCode::Tab | KeyCode::Right | KeyCode::Down | KeyCode::Char('l' | 'j') => {
            Some(Choice::Moved((at + 1) % count))
        }
        KeyCode::BackTab | KeyCode::Left | KeyCode::Up | KeyCode::Char('h' | 'k') => {
            Some(Choice::Moved((at + count - 1) % count))
        }
        KeyCode::Enter => Some(Choice::Taken(at)),
        _ => None,
    }
}

/// A row of buttons.
pub fn buttons<'a>(model: &Model, labels: &[&'a str], at: usize) -> Line<'a> {
    let mut line = Line::raw(" ");
    for (index, label) in labels.iter().enumerate() {
        let style = if index == at {
            model.theme.cursor
        } else {
            model.theme.text
        };
        line.push_span(Span::styled(format!("[ {label} ]"), style));
        line.push_span(Span::raw("  "));
    }
    line
}

/// The line in which something is typed, with as much of it as fits; and the cursor's column there.
pub fn typed_line<'a>(theme: &Theme, typed: &str, style: Style, width: usize) -> (Line<'a>, usize) {
    let typed = cells::cut(typed, width.saturating_sub(5)).into_owned();
    let column = 3 + cells::width(&typed);
    let line = Line::from(vec![
        Span::styled(" > ", theme.key),
        Span::styled(typed, style),
    ]);
    (line, column)
}

/// Where the terminal's cursor goes in an overlay's inside; nowhere if there is no room.
pub fn cursor(inner: Rect, row: usize, column: usize) -> Option<Position> {
    let position = Position::new(
        inner.x.saturating_add(u16::try_from(column).ok()?),
        inner.y.saturating_add(u16::try_from(row).ok()?),
    );
    inner.contains(position).then_some(position)
}

/// The lines that ask for a word and show what is `typed` of it, in the second; and the cursor's column
/// there. `leaves`: what Esc does.
pub fn word_asked_for<'a>(
    theme: &Theme,
    words: &'a ConfirmWords,
    typed: &str,
    is_wrong: bool,
    leaves: &'a str,
    width: usize,
) -> (Vec<Line<'a>>, usize) {
    let mut asked = vec![
        Span::styled(" type ", theme.text),
        Span::styled(words.name.as_str(), theme.protected),
    ];
    if let Some(short) = &words.short {
        asked.push(Span::styled(" or ", theme.text));
        asked.push(Span::styled(short.as_str(), theme.protected));
    }
    asked.push(Span::styled(" and press Enter; ", theme.text));
    asked.push(Span::styled(leaves, theme.text));
    let (line, column) = typed_line(theme, typed, theme.title, width);
    let mut lines = vec![Line::from(asked), line];
    if is_wrong {
        let words = " that is not it: nothing was started";
        lines.push(Line::styled(words, theme.bad));
    }
    (lines, column)
}
