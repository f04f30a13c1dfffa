//! What the follower and the tail of an operation send: the same frames however the stream is cut, and what
//! they say of an environment is clean.

use std::path::Path;

use bytes::BytesMut;
use flightdeck::{
    config,
    target::compose::{
        files::Told,
        script::{Frame, FrameCodec},
    },
};
use tokio_util::codec::Decoder as _;

use super::assert_clean;

const CONFIGURATION: &str = r#"
[services.backend]
image = "ghcr.io/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"
[services.worker]
image = "ghcr.io/acme/shop-worker"
pin = { override = "pins.yml" }
[environments.production]
host = "local"
directory = "/srv/shop"
files = ["docker-compose.yml", "pins.yml"]
"#;

pub fn frames(bytes: &[u8]) {
    let whole = read(bytes, bytes.len().max(1));
    for piece in [1, 3, 19] {
        assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
    }
    told(whole.0);
}

/// What the files of one environment say, after each of its frames.
fn told(frames: Vec<Frame>) {
    let config = config::parse(CONFIGURATION, Path::new("flightdeck.toml")).expect("it is right");
    let services: Vec<_> = config.services.into_values().collect();
    let mut told = Told::default();
    for frame in frames {
        told.take(frame.part, frame.bytes);
        assert_clean(&told.fault);
        let files = told.files(&services, 0);
        assert_clean(&files.hashes);
        assert_clean(&files.pins);
        if let Some(operation) = files.operation {
            let claim = operation.claim;
            assert_clean(&[claim.operator, claim.origin, claim.reason, claim.kind]);
        }
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
