//! What arrives from the keyboard, before anybody acts on it: late answers of the terminal are taken
//! out, keys are brought into one form, and single lines of text are edited.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

use crate::release::Moment;

/// An answer is longer than this only if its end was lost.
const LONGEST_ANSWER: usize = 64;
/// The keys of an answer arrive together; a person's do not.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Takes out late answers to colour queries, which arrive as `Alt-]`, `1`, `1`, `;`, `r`, `g`, `b` …:
/// `r` is an action.
#[derive(Debug, Default)]
pub struct AnswerFilter {
    /// Keys swallowed of the answer that is arriving, and when the last one came.
    swallowing: Option<(usize, Moment)>,
}

impl AnswerFilter {
    /// The event, unless it is part of a terminal's answer or the release of a key.
    pub fn pass(&mut self, event: Event, now: Moment) -> Option<Event> {
        let Event::Key(key) = &event else {
            return Some(event);
        };
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        if alt && key.code == KeyCode::Char(']') {
            self.swallowing = Some((0, now));
            return None;
        }
        let Some((count, last)) = self.swallowing.take() else {
            return Some(event);
        };
        let ends = (alt && key.code == KeyCode::Char('\\'))
            || (key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('g'));
        let part = matches!(key.code, KeyCode::Char(c)
            if c.is_ascii_hexdigit() || matches!(c, ';' | ':' | '/' | '?' | 'r' | 'g' | 'b'));
        if now.since(last) > LONGEST_PAUSE || count >= LONGEST_ANSWER {
            Some(event)
        } else if ends {
            None
        } else if part {
            self.swallowing = Some((count + 1, now));
            None
        } else {
            Some(event)
        }
    }
}

/// The printable character of a key, if it has one: what a text field takes.
pub fn printable(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(c)
            if !key
                .modifiers
                .intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
        {
            Some(c)
        }
        _ => None,
    }
}

/// A text longer than this is none that anybody typed.
const LONGEST_TEXT: usize = 512;

/// One line of text that is typed at its end.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LineInput {
    text: String,
}

impl LineInput {
    /// A field that holds `text`.
    pub fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Takes what was typed and leaves the field empty.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Takes a key; returns whether the text is another now. Backspace takes a grapheme, Ctrl-W a word,
    /// Ctrl-U all.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let before = self.text.len();
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Backspace => {
                let last = self.text.graphemes(true).next_back().map_or(0, str::len);
                self.text.truncate(before - last);
            }
            KeyCode::Char('u') if control => self.text.clear(),
            KeyCode::Char('w') if control => {
                let kept = self.text.trim_end();
                let kept = kept.rfind(' ').map_or(0, |space| space + 1);
                self.text.truncate(kept);
            }
            _ => {
                if let Some(c) = printable(key)
                    && before + c.len_utf8() <= LONGEST_TEXT
                {
                    self.text.push(c);
                }
            }
        }
        self.text.len() != before
    }

    /// Takes a pasted text, without its control characters.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()) {
            if self.text.len() + c.len_utf8() <= LONGEST_TEXT {
                self.text.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    fn pass_all(events: &[(Event, u64)]) -> String {
        let mut filter = AnswerFilter::default();
        events
            .iter()
            .filter_map(|(event, at)| filter.pass(event.clone(), Moment(*at)))
            .filter_map(|event| match event {
                Event::Key(key) => printable(key),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_late_answer_is_no_key_and_what_follows_it_is() {
        let mut events = vec![(key(KeyCode::Char(']'), KeyModifiers::ALT), 0)];
        events.extend(
            "11;rgb:1a1a/1b1b/ffff"
                .chars()
                .map(|c| (key(KeyCode::Char(c), KeyModifiers::NONE), 1)),
        );
        events.push((key(KeyCode::Char('\\'), KeyModifiers::ALT), 2));
        events.push((key(KeyCode::Char('r'), KeyModifiers::NONE), 3));
        assert_eq!(pass_all(&events), "r");
    }

    #[test]
    fn an_answer_that_never_ends_does_not_take_a_persons_keys() {
        let events = [
            (key(KeyCode::Char(']'), KeyModifiers::ALT), 0),
            (key(KeyCode::Char('1'), KeyModifiers::NONE), 1),
            (key(KeyCode::Char('r'), KeyModifiers::NONE), 900),
            (key(KeyCode::Char('1'), KeyModifiers::NONE), 901),
        ];
        assert_eq!(pass_all(&events), "r1");
    }

    #[test]
    fn a_line_is_edited_by_graphemes_and_words() {
        let mut line = LineInput::default();
        line.paste("fix the cafe\u{301}\r\n");
        let press = |line: &mut LineInput, code, modifiers| {
            line.key(KeyEvent::new(code, modifiers));
        };
        press(&mut line, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(line.text(), "fix the caf");
        press(&mut line, KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(line.text(), "fix the ");
        press(&mut line, KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(line.text(), "");
    }
}
