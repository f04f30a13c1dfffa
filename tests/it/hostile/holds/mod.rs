//! What holds of everything that is read from outside, whatever its bytes are. Each function panics where
//! it does not: properties give it spoilt examples, the fuzz targets in `fuzz/` whatever they find.

mod answers;
mod configuration;
mod engine;
mod environment_file;
mod frames;
mod github;
mod logs;
mod records;
mod registry;
mod survey;

pub use self::{
    answers::answers,
    configuration::configuration,
    engine::engine,
    environment_file::environment_file,
    frames::frames,
    github::github,
    logs::logs,
    records::records,
    registry::registry,
    survey::{survey, survey_example},
};

use flightdeck::release::text::clean;
use serde_json::Value;

/// No text in it holds anything that a terminal would obey.
fn assert_clean(value: &impl serde::Serialize) {
    fn look(value: &Value) {
        match value {
            Value::String(text) => assert_eq!(clean(text), *text),
            Value::Array(values) => values.iter().for_each(look),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                assert_eq!(clean(name), *name);
                look(value);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    look(&serde_json::to_value(value).expect("what was read can be written"));
}
