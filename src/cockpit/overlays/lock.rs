//! A lock by hand: the message that others read while it stands, or its end.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
};

use crate::{
    cockpit::{
        cells,
        input::LineInput,
        model::{Effect, Model},
        panes::{environments::view::lock_words, nothing},
    },
    release::{
        EnvironmentName,
        operation::OperationId,
        recovery::{LockRequest, UnlockRequest},
    },
};

use super::{
    Overlay,
    popup::{self, Choice},
};

/// A lock that is made or ended.
pub struct Lock {
    environment: EnvironmentName,
    stage: Stage,
}

enum Stage {
    /// The message is typed.
    Message(LineInput),
    /// The lock that stands, in words; the button in focus: 0 leaves it.
    Unlock(OperationId, String, usize),
}

impl Lock {
    /// What can be done in an environment: to end the lock that stands there, else to make one.
    pub fn of(model: &Model, environment: &EnvironmentName) -> Self {
        let facts = model.fleet.environment(environment);
        let stage = match facts.and_then(|facts| facts.lock()) {
            Some(lock) => Stage::Unlock(lock.id, lock_words(model, environment, lock), 0),
            None => Stage::Message(LineInput::default()),
        };
        Self {
            environment: environment.clone(),
            stage,
        }
    }

    /// Whether printable keys are text now.
    pub fn takes_text(&self) -> bool {
        matches!(self.stage, Stage::Message(_))
    }

    /// Takes a paste into the message.
    pub fn paste(&mut self, text: &str) {
        if let Stage::Message(input) = &mut self.stage {
            input.paste(text);
        }
    }
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Lock(lock)) = model.overlays.last_mut() else {
        return None;
    };
    let environment = lock.environment.clone();
    match &mut lock.stage {
        Stage::Message(input) => match key.code {
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                let message = input.text().trim().to_owned();
                return Some(make(model, environment, message));
            }
            _ => {
                input.key(key);
            }
        },
        Stage::Unlock(operation, _, at) => match popup::choose(key, *at, 2)? {
            Choice::Moved(to) => *at = to,
            Choice::Taken(0) => drop(model.overlays.pop()),
            Choice::Taken(_) => {
                let operation = *operation;
                return Some(end(model, environment, operation));
            }
        },
    }
    Some(nothing())
}

fn make(model: &mut Model, environment: EnvironmentName, message: String) -> Vec<Effect> {
    let Some(permit) = model.permit else {
        model.complain("read-only: watch mode");
        return nothing();
    };
    if message.is_empty() {
        model.complain("say why: others have nothing else to go by");
        return nothing();
    }
    model.overlays.pop();
    let ticket = model.ticket();
    let lock = permit.confirm(LockRequest { message });
    vec![Effect::Lock(ticket, environment, lock)]
}

fn end(model: &mut Model, environment: EnvironmentName, operation: OperationId) -> Vec<Effect> {
    let Some(permit) = model.permit else {
        model.complain("read-only: watch mode");
        return nothing();
    };
    model.overlays.pop();
    let ticket = model.ticket();
    let unlock = permit.confirm(UnlockRequest { operation });
    vec![Effect::Unlock(ticket, environment, unlock)]
}

/// Draws it; returns where the terminal's cursor goes, if the message is typed.
pub fn view(model: &Model, lock: &Lock, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let width = popup::text_width(area).min(72);
    let wrapped = |words: &str| cells::paragraph(words, width, theme.text);
    let (title, mut lines, keys, typed) = match &lock.stage {
        Stage::Message(input) => {
            let words = "Every change is refused with this message until it is unlocked; only a \
                         rollback can pass it, with the environment's name typed. Why is it locked?";
            (
                format!("Lock {}", lock.environment),
                wrapped(words),
                vec![("Enter", "lock"), ("Esc", "leave it")],
                Some(input),
            )
        }
        Stage::Unlock(_, words, at) => {
            let mut lines = wrapped(words);
            lines.push(Line::default());
            lines.push(popup::buttons(model, &["leave it", "unlock"], *at));
            (
                format!("Unlock {}", lock.environment),
                lines,
                popup::BUTTON_KEYS.to_vec(),
                None,
            )
        }
    };
    let mut at = None;
    if let Some(input) = typed {
        let (line, column) = popup::typed_line(theme, input.text(), theme.title, width);
        at = Some((lines.len(), column));
        lines.push(line);
    }
    lines.push(popup::fixed_keys(theme, &keys));
    let inner = popup::open(
        theme,
        &title,
        theme.warning,
        (width, lines.len()),
        area,
        buf,
    );
    cells::draw(lines, inner, buf);
    let (row, column) = at?;
    popup::cursor(inner, row, column)
}
