//! Whether a recovery is meant: the operator's reason, and the word or the button.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::{Line, Span};

use crate::{
    cockpit::{cells, input::LineInput, model::Model, overlays::popup, theme::Theme},
    release::{
        plan::ConfirmWords,
        recovery::{Recovery, StoppedStep},
    },
};

/// A confirmation.
pub(super) struct Confirm {
    pub recovery: Recovery,
    pub stopped_step: StoppedStep,
    pub reason: LineInput,
    /// What has to be typed, if anything has.
    pub words: Option<ConfirmWords>,
    /// Where keys go.
    field: Field,
    /// Where they go at first, and after the reason.
    first: Field,
    word: LineInput,
    /// Whether Enter was pressed on a word that does not match.
    pub is_wrong: bool,
}

/// What of the dialog is in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Cancel,
    Go,
    Word,
    Reason,
}

/// What a key has come to.
pub(super) enum Pressed {
    /// Nobody here has a use for it.
    Unused,
    /// The dialog is another now.
    Taken,
    /// It is not meant.
    Left,
    /// It is meant: the word that was typed, or the button.
    Meant(Option<String>),
}

impl Confirm {
    /// A confirmation that asks for a word, or for a button with Cancel in focus; what runs is cancelled
    /// by the next Enter: who chose that has gone past letting it go on.
    pub fn of(
        recovery: Recovery,
        stopped_step: StoppedStep,
        words: Option<ConfirmWords>,
        reason: &str,
    ) -> Self {
        let first = match (&words, recovery) {
            (Some(_), _) => Field::Word,
            (None, Recovery::Cancel) => Field::Go,
            (None, _) => Field::Cancel,
        };
        Self {
            recovery,
            stopped_step,
            reason: LineInput::of(reason),
            words,
            field: first,
            first,
            word: LineInput::default(),
            is_wrong: false,
        }
    }

    /// Whether printable keys are text now.
    pub fn takes_text(&self) -> bool {
        matches!(self.field, Field::Word | Field::Reason)
    }

    /// Takes a paste into the reason; a word must be typed.
    pub fn paste(&mut self, text: &str) {
        if self.field == Field::Reason {
            self.reason.paste(text);
        }
    }

    /// Takes a key. Tab goes round the fields; Enter in the reason leaves it.
    pub fn key(&mut self, key: KeyEvent) -> Pressed {
        let fields: &[Field] = if self.words.is_some() {
            &[Field::Word, Field::Reason]
        } else {
            &[Field::Cancel, Field::Go, Field::Reason]
        };
        let at = fields
            .iter()
            .position(|field| *field == self.field)
            .unwrap_or_default();
        let step = match (key.code, self.field) {
            (KeyCode::Esc, _) => return Pressed::Unused,
            (KeyCode::Tab | KeyCode::Down, _) => 1,
            (KeyCode::BackTab | KeyCode::Up, _) => fields.len() - 1,
            (KeyCode::Enter, Field::Word) => {
                return Pressed::Meant(Some(self.word.text().to_owned()));
            }
            (KeyCode::Enter, Field::Go) => return Pressed::Meant(None),
            (KeyCode::Enter, Field::Cancel) => return Pressed::Left,
            (KeyCode::Enter, Field::Reason) => {
                self.field = self.first;
                return Pressed::Taken;
            }
            (_, Field::Word) => {
                self.is_wrong &= !self.word.key(key);
                0
            }
            (_, Field::Reason) => {
                self.reason.key(key);
                0
            }
            (KeyCode::Right | KeyCode::Char('l' | 'j'), _) => 1,
            (KeyCode::Left | KeyCode::Char('h' | 'k'), _) => fields.len() - 1,
            _ => return Pressed::Unused,
        };
        self.field = fields[(at + step) % fields.len()];
        Pressed::Taken
    }

    /// The dialog's lines; and the cursor's column and line among them, where text is typed.
    pub fn lines<'a>(
        &'a self,
        model: &Model,
        width: usize,
    ) -> (Vec<Line<'a>>, Option<(usize, usize)>) {
        let (line, column) = self.reason_line(&model.theme, width);
        let mut lines = vec![line];
        let Some(words) = &self.words else {
            let at = match self.field {
                Field::Cancel => 0,
                Field::Go => 1,
                // None of the buttons.
                Field::Word | Field::Reason => 2,
            };
            let leave = match self.recovery {
                Recovery::Cancel => "let it go on",
                Recovery::Resume | Recovery::Back | Recovery::Abandon => "Cancel",
            };
            let buttons = [leave, verb(self.recovery)];
            lines.push(popup::buttons(model, &buttons, at));
            return (lines, (self.field == Field::Reason).then_some((column, 0)));
        };
        let (asked, word_column) = popup::word_asked_for(
            &model.theme,
            words,
            self.word.text(),
            self.is_wrong,
            "Esc leaves it",
            width,
        );
        lines.extend(asked);
        let cursor = match self.field {
            Field::Reason => (column, 0),
            Field::Word | Field::Cancel | Field::Go => (word_column, 2),
        };
        (lines, Some(cursor))
    }

    fn reason_line(&self, theme: &Theme, width: usize) -> (Line<'_>, usize) {
        let label = if self.field == Field::Reason {
            " reason, for the record > "
        } else if self.reason.text().is_empty() {
            " Tab: a reason, for the record"
        } else {
            " Tab: reason > "
        };
        let style = if self.field == Field::Reason {
            theme.key
        } else {
            theme.dim
        };
        let room = width.saturating_sub(cells::width(label) + 2);
        let typed = cells::cut(self.reason.text(), room).into_owned();
        let column = cells::width(label) + cells::width(&typed);
        let spans = vec![Span::styled(label, style), Span::styled(typed, theme.title)];
        (Line::from(spans), column)
    }
}

fn verb(recovery: Recovery) -> &'static str {
    match recovery {
        Recovery::Resume => "go on",
        Recovery::Back => "go back",
        Recovery::Cancel => "cancel it",
        Recovery::Abandon => "abandon",
    }
}
