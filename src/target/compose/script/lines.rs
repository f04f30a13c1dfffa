//! Journals and ledgers: lines of JSON of which some may be torn.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::release::{
    newer::Newer,
    operation::{JournalLine, OperationId},
    plan::FORMAT,
    record::{Ledger, Record},
};

/// A journal's line holds numbers and a few words.
const LONGEST_LINE: usize = 64 << 10;

/// Reads a journal as its bytes arrive. A damaged line is counted and set aside.
#[derive(Debug, Default)]
pub struct JournalLines {
    rest: Vec<u8>,
    damaged: usize,
    /// Whether the line that `rest` would hold is too long: its end is not looked at as a line of its own.
    skips: bool,
}

impl JournalLines {
    /// A reader at the journal's first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole lines that the next bytes complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<JournalLine> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.skips {
                self.skips = !ends;
                continue;
            }
            if self.rest.len() + piece.len() > LONGEST_LINE {
                self.rest.clear();
                self.damaged += 1;
                self.skips = !ends;
                continue;
            }
            self.rest.extend_from_slice(piece);
            if !ends {
                continue;
            }
            let line = self.rest.trim_ascii();
            if !line.is_empty() {
                match serde_json::from_slice(line) {
                    Ok(line) => lines.push(line),
                    Err(_) => self.damaged += 1,
                }
            }
            self.rest.clear();
        }
        lines
    }

    /// How many lines could not be read.
    pub fn damaged(&self) -> usize {
        self.damaged
    }
}

/// Reads a ledger, or the end of one.
pub fn read_ledger(bytes: &[u8]) -> Ledger {
    /// Of which format a line is, whatever else a newer one has changed.
    #[derive(Deserialize)]
    struct Format {
        v: u32,
    }
    let mut ledger = Ledger::default();
    let mut records: BTreeMap<OperationId, Record> = BTreeMap::new();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    ledger.lines = lines.len();
    for (index, line) in lines.iter().enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let format = serde_json::from_slice::<Format>(line);
        if format.is_ok_and(|format| format.v > FORMAT) {
            ledger.newer += 1;
            ledger.newer_line = Some(Newer::in_ledger(line));
            continue;
        }
        match serde_json::from_slice::<Record>(line) {
            Ok(record) => drop(records.insert(record.operation, record)),
            Err(_) if line.ends_with(b"\n") => {
                ledger.damaged += 1;
                ledger.damaged_lines.push(lines.len() - index);
            }
            // It may be on its way.
            Err(_) => {}
        }
    }
    ledger.records = records.into_values().collect();
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::operation::{Direction, Event, Outcome};

    const BEGIN: &[u8] = b"{\"v\":1,\"at\":5,\"event\":\"begin\",\"direction\":\"forward\"}\n";

    #[test]
    fn journal_lines_arrive_whole_however_they_are_cut() {
        let journal = [
            BEGIN,
            b"{\"v\":1,\"at\":6,\"event\":\"step_start\",\"direction\":\"forward\",\"st\n",
            b"\n{\"v\":1,\"at\":7,\"event\":\"novelty\"}\n",
            b"{\"v\":1,\"at\":8,\"event\":\"end\",\"outcome\":\"went_back\",\"changed\":false}\n{\"v\"",
        ]
        .concat();
        for piece in 1..journal.len() {
            let mut reader = JournalLines::new();
            let lines: Vec<_> = journal.chunks(piece).flat_map(|p| reader.push(p)).collect();
            let events: Vec<_> = lines.into_iter().map(|l| l.event).collect();
            assert_eq!(
                events,
                [
                    Event::Begin {
                        direction: Direction::Forward,
                        outcome: None
                    },
                    Event::Unknown,
                    Event::End {
                        outcome: Outcome::WentBack,
                        step: None
                    },
                ]
            );
            assert_eq!(reader.damaged(), 1);
        }
    }

    #[test]
    fn a_ledger_keeps_what_it_does_not_know_and_says_what_it_set_aside() {
        let line = |number: u64, v: u32, kind: &str, outcome: &str| {
            format!(
                "{{\"v\":{v},\"environment\":\"production\",\"kind\":\"{kind}\",\"operator\":\"mira\",\
                 \"origin\":\"laptop\",\"weather\":\"fair\",\"before\":{{\"services\":{{}}}},\
                 \"after\":{{\"services\":{{}}}},\"operation\":{number},\"started\":1,\"ended\":2,\
                 \"outcome\":\"{outcome}\"}}\n"
            )
        };
        let text = line(1, 1, "promote", "succeeded")
            + "{\"v\":1,\"kind\":\"pro\n"
            + &line(2, 1, "teleport", "evaporated")
            + &line(3, 2, "promote", "succeeded");
        let ledger = read_ledger(text.as_bytes());
        assert_eq!((ledger.damaged, ledger.newer), (1, 1));
        assert_eq!(ledger.damaged_lines, [3]);
        let words = ledger.set_aside().unwrap();
        assert!(words.contains("1 line damaged"), "{words}");
        assert!(words.contains("1 line of a newer flightdeck"), "{words}");
        let [known, unknown] = &ledger.records[..] else {
            panic!("{ledger:?}");
        };
        assert_eq!(known.other["weather"], "fair");
        assert_eq!(unknown.kind, crate::release::plan::PlanKind::Unknown);
        assert_eq!((unknown.outcome, unknown.runs()), (Outcome::Unknown, None));
    }

    #[test]
    fn a_ledger_that_grows_is_never_damaged() {
        let line = |operation: u64| {
            format!(
                r#"{{"v":1,"environment":"p","kind":"promote","operator":"m","origin":"l","before":{{"services":{{}}}},"after":{{"services":{{}}}},"operation":{operation},"started":5,"ended":6,"outcome":"succeeded"}}"#
            )
        };
        let ledger = format!("{}\n{}\n", line(1), line(2));
        for end in 0..=ledger.len() {
            let read = read_ledger(&ledger.as_bytes()[..end]);
            assert_eq!(read.damaged, 0, "at byte {end}");
            let whole = ledger[..end].matches("}\n").count();
            assert!(read.records.len() >= whole, "at byte {end}");
        }
        // One that was torn is closed by the next.
        let torn = format!("{}\n{}\n", &line(1)[..40], line(2));
        assert_eq!(read_ledger(torn.as_bytes()).damaged, 1);
    }

    #[test]
    fn a_line_without_end_is_bounded_and_what_is_in_it_is_no_line() {
        let mut reader = JournalLines::new();
        for _ in 0..100 {
            assert_eq!(reader.push(&[b'x'; 4096]), []);
        }
        assert!(reader.rest.len() <= LONGEST_LINE);
        assert_eq!(reader.push(BEGIN), []);
        assert_eq!((reader.push(BEGIN).len(), reader.damaged()), (1, 1));
    }
}
