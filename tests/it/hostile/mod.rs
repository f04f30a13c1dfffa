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
    answers: "heads" "reference" "refused" "cancelling" "facts"
        "alembic" "django" "django_undo" "rails" "flyway";
    configuration: "example.toml";
    engine: "container" "image" "list" "event";
    environment_file: "dotenv" "override";
    frames: "stream" "follower";
    github: "runs" "jobs";
    logs: "coloured" "framed";
    records: "journal" "ledger" "shape";
    registry: "tags" "index" "manifest" "configuration";
    survey: "shop";
}

#[test]
fn an_answer_that_is_not_spoilt_becomes_a_plan() {
    holds::survey_example(include_bytes!("../../../fuzz/corpus/survey/shop"));
}
