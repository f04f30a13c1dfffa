//! Interpolation inside `.env` values: `$NAME`, `${NAME}`, `${NAME:-word}` and its kin, `$$`.

use std::collections::BTreeMap;

/// How deep a default may hold a default: text from outside must not exhaust the stack.
const DEEPEST: usize = 16;

/// A value stops growing here: ten lines that each name the one before ten times would fill the memory.
pub const LONGEST: usize = 64 << 10;

/// `text` with its variables put in; a variable that nobody sets is empty, as Compose has it. What is
/// no variable stays as it is written. What would be longer than [`LONGEST`] is left off somewhere behind
/// that, so that whoever has set a bound to it can tell.
pub fn expand(text: &str, values: &BTreeMap<String, String>) -> String {
    expand_within(text, values, DEEPEST)
}

fn expand_within(text: &str, values: &BTreeMap<String, String>, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    let closing = closing(text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        if out.len() > LONGEST {
            return out;
        }
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((inner, after)) = braced(rest, text.len() - rest.len(), &closing) {
            out.push_str(&substitute(inner, values, depth));
            rest = after;
        } else {
            let length = name_length(rest);
            if length == 0 {
                out.push('$');
            } else {
                out.push_str(values.get(&rest[..length]).map_or("", String::as_str));
                rest = &rest[length..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Where each opening brace of `text` is closed, in their order: found once, since a search from each of
/// them would take for ever where none is closed.
fn closing(text: &str) -> Vec<(usize, usize)> {
    let mut open = Vec::new();
    let mut closed = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => closed.extend(open.pop().map(|opened| (opened, at))),
            _ => {}
        }
    }
    closed.sort_unstable();
    closed
}

/// What stands in the braces with which `rest` begins, and what follows them; `rest` begins at `at` of
/// the text to which `closing` belongs.
fn braced<'a>(rest: &'a str, at: usize, closing: &[(usize, usize)]) -> Option<(&'a str, &'a str)> {
    let found = closing.binary_search_by_key(&at, |(open, _)| *open).ok()?;
    let close = closing[found].1 - at;
    Some((&rest[1..close], &rest[close + 1..]))
}

fn substitute(inner: &str, values: &BTreeMap<String, String>, depth: usize) -> String {
    let (name, rule) = inner.split_at(name_length(inner));
    let value = values.get(name).map(String::as_str);
    let word = |word: &str| {
        depth
            .checked_sub(1)
            .map_or_else(String::new, |depth| expand_within(word, values, depth))
    };
    let filled = value.filter(|value| !value.is_empty());
    let found = |value: Option<&str>| value.unwrap_or_default().to_owned();
    if let Some(default) = rule.strip_prefix(":-") {
        filled.map_or_else(|| word(default), str::to_owned)
    } else if let Some(default) = rule.strip_prefix('-') {
        value.map_or_else(|| word(default), str::to_owned)
    } else if let Some(instead) = rule.strip_prefix(":+") {
        filled.map_or_else(String::new, |_| word(instead))
    } else if let Some(instead) = rule.strip_prefix('+') {
        value.map_or_else(String::new, |_| word(instead))
    } else {
        found(value)
    }
}

fn name_length(text: &str) -> usize {
    text.bytes()
        .enumerate()
        .take_while(|(at, b)| {
            *b == b'_' || b.is_ascii_alphabetic() || (*at > 0 && b.is_ascii_digit())
        })
        .count()
}

/// The escape sequences of a double-quoted value, as Compose knows them; `\$` becomes `$$`, which the
/// interpolation after it turns into a dollar sign.
pub fn escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let replaced = match c {
            '$' => "$$",
            'a' => "\u{7}",
            'b' => "\u{8}",
            'f' => "\u{c}",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\u{b}",
            '"' => "\"",
            '\\' => "\\",
            _ => {
                let digits = rest.bytes().take(4).take_while(u8::is_ascii_digit).count();
                // Octal, with a zero before its three digits.
                match (digits, u8::from_str_radix(&rest[..digits], 8)) {
                    (4, Ok(byte)) if c == '0' => {
                        out.push(char::from(byte));
                        rest = &rest[4..];
                    }
                    _ => out.push('\\'),
                }
                continue;
            }
        };
        out.push_str(replaced);
        rest = &rest[c.len_utf8()..];
    }
    out.push_str(rest);
    out
}
