//! What the follower and the tail of an operation send: the same frames however the stream is cut.
#![no_main]

use bytes::BytesMut;
use flightdeck::target::compose::script::{Frame, FrameCodec};
use tokio_util::codec::Decoder as _;

fn frames(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let (mut codec, mut buffer, mut found) = (FrameCodec::new(), BytesMut::new(), Vec::new());
    for bytes in bytes.chunks(piece) {
        buffer.extend_from_slice(bytes);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, true)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    assert_eq!(frames(bytes, bytes.len().max(1)), frames(bytes, 3));
});
