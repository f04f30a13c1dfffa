//! A server's question that only the operator can answer: a passphrase, a one-time code.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
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
    let mut lines: Vec<Line<'_>> =
        cells::wrap(&clean(&asked.question.prompt), width.saturating_sub(2))
            .into_iter()
            .map(|line| Line::styled(format!(" {line}"), theme.text))
            .collect();
    let typed_at = lines.len();
    let typed = if asked.question.secret {
        "(not shown)".to_owned()
    } else {
        cells::cut(asked.input.text(), width.saturating_sub(5)).into_owned()
    };
    let column = 3 + if asked.question.secret {
        0
    } else {
        cells::width(&typed)
    };
    let style = if asked.question.secret {
        theme.dim
    } else {
        theme.title
    };
    lines.push(Line::from(vec![
        Span::styled(" > ", theme.key),
        Span::styled(typed, style),
    ]));
    lines.push(Line::styled(" Enter answers, Esc refuses", theme.dim));
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
    (!inner.is_empty()).then(|| {
        Position::new(
            inner.x + u16::try_from(column).unwrap_or_default(),
            inner.y + u16::try_from(typed_at).unwrap_or_default(),
        )
    })
}
