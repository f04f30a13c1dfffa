//! Which environment is meant in an emergency: the one under the cursor, or one that is unwell.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    cockpit::{
        cells,
        model::{Effect, Model},
        panes::{
            environments::{drawn_name, view::condition_words},
            nothing,
        },
        update::deeds,
    },
    release::EnvironmentName,
};

use super::{
    Overlay,
    popup::{self, Choice},
};

/// The environments to choose from; the one under the cursor is the first.
pub struct Chooser {
    environments: Vec<EnvironmentName>,
    at: usize,
}

impl Chooser {
    /// A choice of these.
    pub fn of(environments: Vec<EnvironmentName>) -> Self {
        Self {
            environments,
            at: 0,
        }
    }
}

/// Takes a key: a digit chooses at once, what it opens is a plan and no deed.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Chooser(chooser)) = model.overlays.last_mut() else {
        return None;
    };
    let taken = match key.code {
        KeyCode::Char(digit @ '1'..='9') => {
            let index = digit as usize - '1' as usize;
            (index < chooser.environments.len()).then_some(index)
        }
        _ => match popup::choose(key, chooser.at, chooser.environments.len())? {
            Choice::Moved(at) => {
                chooser.at = at;
                None
            }
            Choice::Taken(at) => Some(at),
        },
    };
    let Some(name) = taken.and_then(|at| chooser.environments.get(at).cloned()) else {
        return Some(nothing());
    };
    model.overlays.pop();
    model.environments.choose(name.clone());
    Some(deeds::roll_back_or_recover(model, &name))
}

/// Draws the choice.
pub fn view(model: &Model, chooser: &Chooser, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = popup::text_width(area).min(60);
    let mut lines = vec![
        Line::styled(" which one is rolled back?", theme.text),
        Line::default(),
    ];
    for (index, name) in chooser.environments.iter().enumerate() {
        let Some(environment) = model.fleet.config.environment(name) else {
            continue;
        };
        let condition = model.fleet.condition(name, model.now, &model.policy);
        let (word, style) = condition_words(model, environment, condition);
        let mut line = Line::from(vec![
            Span::styled(format!(" {} ", index + 1), theme.key),
            drawn_name(theme, environment),
            Span::raw("  "),
            Span::styled(word, style),
            Span::styled(
                if index == 0 { "  under the cursor" } else { "" },
                theme.dim,
            ),
        ]);
        if index == chooser.at {
            line = line.style(theme.cursor);
        }
        lines.push(line);
    }
    let keys = [
        ("1-9", "that one"),
        ("Enter", "take it"),
        ("Esc", "leave it"),
    ];
    lines.push(popup::fixed_keys(theme, &keys));
    let inner = popup::open(
        theme,
        "Emergency",
        theme.bad,
        (width, lines.len()),
        area,
        buf,
    );
    cells::draw(lines, inner, buf);
}
