//! Examples, spoilt at random: put in, cut out, repeated, with a liking for the bytes that parsers mind.

use proptest::{prelude::*, sample::Index};

/// An edit of an example.
#[derive(Debug, Clone)]
pub enum Edit {
    Put(Index, Vec<u8>),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
}

/// Some edits; none is one of them.
pub fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let telling =
        prop::sample::select(b"\0\n\r\t\x1b\x9b\"'\\$`{}[]:=#@,;<>%-019eE\xff\xc3".to_vec());
    let bytes = prop::collection::vec(prop_oneof![telling, any::<u8>()], 1..6);
    prop::collection::vec(
        prop_oneof![
            (any::<Index>(), bytes).prop_map(|(at, bytes)| Edit::Put(at, bytes)),
            (any::<Index>(), 1..40usize).prop_map(|(at, length)| Edit::Cut(at, length)),
            (any::<Index>(), 1..30usize, 2..50usize)
                .prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        ],
        0..6,
    )
}

/// An example after its edits.
pub fn edited(example: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = example.to_vec();
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Put(at, more) => {
                let at = place(at);
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Edit::Cut(at, length) => {
                let at = place(at);
                let end = bytes.len().min(at + length);
                drop(bytes.drain(at..end));
            }
            Edit::Repeat(at, length, times) => {
                let at = place(at);
                let end = bytes.len().min(at + length);
                let again = bytes[at..end].repeat(*times);
                drop(bytes.splice(end..end, again));
            }
        }
    }
    bytes
}
