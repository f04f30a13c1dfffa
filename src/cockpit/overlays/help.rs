//! All keys and what they do, drawn from the keymap.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::cockpit::{cells, keymap::Scope, model::Model};

use super::popup;

/// The help.
#[derive(Default)]
pub struct Help {
    /// Lines scrolled.
    pub scroll: usize,
}

/// Cells for an action's keys.
const KEYS: usize = 16;

/// Draws the help.
pub fn view(model: &Model, help: &Help, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = popup::text_width(area);
    let mut lines = Vec::new();
    for (scope, title) in Scope::ALL {
        lines.push(Line::styled(format!(" {title}"), theme.title));
        for (action, chords) in model.keymap.of(scope) {
            let keys: Vec<String> = chords.iter().map(ToString::to_string).collect();
            let keys = cells::cut(&keys.join(" "), KEYS).into_owned();
            let pad = KEYS + 1 - cells::width(&keys);
            let mut head = vec![
                Span::styled(format!("   {keys}"), theme.key),
                Span::raw(" ".repeat(pad)),
            ];
            for words in cells::wrap(action.help, width.saturating_sub(KEYS + 5)) {
                head.push(Span::styled(words, theme.text));
                lines.push(Line::from(head));
                head = vec![Span::raw(" ".repeat(KEYS + 4))];
            }
        }
        lines.push(Line::default());
    }
    let size = (width, lines.len());
    let inner = popup::open(
        theme,
        "Keys    j k scroll, Esc closes",
        theme.border,
        size,
        area,
        buf,
    );
    popup::scrolled(lines, help.scroll, inner, buf);
}
