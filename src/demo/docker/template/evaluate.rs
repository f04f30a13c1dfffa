//! What an action's words come to.

use serde_json::Value;

use super::words;

/// The value of an action; `None` where a field is missing.
pub(super) fn evaluate(
    words: &[String],
    dot: &Value,
    root: &Value,
) -> Result<Option<Value>, String> {
    let Some((function, arguments)) = words.split_first() else {
        return Err("template parsing error: missing value for command".to_owned());
    };
    let values = || -> Result<Vec<Option<Value>>, String> {
        arguments
            .iter()
            .map(|argument| term(argument, dot, root))
            .collect()
    };
    match function.as_str() {
        "json" => {
            let value = values()?.into_iter().next().flatten();
            Ok(Some(value.unwrap_or(Value::Null).to_string().into()))
        }
        "index" => {
            let values = values()?;
            let mut values = values.into_iter();
            let mut found = values.next().flatten();
            for key in values {
                found = match (found, key) {
                    (Some(Value::Object(map)), Some(Value::String(key))) => {
                        // A missing key of a map of texts is an empty text.
                        Some(map.get(&key).cloned().unwrap_or_else(|| "".into()))
                    }
                    (Some(Value::Array(items)), Some(Value::Number(at))) => {
                        let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
                        let item = at.and_then(|at| items.get(at)).cloned();
                        Some(item.ok_or("template: error calling index: index out of range")?)
                    }
                    _ => None,
                };
            }
            Ok(found)
        }
        "len" => {
            let length = match values()?.into_iter().next().flatten() {
                Some(Value::Array(items)) => items.len(),
                Some(Value::Object(map)) => map.len(),
                Some(Value::String(text)) => text.len(),
                _ => 0,
            };
            Ok(Some(length.into()))
        }
        "println" | "print" => {
            let texts: Vec<String> = values()?
                .iter()
                .map(|v| v.as_ref().map_or("<nil>".to_owned(), plain))
                .collect();
            let end = if function == "println" { "\n" } else { "" };
            Ok(Some(format!("{}{end}", texts.join(" ")).into()))
        }
        "eq" | "ne" => {
            let values = values()?;
            let is_equal = values
                .iter()
                .skip(1)
                .any(|v| v.as_ref().map(plain) == values[0].as_ref().map(plain));
            Ok(Some((is_equal == (function == "eq")).into()))
        }
        "not" => Ok(Some(
            (!is_true(values()?.first().and_then(Option::as_ref))).into(),
        )),
        "and" => {
            let values = values()?;
            let first_false = values.iter().position(|v| !is_true(v.as_ref()));
            Ok(values
                .get(first_false.unwrap_or(values.len() - 1))
                .cloned()
                .flatten())
        }
        "or" => {
            let values = values()?;
            let first_true = values.iter().position(|v| is_true(v.as_ref()));
            Ok(values
                .get(first_true.unwrap_or(values.len() - 1))
                .cloned()
                .flatten())
        }
        _ if arguments.is_empty() => term(function, dot, root),
        _ => Err(format!(
            "template parsing error: function \"{function}\" not defined"
        )),
    }
}

fn term(word: &str, dot: &Value, root: &Value) -> Result<Option<Value>, String> {
    if let Some(text) = word.strip_prefix(['"', '`']) {
        return Ok(Some(text.into()));
    }
    if let Some(inside) = word.strip_prefix('(') {
        return evaluate(&words(inside)?, dot, root);
    }
    if let Ok(number) = word.parse::<i64>() {
        return Ok(Some(number.into()));
    }
    let (from, path) = match word.strip_prefix('$') {
        Some(path) => (root, path),
        None => (dot, word),
    };
    let Some(path) = path.strip_prefix('.').or((path.is_empty()).then_some("")) else {
        return Err(format!(
            "template parsing error: function \"{word}\" not defined"
        ));
    };
    let mut value = from;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        match value.get(name) {
            Some(found) => value = found,
            None => return Ok(None),
        }
    }
    Ok(Some(value.clone()))
}

pub(super) fn is_true(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
    }
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k}:{}", plain(v)))
                .collect();
            format!("map[{}]", items.join(" "))
        }
        other => other.to_string(),
    }
}
