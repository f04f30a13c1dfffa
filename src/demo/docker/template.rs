//! As much of Go's templates as `--format` is used with: fields, `json`, `index`, `len`, `println`,
//! `if`, `range`, `with`, `else`, `end`, and comparing with `eq`/`ne`.

mod evaluate;

use serde_json::Value;

use self::evaluate::{evaluate, is_true, plain};

/// Fills `template` from `data`.
///
/// # Errors
/// In the words of Docker's template parser, for what is not known here.
pub fn render(template: &str, data: &Value) -> Result<String, String> {
    let mut tokens = tokens(template)?;
    tokens.reverse();
    let (nodes, end) = parse(&mut tokens)?;
    if let Some(end) = end {
        return Err(format!("template parsing error: unexpected {{{{{end}}}}}"));
    }
    let mut out = String::new();
    run(&nodes, data, data, &mut out)?;
    Ok(out)
}

enum Token {
    Text(String),
    Action(String),
}

enum Node {
    Text(String),
    Print(Vec<String>),
    If(Vec<String>, Vec<Node>, Vec<Node>),
    Range(Vec<String>, Vec<Node>, Vec<Node>),
    With(Vec<String>, Vec<Node>, Vec<Node>),
}

fn tokens(template: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        let mut text = rest[..at].to_owned();
        let action = &rest[at + 2..];
        let end = action
            .find("}}")
            .ok_or("template parsing error: unclosed action")?;
        let mut inside = &action[..end];
        rest = &action[end + 2..];
        if let Some(trimmed) = inside.strip_prefix("- ") {
            text.truncate(text.trim_end().len());
            inside = trimmed;
        }
        if let Some(trimmed) = inside.strip_suffix(" -") {
            inside = trimmed;
            rest = rest.trim_start();
        }
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        tokens.push(Token::Action(inside.trim().to_owned()));
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest.to_owned()));
    }
    Ok(tokens)
}

/// Nodes up to `end` or `else`, which is returned.
fn parse(tokens: &mut Vec<Token>) -> Result<(Vec<Node>, Option<String>), String> {
    let mut nodes = Vec::new();
    while let Some(token) = tokens.pop() {
        let action = match token {
            Token::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Token::Action(action) => action,
        };
        let words = words(&action)?;
        let rest = words.get(1..).unwrap_or_default().to_vec();
        let kind = words.first().map_or("", String::as_str);
        match kind {
            "end" | "else" => return Ok((nodes, Some(action))),
            "if" | "range" | "with" => {
                let (then, other) = block(tokens)?;
                nodes.push(match kind {
                    "if" => Node::If(rest, then, other),
                    "range" => Node::Range(rest, then, other),
                    _ => Node::With(rest, then, other),
                });
            }
            _ => nodes.push(Node::Print(words)),
        }
    }
    Ok((nodes, None))
}

fn block(tokens: &mut Vec<Token>) -> Result<(Vec<Node>, Vec<Node>), String> {
    const OPEN: &str = "template parsing error: unexpected EOF";
    let (then, end) = parse(tokens)?;
    match end.as_deref() {
        Some("end") => Ok((then, Vec::new())),
        Some("else") => {
            let (other, end) = parse(tokens)?;
            end.map(|_| (then, other)).ok_or_else(|| OPEN.to_owned())
        }
        Some(chained) => {
            // `else if …` is an `else` with an `if` inside that shares its `end`.
            let inner = chained.strip_prefix("else ").unwrap_or_default();
            let words = words(inner)?;
            let (inner_then, inner_other) = block(tokens)?;
            let condition = words.get(1..).unwrap_or_default().to_vec();
            Ok((then, vec![Node::If(condition, inner_then, inner_other)]))
        }
        None => Err(OPEN.to_owned()),
    }
}

/// An action's words: quoted texts are one, with their first quote kept; so are parentheses.
fn words(action: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = action.chars().peekable();
    while let Some(c) = chars.next() {
        let mut word = String::from(c);
        match c {
            ' ' => continue,
            '"' | '`' => {
                let mut closed = false;
                while let Some(next) = chars.next() {
                    if next == c {
                        closed = true;
                        break;
                    }
                    if next == '\\' && c == '"' {
                        word.push(match chars.next() {
                            Some('n') => '\n',
                            Some('t') => '\t',
                            Some(other) => other,
                            None => break,
                        });
                    } else {
                        word.push(next);
                    }
                }
                if !closed {
                    return Err("template parsing error: unterminated quoted string".to_owned());
                }
            }
            '(' => {
                let mut depth = 1;
                for next in chars.by_ref() {
                    depth += i32::from(next == '(') - i32::from(next == ')');
                    if depth == 0 {
                        break;
                    }
                    word.push(next);
                }
            }
            _ => {
                while let Some(next) = chars.next_if(|c| *c != ' ') {
                    word.push(next);
                }
            }
        }
        words.push(word);
    }
    Ok(words)
}

fn run(nodes: &[Node], dot: &Value, root: &Value, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(words) => {
                if let Some(value) = evaluate(words, dot, root)? {
                    out.push_str(&plain(&value));
                } else {
                    out.push_str("<no value>");
                }
            }
            Node::If(condition, then, other) => {
                let value = evaluate(condition, dot, root)?;
                let chosen = if is_true(value.as_ref()) { then } else { other };
                run(chosen, dot, root, out)?;
            }
            Node::With(words, then, other) => {
                let value = evaluate(words, dot, root)?;
                match value.filter(|value| is_true(Some(value))) {
                    Some(value) => run(then, &value, root, out)?,
                    None => run(other, dot, root, out)?,
                }
            }
            Node::Range(words, then, other) => {
                let items: Vec<Value> = match evaluate(words, dot, root)? {
                    Some(Value::Array(items)) => items,
                    Some(Value::Object(map)) => map.into_iter().map(|(_, value)| value).collect(),
                    _ => Vec::new(),
                };
                if items.is_empty() {
                    run(other, dot, root, out)?;
                }
                for item in items {
                    run(then, &item, root, out)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn templates_say_what_docker_says() {
        let data = json!({
            "Id": "abc",
            "State": { "Status": "running", "Health": { "Status": "healthy" }, "ExitCode": 0 },
            "RepoDigests": ["a@1", "b@2"],
            "Config": { "Labels": { "x.y": "z" } },
            "Empty": [],
        });
        for (template, expected) in [
            ("{{.Id}}", "abc"),
            ("{{.State.ExitCode}} {{ .State.Status }}", "0 running"),
            (
                "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}",
                "healthy",
            ),
            (
                "{{if .State.Nothing}}{{.State.Nothing.Status}}{{else}}none{{end}}",
                "none",
            ),
            ("{{range .RepoDigests}}{{println .}}{{end}}", "a@1\nb@2\n"),
            ("{{range .Empty}}x{{else}}-{{end}}", "-"),
            ("{{json .RepoDigests}}", "[\"a@1\",\"b@2\"]"),
            (
                "{{index .Config.Labels \"x.y\"}}|{{index .Config.Labels \"no\"}}",
                "z|",
            ),
            ("{{index .RepoDigests 0}}", "a@1"),
            ("{{with .State.Health}}{{.Status}}{{end}}", "healthy"),
            (
                "{{if eq .State.Status \"running\"}}y{{else if .Id}}n{{end}}",
                "y",
            ),
            (
                "{{len .RepoDigests}}{{\"\\t\"}}{{.Missing}}",
                "2\t<no value>",
            ),
            ("{{if (index .Config.Labels \"x.y\")}}l{{end}}", "l"),
        ] {
            assert_eq!(render(template, &data).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for template in ["{{bogus .Id}}", "{{.Id", "{{if .Id}}x", "{{end}}"] {
            assert!(render(template, &json!({})).is_err(), "{template}");
        }
    }
}
