//! The frames of the follower and of `tail`: `@INDEX PART LENGTH`, a line end, that many bytes, a line end.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

/// The longest that one frame may be: a ledger's 200 lines and a megabyte of output fit by far.
const LONGEST: usize = 16 << 20;
/// The longest that a frame's first line may be.
const LONGEST_HEAD: usize = 80;
/// How much a server's start-up files may print before the first frame.
const LONGEST_NOISE: usize = 64 << 10;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which environment, by its position; `None` for the whole host, and in `tail`.
    pub index: Option<usize>,
    /// What of it.
    pub part: Part,
    /// What it says. What that means is told in `assets/follower.sh` and `assets/tail.sh`.
    pub bytes: Bytes,
}

/// What a frame tells. See `assets/follower.sh` and `assets/tail.sh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Empty, or why the environment cannot be looked at.
    Fault,
    /// The pinned variables' lines.
    Pin,
    /// The hashes of compose and environment files.
    Files,
    /// The ledger's last lines.
    Ledger,
    /// Where all of it is damaged.
    LedgerShape,
    /// The newest operation's number and claim.
    Operation,
    /// Its plan.
    Plan,
    /// Its journal: whole from the follower, the next bytes from `tail`.
    Journal,
    /// Whether somebody asked to cancel it.
    Cancel,
    /// How it ended.
    End,
    /// Whether its holder lives.
    Liveness,
    /// The server's clock.
    Clock,
    /// Everything has been told once, but for the ledger's shape, which comes after.
    Ready,
    /// There is no such operation.
    Missing,
    /// Its holder died before it had a folder.
    NeverBegan,
    /// A newer flightdeck has written some of it.
    Newer,
    /// The next bytes of the operation's output.
    Output,
    /// In what the basis did not hold.
    Difference,
    /// A part of a newer follower's.
    Unknown,
}

impl Part {
    fn of(word: &str) -> Self {
        match word {
            "fault" => Self::Fault,
            "pin" => Self::Pin,
            "files" => Self::Files,
            "ledger" => Self::Ledger,
            "shape" => Self::LedgerShape,
            "operation" => Self::Operation,
            "plan" => Self::Plan,
            "journal" => Self::Journal,
            "cancel" => Self::Cancel,
            "end" => Self::End,
            "liveness" => Self::Liveness,
            "clock" => Self::Clock,
            "ready" => Self::Ready,
            "missing" => Self::Missing,
            "never_began" => Self::NeverBegan,
            "newer" => Self::Newer,
            "output" => Self::Output,
            "difference" => Self::Difference,
            _ => Self::Unknown,
        }
    }
}

/// Why a stream of frames cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The link broke.
    #[error("the link to the server broke: {0}")]
    Link(#[from] io::Error),
    /// It does not look like a frame.
    #[error("the server sent {shown:?} where a frame should begin")]
    Head {
        /// The beginning of it.
        shown: String,
    },
    /// Longer than anything that we ask for.
    #[error("the server announced a frame of {length} bytes, more than we take")]
    TooLong {
        /// As announced.
        length: usize,
    },
}

/// Reads frames as they arrive; holds one at most.
#[derive(Debug, Default)]
pub struct FrameCodec {
    began: bool,
    noise: usize,
    head: Option<(Option<usize>, Part, usize)>,
}

impl FrameCodec {
    /// A codec at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Drops whole lines before the first frame.
    fn skip_noise(&mut self, source: &mut BytesMut) -> Result<(), FrameError> {
        while !self.began && !source.is_empty() {
            if source.starts_with(b"@") {
                self.began = true;
                break;
            }
            let Some(end) = source.iter().position(|&byte| byte == b'\n') else {
                if self.noise + source.len() > LONGEST_NOISE {
                    return Err(bad_head(source));
                }
                break;
            };
            self.noise += end + 1;
            if self.noise > LONGEST_NOISE {
                return Err(bad_head(source));
            }
            source.advance(end + 1);
        }
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = Frame;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        self.skip_noise(source)?;
        if self.head.is_none() && self.began {
            let Some(end) = source
                .iter()
                .take(LONGEST_HEAD)
                .position(|&byte| byte == b'\n')
            else {
                if source.len() >= LONGEST_HEAD {
                    return Err(bad_head(source));
                }
                return Ok(None);
            };
            self.head = Some(read_head(&source[..end]).ok_or_else(|| bad_head(source))?);
            source.advance(end + 1);
        }
        let Some((index, part, length)) = self.head else {
            return Ok(None);
        };
        if length > LONGEST {
            return Err(FrameError::TooLong { length });
        }
        if source.len() <= length {
            // Nothing is reserved by what is only announced: the buffer grows with what arrives.
            return Ok(None);
        }
        if source[length] != b'\n' {
            return Err(bad_head(&source[length..]));
        }
        let bytes = source.split_to(length).freeze();
        source.advance(1);
        self.head = None;
        Ok(Some(Frame { index, part, bytes }))
    }

    /// A stream may end anywhere: what was cut off is lost, and told anew by the next one.
    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let frame = self.decode(source)?;
        if frame.is_none() {
            source.clear();
        }
        Ok(frame)
    }
}

fn read_head(head: &[u8]) -> Option<(Option<usize>, Part, usize)> {
    let mut words = std::str::from_utf8(head)
        .ok()?
        .strip_prefix('@')?
        .split(' ');
    let index = match words.next()? {
        "-" => None,
        number => Some(number.parse().ok()?),
    };
    let part = Part::of(words.next()?);
    let length = words.next()?.parse().ok()?;
    words.next().is_none().then_some((index, part, length))
}

fn bad_head(source: &[u8]) -> FrameError {
    FrameError::Head {
        shown: String::from_utf8_lossy(&source[..source.len().min(LONGEST_HEAD)]).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_in_pieces(stream: &[u8], piece: usize) -> Result<Vec<Frame>, FrameError> {
        let mut codec = FrameCodec::new();
        let mut buffer = BytesMut::new();
        let mut frames = Vec::new();
        for bytes in stream.chunks(piece) {
            buffer.extend_from_slice(bytes);
            while let Some(frame) = codec.decode(&mut buffer)? {
                frames.push(frame);
            }
        }
        while let Some(frame) = codec.decode_eof(&mut buffer)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn frames_arrive_whole_however_they_are_cut() {
        let stream = b"motd\n@- clock 3\n123\n@0 pin 0\n\n@12 journal 5\n@0 x\n\n@- novel 1\nx\n";
        for piece in 1..stream.len() {
            let frames = decode_in_pieces(stream, piece).unwrap();
            let told: Vec<_> = frames
                .iter()
                .map(|f| (f.index, f.part, f.bytes.as_ref()))
                .collect();
            assert_eq!(
                told,
                [
                    (None, Part::Clock, &b"123"[..]),
                    (Some(0), Part::Pin, b""),
                    (Some(12), Part::Journal, b"@0 x\n"),
                    (None, Part::Unknown, b"x"),
                ]
            );
        }
    }

    #[test]
    fn a_length_that_is_only_announced_takes_no_memory() {
        let mut buffer = BytesMut::from(&b"@0 output 16777216\nx"[..]);
        assert!(FrameCodec::new().decode(&mut buffer).unwrap().is_none());
        assert!(buffer.capacity() < 4096, "{}", buffer.capacity());
    }

    #[test]
    fn a_frame_cut_off_at_the_end_is_dropped() {
        assert_eq!(decode_in_pieces(b"@0 end 10\n{\"v\"", 4).unwrap(), []);
    }

    #[test]
    fn what_is_too_long_or_no_frame_is_refused() {
        assert!(matches!(
            decode_in_pieces(b"@0 end 99999999999\n", 100),
            Err(FrameError::TooLong { .. })
        ));
        assert!(decode_in_pieces(b"@0 end\n", 100).is_err());
        assert!(decode_in_pieces(b"@0 end 1\nxy", 100).is_err());
        assert!(decode_in_pieces(&[b'@'; 200], 100).is_err());
        assert!(decode_in_pieces(&[b'x'; 70 << 10], 4096).is_err());
    }
}
