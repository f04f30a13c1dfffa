//! Text from outside, made safe for a terminal.

/// `text` without control sequences and control characters: escape sequences (CSI, OSC, DCS and the
/// like, with 7-bit or 8-bit introducers) are dropped whole, a tab becomes a space, line breaks become
/// a space, and what reverses the writing direction is dropped. Borrow-free and linear.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut cleaner = Cleaner::default();
    for c in text.chars() {
        cleaner.push(c, &mut out);
    }
    out
}

/// A number of bytes as people write it, in decimal units: `0 B`, `980 kB`, `47.3 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 99.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Cleans a stream character by character: a sequence that was cut in two is still recognised.
#[derive(Debug, Clone, Default)]
pub struct Cleaner {
    state: State,
    /// Characters swallowed since the sequence began: a lost terminator must not eat the log.
    swallowed: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    /// `ESC [`: up to a byte from `@` to `~`.
    Control,
    /// OSC, DCS, SOS, PM, APC: up to BEL or ST.
    Text,
    /// Inside `Text`, after an `ESC` that may begin its ST.
    TextEscape,
}

/// Longer "sequences" than this are an unterminated one: what follows is text again.
const LONGEST_SEQUENCE: usize = 4096;

impl Cleaner {
    /// Takes one character and appends what is left of it to `out`.
    pub fn push(&mut self, c: char, out: &mut String) {
        self.swallowed += 1;
        if self.state != State::Ground && (self.swallowed > LONGEST_SEQUENCE || c == '\n') {
            self.state = State::Ground;
        }
        self.state = match (self.state, c) {
            (State::TextEscape, '\\') => State::Ground,
            (State::Ground | State::Escape | State::Control, '\u{1b}') => self.begin(State::Escape),
            (State::Text | State::TextEscape, '\u{1b}') => State::TextEscape,
            (State::Ground, '\u{9b}') => self.begin(State::Control),
            (State::Ground, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => {
                self.begin(State::Text)
            }
            (State::Ground, c) => {
                if matches!(c, '\t' | '\n' | '\r') {
                    out.push(' ');
                } else if !c.is_control() && !changes_direction(c) {
                    out.push(c);
                }
                State::Ground
            }
            (State::Escape, '[') => State::Control,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Text,
            (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, _) => State::Ground,
            (State::Control, '@'..='~') => State::Ground,
            (State::Control, _) => State::Control,
            (State::Text | State::TextEscape, '\u{7}' | '\u{9c}') => State::Ground,
            (State::Text | State::TextEscape, _) => State::Text,
        };
    }

    fn begin(&mut self, state: State) -> State {
        self.swallowed = 0;
        state
    }
}

/// Unicode's bidirectional controls and invisible separators: they can make a line read as another.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_and_words_stay() {
        for (dirty, cleaned) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jgone", "gone"),
            ("a\tb\r\nc", "a b  c"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("abc\u{202e}cba", "abccba"),
            ("\u{1b}(Bx", "x"),
        ] {
            assert_eq!(clean(dirty), cleaned, "{dirty:?}");
        }
    }

    #[test]
    fn bytes_are_written_in_the_unit_that_fits() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "1.5 kB"),
            (999_999, "1.0 MB"),
            (47_330_000, "47.3 MB"),
            (363_000_000, "363 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn an_unterminated_sequence_does_not_eat_the_rest_for_ever() {
        let mut dirty = String::from("\u{1b}]");
        dirty.push_str(&"x".repeat(LONGEST_SEQUENCE + 10));
        assert!((1..20).contains(&clean(&dirty).len()));
        assert_eq!(clean("\u{1b}]0;half\nnext line"), " next line");
    }
}
