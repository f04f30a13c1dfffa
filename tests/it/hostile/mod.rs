//! What comes from outside, spoilt at random: no parser panics, what it takes it takes whole, and what
//! people see of it is clean. The fuzz targets in `fuzz/` look longer, from the same examples, for the
//! same: see [`holds`].

pub mod holds;

use proptest::{prelude::*, sample::Index};

/// An edit of an example.
#[derive(Debug, Clone)]
enum Edit {
    Put(Index, Vec<u8>),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
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

fn edited(example: &[u8], edits: &[Edit]) -> Vec<u8> {
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

/// One property a kind of input: what holds of it holds of every spoilt example in the fuzz corpus.
macro_rules! holds_of_spoilt_examples {
    ($($what:ident: $($example:literal)*;)*) => {
        proptest! {
            $(
                #[test]
                fn $what(edits in edits()) {
                    $(
                        let example = include_bytes!(concat!(
                            "../../../fuzz/corpus/", stringify!($what), "/", $example
                        ));
                        holds::$what(&edited(example, &edits));
                    )*
                }
            )*
        }
    };
}

holds_of_spoilt_examples! {
    answers: "heads" "reference" "refused" "cancelling";
    configuration: "example.toml";
    engine: "container" "image";
    environment_file: "dotenv" "override";
    frames: "stream";
    github: "runs" "jobs";
    logs: "coloured";
    records: "journal" "ledger";
    registry: "index" "manifest" "configuration";
}
