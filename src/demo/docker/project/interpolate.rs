//! `.env` files, and `${…}` in compose files, as Compose reads them.

use std::collections::BTreeMap;

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Reads an environment file into `variables`; a later line wins.
pub fn read_env(text: &str, variables: &mut Variables) -> Result<(), String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let mut value = value.trim_start().to_owned();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote {
            // A quoted value goes on over line ends until its quote.
            while !value[1..].contains(quote) {
                let next = lines
                    .next()
                    .ok_or_else(|| format!("unterminated quoted value {name}"))?;
                value.push('\n');
                value.push_str(next);
            }
            let inside: String = value[1..].chars().take_while(|c| *c != quote).collect();
            value = if quote == '"' {
                expand(&inside, variables)?
            } else {
                inside
            };
        } else {
            let plain = value.split(" #").next().unwrap_or_default().trim_end();
            value = expand(plain, variables)?;
        }
        variables.insert(name.trim().to_owned(), value);
    }
    Ok(())
}

/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`,
/// `${NAME?message}`, `${NAME:+other}` and `$$`.
pub fn expand(text: &str, variables: &Variables) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end = closing(after)
                .ok_or_else(|| format!("invalid interpolation format for {text:?}"))?;
            out.push_str(&braced(&after[..end], variables)?);
            rest = &after[end + 1..];
        } else {
            let length = name_length(rest);
            if length == 0 {
                return Err(format!("invalid interpolation format for {text:?}"));
            }
            out.push_str(variables.get(&rest[..length]).map_or("", String::as_str));
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The position of the brace that closes the one before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (index, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

fn name_length(text: &str) -> usize {
    text.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

fn braced(inside: &str, variables: &Variables) -> Result<String, String> {
    let (name, rest) = inside.split_at(name_length(inside));
    let value = variables.get(name).map(String::as_str);
    let filled = value.filter(|value| !value.is_empty());
    let missing = |message: &str| format!("required variable {name} is missing a value: {message}");
    let chosen = |value: Option<&str>, other: &str| match value {
        Some(value) => Ok(value.to_owned()),
        None => expand(other, variables),
    };
    if rest.is_empty() {
        Ok(value.unwrap_or_default().to_owned())
    } else if let Some(default) = rest.strip_prefix(":-") {
        chosen(filled, default)
    } else if let Some(default) = rest.strip_prefix('-') {
        chosen(value, default)
    } else if let Some(message) = rest.strip_prefix(":?") {
        filled.map(str::to_owned).ok_or_else(|| missing(message))
    } else if let Some(message) = rest.strip_prefix('?') {
        value.map(str::to_owned).ok_or_else(|| missing(message))
    } else if let Some(other) = rest.strip_prefix(":+") {
        filled.map_or(Ok(String::new()), |_| expand(other, variables))
    } else {
        Err(format!(
            "invalid interpolation format for \"${{{inside}}}\""
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_name_wins_and_quotes_are_no_part_of_a_value() {
        let mut variables = Variables::new();
        let text = "\u{feff}# c\nTAG=v1\r\nexport TAG = v2 # now\nQ=\"a b\"\nS='$TAG'\nM=\"x\ny\"\nR=${TAG}-x\n";
        read_env(text, &mut variables).unwrap();
        let get = |name: &str| variables[name].as_str();
        assert_eq!((get("TAG"), get("Q"), get("S")), ("v2", "a b", "$TAG"));
        assert_eq!((get("M"), get("R")), ("x\ny", "v2-x"));
    }

    #[test]
    fn every_form_of_a_variable_is_replaced() {
        let variables = Variables::from([
            ("A".to_owned(), "a".to_owned()),
            ("E".to_owned(), String::new()),
        ]);
        for (text, expected) in [
            ("$A/${A}/$$A", "a/a/$A"),
            ("${E:-d}${E-d}${X-d}", "dd"),
            ("${X:-${A}}", "a"),
            ("${A:+yes}${X:+no}", "yes"),
        ] {
            assert_eq!(expand(text, &variables).unwrap(), expected, "{text}");
        }
        let missing = expand("${X:?set it}", &variables).unwrap_err();
        assert_eq!(missing, "required variable X is missing a value: set it");
    }
}
