//! Reads tables key by key, and notes everything that is not as it should be instead of stopping.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::config::{
    keys::{self, Keys},
    problem::Problems,
};

/// A value and where it is written.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// One table, with the keys that it may hold.
pub(super) struct Fields<'t> {
    table: &'t DeTable<'t>,
    span: std::ops::Range<usize>,
    name: String,
}

impl<'t> Fields<'t> {
    /// Opens `value` as a table that people call `name`. `span` is where its name is written. Unknown
    /// keys are noted at once.
    pub(super) fn open(
        value: &'t Value<'t>,
        span: std::ops::Range<usize>,
        name: impl Into<String>,
        known: Keys,
        p: &mut Problems,
    ) -> Option<Self> {
        let name = name.into();
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(value, &format!("{name} is a table"), p);
            return None;
        };
        for key in table.keys() {
            if !known.keys.iter().any(|known| known == key.get_ref()) {
                unknown_key(key, &name, known, p);
            }
        }
        Some(Self { table, span, name })
    }

    /// What people call the table.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where the table's name is written.
    pub(super) fn span(&self) -> std::ops::Range<usize> {
        self.span.clone()
    }

    /// The value of `key`, where it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'t Value<'t>> {
        self.table.get(key)
    }

    /// Where `key` itself is written.
    pub(super) fn key_span(&self, key: &str) -> Option<std::ops::Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// The value of `key`, or a problem that says what it is for.
    pub(super) fn required(
        &self,
        key: &str,
        example: &str,
        p: &mut Problems,
    ) -> Option<&'t Value<'t>> {
        let value = self.get(key);
        if value.is_none() {
            p.disagree(
                self.span(),
                format!("{} has no {key:?}", self.name),
                format!("add {example}"),
            );
        }
        value
    }

    pub(super) fn text(&self, key: &str, p: &mut Problems) -> Option<Spanned<&'t str>> {
        text(self.get(key)?, key, p)
    }

    pub(super) fn flag(&self, key: &str, p: &mut Problems) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong_type(value, &format!("{key:?} is true or false"), p);
        }
        flag
    }

    /// A list of texts.
    pub(super) fn list(&self, key: &str, p: &mut Problems) -> Option<Vec<Spanned<&'t str>>> {
        list(self.get(key)?, key, p)
    }

    /// A list of texts, each parsed, none twice.
    pub(super) fn parsed_list<T>(&self, key: &str, p: &mut Problems) -> Option<Vec<Spanned<T>>>
    where
        T: FromStr + PartialEq + Display,
        T::Err: Display,
    {
        let mut parsed: Vec<Spanned<T>> = Vec::new();
        for item in self.list(key, p)? {
            if let Some(value) = parse(&item, p) {
                if parsed.iter().any(|earlier| *earlier.get_ref() == value) {
                    p.add(
                        item.span(),
                        format!("{value} is in {key:?} twice"),
                        "take one of them away",
                    );
                }
                parsed.push(Spanned::new(item.span(), value));
            }
        }
        Some(parsed)
    }

    /// A command and its arguments: a list, or a line that is cut at spaces as a shell does.
    pub(super) fn words(&self, key: &str, p: &mut Problems) -> Option<Vec<String>> {
        words(self.get(key)?, key, p)
    }

    /// A whole number inside `range`.
    pub(super) fn number(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        default: u64,
        p: &mut Problems,
    ) -> u64 {
        let Some(value) = self.get(key) else {
            return default;
        };
        let Some(integer) = value.get_ref().as_integer() else {
            wrong_type(value, &format!("{key:?} is a number"), p);
            return default;
        };
        match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(n) if u64::try_from(n).is_ok_and(|n| range.contains(&n)) => n.unsigned_abs(),
            _ => {
                p.add(
                    value.span(),
                    format!("{integer} is out of range"),
                    format!("{key:?} goes from {} to {}", range.start(), range.end()),
                );
                default
            }
        }
    }

    /// A duration inside `range`, in whole seconds: a server's `sleep` knows no smaller ones.
    pub(super) fn seconds(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        default: u64,
        p: &mut Problems,
    ) -> Duration {
        let default = Duration::from_secs(default);
        let Some(value) = self.get(key) else {
            return default;
        };
        let meant = format!("{key:?} is a duration such as \"90s\", \"2m\" or \"1h 30m\"");
        let Some(text) = value.get_ref().as_str() else {
            wrong_type(value, &meant, p);
            return default;
        };
        let Ok(duration) = text.parse::<jiff::SignedDuration>() else {
            p.add(value.span(), format!("{text:?} is not a duration"), meant);
            return default;
        };
        let whole = duration.subsec_nanos() == 0;
        match u64::try_from(duration.as_secs()) {
            Ok(seconds) if whole && range.contains(&seconds) => Duration::from_secs(seconds),
            _ => {
                p.add(
                    value.span(),
                    format!("{text:?} is out of range"),
                    format!(
                        "{key:?} goes from {}s to {}s, in whole seconds",
                        range.start(),
                        range.end()
                    ),
                );
                default
            }
        }
    }

    /// A text that is parsed; its error says what it should have been.
    pub(super) fn parsed<T>(&self, key: &str, p: &mut Problems) -> Option<Spanned<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.text(key, p)?;
        parse(&text, p).map(|value| Spanned::new(text.span(), value))
    }

    /// A list of lists of texts that are parsed; empty where there is none.
    pub(super) fn parsed_lists<T>(&self, key: &str, p: &mut Problems) -> Vec<Vec<Spanned<T>>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let meant = format!("{key:?} is a list of lists such as [[\"one\"], [\"two\", \"three\"]]");
        let Some(array) = value.get_ref().as_array() else {
            wrong_type(value, &meant, p);
            return Vec::new();
        };
        let mut lists = Vec::new();
        for item in array {
            if !item.get_ref().is_array() {
                wrong_type(item, &meant, p);
                continue;
            }
            let texts = list(item, key, p).unwrap_or_default();
            lists.push(
                texts
                    .iter()
                    .filter_map(|text| Some(Spanned::new(text.span(), parse(text, p)?)))
                    .collect(),
            );
        }
        lists
    }

    /// An `http` or `https` address without a login in it.
    pub(super) fn url(&self, key: &str, p: &mut Problems) -> Option<url::Url> {
        let text = self.text(key, p)?;
        let meant = "write an address such as \"https://shop.example.com/status\"";
        match url::Url::parse(text.get_ref()) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                p.hide(text.span());
                p.add(
                    text.span(),
                    "a login in an address is a secret written in clear",
                    "addresses are shown on the screen and recorded: take it out",
                );
                None
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            Ok(url) => {
                p.add(
                    text.span(),
                    format!("{}: is not asked over HTTP", url.scheme()),
                    meant,
                );
                None
            }
            Err(error) => {
                p.add(text.span(), format!("not an address: {error}"), meant);
                None
            }
        }
    }
}

/// The entries of a table whose keys the operator chooses, in the order of the file.
pub(super) fn entries<'t>(
    value: &'t Value<'t>,
    name: &str,
    p: &mut Problems,
) -> Vec<(Spanned<&'t str>, &'t Value<'t>)> {
    let Some(table) = value.get_ref().as_table() else {
        wrong_type(value, &format!("{name} is a table"), p);
        return Vec::new();
    };
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| (Spanned::new(key.span(), &**key.get_ref()), value))
        .collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// `value` as a text.
pub(super) fn text<'t>(
    value: &'t Value<'t>,
    key: &str,
    p: &mut Problems,
) -> Option<Spanned<&'t str>> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        wrong_type(value, &format!("{key:?} is a text in quotes"), p);
    }
    text.map(|text| Spanned::new(value.span(), text))
}

/// `value` as a list of texts.
pub(super) fn list<'t>(
    value: &'t Value<'t>,
    key: &str,
    p: &mut Problems,
) -> Option<Vec<Spanned<&'t str>>> {
    let Some(array) = value.get_ref().as_array() else {
        wrong_type(
            value,
            &format!("{key:?} is a list such as [\"one\", \"two\"]"),
            p,
        );
        return None;
    };
    Some(array.iter().filter_map(|item| text(item, key, p)).collect())
}

/// `value` as a command and its arguments.
pub(super) fn words(value: &Value<'_>, key: &str, p: &mut Problems) -> Option<Vec<String>> {
    let words = match value.get_ref() {
        DeValue::String(line) => match shell_words::split(line) {
            Ok(words) => words,
            Err(error) => {
                p.add(value.span(), format!("not a command: {error}"), "");
                return None;
            }
        },
        _ => list(value, key, p)?
            .iter()
            .map(|word| (*word.get_ref()).to_owned())
            .collect(),
    };
    if words.iter().any(|word| word.contains('\0')) || words.is_empty() {
        p.add(
            value.span(),
            format!("{key:?} is not a command"),
            "name a program and its arguments",
        );
        return None;
    }
    Some(words)
}

/// `text` parsed, or the parser's own words as a problem.
pub(super) fn parse<T>(text: &Spanned<&str>, p: &mut Problems) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match text.get_ref().parse() {
        Ok(value) => Some(value),
        Err(error) => {
            p.add(text.span(), error.to_string(), "");
            None
        }
    }
}

/// Notes that `value` has another type than `meant`.
pub(super) fn wrong_type(value: &Value<'_>, meant: &str, p: &mut Problems) {
    let article = match value.get_ref() {
        DeValue::Integer(_) | DeValue::Array(_) => "an",
        _ => "a",
    };
    p.add(
        value.span(),
        format!("{meant}, not {article} {}", value.get_ref().type_str()),
        "",
    );
}

fn unknown_key(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    table: &str,
    known: Keys,
    p: &mut Problems,
) {
    const ALMOST_THE_SAME: f64 = 0.9;
    let word = key.get_ref();
    let candidates = known.keys.iter().copied();
    let nearest = keys::nearest(word, candidates.clone());
    let help = match keys::elsewhere(word, known) {
        Some(other) if nearest.is_none_or(|(_, likeness)| likeness < ALMOST_THE_SAME) => {
            format!("it belongs in [{other}]")
        }
        _ => keys::did_you_mean(word, candidates),
    };
    p.add(key.span(), format!("unknown key {word:?} in {table}"), help);
}
