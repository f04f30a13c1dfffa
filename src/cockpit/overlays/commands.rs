//! The exact commands of a plan's steps, as a person could type them.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::{
    cockpit::{cells, model::Model},
    release::text::clean,
    target::RenderedPlan,
};

use super::popup;

/// A step's id and its commands.
type StepCommands = (String, Vec<String>);

/// The commands.
pub struct Commands {
    commands: RenderedPlan,
    /// Lines scrolled.
    pub scroll: usize,
}

impl Commands {
    /// Of a plan as its target renders it.
    pub fn of(commands: &RenderedPlan) -> Self {
        Self {
            commands: commands.clone(),
            scroll: 0,
        }
    }

    /// As text to be copied: comments and commands.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (title, steps) in self.lists() {
            if steps.is_empty() {
                continue;
            }
            text.push_str(&format!("# {title}\n"));
            for (id, commands) in steps {
                text.push_str(&format!("# {id}\n"));
                for command in commands {
                    text.push_str(command);
                    text.push('\n');
                }
            }
        }
        text
    }

    fn lists(&self) -> [(&'static str, &[StepCommands]); 3] {
        [
            ("forward", &self.commands.forward),
            ("back, if it fails", &self.commands.back),
            ("once it is over", &self.commands.closing),
        ]
    }
}

/// Draws the commands.
pub fn view(model: &Model, commands: &Commands, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = usize::from(area.width).saturating_sub(4);
    let mut lines = Vec::new();
    for (title, steps) in commands.lists() {
        if steps.is_empty() {
            continue;
        }
        lines.push(Line::styled(format!(" {title}"), theme.title));
        for (index, (id, commands)) in steps.iter().enumerate() {
            lines.push(Line::styled(
                format!(" {:>2} {}", index + 1, clean(id)),
                theme.dim,
            ));
            for line in commands.iter().flat_map(|command| command.lines()) {
                for part in cells::wrap(&clean(line), width.saturating_sub(5)) {
                    lines.push(Line::styled(format!("    {part}"), theme.text));
                }
            }
        }
    }
    let height = lines.len() + 1;
    let inner = popup::open(theme, "Commands", theme.border, (width, height), area, buf);
    let body = Rect {
        height: inner.height.saturating_sub(1),
        ..inner
    };
    popup::scrolled(lines, commands.scroll, body, buf);
    let foot = Rect {
        y: body.bottom(),
        height: inner.height.min(1),
        ..inner
    };
    let keys = [
        ("j k".to_owned(), "scroll"),
        (model.keymap.key_of("copy"), "copy"),
        ("Esc".to_owned(), "close"),
    ];
    cells::draw([popup::keys(theme, keys)], foot, buf);
}
