//! All actions by their names, found by a few letters.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

use crate::cockpit::{
    cells,
    input::LineInput,
    keymap::{Action, Scope},
    model::{Effect, Model},
    panes::nothing,
    update,
};

use super::{Overlay, popup};

/// The palette.
#[derive(Default)]
pub struct Palette {
    /// What was typed.
    pub input: LineInput,
    at: usize,
}

struct Entry<'a> {
    action: &'static Action,
    keys: String,
    text: &'a str,
}

impl AsRef<str> for Entry<'_> {
    fn as_ref(&self) -> &str {
        self.text
    }
}

/// The actions that can be run where the palette was opened, those that fit best first.
fn fitting(model: &Model, typed: &str) -> Vec<(&'static Action, String)> {
    let mut scopes = vec![Scope::Cockpit, Scope::Everywhere];
    scopes.extend(update::pane_scope(model.focus));
    let entries: Vec<Entry<'_>> = scopes
        .into_iter()
        .flat_map(|scope| model.keymap.of(scope))
        .filter(|(action, _)| action.name != "palette")
        .map(|(action, chords)| Entry {
            action,
            keys: chords.first().map(ToString::to_string).unwrap_or_default(),
            text: action.name,
        })
        .collect();
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    pattern
        .match_list(entries, &mut Matcher::new(Config::DEFAULT))
        .into_iter()
        .map(|(entry, _)| (entry.action, entry.keys))
        .collect()
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Palette(palette)) = model.overlays.last() else {
        return None;
    };
    let at = palette.at;
    let fitting = fitting(model, palette.input.text());
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let moved = match key.code {
        KeyCode::Esc => return None,
        KeyCode::Enter => {
            model.overlays.pop();
            return Some(match fitting.get(at) {
                Some((action, _)) => update::run(model, action),
                None => nothing(),
            });
        }
        KeyCode::Down | KeyCode::Tab => Some(at + 1),
        KeyCode::Up | KeyCode::BackTab => Some(at.saturating_sub(1)),
        KeyCode::Char('n') if control => Some(at + 1),
        KeyCode::Char('p') if control => Some(at.saturating_sub(1)),
        _ => None,
    };
    if let Some(Overlay::Palette(palette)) = model.overlays.last_mut() {
        match moved {
            Some(to) => palette.at = to.min(fitting.len().saturating_sub(1)),
            None => {
                if palette.input.key(key) {
                    palette.at = 0;
                }
            }
        }
    }
    Some(nothing())
}

/// Draws the palette.
pub fn view(model: &Model, palette: &Palette, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let fitting = fitting(model, palette.input.text());
    let width = popup::text_width(area).min(72);
    let most = 14;
    let inner = popup::open(theme, "Actions", theme.border, (width, most + 1), area, buf);
    let typed = cells::cut(
        palette.input.text(),
        usize::from(inner.width.saturating_sub(4)),
    )
    .into_owned();
    let column = 2 + cells::width(&typed);
    let mut lines = vec![Line::from(vec![
        Span::styled(": ", theme.key),
        Span::styled(typed, theme.title),
    ])];
    for index in cells::visible(fitting.len(), palette.at, most) {
        let (action, keys) = &fitting[index];
        let mut line = Line::from(vec![
            Span::styled(format!(" {:<20}", action.name), theme.title),
            Span::styled(format!("{keys:<10}"), theme.key),
            Span::styled(action.help, theme.dim),
        ]);
        if index == palette.at {
            line = line.style(theme.cursor);
        }
        lines.push(line);
    }
    cells::draw(lines, inner, buf);
    (!inner.is_empty())
        .then(|| Position::new(inner.x + u16::try_from(column).unwrap_or_default(), inner.y))
}
