//! What registries say of images that do not lie on the server yet: as the fleet knows it or the catalogue
//! has kept it, else asked. A registry that does not answer stops no plan.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;

use crate::{
    fleet::{Fleet, world::World},
    plan,
    release::{
        Digest, Fault, FaultKind, ImageReference,
        plan::Request,
        survey::Survey,
        version::{Known, VersionDetails},
    },
};

/// How long a registry may take to say what it has said of every other version already.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of the images that the server cannot tell of, or why it is not.
pub(super) async fn unseen(
    world: &World,
    fleet: &Fleet,
    request: &Request,
    survey: &Survey,
) -> BTreeMap<Digest, Result<VersionDetails, Fault>> {
    let images = plan::unseen_images(&world.config.services, request, survey);
    let told = images.into_iter().map(|image| async move {
        let digest = image.digest.clone()?;
        let details = match listed(fleet, &image, &digest) {
            Some(details) => Ok(details.clone()),
            None => asked(world, &image, &digest).await,
        };
        Some((digest, details))
    });
    join_all(told).await.into_iter().flatten().collect()
}

/// What the list of versions says of it.
fn listed<'a>(
    fleet: &'a Fleet,
    image: &ImageReference,
    digest: &Digest,
) -> Option<&'a VersionDetails> {
    let versions = fleet.versions(&image.repository)?.value()?;
    let is_it = |known: &Known<Digest>| known.value() == Some(digest);
    let mut same = versions.versions.iter().filter(|v| is_it(&v.digest));
    same.find_map(|version| version.details.value())
}

async fn asked(
    world: &World,
    image: &ImageReference,
    digest: &Digest,
) -> Result<VersionDetails, Fault> {
    let asked = world.catalogue.details(&image.repository, digest);
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| {
            Err(Fault::new(
                FaultKind::TimedOut,
                image.repository.registry(),
                format!("did not answer within {} s", PATIENCE.as_secs()),
            ))
        })
}
