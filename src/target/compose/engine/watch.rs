//! Watches one project on one Engine for as long as the connection holds: subscribes, then lists, then
//! looks again when events say that something has changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerSummary, EventMessageTypeEnum},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::{sync::mpsc, time::Instant};

use super::{
    coalesce::Coalescer, containers, ended, events::Events, fault_of, label, query, segment,
};
use crate::{
    release::{
        ImageId,
        observation::{Containers, Image},
        observed::Link,
    },
    target::{
        Reading,
        compose::connection::{Connected, EngineVersion, attempts::Lost, transport::Engine},
    },
};

/// A silent Engine is greeted so often, as a sign of life: well below the time after which a silent
/// link is called suspect.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// Requests under way at once for one look.
const AT_ONCE: usize = 8;

/// Watches `project` until the Engine is lost, and says why it was. What is seen first goes to `readings`
/// before the link is called live, so that nobody takes old data for true; the same containers are not
/// told again.
pub async fn watch(connected: &Connected, project: &str, readings: &mpsc::Sender<Reading>) -> Lost {
    let mut was_live = false;
    let fault = match connected.engine().await {
        Err(fault) => fault,
        Ok((engine, version)) => {
            match watch_engine(&engine, &version, project, readings, &mut was_live).await {
                Ok(()) => ended(connected.label()),
                Err(error) => fault_of(&error, connected.label()),
            }
        }
    };
    Lost { fault, was_live }
}

async fn watch_engine(
    engine: &Engine,
    version: &EngineVersion,
    project: &str,
    readings: &mpsc::Sender<Reading>,
    was_live: &mut bool,
) -> Result<(), Error> {
    let mut events = Events::subscribe(engine, project, None).await?;
    let mut images = HashMap::new();
    let mut coalescer = Coalescer::default();
    let mut last: Option<Arc<Containers>> = None;
    let mut alive = tokio::time::interval_at(Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
    alive.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    coalescer.note(Instant::now() - SIGN_OF_LIFE);
    loop {
        let due = coalescer.due();
        let look = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.next() => match event {
                Some(event) => {
                    if event?.typ == Some(EventMessageTypeEnum::IMAGE) {
                        images.clear();
                    }
                    coalescer.note(Instant::now());
                    continue;
                }
                None => return Ok(()),
            },
            () = look => {
                coalescer.look(Instant::now());
                let containers = list(engine, version, project, &mut images).await?;
                *was_live = true;
                if last.as_deref() != Some(&containers) {
                    let containers = Arc::new(containers);
                    last = Some(Arc::clone(&containers));
                    if readings.send(Reading::Containers(containers)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            _ = alive.tick() => {
                engine.ping().await?;
            }
        }
        if readings
            .send(Reading::EngineLink(Link::Live))
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

/// The IDs of a project's containers, one-off ones left out; with a `service`, only of that.
///
/// # Errors
/// The client's.
pub async fn list_ids(
    engine: &Engine,
    project: &str,
    service: Option<&str>,
) -> Result<Vec<String>, Error> {
    let labels = [
        Some(format!("{}={project}", label::PROJECT)),
        service.map(|service| format!("{}={service}", label::SERVICE)),
    ];
    let labels: Vec<String> = labels.into_iter().flatten().collect();
    let filters = json!({ "label": labels }).to_string();
    let query = query(&[("all", "true"), ("filters", &filters)]);
    let listed: Vec<ContainerSummary> = engine.ask(&format!("/containers/json?{query}")).await?;
    Ok(containers::ids(listed))
}

async fn list(
    engine: &Engine,
    version: &EngineVersion,
    project: &str,
    images: &mut HashMap<ImageId, Image>,
) -> Result<Containers, Error> {
    let ids = list_ids(engine, project, None).await?;
    let mut found: Vec<_> = stream::iter(ids)
        .map(|id| async move { gone_is_none(inspect(engine, &id).await) })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|inspected| {
            std::future::ready(Ok(inspected.and_then(containers::container)))
        })
        .try_collect()
        .await?;
    found.sort_by(|(a_number, a), (b_number, b)| {
        (&a.service, a_number, &a.name).cmp(&(&b.service, b_number, &b.name))
    });
    let containers: Vec<_> = found.into_iter().map(|(_, container)| container).collect();

    let mut unknown: Vec<ImageId> = containers
        .iter()
        .map(|container| &container.image_id)
        .filter(|id| !images.contains_key(*id))
        .cloned()
        .collect();
    unknown.sort();
    unknown.dedup();
    let read: Vec<Option<Image>> = stream::iter(unknown)
        .map(|id| async move {
            let path = format!("/images/{}/json", segment(id.as_str()));
            gone_is_none(engine.ask(&path).await)
        })
        .buffer_unordered(AT_ONCE)
        .map_ok(|inspected| inspected.and_then(containers::image))
        .try_collect()
        .await?;
    images.retain(|id, _| containers.iter().any(|container| container.image_id == *id));
    images.extend(
        read.into_iter()
            .flatten()
            .map(|image| (image.id.clone(), image)),
    );
    Ok(Containers {
        images: images
            .iter()
            .map(|(id, image)| (id.clone(), image.clone()))
            .collect::<BTreeMap<_, _>>(),
        containers,
        engine_version: version.version.clone(),
    })
}

/// What the Engine tells of the container `id`.
///
/// # Errors
/// The client's.
pub async fn inspect(engine: &Engine, id: &str) -> Result<ContainerInspectResponse, Error> {
    engine
        .ask(&format!("/containers/{}/json", segment(id)))
        .await
}

/// What went away between the list and the look is no error.
fn gone_is_none<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}
