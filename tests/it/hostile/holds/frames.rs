//! What the follower and the tail of an operation send: the same frames however the stream is cut.

use bytes::BytesMut;
use flightdeck::target::compose::script::{Frame, FrameCodec};
use tokio_util::codec::Decoder as _;

pub fn frames(bytes: &[u8]) {
    let whole = read(bytes, bytes.len().max(1));
    for piece in [1, 3, 19] {
        assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
    }
}

/// The frames of a stream that comes in pieces, and whether it could be read to its end.
fn read(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let (mut codec, mut buffer, mut found) = (FrameCodec::new(), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
        // What is only announced takes no memory.
        assert!(buffer.capacity() <= 4096 + 2 * bytes.len());
    }
    (found, true)
}
