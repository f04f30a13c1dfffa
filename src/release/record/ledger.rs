//! What was read of a ledger, and what of it was set aside.

use serde::Serialize;

use super::Record;
use crate::release::newer::Newer;

/// What a ledger, or the end of one, says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// The last line of each operation, oldest operation first.
    pub records: Vec<Record>,
    /// Lines that could not be read and were set aside. A last line without its end is none: it may be
    /// on its way; if it was torn, the next line's writer ends it.
    pub damaged: usize,
    /// Where those of them are that were read: lines counted from the ledger's end, the last one is 1.
    pub damaged_lines: Vec<usize>,
    /// Where all of them are, where somebody has looked at all of the ledger.
    pub damaged_at: Vec<DamagedLine>,
    /// How many lines were read.
    pub lines: usize,
    /// Lines of a newer format, set aside: what they mean only a newer flightdeck knows.
    pub newer: usize,
    /// What the last of those tells.
    pub newer_line: Option<Newer>,
}

/// A line of a ledger that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedLine {
    /// The file's name.
    pub file: String,
    /// Its number there, from 1.
    pub line: usize,
}

impl std::fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// Places named at most: who has more to set right looks at the file.
const MOST_PLACES: usize = 5;

/// How many lines are damaged and where, in words; `None` if none is.
pub fn damaged_words(damaged: usize, places: &[DamagedLine]) -> Option<String> {
    if damaged == 0 {
        return None;
    }
    let noun = if damaged == 1 { "line" } else { "lines" };
    let mut at: Vec<String> = places.iter().map(ToString::to_string).collect();
    if at.len() > MOST_PLACES {
        at.truncate(MOST_PLACES);
        at.push("…".to_owned());
    }
    let colon = if at.is_empty() { "" } else { ": " };
    Some(format!(
        "{damaged} {noun} damaged, set aside{colon}{}",
        at.join(", ")
    ))
}

impl Ledger {
    /// What was set aside and where, in words; `None` if nothing was.
    pub fn set_aside(&self) -> Option<String> {
        let lines = |count: usize| match count {
            1 => "1 line".to_owned(),
            count => format!("{count} lines"),
        };
        let mut words = Vec::new();
        words.extend(damaged_words(self.damaged, &self.damaged_at));
        if self.newer > 0 {
            words.push(format!(
                "{} of a newer flightdeck, set aside",
                lines(self.newer)
            ));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}
