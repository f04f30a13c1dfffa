//! As much of YAML as compose files need: block mappings and sequences, one-line flow collections,
//! quoted and plain scalars, comments. JSON is read as it is.

use serde_json::{Map, Value};

/// Reads a document; the error names the line.
pub fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let lines = lines(text)?;
    if lines.is_empty() {
        return Ok(Value::Null);
    }
    let mut parser = Parser { lines, at: 0 };
    let value = parser.block(0)?;
    match parser.lines.get(parser.at) {
        None => Ok(value),
        Some(line) => Err(format!("line {}: unexpected indentation", line.number)),
    }
}

struct Line {
    number: usize,
    indent: usize,
    text: String,
}

fn lines(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let content = without_comment(raw);
        let trimmed = content.trim();
        if trimmed.is_empty() || trimmed == "---" {
            continue;
        }
        let indent = content.len() - content.trim_start_matches(' ').len();
        if content[indent..].starts_with('\t') {
            return Err(format!(
                "line {}: found character that cannot start any token",
                index + 1
            ));
        }
        lines.push(Line {
            number: index + 1,
            indent,
            text: trimmed.to_owned(),
        });
    }
    Ok(lines)
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before == ' ' => return &line[..index],
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (Some(open), c) if open == c && before != '\\' => quote = None,
            _ => {}
        }
        before = c;
    }
    line
}

struct Parser {
    lines: Vec<Line>,
    at: usize,
}

impl Parser {
    /// The collection whose lines are indented by `least` or more; by how much the first line says.
    fn block(&mut self, least: usize) -> Result<Value, String> {
        let Some(first) = self.lines.get(self.at).filter(|line| line.indent >= least) else {
            return Ok(Value::Null);
        };
        let indent = first.indent;
        if first.text == "-" || first.text.starts_with("- ") {
            self.sequence(indent)
        } else {
            self.mapping(indent)
        }
    }

    fn sequence(&mut self, indent: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while let Some(line) = self.lines.get_mut(self.at) {
            let is_item = line.text == "-" || line.text.starts_with("- ");
            if line.indent != indent || !is_item {
                break;
            }
            let rest = line.text[1..].trim_start().to_owned();
            if rest.is_empty() {
                self.at += 1;
                items.push(self.block(indent + 1)?);
            } else if key(&rest).is_some() {
                // `- name: value` begins a mapping inside the item.
                line.indent += line.text.len() - rest.len();
                line.text = rest;
                let indent = line.indent;
                items.push(self.mapping(indent)?);
            } else {
                let number = line.number;
                self.at += 1;
                items.push(scalar(&rest, number)?);
            }
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, indent: usize) -> Result<Value, String> {
        let mut map = Map::new();
        while let Some(line) = self.lines.get(self.at).filter(|line| line.indent == indent) {
            let number = line.number;
            let Some((name, rest)) = key(&line.text) else {
                return Err(format!("line {number}: could not find expected ':'"));
            };
            let (name, rest) = (name.to_owned(), rest.to_owned());
            self.at += 1;
            let value = if rest.is_empty() {
                // A sequence may stand as far left as its key.
                let is_item = |line: &Line| line.text == "-" || line.text.starts_with("- ");
                let same = self
                    .lines
                    .get(self.at)
                    .is_some_and(|line| line.indent == indent && is_item(line));
                self.block(if same { indent } else { indent + 1 })?
            } else {
                scalar(&rest, number)?
            };
            if map.insert(name.clone(), value).is_some() {
                return Err(format!(
                    "line {number}: mapping key \"{name}\" already defined"
                ));
            }
        }
        Ok(Value::Object(map))
    }
}

/// `name: rest` in its two parts, the name without quotes.
fn key(text: &str) -> Option<(&str, &str)> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = text[1..].find(quote)? + 1;
        let rest = text[end + 1..].strip_prefix(':')?;
        return Some((&text[1..end], rest.trim()));
    }
    if text.starts_with(['[', '{']) {
        return None;
    }
    let (name, rest) = match text.split_once(": ") {
        Some(parts) => parts,
        None => (text.strip_suffix(':')?, ""),
    };
    Some((name.trim(), rest.trim()))
}

fn scalar(text: &str, number: usize) -> Result<Value, String> {
    if text.starts_with(['[', '{']) {
        let mut flow = Flow {
            chars: text.chars().collect(),
            at: 0,
        };
        let value = flow
            .value()
            .ok_or_else(|| format!("line {number}: did not find expected ',' or bracket"))?;
        flow.blanks();
        return if flow.at == flow.chars.len() {
            Ok(value)
        } else {
            Err(format!("line {number}: unexpected text behind a bracket"))
        };
    }
    if text.starts_with(['|', '>', '&', '*', '!']) {
        return Err(format!(
            "line {number}: block scalars, anchors and tags are not part of the embedded world"
        ));
    }
    Ok(plain_or_quoted(text))
}

fn plain_or_quoted(text: &str) -> Value {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(text) = inside('"') {
        return Value::String(
            text.replace("\\\"", "\"")
                .replace("\\n", "\n")
                .replace("\\\\", "\\"),
        );
    }
    if let Some(text) = inside('\'') {
        return Value::String(text.replace("''", "'"));
    }
    match text {
        "null" | "~" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => text
            .parse::<i64>()
            .map_or_else(|_| Value::String(text.to_owned()), Value::from),
    }
}

struct Flow {
    chars: Vec<char>,
    at: usize,
}

impl Flow {
    fn blanks(&mut self) {
        while self.chars.get(self.at) == Some(&' ') {
            self.at += 1;
        }
    }

    fn take(&mut self, c: char) -> bool {
        self.blanks();
        let found = self.chars.get(self.at) == Some(&c);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Option<Value> {
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.value()?);
                if !self.take(',') && self.chars.get(self.at) != Some(&']') {
                    return None;
                }
            }
            return Some(Value::Array(items));
        }
        if self.take('{') {
            let mut map = Map::new();
            while !self.take('}') {
                let name = self.word(&[':', ',', '}'])?;
                let value = if self.take(':') {
                    self.value()?
                } else {
                    Value::Null
                };
                map.insert(name.as_str()?.to_owned(), value);
                if !self.take(',') && self.chars.get(self.at) != Some(&'}') {
                    return None;
                }
            }
            return Some(Value::Object(map));
        }
        self.word(&[',', ']', '}'])
    }

    /// A scalar up to one of `ends`, which quotes hide.
    fn word(&mut self, ends: &[char]) -> Option<Value> {
        self.blanks();
        let from = self.at;
        if let Some(quote) = self
            .chars
            .get(from)
            .copied()
            .filter(|c| matches!(c, '"' | '\''))
        {
            self.at += 1;
            while *self.chars.get(self.at)? != quote || self.chars[self.at - 1] == '\\' {
                self.at += 1;
            }
            self.at += 1;
        } else {
            while !ends.contains(self.chars.get(self.at)?) {
                self.at += 1;
            }
        }
        let text: String = self.chars[from..self.at].iter().collect();
        Some(plain_or_quoted(text.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_compose_file_is_read_as_people_write_it() {
        let text = r#"
# the shop
services:
  backend:
    image: "ghcr.io/acme/shop:${TAG:-main}" # pinned
    command: ["sh", "-c", 'exec serve']
    ports:
    - "8000:8000"
    depends_on:
      db: {condition: service_healthy, required: true}
    environment:
      - A=b
      - name: x
        other: 3
  db:
    restart: 'no'
    read_only: true
volumes: {}
"#;
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "services": {
                    "backend": {
                        "image": "ghcr.io/acme/shop:${TAG:-main}",
                        "command": ["sh", "-c", "exec serve"],
                        "ports": ["8000:8000"],
                        "depends_on": { "db": { "condition": "service_healthy", "required": true } },
                        "environment": ["A=b", { "name": "x", "other": 3 }],
                    },
                    "db": { "restart": "no", "read_only": true },
                },
                "volumes": {},
            })
        );
    }

    #[test]
    fn json_is_yaml_too() {
        assert_eq!(
            parse("{\"services\": {}}").unwrap(),
            json!({ "services": {} })
        );
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        for (text, line) in [
            ("services:\n  backend\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: [1\n", 1),
            ("a:\n    b: 1\n  c: 2\n", 3),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("line {line}:")), "{error}");
        }
    }
}
