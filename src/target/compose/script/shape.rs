//! Where a ledger is damaged, as `assets/ledger_shape.sh` tells of all of it, brought together with what
//! was read of its end. Pure.
//!
//! What was read is judged by whether it is a record; of older lines the server's shell tells which are no
//! JSON, or lack what the runner writes last. So an older line is not noticed that is JSON and yet no
//! record, such as one without an operator; and no line is, old or new, in which a letter or a digit became
//! another: none has a sum of its own.

use crate::release::record::{DamagedLine, Ledger};

/// How the ledger's files look, the older one first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerShape {
    files: Vec<ShapeOf>,
}

/// One of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ShapeOf {
    name: String,
    lines: usize,
    /// The numbers, from 1, of those that are not whole.
    damaged: Vec<usize>,
}

/// The files that a ledger has, the older one first.
const FILES: [&str; 2] = ["ledger.1.jsonl", "ledger.jsonl"];

impl LedgerShape {
    /// Reads what the script printed. What is none of it is left out.
    pub fn read(bytes: &[u8]) -> Self {
        let mut files: Vec<ShapeOf> = Vec::new();
        let mut is_counted = false;
        for line in String::from_utf8_lossy(bytes).lines() {
            match (line.parse::<usize>(), files.last_mut()) {
                (Ok(number), Some(file)) if is_counted => file.damaged.push(number),
                (Ok(number), Some(file)) => {
                    file.lines = number;
                    is_counted = true;
                }
                (Ok(_), None) => {}
                (Err(_), _) => {
                    is_counted = false;
                    if FILES.contains(&line) {
                        files.push(ShapeOf {
                            name: line.to_owned(),
                            lines: 0,
                            damaged: Vec::new(),
                        });
                    }
                }
            }
        }
        Self { files }
    }

    /// What was read of the ledger's end, with what is damaged in all of it and where. `newest_alone`:
    /// only the newer file was read from.
    pub fn complete(&self, mut read: Ledger, newest_alone: bool) -> Ledger {
        let mut places = Vec::new();
        // Lines counted from the end, as the ledger itself counts: the newer file comes last.
        let mut after: usize = self.files.iter().map(|file| file.lines).sum();
        for file in &self.files {
            after -= file.lines;
            let is_read_from = !newest_alone || file.name == FILES[1];
            let from_end = |line: usize| after + file.lines + 1 - line.min(file.lines);
            let older = file
                .damaged
                .iter()
                .copied()
                .filter(|line| !is_read_from || from_end(*line) > read.lines);
            let judged = read.damaged_lines.iter().copied();
            let judged = judged
                .filter(|_| is_read_from)
                .filter(|from_end| (after + 1..=after + file.lines).contains(from_end))
                .map(|from_end| after + file.lines + 1 - from_end);
            let mut lines: Vec<usize> = older.chain(judged).collect();
            lines.sort_unstable();
            places.extend(lines.into_iter().map(|line| DamagedLine {
                file: file.name.clone(),
                line,
            }));
        }
        // Of a ledger that grew between the two looks no line is lost.
        read.damaged = read.damaged.max(places.len());
        read.damaged_at = places;
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::compose::script::read_ledger;

    fn places(ledger: &Ledger) -> Vec<String> {
        ledger.damaged_at.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_damaged_in_all_of_it_is_told_with_its_place() {
        let shape =
            LedgerShape::read(b"motd\nledger.1.jsonl\n500\n3\nledger.jsonl\n400\n7\n398\n400\n");
        // Of the last three lines the first is damaged, which the shape tells too; the last is not: it has
        // no end yet.
        let read = read_ledger(b"{\"v\":1,\"ki\n{\"v\":2}\n{\"v\":1,\"kind\"");
        assert_eq!((read.lines, read.damaged), (3, 1));
        let whole = shape.complete(read.clone(), true);
        let expected = [
            "ledger.1.jsonl line 3",
            "ledger.jsonl line 7",
            "ledger.jsonl line 398",
        ];
        assert_eq!(
            (whole.damaged, places(&whole)),
            (3, expected.map(str::to_owned).to_vec())
        );
        let both = shape.complete(read, false);
        assert_eq!(places(&both), expected);
        let words = whole.set_aside().unwrap();
        assert!(
            words.starts_with("3 lines damaged, set aside: ledger.1.jsonl line 3, "),
            "{words}"
        );
    }

    #[test]
    fn a_reading_over_both_files_is_placed_in_both() {
        let shape = LedgerShape::read(b"ledger.1.jsonl\n2\n2\nledger.jsonl\n1\n");
        let read = read_ledger(b"x\n{\"v\":2}\n");
        let whole = shape.complete(read, false);
        assert_eq!(places(&whole), ["ledger.1.jsonl line 2"]);
    }

    #[test]
    fn an_empty_line_is_a_line_and_not_damaged() {
        let shape = LedgerShape::read(b"ledger.jsonl\n4\n1\n");
        let read = read_ledger(b"x\n\n{\"v\":2}\n \n");
        assert_eq!((read.lines, read.damaged_lines.as_slice()), (4, &[4][..]));
        assert_eq!(places(&shape.complete(read, true)), ["ledger.jsonl line 1"]);
    }

    #[test]
    fn without_a_shape_the_count_stays() {
        let read = read_ledger(b"x\n");
        assert_eq!(LedgerShape::default().complete(read, true).damaged, 1);
    }
}
