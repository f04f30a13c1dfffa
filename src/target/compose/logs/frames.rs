//! From the bytes of the Engine's log stream to its frames. Pure; knows nothing of timestamps.
//!
//! A container without a terminal has two streams, which come in frames: a byte that names the stream,
//! three of nothing, four of the length. One with a terminal has a single stream that comes as it is, and
//! a frame of it is a line. Both are read here and not by the client's library, since that one holds a
//! frame until it is whole, however long: a progress bar on a terminal never ends its line.

/// As much of a frame is kept; the Engine's own are a quarter of it.
const LONGEST_FRAME: usize = 64 << 10;
const LENGTH_OF_HEAD: usize = 8;

/// Where a frame was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; with a terminal, everything.
    Out,
    /// Standard error.
    Error,
}

/// Why a log stream cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{head:?} stands where a frame of a log should begin")]
pub struct BadFrame {
    /// What stands there.
    pub head: [u8; LENGTH_OF_HEAD],
}

/// Reads a log stream as its bytes arrive; holds one frame at most, cut to what is kept of it.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    held: Vec<u8>,
}

#[derive(Debug)]
enum Framing {
    /// The bytes of a head so far.
    Head([u8; LENGTH_OF_HEAD], usize),
    /// Inside a frame, of which so many bytes are still to come.
    Body(Stream, u32),
    /// A line of a terminal.
    Line {
        /// Whether the line was handed over already, cut: its end is skipped.
        skips: bool,
    },
}

impl Frames {
    /// A reader at the beginning of the log of a container with or without a terminal.
    pub fn new(has_terminal: bool) -> Self {
        Self {
            framing: if has_terminal {
                Framing::Line { skips: false }
            } else {
                Framing::Head([0; LENGTH_OF_HEAD], 0)
            },
            held: Vec::new(),
        }
    }

    /// Takes the next bytes, and hands over each frame that they complete. A frame that is cut keeps its
    /// line break.
    ///
    /// # Errors
    /// What is no frame: the stream is of no use any more.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Stream, &[u8]),
    ) -> Result<(), BadFrame> {
        while !bytes.is_empty() {
            match &mut self.framing {
                Framing::Head(head, seen) => {
                    let (part, rest) = bytes.split_at(bytes.len().min(LENGTH_OF_HEAD - *seen));
                    head[*seen..*seen + part.len()].copy_from_slice(part);
                    *seen += part.len();
                    bytes = rest;
                    if *seen == LENGTH_OF_HEAD {
                        let (stream, length) = read_head(*head)?;
                        self.framing = Framing::Body(stream, length);
                        self.end_of_body(&mut take);
                    }
                }
                Framing::Body(_, left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX);
                    let (part, rest) = bytes.split_at(bytes.len().min(here));
                    // Not more than `left`, which is a `u32`.
                    *left -= part.len() as u32;
                    bytes = rest;
                    self.hold(part);
                    self.end_of_body(&mut take);
                }
                Framing::Line { skips } => {
                    let end = bytes.iter().position(|&byte| byte == b'\n');
                    let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                    bytes = rest;
                    let was_cut = std::mem::replace(skips, *skips && end.is_none());
                    if !was_cut {
                        self.hold(part);
                        if end.is_some() || self.held.len() == LONGEST_FRAME {
                            self.framing = Framing::Line {
                                skips: end.is_none(),
                            };
                            self.end_line();
                            self.hand_over(Stream::Out, &mut take);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The stream has ended: hands over a terminal's line without its end. A frame that was cut off is lost.
    pub fn finish(&mut self, mut take: impl FnMut(Stream, &[u8])) {
        if matches!(self.framing, Framing::Line { .. }) && !self.held.is_empty() {
            self.hand_over(Stream::Out, &mut take);
        }
    }

    fn end_of_body(&mut self, take: &mut impl FnMut(Stream, &[u8])) {
        if let Framing::Body(stream, 0) = self.framing {
            self.framing = Framing::Head([0; LENGTH_OF_HEAD], 0);
            self.hand_over(stream, take);
        }
    }

    fn hand_over(&mut self, stream: Stream, take: &mut impl FnMut(Stream, &[u8])) {
        if !self.held.is_empty() {
            take(stream, &self.held);
        }
        self.held.clear();
    }

    /// Holds what there is room for; a line break at the end of it always.
    fn hold(&mut self, part: &[u8]) {
        let room = LONGEST_FRAME - self.held.len();
        self.held.extend_from_slice(&part[..part.len().min(room)]);
        if part.len() > room && part.ends_with(b"\n") {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        if self.held.len() == LONGEST_FRAME {
            self.held[LONGEST_FRAME - 1] = b'\n';
        }
    }
}

fn read_head(head: [u8; LENGTH_OF_HEAD]) -> Result<(Stream, u32), BadFrame> {
    let stream = match head {
        [0 | 1, 0, 0, 0, ..] => Stream::Out,
        // 3: what the Engine itself has to say.
        [2 | 3, 0, 0, 0, ..] => Stream::Error,
        _ => return Err(BadFrame { head }),
    };
    let [.., a, b, c, d] = head;
    Ok((stream, u32::from_be_bytes([a, b, c, d])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = (Vec<(Stream, Vec<u8>)>, bool);

    /// The frames of a stream that comes in pieces, and whether it could be read to its end.
    fn read(has_terminal: bool, bytes: &[u8], piece: usize) -> Read {
        let (mut frames, mut found, mut is_sound) = (Frames::new(has_terminal), Vec::new(), true);
        let mut take = |stream, frame: &[u8]| found.push((stream, frame.to_vec()));
        for piece in bytes.chunks(piece) {
            is_sound = is_sound && frames.push(piece, &mut take).is_ok();
            assert!(
                frames.held.len() <= LONGEST_FRAME && frames.held.capacity() <= 2 * LONGEST_FRAME
            );
        }
        frames.finish(&mut take);
        (found, is_sound)
    }

    fn framed(stream: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0][..], &length, bytes].concat()
    }

    proptest! {
        #[test]
        fn frames_arrive_whole_however_they_are_cut(
            frames in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 1..40)), 0..6),
            piece in 1usize..30,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|(stream, bytes)| framed(*stream, bytes)).collect();
            let sent = frames.into_iter().map(|(stream, bytes)| match stream {
                1 => (Stream::Out, bytes),
                _ => (Stream::Error, bytes),
            });
            prop_assert_eq!(read(false, &bytes, piece), (sent.collect(), true));
        }

        #[test]
        fn a_terminals_lines_arrive_whole_however_they_are_cut(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            piece in 1usize..30,
        ) {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n').map(|line| (Stream::Out, line.to_vec()));
            prop_assert_eq!(read(true, &bytes, piece), (lines.collect(), true));
        }

        #[test]
        fn any_bytes_are_frames_or_refused_whatever_the_pieces(
            bytes in prop::collection::vec(prop_oneof![3 => 0u8..4, 1 => any::<u8>()], 0..300),
            piece in 1usize..30,
        ) {
            let whole = read(false, &bytes, bytes.len().max(1));
            prop_assert_eq!(read(false, &bytes, piece), whole);
        }
    }

    #[test]
    fn a_length_that_is_only_announced_takes_no_memory() {
        let mut frames = Frames::new(false);
        frames
            .push(b"\x01\0\0\0\xff\xff\xff\xffx", |_, _| {
                panic!("it has not come")
            })
            .unwrap();
        assert!(frames.held.capacity() < 64);
    }

    #[test]
    fn what_is_too_long_is_cut_and_keeps_its_end() {
        let long = [&[b'x'; 3 * LONGEST_FRAME][..], b"\n"].concat();
        let next = b"next\n".to_vec();
        for (has_terminal, bytes) in [
            (false, [framed(1, &long), framed(1, &next)].concat()),
            (true, [&long[..], &next].concat()),
        ] {
            let (found, _) = read(has_terminal, &bytes, 1000);
            let [(_, cut), (_, after)] = &found[..] else {
                panic!("{} frames", found.len());
            };
            assert_eq!((cut.len(), cut.last()), (LONGEST_FRAME, Some(&b'\n')));
            assert_eq!(*after, next);
        }
    }

    #[test]
    fn a_terminals_line_that_never_ends_is_handed_over_once() {
        let bytes = b"\rprogress".repeat(2 * LONGEST_FRAME / 9);
        let (found, _) = read(true, &bytes, 4096);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_stream_without_frames_is_refused_with_words() {
        let refused = Frames::new(false)
            .push(b"plain text\n", |_, _| {})
            .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("where a frame of a log should begin")
        );
    }
}
