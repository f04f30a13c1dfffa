//! From the Engine's log frames to whole lines, and where to go on after a break. Pure.
//!
//! Every frame begins with a timestamp of fixed width, so timestamps compare as text. A line longer
//! than the Engine's buffer comes in several frames, each with a timestamp, of which only the last ends
//! with a line break.

use bytes::{Bytes, BytesMut};

/// A line longer than this is cut: nobody reads it, and it must not fill the memory.
const LONGEST_LINE: usize = 64 << 10;
/// A timestamp longer than this is none.
const LONGEST_STAMP: usize = 40;

/// One of a container's two streams: assembles its lines and knows where it was.
#[derive(Debug, Default)]
pub struct Lines {
    /// A line whose end has not come yet.
    partial: BytesMut,
    /// The newest line's timestamp, and how many lines have exactly that.
    last: Option<(Bytes, usize)>,
    /// After a break: how many lines with the timestamp `last` are still to be dropped as repeats;
    /// `None` once a newer one has come. Only then an older line is a repeat: clocks are set back.
    repeats: Option<usize>,
}

impl Lines {
    /// Takes a frame and appends the lines that it completes to `out`, each with its timestamp and its
    /// line break. Repeats of what was there before [`resume`](Self::resume) are dropped.
    pub fn push(&mut self, frame: &[u8], out: &mut BytesMut) {
        let frame = if self.partial.is_empty() {
            frame
        } else {
            without_stamp(frame)
        };
        let room = LONGEST_LINE.saturating_sub(self.partial.len());
        let is_whole = frame.ends_with(b"\n");
        let kept = &frame[..frame.len().min(room)];
        self.partial.extend_from_slice(kept);
        if !is_whole {
            return;
        }
        if !self.partial.ends_with(b"\n") {
            self.partial.extend_from_slice(b"\n");
        }
        let line = self.partial.split().freeze();
        if self.is_new(&line) {
            out.extend_from_slice(&line);
        }
    }

    /// The stream has ended: a line without its end becomes one.
    pub fn flush(&mut self, out: &mut BytesMut) {
        if !self.partial.is_empty() {
            self.push(b"\n", out);
        }
    }

    /// The stream is taken up again somewhere before its last line: what was seen is dropped.
    pub fn resume(&mut self) {
        self.partial.clear();
        self.repeats = self.last.as_ref().map(|(_, count)| *count);
    }

    /// The newest line's timestamp in whole seconds since 1970: from there a stream can be taken up.
    pub fn position(&self) -> Option<i64> {
        let (stamp, _) = self.last.as_ref()?;
        let stamp: jiff::Timestamp = std::str::from_utf8(stamp).ok()?.parse().ok()?;
        Some(stamp.as_second())
    }

    fn is_new(&mut self, line: &Bytes) -> bool {
        let Some(stamp) = stamp_of(line) else {
            return true;
        };
        match (&mut self.last, &mut self.repeats) {
            (Some((last, _)), Some(_)) if *stamp < **last => return false,
            (Some((last, _)), Some(repeats @ 1..)) if *stamp == **last => {
                *repeats -= 1;
                return false;
            }
            (Some((last, count)), _) if *stamp == **last => *count += 1,
            (last, repeats) => {
                *last = Some((Bytes::copy_from_slice(stamp), 1));
                *repeats = None;
            }
        }
        true
    }
}

fn stamp_of(line: &[u8]) -> Option<&[u8]> {
    let end = line
        .iter()
        .take(LONGEST_STAMP)
        .position(|&byte| byte == b' ')?;
    Some(&line[..end]).filter(|stamp| stamp.first().is_some_and(u8::is_ascii_digit))
}

fn without_stamp(frame: &[u8]) -> &[u8] {
    stamp_of(frame).map_or(frame, |stamp| &frame[stamp.len() + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u32, text: &str) -> String {
        format!("2026-01-22T14:02:31.{:09}Z {text}", millis * 1_000_000)
    }

    fn pushed(lines: &mut Lines, frames: &[String]) -> String {
        let mut out = BytesMut::new();
        for frame in frames {
            lines.push(frame.as_bytes(), &mut out);
        }
        String::from_utf8(out.to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn however_often_it_breaks_nothing_is_missing_and_nothing_twice(
            steps in prop::collection::vec((0u32..3, any::<bool>(), 1usize..4), 1..30),
        ) {
            // Whole seconds are all that a stream can be taken up by, so many lines share one.
            let mut second = 0;
            let log: Vec<(u32, Vec<String>)> = steps
                .iter()
                .enumerate()
                .map(|(number, (later, _, parts))| {
                    second += later / 2;
                    let at = |text: &str| format!("2026-01-22T14:02:{second:02}.000000000Z {text}");
                    let mut frames = vec![at("part "); parts - 1];
                    frames.push(at(&format!("line {number}\n")));
                    (second, frames)
                })
                .collect();
            let (mut lines, mut out) = (Lines::default(), BytesMut::new());
            let mut after = 0;
            for (number, (_, breaks, _)) in steps.iter().enumerate() {
                for frame in log[after..=number].iter().flat_map(|(_, frames)| frames) {
                    lines.push(frame.as_bytes(), &mut out);
                }
                after = number + 1;
                if *breaks {
                    if let Some(next) = log.get(after) {
                        lines.push(next.1[0].strip_suffix("\n").unwrap_or(&next.1[0]).as_bytes(), &mut out);
                    }
                    lines.resume();
                    let begin = lines.position().unwrap() - 1_769_090_520;
                    after = log.iter().position(|(second, _)| i64::from(*second) >= begin).unwrap();
                }
            }
            for frame in log[after..].iter().flat_map(|(_, frames)| frames) {
                lines.push(frame.as_bytes(), &mut out);
            }
            let told = String::from_utf8(out.to_vec()).unwrap();
            let numbers: Vec<usize> = told.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
            prop_assert_eq!(numbers, (0..steps.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_line_in_several_frames_is_one_line() {
        let mut lines = Lines::default();
        let out = pushed(
            &mut lines,
            &[at(1, "half"), at(1, " and half\n"), at(2, "next\n")],
        );
        assert_eq!(out, at(1, "half and half\n") + &at(2, "next\n"));
    }

    #[test]
    fn after_a_break_nothing_is_missing_and_nothing_twice() {
        let mut lines = Lines::default();
        let before = [at(1, "a\n"), at(2, "b\n"), at(2, "c\n")];
        assert_eq!(pushed(&mut lines, &before), before.concat());
        assert_eq!(lines.position(), Some(1_769_090_551));

        lines.resume();
        let mut again = before.to_vec();
        again.extend([at(2, "d\n"), at(3, "e\n")]);
        assert_eq!(pushed(&mut lines, &again), at(2, "d\n") + &at(3, "e\n"));

        // The second break begins where the first one ended.
        lines.resume();
        again.push(at(3, "f\n"));
        assert_eq!(pushed(&mut lines, &again), at(3, "f\n"));
    }

    #[test]
    fn a_clock_that_was_set_back_loses_no_line() {
        let mut lines = Lines::default();
        let out = pushed(&mut lines, &[at(5, "a\n"), at(3, "b\n")]);
        assert_eq!(out, at(5, "a\n") + &at(3, "b\n"));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut lines = Lines::default();
        let mut out = BytesMut::new();
        for _ in 0..100 {
            lines.push(at(1, &"x".repeat(10_000)).as_bytes(), &mut out);
        }
        lines.flush(&mut out);
        assert!(out.len() <= LONGEST_LINE + 1 && out.ends_with(b"\n"));
    }

    #[test]
    fn a_line_without_a_timestamp_is_shown() {
        let mut lines = Lines::default();
        assert_eq!(
            pushed(&mut lines, &["error from daemon\n".into()]),
            "error from daemon\n"
        );
    }
}
