//! `jq`, for the checks that look at a field of an answer.

use serde_json::Value;

use super::{Act, Program, has};
use crate::demo::world::{container::Container, logs::Stream};

/// The one program that checks run: whether the field at `$path` is `$value`.
pub(super) fn jq(container: &Container, words: &[String], input: Option<&str>) -> Option<Program> {
    let argument = |name: &str| -> Option<Value> {
        let at = words.iter().position(|word| word == name)?;
        serde_json::from_str(words.get(at + 1)?).ok()
    };
    let (Some(Value::Array(path)), Some(value)) = (argument("path"), argument("value")) else {
        return None;
    };
    if words.first().is_none_or(|name| name != "jq") || !has(container, "jq") {
        return None;
    }
    let Ok(answer) = serde_json::from_str::<Value>(input.unwrap_or_default()) else {
        let text = "jq: parse error: Invalid literal".to_owned();
        return Some(Program {
            acts: vec![Act::Say(Stream::Err, text)],
            code: 2,
        });
    };
    let found = path.iter().fold(&answer, |at, name| match (at, name) {
        (Value::Object(fields), Value::String(name)) => fields.get(name).unwrap_or(&Value::Null),
        _ => &Value::Null,
    });
    Some(Program::prints([if *found == value {
        "equal".to_owned()
    } else {
        found.to_string()
    }]))
}
