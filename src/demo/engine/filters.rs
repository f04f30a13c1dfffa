//! The Engine's `filters` parameter: `{"label": ["a=b"], "status": {"running": true}}`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::demo::world::{container::Container, engine::LocalImage, events::Event};

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
            && self.any("name", |name| {
                let exact = name.trim_start_matches(['^', '/']).strip_suffix('$');
                match exact {
                    Some(exact) if name.starts_with('^') => container.recipe.name == exact,
                    _ => container.recipe.name.contains(name.trim_start_matches('/')),
                }
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
            let tagged = |tag: &String| tag == pattern || tag.rsplit_once(':').is_some_and(|t| t.0 == pattern);
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
                event.attributes.get("image").is_some_and(|image| image == name)
            })
    }
}
