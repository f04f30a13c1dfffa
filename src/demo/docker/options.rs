//! Command lines: options before and between arguments.

use super::console::Complaint;

/// An option that a command knows: its names, and whether a value follows.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    names: &'static [&'static str],
    takes_value: bool,
}

/// An option with a value, by its names, dashes included.
pub const fn value(names: &'static [&'static str]) -> Known {
    Known {
        names,
        takes_value: true,
    }
}

/// An option without one.
pub const fn flag(names: &'static [&'static str]) -> Known {
    Known {
        names,
        takes_value: false,
    }
}

/// A command line in its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    given: Vec<(&'static str, String)>,
    /// What is not an option.
    pub arguments: Vec<String>,
}

impl Options {
    /// Reads a command line. Where `stops` is set, everything from the first argument on is one: the
    /// words of another command.
    pub fn parse(words: &[String], known: &[Known], stops: bool) -> Result<Self, Complaint> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                options.arguments.extend(words.by_ref().cloned());
            } else if !word.starts_with('-') || word == "-" {
                options.arguments.push(word.clone());
                if stops {
                    options.arguments.extend(words.by_ref().cloned());
                }
            } else {
                let (name, inline) = match word.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (word.as_str(), None),
                };
                options.take(name, inline, &mut words, known)?;
            }
        }
        Ok(options)
    }

    fn take(
        &mut self,
        name: &str,
        inline: Option<String>,
        words: &mut std::slice::Iter<'_, String>,
        known: &[Known],
    ) -> Result<(), Complaint> {
        let find = |name: &str| known.iter().find(|k| k.names.contains(&name));
        if let Some(option) = find(name) {
            let value = match (option.takes_value, inline) {
                (true, Some(value)) => value,
                (true, None) => words.next().cloned().ok_or_else(|| {
                    Complaint::with_code(format!("flag needs an argument: {name}"), 125)
                })?,
                (false, value) => value.unwrap_or_else(|| "true".to_owned()),
            };
            if value != "false" || option.takes_value {
                self.given.push((option.names[0], value));
            }
            return Ok(());
        }
        // `-qT`, `-n5`: short options in one word.
        let unknown = || Complaint::with_code(format!("unknown flag: {name}"), 125);
        let short = name
            .strip_prefix('-')
            .filter(|short| !short.starts_with('-'));
        let mut letters = short.ok_or_else(unknown)?.chars();
        while let Some(letter) = letters.next() {
            let option = find(&format!("-{letter}")).ok_or_else(unknown)?;
            if option.takes_value {
                let rest: String = letters.by_ref().collect();
                let value = match (rest.is_empty(), inline.clone()) {
                    (false, None) => rest,
                    (false, Some(more)) => format!("{rest}={more}"),
                    (true, Some(value)) => value,
                    (true, None) => words.next().cloned().ok_or_else(unknown)?,
                };
                self.given.push((option.names[0], value));
            } else {
                self.given.push((option.names[0], "true".to_owned()));
            }
        }
        Ok(())
    }

    /// Whether a flag is set, by its first name.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// An option's last value, by its first name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut given = self.given.iter().rev();
        given
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }

    /// All of an option's values, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given
            .iter()
            .filter(move |(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }

    /// An option's value as a number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Complaint> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    Complaint::with_code(
                        format!("invalid argument \"{text}\" for \"{name}\" flag"),
                        125,
                    )
                })
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[
        flag(&["-d", "--detach"]),
        flag(&["-q", "--quiet"]),
        value(&["--format", "-f"]),
        value(&["--tail", "-n"]),
    ];

    fn parse(line: &str, stops: bool) -> Result<Options, Complaint> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Options::parse(&words, KNOWN, stops)
    }

    #[test]
    fn options_stand_where_people_put_them() {
        let options = parse("-dq --format=json web --tail 5 db", false).unwrap();
        assert!(options.has("-d") && options.has("-q"));
        assert_eq!(options.get("--format"), Some("json"));
        assert_eq!(options.number("--tail").unwrap(), Some(5));
        assert_eq!(options.arguments, ["web", "db"]);
        assert_eq!(parse("-n5 x", false).unwrap().get("--tail"), Some("5"));
    }

    #[test]
    fn another_commands_words_are_left_alone() {
        let options = parse("-d web ls -l --all", true).unwrap();
        assert_eq!(options.arguments, ["web", "ls", "-l", "--all"]);
    }

    #[test]
    fn an_option_that_is_not_known_is_refused_as_docker_does() {
        let complaint = parse("--bogus", false).unwrap_err();
        assert_eq!(
            complaint,
            Complaint::with_code("unknown flag: --bogus", 125)
        );
    }
}
