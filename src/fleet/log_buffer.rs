//! A bounded ring of cleaned log lines between the task that reads a stream and whoever draws it.
//!
//! A log line is never a message: the reader pushes, the ring drops the oldest and counts what it
//! dropped, and a dirty mark wakes the drawer at most once a frame.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::release::text::Cleaner;

/// The longest line that is kept, in bytes; the rest of it is cut off and marked.
const LONGEST_LINE: usize = 16 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When the Engine took it, where it says so.
    pub at: Option<Timestamp>,
    /// From which container; empty for an operation's output.
    pub from: Arc<str>,
    /// Its text, cleaned.
    pub text: Box<str>,
}

/// Wakes whoever draws. Shared by all buffers of a cockpit.
#[derive(Debug, Default)]
pub struct Dirty {
    marked: AtomicBool,
    woken: Notify,
}

impl Dirty {
    /// Marks that something changed. Cheap when it is marked already.
    pub fn mark(&self) {
        if !self.marked.swap(true, Ordering::AcqRel) {
            self.woken.notify_one();
        }
    }

    /// Takes the mark away; returns whether it was there.
    pub fn take(&self) -> bool {
        self.marked.swap(false, Ordering::AcqRel)
    }

    /// Waits for a mark. Does not take it. Cancel-safe. One waiter.
    pub async fn marked(&self) {
        loop {
            let notified = self.woken.notified();
            if self.marked.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    /// Bytes of text held.
    bytes: usize,
    /// Lines dropped since the beginning: the number of the first line that is held.
    dropped: u64,
}

/// The ring. Bounded in lines and in bytes.
#[derive(Debug)]
pub struct LogBuffer {
    ring: Mutex<Ring>,
    most_lines: usize,
    most_bytes: usize,
    dirty: Arc<Dirty>,
}

/// What a drawer sees of a buffer: a window of lines, and what surrounds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// The number of the first of them, counted from the beginning of the stream.
    pub first: u64,
    /// The number after the newest line that is held.
    pub end: u64,
    /// Lines dropped since the beginning.
    pub dropped: u64,
}

impl LogBuffer {
    /// An empty buffer that holds at most `most_lines` lines, and 256 bytes a line on average.
    pub fn new(most_lines: usize, dirty: Arc<Dirty>) -> Self {
        let most_lines = most_lines.max(1);
        Self {
            ring: Mutex::default(),
            most_lines,
            most_bytes: most_lines.saturating_mul(256).max(64 * 1024),
            dirty,
        }
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes lines, drops the oldest where there are too many.
    pub fn push(&self, lines: impl IntoIterator<Item = LogLine>) {
        let mut ring = self.ring();
        for line in lines {
            ring.bytes += line.text.len();
            ring.lines.push_back(line);
            while ring.lines.len() > self.most_lines
                || (ring.bytes > self.most_bytes && ring.lines.len() > 1)
            {
                if let Some(old) = ring.lines.pop_front() {
                    ring.bytes -= old.text.len();
                    ring.dropped += 1;
                }
            }
        }
        drop(ring);
        self.dirty.mark();
    }

    /// Forgets all lines, as after a stream that starts over. Numbers go on.
    pub fn clear(&self) {
        let mut ring = self.ring();
        ring.dropped += ring.lines.len() as u64;
        ring.lines.clear();
        ring.bytes = 0;
        drop(ring);
        self.dirty.mark();
    }

    /// At most `height` lines ending before line number `end`; `None`: the newest.
    pub fn window(&self, end: Option<u64>, height: usize) -> Window {
        let ring = self.ring();
        let newest = ring.dropped + ring.lines.len() as u64;
        let end = end.unwrap_or(newest).clamp(ring.dropped, newest);
        let last = (end - ring.dropped) as usize;
        let first = last.saturating_sub(height);
        Window {
            lines: ring.lines.range(first..last).cloned().collect(),
            first: ring.dropped + first as u64,
            end: newest,
            dropped: ring.dropped,
        }
    }

    /// The number of the nearest line before (`backwards`) or from `from` on whose text or container
    /// holds `needle`, ignoring case.
    pub fn find(&self, needle: &str, from: u64, backwards: bool) -> Option<u64> {
        let needle = needle.to_lowercase();
        let ring = self.ring();
        let fits = |line: &LogLine| {
            line.text.to_lowercase().contains(&needle) || line.from.to_lowercase().contains(&needle)
        };
        let at = from
            .saturating_sub(ring.dropped)
            .min(ring.lines.len() as u64) as usize;
        let found = if backwards {
            ring.lines.range(..at).rposition(fits)
        } else {
            ring.lines.range(at..).position(fits).map(|n| n + at)
        };
        found.map(|n| ring.dropped + n as u64)
    }
}

/// Makes lines from a stream's pieces: cuts at line breaks, cleans, keeps a half line for later.
#[derive(Debug, Default)]
pub struct LineCutter {
    half: Vec<u8>,
    too_long: bool,
}

impl LineCutter {
    /// Takes a piece; returns the lines that it completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(piece) => (piece, true),
                None => (piece, false),
            };
            let room = LONGEST_LINE.saturating_sub(self.half.len());
            self.too_long |= piece.len() > room;
            self.half.extend_from_slice(&piece[..piece.len().min(room)]);
            if ends {
                lines.extend(self.finish());
            }
        }
        lines
    }

    /// The half line that is left, as at the end of a stream; `None` if there is none.
    pub fn finish(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.half);
        let cut = std::mem::take(&mut self.too_long);
        // What a progress bar overwrote is not part of the line that a person would see.
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let bytes = bytes.rsplit(|b| *b == b'\r').next().unwrap_or(bytes);
        let mut text = String::with_capacity(bytes.len());
        let mut cleaner = Cleaner::default();
        for c in String::from_utf8_lossy(bytes).chars() {
            cleaner.push(c, &mut text);
        }
        if cut {
            text.push_str(" … (cut)");
        }
        Some(text)
    }

    /// Whether a half line waits.
    pub fn is_empty(&self) -> bool {
        self.half.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize) -> LogLine {
        LogLine {
            at: None,
            from: "".into(),
            text: format!("line {n}").into(),
        }
    }

    #[test]
    fn the_oldest_lines_go_and_are_counted() {
        let buffer = LogBuffer::new(100, Arc::default());
        buffer.push((0..250).map(line));
        let window = buffer.window(None, 3);
        assert_eq!((window.first, window.end, window.dropped), (247, 250, 150));
        assert_eq!(&*window.lines[0].text, "line 247");
    }

    #[test]
    fn a_place_that_was_scrolled_to_stays_while_lines_arrive_until_it_is_dropped() {
        let buffer = LogBuffer::new(100, Arc::default());
        buffer.push((0..50).map(line));
        assert_eq!(&*buffer.window(Some(20), 2).lines[1].text, "line 19");
        buffer.push((50..110).map(line));
        assert_eq!(&*buffer.window(Some(20), 2).lines[1].text, "line 19");
        buffer.push((110..200).map(line));
        assert_eq!(buffer.window(Some(20), 2).lines.len(), 0);
        assert_eq!(buffer.find("LINE 150", 100, false), Some(150));
        assert_eq!(buffer.find("line 1", 150, true), Some(149));
    }

    #[test]
    fn pieces_become_whole_cleaned_lines() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.push(b"one\ntw"), ["one"]);
        assert_eq!(
            cutter.push(b"o\x1b[31m!\r\nprogress 1%\rprogress 2%\nrest"),
            ["two!", "progress 2%"]
        );
        assert_eq!(cutter.finish().as_deref(), Some("rest"));
        let lines = cutter.push(&[vec![b'x'; LONGEST_LINE + 5], b"\nnext\n".to_vec()].concat());
        assert!(lines[0].ends_with("(cut)") && lines[0].len() < LONGEST_LINE + 20);
        assert_eq!(lines[1], "next");
    }

    #[tokio::test]
    async fn a_push_wakes_the_drawer_once() {
        let dirty = Arc::new(Dirty::default());
        let buffer = LogBuffer::new(10, dirty.clone());
        buffer.push([line(1)]);
        buffer.push([line(2)]);
        dirty.marked().await;
        assert!(dirty.take());
        assert!(!dirty.take());
    }
}
