//! Log lines: the same however the Engine's stream of them is cut, cleaned of all that a terminal would obey,
//! and bounded.

use bytes::BytesMut;
use flightdeck::{
    fleet::log_buffer::LineCutter,
    release::text::clean,
    target::compose::logs::{
        frames::{Frames, Stream},
        lines::Lines,
    },
};

pub fn logs(bytes: &[u8]) {
    for has_terminal in [false, true] {
        let whole = lines(has_terminal, bytes, bytes.len().max(1));
        for piece in [1, 3, 50] {
            assert_eq!(
                lines(has_terminal, bytes, piece),
                whole,
                "in pieces of {piece}"
            );
        }
    }
    let mut cutter = LineCutter::default();
    for piece in bytes.chunks(11) {
        cutter.push(piece).iter().for_each(|line| harmless(line));
    }
    if let Some(line) = cutter.finish() {
        harmless(&line);
    }
    let text = clean(&String::from_utf8_lossy(bytes));
    harmless(&text);
    assert_eq!(clean(&text), text);
}

/// The lines of a container's log that comes in pieces, once before and once after a break, and whether all
/// of it could be read.
fn lines(has_terminal: bool, bytes: &[u8], piece: usize) -> (BytesMut, bool) {
    let (mut out, mut is_sound) = (BytesMut::new(), true);
    let (mut stdout, mut stderr) = (Lines::default(), Lines::default());
    for _ in 0..2 {
        stdout.resume();
        stderr.resume();
        let mut frames = Frames::new(has_terminal);
        let mut take = |stream, frame: &[u8]| match stream {
            Stream::Out => stdout.push(frame, &mut out),
            Stream::Error => stderr.push(frame, &mut out),
        };
        for piece in bytes.chunks(piece) {
            is_sound = is_sound && frames.push(piece, &mut take).is_ok();
        }
        frames.finish(&mut take);
        stdout.flush(&mut out);
        stderr.flush(&mut out);
        let _ = (stdout.position(), stderr.position());
    }
    assert!(out.len() <= 3 * bytes.len() + 16, "{}", out.len());
    (out, is_sound)
}

fn harmless(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
