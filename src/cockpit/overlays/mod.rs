//! What opens over the panes. The last one opened takes the keys; Esc closes it and never quits.

pub mod chooser;
pub mod commands;
pub mod confirm;
pub mod help;
pub mod lock;
pub mod message;
pub mod options;
pub mod palette;
pub mod plan;
pub mod popup;
pub mod question;
pub mod recover;
pub mod search;

use crossterm::event::KeyEvent;
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{
    ages::Ages,
    keymap::Scope,
    model::{Effect, Model},
    panes::Motion,
};

/// An overlay.
pub enum Overlay {
    /// A plan, while it is made, read, started.
    Plan(plan::PlanView),
    /// The commands of the plan below.
    Commands(commands::Commands),
    /// The plan below made otherwise.
    Options(options::Options),
    /// The confirmation of the plan below.
    Confirm(confirm::Confirm),
    /// Which environment is to be rolled back.
    Chooser(chooser::Chooser),
    /// What is to become of an operation.
    Recover(recover::Recover),
    /// The same, until it is known which.
    Awaited(recover::awaited::Awaited),
    /// A lock by hand that is made or ended.
    Lock(lock::Lock),
    /// All actions by their names.
    Palette(palette::Palette),
    /// All keys.
    Help(help::Help),
    /// A server's question.
    Question(question::Asked),
    /// What is searched for in a pane.
    Search(search::Search),
    /// Something that takes more words than a line.
    Message(message::Message),
}

impl Overlay {
    /// Whether printable keys are text here.
    pub fn takes_text(&self) -> bool {
        match self {
            Self::Confirm(confirm) => confirm.typed,
            Self::Recover(recover) => recover.takes_text(),
            Self::Lock(lock) => lock.takes_text(),
            Self::Options(options) => options.on_reason(),
            Self::Palette(_) | Self::Question(_) | Self::Search(_) => true,
            Self::Plan(_)
            | Self::Commands(_)
            | Self::Chooser(_)
            | Self::Awaited(_)
            | Self::Help(_)
            | Self::Message(_) => false,
        }
    }

    /// The keys of the keymap that this overlay has of its own.
    pub fn scope(&self) -> Option<Scope> {
        matches!(self, Self::Plan(_)).then_some(Scope::Plan)
    }

    /// Takes a paste, where text is typed that may be pasted: a confirmation must be typed.
    pub fn paste(&mut self, text: &str) {
        match self {
            Self::Options(options) if options.on_reason() => options.reason.paste(text),
            Self::Palette(palette) => palette.input.paste(text),
            Self::Lock(lock) => lock.paste(text),
            Self::Recover(recover) => recover.paste(text),
            Self::Question(asked) => asked.input.paste(text),
            Self::Search(search) => search.input.paste(text),
            _ => {}
        }
    }

    /// Scrolls what is longer than the screen.
    pub fn motion(&mut self, motion: Motion) {
        let scroll = match self {
            Self::Plan(plan) => &mut plan.scroll,
            Self::Commands(commands) => &mut commands.scroll,
            Self::Help(help) => &mut help.scroll,
            Self::Message(message) => &mut message.scroll,
            _ => return,
        };
        // Views clamp: only they know how many lines there are.
        *scroll = motion.moved(*scroll, popup::MOST_LINES, 10);
    }

    /// The model as it is has been on the screen: from now on keys are meant for what it shows.
    pub fn shown(&mut self) {
        match self {
            Self::Plan(plan) => plan.shown(),
            Self::Recover(recover) => recover.shown(),
            Self::Question(asked) => asked.shown = true,
            _ => {}
        }
    }
}

/// Gives a key to the overlay on top. `None`: it has no use for it.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    match model.overlays.last()? {
        Overlay::Options(_) => options::key(model, key),
        Overlay::Confirm(_) => confirm::key(model, key),
        Overlay::Chooser(_) => chooser::key(model, key),
        Overlay::Recover(_) => recover::key(model, key),
        Overlay::Lock(_) => lock::key(model, key),
        Overlay::Palette(_) => palette::key(model, key),
        Overlay::Question(_) => question::key(model, key),
        Overlay::Search(_) => search::key(model, key),
        Overlay::Message(_) => message::key(model, key),
        Overlay::Plan(_) | Overlay::Commands(_) | Overlay::Awaited(_) | Overlay::Help(_) => None,
    }
}

/// Closes the overlay on top, with what that means for who waits for it.
pub fn close(model: &mut Model) -> Vec<Effect> {
    match model.overlays.pop() {
        Some(Overlay::Question(asked)) => asked.refused(),
        Some(Overlay::Search(search)) => search.dropped(model),
        _ => Vec::new(),
    }
}

/// Draws an overlay; returns where the terminal's cursor goes, if text is typed.
pub fn view(
    model: &Model,
    overlay: &Overlay,
    ages: &Ages,
    area: Rect,
    buf: &mut Buffer,
) -> Option<Position> {
    match overlay {
        Overlay::Plan(view) => plan::view::view(model, view, ages, area, buf),
        Overlay::Commands(commands) => commands::view(model, commands, area, buf),
        Overlay::Options(options) => return options::view(model, options, area, buf),
        Overlay::Confirm(confirm) => return confirm::view(model, confirm, area, buf),
        Overlay::Chooser(chooser) => chooser::view(model, chooser, area, buf),
        Overlay::Recover(recover) => return recover::view(model, recover, area, buf),
        Overlay::Awaited(awaited) => recover::awaited::view(model, awaited, ages, area, buf),
        Overlay::Lock(lock) => return lock::view(model, lock, area, buf),
        Overlay::Palette(palette) => return palette::view(model, palette, area, buf),
        Overlay::Help(help) => help::view(model, help, area, buf),
        Overlay::Question(asked) => return question::view(model, asked, area, buf),
        Overlay::Search(_) => {}
        Overlay::Message(message) => message::view(model, message, area, buf),
    }
    None
}

/// The plan that is open, under whatever is open over it.
pub fn open_plan(model: &Model) -> Option<&plan::PlanView> {
    model
        .overlays
        .iter()
        .rev()
        .find_map(|overlay| match overlay {
            Overlay::Plan(view) => Some(view),
            _ => None,
        })
}

/// The plan that is open, to be changed.
pub fn open_plan_mut(model: &mut Model) -> Option<&mut plan::PlanView> {
    model
        .overlays
        .iter_mut()
        .rev()
        .find_map(|overlay| match overlay {
            Overlay::Plan(view) => Some(view),
            _ => None,
        })
}
