//! What is wrong with a configuration: every problem of the file at once, each with its line.
//!
//! A line that is shown can hold a secret that somebody wrote in clear by mistake: what looks like one
//! is masked here, before anybody can print it.

use std::{fmt, ops::Range, path::PathBuf};

use crate::release::text;

/// Everything that is wrong with one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The line as it is written, secrets masked.
    pub source: String,
    /// How many characters of it are meant, at least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, or what to write instead; may be empty.
    pub help: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            let gutter = problem.line.to_string().len().max(3);
            writeln!(
                f,
                "{}:{}:{}: {}",
                self.path.display(),
                problem.line,
                problem.column,
                problem.message
            )?;
            writeln!(f, "{:>gutter$} | {}", problem.line, problem.source)?;
            let caret = "^".repeat(problem.width);
            let pointed = format!("{:1$}{caret} {2}", "", problem.column - 1, problem.help);
            writeln!(f, "{:gutter$} | {}", "", pointed.trim_end())?;
        }
        match self.problems.len() {
            1 => write!(f, "1 problem"),
            n => write!(f, "{n} problems"),
        }
    }
}

/// Collects what is wrong while a file is read.
pub(super) struct Problems<'t> {
    text: &'t str,
    found: Vec<(Range<usize>, String, String)>,
    secrets: Vec<Range<usize>>,
    /// Where the file is not even TOML: what seems to be missing may only be unreadable.
    broken: Vec<usize>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            found: Vec::new(),
            secrets: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Something is wrong at `span`. What follows from a line that is not TOML is not told.
    pub(super) fn add(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let line = self.line_start(span.start);
        if self.broken.iter().any(|at| self.line_start(*at) == line) {
            return;
        }
        self.found.push((span, message.into(), help.into()));
    }

    /// Something is not TOML.
    pub(super) fn syntax(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.broken.push(span.start);
        self.found.push((span, message.into(), String::new()));
    }

    /// Something is missing at `span`, or does not agree with something elsewhere: said only where
    /// the whole file could be read.
    pub(super) fn disagree(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if self.broken.is_empty() {
            self.add(span, message, help);
        }
    }

    /// What lies at `span` must not be shown.
    pub(super) fn hide(&mut self, span: Range<usize>) {
        self.secrets.push(span);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The error to show.
    pub(super) fn into_error(mut self, path: PathBuf) -> ConfigError {
        let found = std::mem::take(&mut self.found);
        let mut problems: Vec<Problem> = found
            .into_iter()
            .map(|(span, message, help)| self.locate(span, &message, &help))
            .collect();
        problems.sort_by_key(|p| (p.line, p.column));
        problems.dedup();
        ConfigError { path, problems }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..floor(self.text, at)]
            .rfind('\n')
            .map_or(0, |at| at + 1)
    }

    fn locate(&self, span: Range<usize>, message: &str, help: &str) -> Problem {
        let start = floor(self.text, span.start);
        let line_start = self.line_start(start);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let end = floor(self.text, span.end).clamp(start, line_end);

        let hidden = self.hidden_from(line_start, line_end);
        let (shown_end, mask) = match hidden {
            Some(from) => (from, "…"),
            None => (line_end, ""),
        };
        let (start, end) = (start.min(shown_end), end.min(shown_end));
        let source = format!("{}{mask}", clean(&self.text[line_start..shown_end]));
        let width = clean(&self.text[start..end]).chars().count().max(1);
        Problem {
            line: self.text[..line_start].matches('\n').count() + 1,
            column: clean(&self.text[line_start..start]).chars().count() + 1,
            source: source.trim_end().to_owned(),
            width,
            message: text::clean(message),
            help: text::clean(help),
        }
    }

    /// Where in a line the first thing begins that must not be shown.
    fn hidden_from(&self, line_start: usize, line_end: usize) -> Option<usize> {
        let marked = self
            .secrets
            .iter()
            .filter(|s| s.start < line_end && s.end > line_start)
            .map(|s| floor(self.text, s.start.max(line_start)))
            .min();
        let suspected = secret_in_clear(&self.text[line_start..line_end]).map(|at| line_start + at);
        match (marked, suspected) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Where the value of a `token` or `password` begins in a line, unless it is a table: a reference.
/// Works on text that is not TOML, too.
fn secret_in_clear(line: &str) -> Option<usize> {
    ["token", "password"]
        .iter()
        .flat_map(|word| line.match_indices(word).map(move |(at, _)| at + word.len()))
        .filter_map(|after_key| {
            let rest = line[after_key..]
                .trim_start_matches(['"', '\''])
                .trim_start();
            let value = rest.strip_prefix('=')?.trim_start();
            (!value.is_empty() && !value.starts_with('{')).then(|| line.len() - value.len())
        })
        .min()
}

/// A line as it is shown: each character takes one column, so that the caret stands where it should.
fn clean(line: &str) -> String {
    text::clean(line.trim_end_matches('\r'))
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
