//! Brings an operation's journal and its output, which travel apart, into the order in which they were
//! written: what a step printed stands between its beginning and its end.
//!
//! The server tells first the journal and then what the output has grown by, which may be of several steps
//! at once. Where in it a step begins and ends is in the journal: how long the output was by then.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::release::operation::{Event, JournalLine};

/// The next thing to tell.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Journal(JournalLine),
    Output(Bytes),
}

/// What was told, and what waits for its turn.
#[derive(Debug, Default)]
pub(super) struct Order {
    lines: Position,
    bytes: Position,
    /// Journal lines that are told when the output has come as far as it was when they were written.
    waiting: VecDeque<JournalLine>,
}

/// How much of a file came since following (re)began, and how much of it was taken ever: after a lost
/// connection everything comes once more.
#[derive(Debug, Default)]
struct Position {
    come: usize,
    taken: usize,
}

impl Position {
    /// `count` more have come; returns how many of them were taken before.
    fn come(&mut self, count: usize) -> usize {
        let known = self.taken.saturating_sub(self.come).min(count);
        self.come += count;
        known
    }
}

impl Order {
    /// The connection was lost: everything comes once more from its beginning.
    pub(super) fn restarted(&mut self) {
        self.lines.come = 0;
        self.bytes.come = 0;
    }

    /// Takes the journal's next line; returns what is told now.
    pub(super) fn journal(&mut self, line: JournalLine) -> Vec<Told> {
        if self.lines.come(1) == 0 {
            self.lines.taken += 1;
            self.waiting.push_back(line);
        }
        self.output(Bytes::new())
    }

    /// Takes the output's next bytes; returns what is told now.
    pub(super) fn output(&mut self, mut bytes: Bytes) -> Vec<Told> {
        let known = self.bytes.come(bytes.len());
        let mut fresh = bytes.split_off(known);
        let mut told = Vec::new();
        while let Some(line) = self.waiting.front() {
            let before = offset(line).saturating_sub(self.bytes.taken);
            if before > fresh.len() {
                break;
            }
            self.tell(fresh.split_to(before), &mut told);
            told.extend(self.waiting.pop_front().map(Told::Journal));
        }
        self.tell(fresh, &mut told);
        told
    }

    /// What still waits, where no more output comes.
    pub(super) fn rest(&mut self) -> VecDeque<JournalLine> {
        std::mem::take(&mut self.waiting)
    }

    fn tell(&mut self, bytes: Bytes, told: &mut Vec<Told>) {
        self.bytes.taken += bytes.len();
        if !bytes.is_empty() {
            told.push(Told::Output(bytes));
        }
    }
}

/// How long the output was when a journal line was written.
fn offset(line: &JournalLine) -> usize {
    let offset = match &line.event {
        Event::StepStart { offset, .. } | Event::StepEnd { offset, .. } => *offset,
        _ => 0,
    };
    usize::try_from(offset).unwrap_or(usize::MAX)
}
