//! Keep tags: names of our own that keep an image from being pruned, one an operation and service.

use sha2::{Digest as _, Sha256};

use crate::release::{ImageReference, ServiceName};

/// What every keep tag begins with.
pub const PREFIX: &str = "flightdeck.keep/";

/// The repository of a service's keep tags: `flightdeck.keep/shop/backend`. Names that a repository
/// cannot have are bent into one, with a fingerprint behind so that no two become the same.
pub fn repository(project: &str, service: &ServiceName) -> String {
    format!("{PREFIX}{}/{}", part(project), part(service.as_str()))
}

/// The keep tag among an image's tags, if it has one for that service: the newest.
pub fn of<'a>(
    project: &str,
    service: &ServiceName,
    tags: impl IntoIterator<Item = &'a ImageReference>,
) -> Option<&'a ImageReference> {
    let repository = repository(project, service);
    let number = |reference: &ImageReference| {
        let tag = reference.tag.as_ref()?.as_str();
        tag.split('-').next()?.parse::<u64>().ok()
    };
    tags.into_iter()
        .filter(|tag| tag.repository.as_str() == repository)
        .max_by_key(|tag| number(tag))
}

fn part(name: &str) -> String {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators_ok = name
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-')
        });
    let ends_ok = name.bytes().next().is_some_and(fits) && name.bytes().last().is_some_and(fits);
    if separators_ok && ends_ok {
        return name.to_owned();
    }
    let mut bent: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        .collect();
    for byte in &Sha256::digest(name.as_bytes())[..4] {
        bent.push_str(&format!("{byte:02x}"));
    }
    bent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Repository;

    #[test]
    fn every_project_and_service_has_a_repository_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for (project, service) in [
            ("shop", "backend"),
            ("shop", "Backend"),
            ("shop_", "backend"),
            ("shop", "back...end"),
            ("shop", "back--end"),
            ("shop", "back-end"),
        ] {
            let repository = repository(project, &service.parse().unwrap());
            assert!(
                repository.parse::<Repository>().is_ok(),
                "{repository:?} is none"
            );
            assert!(seen.insert(repository));
        }
        assert!(seen.contains("flightdeck.keep/shop/backend"));
    }

    #[test]
    fn the_newest_keep_tag_is_taken() {
        let tags: Vec<ImageReference> = [
            "flightdeck.keep/shop/backend:9",
            "flightdeck.keep/shop/backend:10",
            "flightdeck.keep/shop/worker:11",
            "shop:v1",
        ]
        .iter()
        .map(|tag| tag.parse().unwrap())
        .collect();
        let found = of("shop", &"backend".parse().unwrap(), &tags).unwrap();
        assert_eq!(found.to_string(), "flightdeck.keep/shop/backend:10");
    }
}
