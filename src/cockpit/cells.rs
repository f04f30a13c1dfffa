//! Text in terminal cells: cut by graphemes, padded by width, put together to rows.

use std::borrow::Cow;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::theme::Theme;

/// The cells that `text` takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// `text` in at most `most` cells; what is cut off is marked with `…`.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most || width(text) <= most {
        return Cow::Borrowed(text);
    }
    if most == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        used += width(grapheme);
        if used > most - 1 {
            break;
        }
        end = at + grapheme.len();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// What a line is broken between: words with their punctuation, and the spaces between them. A word that
/// fits no line is in the parts that it has.
fn units(text: &str, columns: usize) -> Vec<&str> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_space = first.is_whitespace();
        let end = rest
            .find(|c: char| c.is_whitespace() != is_space)
            .unwrap_or(rest.len());
        let (unit, after) = rest.split_at(end);
        if width(unit) <= columns {
            units.push(unit);
        } else {
            units.extend(unit.split_word_bounds());
        }
        rest = after;
    }
    units
}

/// The lines that `text` makes in `columns` cells, broken at spaces where there are any.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in units(text, columns) {
        let wide = width(word);
        if used + wide <= columns {
            line.push_str(word);
            used += wide;
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(line.trim_end().to_owned());
        }
        line.clear();
        used = 0;
        if word.trim().is_empty() {
            continue;
        }
        for grapheme in word.graphemes(true) {
            let wide = width(grapheme);
            if used + wide > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += wide;
        }
    }
    if !line.trim().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Draws a line in a pane's first row, if there is something to say; returns what is left of `area`.
pub fn noted(words: Option<String>, style: Style, area: Rect, buf: &mut Buffer) -> Rect {
    let Some(words) = words else {
        return area;
    };
    let line = Row::new(usize::from(area.width)).gap(2).text(words, style);
    draw([line.line()], area, buf);
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

/// Running text as lines of at most `width` cells, with a margin of one on either side.
pub fn paragraph<'a>(words: &str, width: usize, style: Style) -> Vec<Line<'a>> {
    wrap(words, width.saturating_sub(2))
        .into_iter()
        .map(|line| Line::styled(format!(" {line}"), style))
        .collect()
}

/// A row of columns, built from the left, that never takes more than its width.
#[derive(Debug)]
pub struct Row<'a> {
    spans: Vec<Span<'a>>,
    used: usize,
    width: usize,
}

impl<'a> Row<'a> {
    /// An empty row of `width` cells.
    pub fn new(width: usize) -> Self {
        Self {
            spans: Vec::with_capacity(8),
            used: 0,
            width,
        }
    }

    /// The cells that are left.
    pub fn left(&self) -> usize {
        self.width - self.used
    }

    /// Appends `text`, cut to what is left.
    #[must_use]
    pub fn text(mut self, text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        let text = text.into();
        let left = self.left();
        let cut_text = match text {
            Cow::Borrowed(text) => cut(text, left),
            Cow::Owned(text) => match cut(&text, left) {
                Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
                shorter => Cow::Owned(shorter.into_owned()),
            },
        };
        self.used += width(&cut_text);
        self.spans.push(Span::styled(cut_text, style));
        self
    }

    /// Appends `text` in a column of `columns` cells, cut or padded, and a space after it.
    #[must_use]
    pub fn column(self, text: impl Into<Cow<'a, str>>, columns: usize, style: Style) -> Self {
        let columns = columns.min(self.left());
        let text: Cow<'a, str> = text.into();
        let text = match cut(&text, columns) {
            Cow::Borrowed(same) if same.len() == text.len() => text,
            shorter => Cow::Owned(shorter.into_owned()),
        };
        let pad = columns - width(&text);
        self.text(text, style).gap(pad + 1)
    }

    /// Appends `cells` spaces, as far as there is room.
    #[must_use]
    pub fn gap(mut self, cells: usize) -> Self {
        const SPACES: &str = "                                ";
        let mut cells = cells.min(self.left());
        self.used += cells;
        while cells > 0 {
            let some = cells.min(SPACES.len());
            self.spans.push(Span::raw(&SPACES[..some]));
            cells -= some;
        }
        self
    }

    /// Appends `text` at the right end, if it fits beside what is there.
    #[must_use]
    pub fn right(self, text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        let text = text.into();
        let wide = width(&text);
        if wide + 1 > self.left() {
            return self;
        }
        let gap = self.left() - wide;
        self.gap(gap).text(text, style)
    }

    /// The line.
    pub fn line(self) -> Line<'a> {
        Line::from(self.spans)
    }
}

/// Draws `lines` from the top of `area`, as many as fit.
pub fn draw<'a>(lines: impl IntoIterator<Item = Line<'a>>, area: Rect, buf: &mut Buffer) {
    for (line, y) in lines.into_iter().zip(area.top()..area.bottom()) {
        line.render(Rect::new(area.x, y, area.width, 1), buf);
    }
}

/// Marks a list's row as the one under the cursor: by a sign in its first column, which lists keep free,
/// and by style.
pub fn mark_cursor(theme: &Theme, focused: bool, row: Rect, buf: &mut Buffer) {
    let style = if focused {
        theme.cursor
    } else {
        theme.cursor_elsewhere
    };
    buf.set_style(row, style);
    if !row.is_empty()
        && let Some(cell) = buf.cell_mut(row.as_position())
    {
        cell.set_symbol("▸");
    }
}

/// Which rows of a list of `count` are shown in `height` lines, with the cursor kept in the middle.
pub fn visible(count: usize, cursor: usize, height: usize) -> std::ops::Range<usize> {
    let first = cursor
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height));
    first..count.min(first + height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_graphemes_and_never_wider_than_asked() {
        for (text, most, expected) in [
            ("plain", 5, "plain"),
            ("longer", 5, "long…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("x", 0, ""),
        ] {
            assert_eq!(cut(text, most), expected, "{text} in {most}");
            assert!(width(&cut(text, most)) <= most);
        }
    }

    #[test]
    fn a_line_breaks_at_spaces_and_a_word_only_where_it_fits_no_line() {
        assert_eq!(
            wrap("made before (operation 000009): what is lost", 30),
            ["made before (operation", "000009): what is lost"]
        );
        assert_eq!(
            wrap("docker pull ghcr.io/acme/shop-backend", 12),
            ["docker pull", "ghcr.io/acme", "/shop-", "backend"]
        );
    }

    #[test]
    fn a_row_never_takes_more_than_its_width() {
        for columns in 0..20 {
            let line = Row::new(columns)
                .column("name", 6, Style::new())
                .column("日本語", 4, Style::new())
                .right("3d", Style::new())
                .line();
            assert!(line.width() <= columns, "{columns}");
        }
    }

    #[test]
    fn long_words_are_broken_and_others_are_not() {
        assert_eq!(wrap("two words", 5), ["two", "words"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn the_cursor_is_always_among_the_visible_rows() {
        for count in 1..30 {
            for cursor in 0..count {
                for height in 1..12 {
                    assert!(visible(count, cursor, height).contains(&cursor));
                }
            }
        }
    }
}
