//! A key's way: the overlay on top, then the keymap.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::cockpit::{
    model::{Effect, Model},
    overlays,
    panes::nothing,
};

use super::{run, scopes, takes_text};

/// A key was pressed.
pub fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    model.notice = None;
    // In a terminal Ctrl-C means "out of here" wherever one is; what runs on the server goes on.
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return vec![Effect::Quit];
    }
    if let Some(effects) = overlays::key(model, key) {
        return effects;
    }
    if takes_text(model) {
        return if key.code == KeyCode::Esc {
            overlays::close(model)
        } else {
            nothing()
        };
    }
    match model.keymap.action(&scopes(model), key) {
        Some(action) => run(model, action),
        None => nothing(),
    }
}
