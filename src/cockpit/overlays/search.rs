//! What is searched for in the focused pane; typed in the line of the hints.

use crossterm::event::{KeyCode, KeyEvent};

use crate::cockpit::{
    input::LineInput,
    model::{Effect, Model},
    panes::{Pane, nothing},
};

use super::Overlay;

/// A search that is typed.
pub struct Search {
    pane: Pane,
    /// What was typed.
    pub input: LineInput,
}

impl Search {
    /// A search in `pane` that goes on from what was searched for before.
    pub fn of(pane: Pane, before: &str) -> Self {
        Self {
            pane,
            input: LineInput::of(before),
        }
    }

    /// Esc: nothing is searched for any more.
    pub fn dropped(self, model: &mut Model) -> Vec<Effect> {
        self.pane.search(model, "", true);
        nothing()
    }
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Search(search)) = model.overlays.last_mut() else {
        return None;
    };
    let done = match key.code {
        KeyCode::Esc => return None,
        KeyCode::Enter => true,
        _ => {
            search.input.key(key);
            false
        }
    };
    let (pane, needle) = (search.pane, search.input.text().to_owned());
    if done {
        model.overlays.pop();
    }
    pane.search(model, &needle, done);
    Some(nothing())
}
