//! (model, message) → effects. Synchronous and pure: nothing here reads a clock, a file or a socket.

mod actions;
pub mod deeds;
mod facts;
mod keys;

use crossterm::event::Event;
use ratatui::layout::Size;

use crate::release::Now;

use super::{
    keymap::{Action, Scope},
    model::{Effect, Model, Msg},
    overlays::Overlay,
    panes::{Pane, operations},
};

pub use actions::{COCKPIT, EVERYWHERE};

/// Takes a message in, at `now`; returns what has to be done outside.
pub fn update(model: &mut Model, msg: Msg, now: Now) -> Vec<Effect> {
    model.now = now;
    let effects = match msg {
        Msg::Input(Event::Key(key)) => keys::pressed(model, key),
        Msg::Input(Event::Paste(text)) => {
            if let Some(overlay) = model.overlays.last_mut() {
                overlay.paste(&text);
            }
            Vec::new()
        }
        Msg::Input(Event::Resize(width, height)) => {
            model.size = Size { width, height };
            Vec::new()
        }
        Msg::Input(Event::FocusGained | Event::FocusLost | Event::Mouse(_)) => Vec::new(),
        Msg::Facts(new) => facts::arrived(model, new),
        Msg::Progress(environment, id, progress) => {
            operations::follow(model, &environment, id, progress);
            Vec::new()
        }
        Msg::Done(ticket, outcome) => facts::done(model, ticket, outcome),
        Msg::Guidance(line) => {
            model.guidance = line;
            Vec::new()
        }
        Msg::Shown => {
            if let Some(overlay) = model.overlays.last_mut() {
                overlay.shown();
            }
            Vec::new()
        }
        Msg::Wake => Vec::new(),
    };
    facts::ask_questions(model);
    effects
}

/// Runs an action, or says why not: what changes something takes a permit.
pub fn run(model: &mut Model, action: &Action) -> Vec<Effect> {
    if action.changes && model.permit.is_none() {
        model.complain("read-only: watch mode");
        return Vec::new();
    }
    (action.run)(model)
}

/// The keys that a pane has of its own.
pub fn pane_scope(pane: Pane) -> Option<Scope> {
    match pane {
        Pane::Versions => Some(Scope::Versions),
        Pane::Operations => Some(Scope::Operations),
        Pane::Logs => Some(Scope::Logs),
        Pane::Environments | Pane::Pipelines => None,
    }
}

/// Where keys mean something now, the nearest first.
pub fn scopes(model: &Model) -> Vec<Scope> {
    match model.overlays.last() {
        Some(overlay) => overlay
            .scope()
            .into_iter()
            .chain([Scope::Everywhere])
            .collect(),
        None => pane_scope(model.focus)
            .into_iter()
            .chain([Scope::Cockpit, Scope::Everywhere])
            .collect(),
    }
}

/// Whether printable keys are text now.
fn takes_text(model: &Model) -> bool {
    model.overlays.last().is_some_and(Overlay::takes_text)
}

#[cfg(test)]
mod tests;
