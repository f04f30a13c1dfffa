//! What comes from outside, spoilt at random: no parser panics, what it takes it takes whole, and what
//! people see of it is clean. The fuzz targets in `fuzz/` look longer, from the same examples, for the
//! same: see [`holds`].

pub mod holds;
pub mod spoilt;

use proptest::prelude::*;

use self::spoilt::{edited, edits};

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
    registry: "tags" "index" "manifest" "configuration";
}
