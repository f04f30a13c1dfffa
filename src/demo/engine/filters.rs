//! The Engine's `filters` parameter: `{"label": ["a=b"], "status": {"running": true}}`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::demo::world::{container::Container, engine::LocalImage, events::Event};

/// Whether a name matches a pattern, as far as patterns are used: `^`, `$`, `[0-9]+`, `.*`, and a `?`
/// behind a character.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('^') {
        Some(pattern) => matches_here(pattern, name),
        None => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .any(|at| matches_here(pattern, &name[at..])),
    }
}

fn matches_here(pattern: &str, name: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    if pattern == "$" {
        return name.is_empty();
    }
    if let Some(rest) = pattern.strip_prefix("[0-9]+") {
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        return (1..=digits).any(|n| matches_here(rest, &name[n..]));
    }
    if let Some(rest) = pattern.strip_prefix(".*") {
        return (0..=name.len())
            .any(|n| name.is_char_boundary(n) && matches_here(rest, &name[n..]));
    }
    let mut chars = pattern.chars();
    let wanted = chars.next();
    let after = name.chars().next().filter(|c| Some(*c) == wanted);
    let after = after.map(|c| &name[c.len_utf8()..]);
    match chars.as_str().strip_prefix('?') {
        Some(rest) => {
            after.is_some_and(|name| matches_here(rest, name)) || matches_here(rest, name)
        }
        None => after.is_some_and(|name| matches_here(chars.as_str(), name)),
    }
}

/// Filters by name. Values of one name are alternatives, but for labels, which must all match.
#[derive(Debug, Default)]
pub struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    /// Reads the parameter; both of the Engine's forms.
    pub fn parse(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let bad = || format!("invalid filters: {text}");
        let Value::Object(map) = serde_json::from_str(text).map_err(|_| bad())? else {
            return Err(bad());
        };
        map.into_iter()
            .map(|(name, values)| {
                let values = match values {
                    Value::Array(values) => values
                        .into_iter()
                        .map(|v| v.as_str().map(str::to_owned).ok_or_else(bad))
                        .collect::<Result<_, _>>()?,
                    Value::Object(values) => values
                        .into_iter()
                        .filter(|(_, on)| on == &Value::Bool(true))
                        .map(|(value, _)| value)
                        .collect(),
                    _ => return Err(bad()),
                };
                Ok((name, values))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads `name=value` pairs, as the command line has them.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut filters = Self::default();
        for pair in pairs {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("invalid argument \"{pair}\" for \"-f, --filter\""))?;
            filters
                .0
                .entry(name.to_owned())
                .or_default()
                .push(value.to_owned());
        }
        Ok(filters)
    }

    /// Whether there is a filter of that name.
    pub fn names(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn any(&self, name: &str, test: impl Fn(&str) -> bool) -> bool {
        self.0
            .get(name)
            .is_none_or(|values| values.iter().any(|value| test(value)))
    }

    fn labels(&self, label: impl Fn(&str) -> Option<String>) -> bool {
        self.0.get("label").is_none_or(|wanted| {
            wanted.iter().all(|wanted| match wanted.split_once('=') {
                Some((name, value)) => label(name).as_deref() == Some(value),
                None => label(wanted).is_some(),
            })
        })
    }

    /// Whether a container is wanted.
    pub fn take_container(&self, container: &Container) -> bool {
        self.labels(|name| container.recipe.labels.get(name).cloned())
            && self.any("status", |status| container.state.word() == status)
            && self.any("id", |id| container.id.starts_with(id))
            && self.any("name", |pattern| {
                let name = &container.recipe.name;
                // The Engine looks for the pattern in the name with a slash and without.
                matches(pattern, name) || matches(pattern, &format!("/{name}"))
            })
            && self.any("health", |health| {
                container.health.map_or("none", |h| h.word()) == health
            })
    }

    /// Whether an image is wanted.
    pub fn take_image(&self, image: &LocalImage) -> bool {
        self.labels(|name| {
            let value = image.version.labels.get(name)?;
            value.as_str().map(str::to_owned)
        }) && self.any("dangling", |dangling| {
            image.tags.is_empty() == matches!(dangling, "1" | "true")
        }) && self.any("reference", |pattern| {
            let repository = image.version.repository.as_str();
            let tagged = |tag: &String| {
                tag == pattern || tag.rsplit_once(':').is_some_and(|t| t.0 == pattern)
            };
            repository == pattern
                || image.tags.iter().any(tagged)
                || image.digests.iter().any(|digest| digest == pattern)
                || pattern.strip_suffix('*').is_some_and(|prefix| {
                    image.tags.iter().any(|tag| tag.starts_with(prefix))
                        || repository.starts_with(prefix.trim_end_matches(':'))
                })
        })
    }

    /// Whether an event is wanted.
    pub fn take_event(&self, event: &Event) -> bool {
        self.labels(|name| event.attributes.get(name).cloned())
            && self.any("type", |kind| event.kind == kind)
            && self.any("event", |action| {
                event.action == action || event.action.split(':').next() == Some(action)
            })
            && self.any("container", |name| {
                event.kind == "container"
                    && (event.id.starts_with(name)
                        || event.attributes.get("name").is_some_and(|n| n == name))
            })
            && self.any("image", |name| {
                event
                    .attributes
                    .get("image")
                    .is_some_and(|image| image == name)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_the_engine_does() {
        for (pattern, name, expected) in [
            ("shop", "my-shop-1", true),
            ("^/?fd-shop-[0-9]+-", "fd-shop-42-migrate", true),
            ("^/?fd-shop-[0-9]+-", "/fd-shop-42-migrate", true),
            ("^/?fd-shop-[0-9]+-", "fd-shop-x-migrate", false),
            ("^shop$", "shop", true),
            ("^shop$", "shop-1", false),
            ("a.*z", "xabcz", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn both_of_the_engines_forms_are_read() {
        for text in [
            r#"{"status":["running"]}"#,
            r#"{"status":{"running":true}}"#,
        ] {
            assert!(Filters::parse(Some(text)).unwrap().names("status"));
        }
        assert!(Filters::parse(Some("[]")).is_err());
    }
}
