//! `.env` files as Compose reads them, with the place of each value, so that one can be set and every
//! other byte stays. Follows Compose's own reader, not a shell: `export`, a byte order mark, `:` for
//! `=`, quotes over several lines, inline comments only after a space, the last of duplicates wins.

use std::{collections::BTreeMap, ops::Range};

use super::expand::{LONGEST, escapes, expand};

/// Why a file is no `.env` file to Compose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadDotenv {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there; holds no value.
    pub what: &'static str,
}

/// One `NAME=value` of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub name: String,
    /// Where its value stands, without quotes: what [`set`] replaces.
    span: Range<usize>,
    /// How it is written.
    quote: Option<u8>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The assignments of a file. Lines with a name alone take their value from the process environment,
/// where our commands have none: they are left out.
///
/// # Errors
/// What Compose itself would refuse to read.
pub fn assignments(bytes: &[u8]) -> Result<Vec<Assignment>, BadDotenv> {
    let mut found = Vec::new();
    let mut at = if bytes.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    while let Some(start) = statement(bytes, at) {
        let bad = |what| BadDotenv {
            line: line_of(bytes, start),
            what,
        };
        let (name, after, inherited) = name(bytes, start).map_err(bad)?;
        if name.contains(' ') {
            return Err(bad("a variable's name cannot contain a space"));
        }
        if inherited {
            at = after;
            continue;
        }
        let value = skip(bytes, after, is_space);
        match bytes
            .get(value)
            .copied()
            .filter(|b| matches!(b, b'"' | b'\''))
        {
            Some(quote) => {
                let end = closing(bytes, value, quote)
                    .ok_or_else(|| bad("a quote that is never closed"))?;
                found.push(Assignment {
                    name,
                    span: value + 1..end,
                    quote: Some(quote),
                });
                at = end + 1;
            }
            None => {
                let line = until(bytes, value, b'\n');
                let text = &bytes[value..line];
                let comment = text.windows(2).position(|pair| pair == b" #");
                let length = trimmed(&text[..comment.unwrap_or(text.len())]);
                // An empty value is set right after the sign: what follows may be a CR that belongs
                // to the line's end.
                let span = if length == 0 {
                    after..after
                } else {
                    value..value + length
                };
                found.push(Assignment {
                    name,
                    span,
                    quote: None,
                });
                at = (line + 1).min(bytes.len());
            }
        }
    }
    Ok(found)
}

/// The line, from 1, in which a byte stands.
fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|b| **b == b'\n').count()
}

/// The values that a file gives, as Compose would see them with an empty process environment; `above`
/// are those of the files before it. Bytes that are no UTF-8 become U+FFFD.
///
/// # Errors
/// What Compose itself would refuse to read, and a value that becomes longer than any real one.
pub fn values(
    bytes: &[u8],
    above: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, BadDotenv> {
    let mut values = above.clone();
    for assignment in assignments(bytes)? {
        let start = assignment.span.start;
        let raw = &bytes[assignment.span.clone()];
        let value = match assignment.quote {
            None => expand(&String::from_utf8_lossy(raw), &values),
            Some(quote) => {
                let text = String::from_utf8_lossy(&unquoted(raw, quote)).into_owned();
                if quote == b'"' {
                    expand(&escapes(&text), &values)
                } else {
                    text
                }
            }
        };
        if value.len() > LONGEST {
            return Err(BadDotenv {
                line: line_of(bytes, start),
                what: "a value becomes longer than 64 KiB",
            });
        }
        values.insert(assignment.name, value);
    }
    Ok(values)
}

/// Why a variable cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSet {
    /// The file is none to Compose.
    #[error(transparent)]
    File(#[from] BadDotenv),
    /// The value would need quoting: not one that pins an image.
    #[error("the value holds characters that an environment file would read otherwise")]
    Value,
    /// The name is none.
    #[error("{0:?} is not a variable's name")]
    Name(String),
}

/// The file with `variable` set to `value`, every other byte as it was. The last assignment is
/// replaced, in its own quotes; without one a line is appended, ended as the file's others are.
///
/// # Errors
/// A file that Compose would not read, a name that is none, or a value with other characters than
/// letters, digits and `._:/@+-`.
pub fn set(bytes: &[u8], variable: &str, value: &str) -> Result<Vec<u8>, NotSet> {
    if !is_plain(value) {
        return Err(NotSet::Value);
    }
    if !is_variable(variable) {
        return Err(NotSet::Name(variable.to_owned()));
    }
    let last = assignments(bytes)?
        .into_iter()
        .rev()
        .find(|assignment| assignment.name == variable);
    let mut out = Vec::with_capacity(bytes.len() + variable.len() + value.len() + 4);
    match last {
        Some(assignment) => {
            out.extend_from_slice(&bytes[..assignment.span.start]);
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(&bytes[assignment.span.end..]);
        }
        None => {
            let end: &[u8] = match bytes.iter().position(|b| *b == b'\n') {
                Some(at) if at > 0 && bytes[at - 1] == b'\r' => b"\r\n",
                _ => b"\n",
            };
            out.extend_from_slice(bytes);
            if !bytes.is_empty() && bytes != BYTE_ORDER_MARK && !bytes.ends_with(b"\n") {
                out.extend_from_slice(end);
            }
            out.extend_from_slice(format!("{variable}={value}").as_bytes());
            out.extend_from_slice(end);
            // A last line without sign and line break was a value of no name; now it is a line.
            assignments(&out)?;
        }
    }
    Ok(out)
}

fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'@' | b'+' | b'-')
        })
}

/// Whether a shell can unset it and Compose can interpolate it.
pub fn is_variable(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Where the next statement begins: past blank space and comments.
fn statement(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = skip(bytes, at, char::is_whitespace);
        match bytes.get(at) {
            None => return None,
            Some(b'#') => at = until(bytes, at, b'\n'),
            Some(_) => return Some(at),
        }
    }
}

/// The name at `start`, where what follows its sign begins, and whether there was no sign.
fn name(bytes: &[u8], start: usize) -> Result<(String, usize, bool), &'static str> {
    let mut begin = start;
    if bytes[start..].starts_with(b"export")
        && bytes
            .get(start + 6)
            .is_some_and(|b| matches!(b, b'\t' | b'\n' | 0x0c | b'\r' | b' '))
    {
        begin = skip(bytes, start + 6, is_space);
    }
    let mut at = begin;
    loop {
        let Some((c, length)) = character(bytes, at) else {
            // A last line without sign and line break: Compose takes it for the value of no name.
            return if begin == bytes.len() {
                Err("a line that says only \"export\"")
            } else {
                Ok((String::new(), begin, false))
            };
        };
        match c {
            '=' | ':' | '\n' => {
                let name = String::from_utf8_lossy(&bytes[begin..at]);
                return Ok((name.trim_end().to_owned(), at + length, c == '\n'));
            }
            '_' | '.' | '-' | '[' | ']' => {}
            c if is_space(c) || c.is_alphanumeric() => {}
            _ => return Err("a character that no variable's name can have"),
        }
        at += length;
    }
}

/// Where the quote at `open` is closed.
fn closing(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(open + 1) {
        if *byte == quote && !escaped {
            return Some(at);
        }
        escaped = *byte == b'\\' && !escaped;
    }
    None
}

/// What stands between quotes, with its escaped quotes as quotes.
fn unquoted(raw: &[u8], quote: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut escaped = false;
    for byte in raw {
        if !escaped && *byte == b'\\' {
            escaped = true;
            continue;
        }
        if escaped && *byte != quote {
            out.push(b'\\');
        }
        escaped = false;
        out.push(*byte);
    }
    out
}

/// The character at `at` and its length; a byte that is no UTF-8 counts as U+FFFD.
fn character(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let head = &rest[..rest.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    Some(
        valid
            .chars()
            .next()
            .map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())),
    )
}

fn skip(bytes: &[u8], from: usize, skipped: fn(char) -> bool) -> usize {
    let mut at = from;
    while let Some((c, length)) = character(bytes, at) {
        if !skipped(c) {
            break;
        }
        at += length;
    }
    at
}

fn until(bytes: &[u8], from: usize, end: u8) -> usize {
    bytes[from..]
        .iter()
        .position(|b| *b == end)
        .map_or(bytes.len(), |n| from + n)
}

/// The length of `text` without the blank space at its end.
fn trimmed(text: &[u8]) -> usize {
    let mut end = 0;
    let mut at = 0;
    while let Some((c, length)) = character(text, at) {
        at += length;
        if !c.is_whitespace() {
            end = at;
        }
    }
    end
}

/// Blank space inside a line, as Compose has it.
fn is_space(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

#[cfg(test)]
mod tests;
