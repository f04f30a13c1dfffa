//! Versions in a registry: a tag, what it points at, and how tags are ordered.

use std::{cmp::Ordering, collections::BTreeMap, fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Repository, Tag};

/// What a digest says of itself. It never changes, so it may be kept for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDetails {
    /// `org.opencontainers.image.created`, or the configuration's `created`.
    pub created: Option<Timestamp>,
    /// `org.opencontainers.image.revision`: the commit that it was built from.
    pub revision: Option<String>,
    /// `org.opencontainers.image.source`: the repository that it was built from.
    pub source: Option<String>,
    /// How long its image's own health check gives a container to start; `None` if it says nothing.
    pub start_period: Option<Duration>,
}

/// How far one tag is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// Not asked yet, or on its way.
    Pending,
    /// Known.
    Known(T),
    /// Asked, and this is why it is not known.
    Failed(super::Fault),
}

impl<T> Known<T> {
    /// The value, where it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }
}

/// One tag of a repository. A row of the versions pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The tag.
    pub tag: Tag,
    /// What it points at now.
    pub digest: Known<Digest>,
    /// What that digest says of itself.
    pub details: Known<VersionDetails>,
}

/// The tags of one repository, newest first by its convention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// The repository.
    pub repository: Repository,
    /// All tags, in order.
    pub versions: Vec<Version>,
    /// Whether every page of the list has been read.
    pub complete: bool,
}

/// How tags are written and ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagConvention {
    /// A pattern such as `v{date}.{n}`: `{date}` is eight digits, `{n}` a number; the rest is literal.
    /// Tags that do not fit come after those that do.
    Pattern(String),
    /// Semantic versions, with or without a leading `v`.
    Semantic,
    /// By creation time where it is known; the others behind, in reverse order of their text.
    Created,
}

/// Why a text is not a tag convention.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a tag convention: use \"semver\", \"created\", or a pattern with {{date}} and {{n}} such as \"v{{date}}.{{n}}\""
)]
pub struct BadConvention {
    /// The text as it was given.
    pub text: String,
}

impl Default for TagConvention {
    fn default() -> Self {
        Self::Pattern("v{date}.{n}".to_owned())
    }
}

impl FromStr for TagConvention {
    type Err = BadConvention;
    fn from_str(text: &str) -> Result<Self, BadConvention> {
        match text {
            "semver" => Ok(Self::Semantic),
            "created" => Ok(Self::Created),
            _ if text.contains("{date}") || text.contains("{n}") => {
                Ok(Self::Pattern(text.to_owned()))
            }
            _ => Err(BadConvention {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for TagConvention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => f.write_str(pattern),
            Self::Semantic => f.write_str("semver"),
            Self::Created => f.write_str("created"),
        }
    }
}

/// What a tag is ordered by. Larger is newer; `None` fits no convention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(
    Vec<u64>,
    /* a release is newer than its pre-releases */ bool,
    String,
);

impl TagConvention {
    /// Whether `tag` is written by this convention. Every tag is by `created`.
    pub fn fits(&self, tag: &Tag) -> bool {
        matches!(self, Self::Created) || self.rank(tag).is_some()
    }

    /// Orders two versions, the newer first. Total: equal only for equal tags.
    pub fn newest_first(&self, a: &Version, b: &Version) -> Ordering {
        let created = |v: &Version| v.details.value().and_then(|d| d.created);
        let by_convention = match self {
            Self::Created => created(b).cmp(&created(a)),
            _ => self.rank(&b.tag).cmp(&self.rank(&a.tag)),
        };
        by_convention.then_with(|| b.tag.cmp(&a.tag))
    }

    fn rank(&self, tag: &Tag) -> Option<Rank> {
        match self {
            Self::Pattern(pattern) => {
                numbers_by_pattern(pattern, tag.as_str()).map(|n| Rank(n, true, String::new()))
            }
            Self::Semantic => semantic(tag.as_str()),
            Self::Created => None,
        }
    }
}

fn numbers_by_pattern(pattern: &str, tag: &str) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    let (mut pattern, mut tag) = (pattern, tag);
    while !pattern.is_empty() {
        let digits = |max: usize| tag.bytes().take(max).take_while(u8::is_ascii_digit).count();
        let (taken, rest) = if let Some(rest) = pattern.strip_prefix("{date}") {
            (Some(digits(8)).filter(|n| *n == 8)?, rest)
        } else if let Some(rest) = pattern.strip_prefix("{n}") {
            (Some(digits(18)).filter(|n| *n > 0)?, rest)
        } else {
            let literal = pattern.chars().next()?;
            tag = tag.strip_prefix(literal)?;
            pattern = &pattern[literal.len_utf8()..];
            continue;
        };
        numbers.push(tag[..taken].parse().ok()?);
        tag = &tag[taken..];
        pattern = rest;
    }
    tag.is_empty().then_some(numbers)
}

fn semantic(tag: &str) -> Option<Rank> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let (numbers, pre) = match text.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (text, None),
    };
    let numbers: Vec<u64> = numbers
        .split('.')
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    ((1..=3).contains(&numbers.len()))
        .then(|| Rank(numbers, pre.is_none(), pre.unwrap_or_default().to_owned()))
}

/// Where versions run, by digest: joined by the fleet, drawn by the versions pane.
pub type WhereItRuns = BTreeMap<Digest, Vec<super::EnvironmentName>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(convention: &str, tags: &[&str]) -> Vec<String> {
        let convention: TagConvention = convention.parse().unwrap();
        let mut versions: Vec<Version> = tags
            .iter()
            .map(|tag| Version {
                tag: tag.parse().unwrap(),
                digest: Known::Pending,
                details: Known::Pending,
            })
            .collect();
        versions.sort_by(|a, b| convention.newest_first(a, b));
        versions.iter().map(|v| v.tag.to_string()).collect()
    }

    #[test]
    fn the_tenth_release_of_a_day_is_newer_than_the_ninth() {
        assert_eq!(
            ordered(
                "v{date}.{n}",
                &["main", "v20260123.9", "v20260124.1", "v20260123.10"]
            ),
            ["v20260124.1", "v20260123.10", "v20260123.9", "main"]
        );
    }

    #[test]
    fn a_release_is_newer_than_its_candidates() {
        assert_eq!(
            ordered("semver", &["1.2.0-rc1", "latest", "v1.10.0", "1.2.0"]),
            ["v1.10.0", "1.2.0", "1.2.0-rc1", "latest"]
        );
    }
}
