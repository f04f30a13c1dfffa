//! Text into a shell's words: what arrives is byte for byte what was meant.

/// A text that no shell word can hold, since it has a NUL byte in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} holds a NUL byte, which no command can be given; take it out")]
pub struct Unquotable {
    /// The text, for people.
    pub shown: String,
}

/// One word of a POSIX shell that stands for exactly `text`. Words of harmless characters stay as they
/// are, so that commands read as a person would type them.
///
/// # Errors
/// A NUL byte.
pub fn quote(text: &str) -> Result<String, Unquotable> {
    if text.contains('\0') {
        return Err(Unquotable {
            shown: text.to_owned(),
        });
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A directory as a shell word; `~` is the home of whoever logs in there.
///
/// # Errors
/// A NUL byte.
pub fn directory(path: &str) -> Result<String, Unquotable> {
    match path.strip_prefix('~') {
        Some("") => Ok("\"$HOME\"".to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(format!("\"$HOME\"{}", quote(rest)?)),
        _ => quote(path),
    }
}

/// A `printf` that prints exactly `bytes`, NUL bytes too. Its text is printable ASCII: shells differ in
/// what they make of other bytes.
pub fn printf(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8 + 16);
    text.push_str("printf '");
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => text.push_str(r"\n"),
            b'\t' => text.push_str(r"\t"),
            b'\\' => text.push_str(r"\\"),
            b'%' => text.push_str("%%"),
            // At the beginning it would look like an option.
            b'-' if at == 0 => text.push_str(r"\055"),
            b'\'' => text.push_str(r"\047"),
            b' '..=b'~' => text.push(char::from(byte)),
            // Three digits always: a digit may follow.
            _ => text.push_str(&format!(r"\{byte:03o}")),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_words_stay_readable() {
        assert_eq!(
            quote("ghcr.io/acme/shop@sha256:41d0").unwrap(),
            "ghcr.io/acme/shop@sha256:41d0"
        );
    }

    #[test]
    fn everything_else_is_quoted() {
        assert_eq!(quote("").unwrap(), "''");
        assert_eq!(quote("~/shop").unwrap(), "'~/shop'");
        assert_eq!(quote("a'b $x").unwrap(), r"'a'\''b $x'");
    }

    #[test]
    fn a_directory_may_be_a_home_or_lie_in_it() {
        for (path, word) in [
            ("~", "\"$HOME\""),
            ("~/it's", "\"$HOME\"'/it'\\''s'"),
            ("~mira", "'~mira'"),
            ("/srv/shop", "/srv/shop"),
        ] {
            assert_eq!(directory(path).unwrap(), word);
        }
    }

    #[test]
    fn a_nul_byte_is_refused_with_words() {
        assert!(
            quote("a\0b")
                .unwrap_err()
                .to_string()
                .contains("holds a NUL byte")
        );
    }

    #[test]
    fn printf_text_is_printable_ascii() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(printf(&all).bytes().all(|b| (b' '..=b'~').contains(&b)));
        assert_eq!(printf(b"-n%\\"), r"printf '\055n%%\\'");
    }
}
