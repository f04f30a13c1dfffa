//! How the options are drawn: each in as many lines as its words take, the one under the cursor in sight.

use std::collections::BTreeMap;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

use super::{Item, Options};
use crate::{
    cockpit::{cells, model::Model, overlays::popup},
    release::{
        ServiceName,
        plan::{CLEAN_UP_KEEP, CLEAN_UP_OLDER_THAN, ChosenVersion, SchemaOffer},
        text::clean,
        time::short_age,
    },
};

/// Bytes, and cells, of the mark before an item's words: `[x] `.
const MARK: usize = 4;

/// Draws the options.
pub fn view(model: &Model, options: &Options, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let width = popup::text_width(area).min(76);
    let mut cursor = None;
    let mut lines: Vec<Line<'_>> = Vec::new();
    // The lines of the item under the cursor.
    let mut at = 0..0;
    for (index, item) in options.items.iter().enumerate() {
        let on = if options.is_on(item) { "x" } else { " " };
        let words = match item {
            Item::Reason => {
                let text = cells::cut(options.reason.text(), width.saturating_sub(12)).into_owned();
                if index == options.at {
                    at = lines.len()..lines.len() + 1;
                    cursor = Some((lines.len(), 9 + cells::width(&text)));
                }
                lines.push(Line::from(vec![
                    Span::styled(" reason: ", theme.key),
                    Span::styled(text, theme.text),
                ]));
                continue;
            }
            Item::Migrate => format!("[{on}] run the migration before the switch"),
            Item::Schema(SchemaOffer {
                choice,
                obstacle,
                consequence,
            }) => {
                let word = choice.word().unwrap_or_default();
                match obstacle {
                    None => format!("({on}) schema {word}: {}", clean(consequence)),
                    Some(why) => format!(" -  schema {word} is not possible: {}", clean(why)),
                }
            }
            Item::Together { others } => format!(
                "[{on}] with {}, as one release: the same tag",
                names(others)
            ),
            Item::Files => {
                format!("[{on}] take compose and environment files back to that release's too")
            }
            Item::AnyAge => {
                let (age, _) = short_age(CLEAN_UP_OLDER_THAN, true);
                format!("[{on}] remove images younger than {age} too")
            }
            Item::KeepOne => format!(
                "[{on}] keep 1 healthy release beside the one that runs, not {CLEAN_UP_KEEP}"
            ),
            Item::Gate { name, detail } => {
                format!("[{on}] pass the gate {}: {}", clean(name), clean(detail))
            }
            Item::LastHealthy => format!("({on}) back to the last release recorded healthy"),
            Item::Operation { words, .. } | Item::Image { words, .. } => {
                format!("({on}) back to {}", clean(words))
            }
        };
        let style = if index == options.at {
            theme.cursor
        } else {
            theme.text
        };
        let first = lines.len();
        let (mark, words) = words.split_at(MARK);
        let wrapped = cells::wrap(words, width.saturating_sub(MARK + 2));
        lines.extend(wrapped.into_iter().enumerate().map(|(row, words)| {
            let mark = if row == 0 { mark } else { "    " };
            Line::styled(format!(" {mark}{words}"), style)
        }));
        if index == options.at {
            at = first..lines.len();
        }
    }
    let size = (width, lines.len() + 1);
    let inner = popup::open(theme, "Options", theme.border, size, area, buf);
    let body = Rect {
        height: inner.height.saturating_sub(1),
        ..inner
    };
    let height = usize::from(body.height);
    let last = at.end.saturating_sub(1);
    let first = cells::visible(lines.len(), last, height)
        .start
        .min(at.start);
    cells::draw(lines.into_iter().skip(first).take(height), body, buf);
    let keys = [
        ("up down", "move"),
        ("space", "switch"),
        ("Enter", "plan anew"),
        ("Esc", "leave it"),
    ];
    let foot = Rect {
        y: body.bottom(),
        height: inner.height.min(1),
        ..inner
    };
    cells::draw([popup::fixed_keys(theme, &keys)], foot, buf);
    let (row, column) = cursor?;
    popup::cursor(body, row.checked_sub(first)?, column)
}

fn names(versions: &BTreeMap<ServiceName, ChosenVersion>) -> String {
    let names: Vec<&str> = versions.keys().map(ServiceName::as_str).collect();
    names.join(", ")
}
