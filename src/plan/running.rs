//! What an environment runs and what its pins say, from a survey.

use std::collections::BTreeMap;

use crate::{
    config::{Environment, Service},
    release::{
        ImageReference, Repository, ServiceName, Tag,
        observation::{Container, Image},
        plan::ImageName,
        record::{Release, ServiceRelease},
        survey::Survey,
    },
};

/// What runs, of the services that flightdeck releases there; a service without containers is left out.
pub fn release(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
) -> Release {
    let running = environment.services.iter().filter_map(|name| {
        let service = services.get(name)?;
        let container = survey.containers.of(name).next()?;
        Some((
            name.clone(),
            of_container(container, &service.repository, survey),
        ))
    });
    Release {
        services: running.collect(),
        schema_heads: survey.schema_heads.clone(),
        files: survey.files.clone(),
        pinned_files: BTreeMap::new(),
    }
}

fn of_container(container: &Container, repository: &Repository, survey: &Survey) -> ServiceRelease {
    let asked: Option<ImageReference> = container
        .reference
        .parse()
        .ok()
        .filter(|asked: &ImageReference| asked.repository == *repository);
    let known = survey.containers.images.get(&container.image_id);
    let mut release = known.map_or_else(
        || ServiceRelease {
            repository: repository.clone(),
            tag: None,
            digest: asked.as_ref().and_then(|asked| asked.digest.clone()),
            image_id: Some(container.image_id.clone()),
            revision: None,
        },
        |image| of_image(image, repository),
    );
    if let Some(tag) = asked.and_then(|asked| asked.tag) {
        release.tag = Some(tag);
    }
    release
}

/// An image on the server as a service's release: named by the tag it has there, else by its label.
pub fn of_image(image: &Image, repository: &Repository) -> ServiceRelease {
    let tag = image
        .tags
        .iter()
        .find(|tag| tag.repository == *repository)
        .and_then(|tag| tag.tag.clone())
        .or_else(|| image.version.as_deref()?.parse::<Tag>().ok());
    ServiceRelease {
        repository: repository.clone(),
        tag,
        digest: image.digest_in(repository).cloned(),
        image_id: Some(image.id.clone()),
        revision: image.revision.clone(),
    }
}

/// The image on the server that a service's release names, if it lies there.
pub fn image_here<'a>(release: &ServiceRelease, survey: &'a Survey) -> Option<&'a Image> {
    survey.image_here(&release.reference()).or_else(|| {
        let id = release.image_id.as_ref()?;
        let mut images = survey
            .images
            .iter()
            .chain(survey.containers.images.values());
        images.find(|image| image.id == *id)
    })
}

/// The image on the server that a reference of a compose file means, if it can be told.
pub fn resolved<'a>(reference: &str, survey: &'a Survey) -> Option<&'a Image> {
    let reference: ImageReference = reference.parse().ok()?;
    if reference.digest.is_some() {
        return survey.image_here(&reference);
    }
    let latest = || "latest".parse::<Tag>().ok();
    let tag = reference.tag.clone().or_else(latest);
    survey
        .images
        .iter()
        .chain(survey.containers.images.values())
        .find(|image| {
            image
                .tags
                .iter()
                .any(|known| known.repository == reference.repository && known.tag == tag)
        })
}

/// Whether `reference`, as Compose resolves it, means the image of `release`.
pub fn means(reference: &str, release: &ServiceRelease, survey: &Survey) -> bool {
    let parsed = reference.parse::<ImageReference>().ok();
    let by_digest = parsed.is_some_and(|parsed| {
        parsed.repository == release.repository
            && parsed.digest.is_some()
            && parsed.digest == release.digest
    });
    by_digest
        || resolved(reference, survey).is_some_and(|image| {
            Some(&image.id) == release.image_id.as_ref()
                || image_here(release, survey).is_some_and(|here| here.id == image.id)
        })
}

/// Whether a service's pin says what `release` is: the next `up` by hand would run it.
pub fn is_pinned(service: &ServiceName, release: &ServiceRelease, survey: &Survey) -> bool {
    survey
        .services
        .get(service)
        .is_some_and(|compose| means(&compose.image, release, survey))
}

/// How a step names the image of a release: by its ID where it lies on the server, since that is exact;
/// else by reference.
pub fn image_name(release: &ServiceRelease, survey: &Survey) -> ImageName {
    image_here(release, survey).map_or_else(
        || ImageName::Reference(release.reference()),
        |image| ImageName::Id(image.id.clone()),
    )
}

/// Whether all that `wanted` names runs: none of its services is missing or another.
pub fn runs_all(wanted: &Release, running: &Release) -> bool {
    !wanted.services.is_empty()
        && wanted.services.iter().all(|(name, wanted)| {
            running
                .services
                .get(name)
                .is_some_and(|running| running.is_same_image(wanted))
        })
}
