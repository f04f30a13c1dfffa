//! Something that takes more words than a line: a fault with its cause and remedy.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::{
    cockpit::{
        cells,
        model::{Effect, Model},
        panes::nothing,
    },
    release::Fault,
};

use super::{Overlay, popup};

/// A message.
pub struct Message {
    /// Its title.
    pub title: String,
    /// Its text, a paragraph each.
    pub paragraphs: Vec<String>,
    /// Lines scrolled.
    pub scroll: usize,
}

impl Message {
    /// A fault in all its words.
    pub fn of(title: impl Into<String>, fault: &Fault) -> Self {
        let paragraphs = [
            format!("{}: {}", fault.subject, fault.message),
            fault.source.to_string(),
            fault.remedy.to_string(),
        ];
        Self {
            title: title.into(),
            paragraphs: paragraphs.into_iter().filter(|p| !p.is_empty()).collect(),
            scroll: 0,
        }
    }
}

/// Takes a key: Enter closes too.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    (key.code == KeyCode::Enter && matches!(model.overlays.last(), Some(Overlay::Message(_)))).then(
        || {
            model.overlays.pop();
            nothing()
        },
    )
}

/// Draws the message.
pub fn view(model: &Model, message: &Message, area: Rect, buf: &mut Buffer) {
    let width = popup::text_width(area).min(80);
    let mut lines = Vec::new();
    for paragraph in &message.paragraphs {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(cells::paragraph(paragraph, width, model.theme.text));
    }
    let size = (width, lines.len() + 1);
    let inner = popup::open(
        &model.theme,
        &message.title,
        model.theme.warning,
        size,
        area,
        buf,
    );
    let body = Rect {
        height: inner.height.saturating_sub(1),
        ..inner
    };
    let keys: &[(&str, &str)] = if lines.len() > usize::from(body.height) {
        &[("Esc", "close"), ("j k", "scroll")]
    } else {
        &[("Esc", "close")]
    };
    let foot = Rect {
        y: body.bottom(),
        height: inner.height.min(1),
        ..inner
    };
    popup::scrolled(lines, message.scroll, body, buf);
    cells::draw([popup::fixed_keys(&model.theme, keys)], foot, buf);
}
