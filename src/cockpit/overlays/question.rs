//! A server's question that only the operator can answer: a passphrase, a one-time code.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
};

use crate::{
    cockpit::{
        cells,
        input::LineInput,
        model::{Effect, Model},
        panes::nothing,
    },
    release::text::clean,
    target::Question,
};

use super::{Overlay, popup};

/// A question that is open.
pub struct Asked {
    question: Question,
    /// What was typed.
    pub input: LineInput,
    /// Whether it has been on the screen: keys typed before were not meant for it.
    pub shown: bool,
}

impl Asked {
    /// Asks the operator.
    pub fn of(question: Question) -> Self {
        Self {
            question,
            input: LineInput::default(),
            shown: false,
        }
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_gone(&self) -> bool {
        self.question.answer.is_gone()
    }

    /// The operator does not answer.
    pub fn refused(self) -> Vec<Effect> {
        vec![Effect::Answer(self.question.answer, None)]
    }
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Question(asked)) = model.overlays.last_mut() else {
        return None;
    };
    match key.code {
        KeyCode::Esc => None,
        _ if !asked.shown => Some(nothing()),
        KeyCode::Enter => {
            let answer = secrecy::SecretString::from(asked.input.take());
            let answerer = asked.question.answer.clone();
            model.overlays.pop();
            Some(vec![Effect::Answer(answerer, Some(answer))])
        }
        _ => {
            asked.input.key(key);
            Some(nothing())
        }
    }
}

/// Draws the question; what is typed is not shown where it is secret.
pub fn view(model: &Model, asked: &Asked, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let width = popup::text_width(area).min(72);
    let mut lines = cells::paragraph(&clean(&asked.question.prompt), width, theme.text);
    let row = lines.len();
    let (line, column) = if asked.question.secret {
        let (line, _) = popup::typed_line(theme, "(not shown)", theme.dim, width);
        let (_, column) = popup::typed_line(theme, "", theme.dim, width);
        (line, column)
    } else {
        popup::typed_line(theme, asked.input.text(), theme.title, width)
    };
    lines.push(line);
    lines.push(popup::fixed_keys(
        theme,
        &[("Enter", "answer"), ("Esc", "refuse")],
    ));
    let title = format!("{} asks", clean(&asked.question.host));
    let inner = popup::open(
        theme,
        &title,
        theme.warning,
        (width, lines.len()),
        area,
        buf,
    );
    cells::draw(lines, inner, buf);
    popup::cursor(inner, row, column)
}
