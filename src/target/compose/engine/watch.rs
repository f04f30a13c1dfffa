//! Watches one project on one Engine for as long as the connection holds: subscribes, then lists, then
//! looks again when events say that something has changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bollard::{
    Docker,
    errors::Error,
    models::{EventMessage, EventMessageTypeEnum},
    query_parameters::{EventsOptions, ListContainersOptions},
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::{coalesce::Coalescer, containers, ended, fault_of, label};
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
/// Events that may wait for us; the Engine keeps the rest.
const WAITING_EVENTS: usize = 64;

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
    let api = engine.api();
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
                let containers = list(&api, version, project, &mut images).await?;
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
                api.ping().await?;
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

/// The Engine's events of one project's containers, and of all images.
pub struct Events {
    received: mpsc::Receiver<Result<EventMessage, Error>>,
    _reader: AbortOnDropHandle<()>,
}

impl Events {
    /// Returns once the Engine has taken the subscription: what it tells after that is not missed.
    /// With a `service`, only the containers of that.
    ///
    /// # Errors
    /// The client's.
    pub async fn subscribe(
        engine: &Engine,
        project: &str,
        service: Option<&str>,
    ) -> Result<Self, Error> {
        let (api, bell) = engine.api_with_bell();
        let (sender, received) = mpsc::channel(WAITING_EVENTS);
        let project = project.to_owned();
        let service = service.map(str::to_owned);
        let with_images = service.is_none();
        let reader = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut events = std::pin::pin!(api.events(Some(filters(with_images))));
            while let Some(event) = events.next().await {
                let is_ours = match &event {
                    Ok(event) => concerns(event, &project, service.as_deref()),
                    Err(_) => true,
                };
                if is_ours && sender.send(event).await.is_err() {
                    return;
                }
            }
        }));
        bell.notified().await;
        Ok(Self {
            received,
            _reader: reader,
        })
    }

    /// The next event; `None` when the stream has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<EventMessage, Error>> {
        self.received.recv().await
    }
}

/// What the Engine itself leaves out: above all `exec_*`, which every health check sends. The project
/// is looked at here, since the Engine would hold images against the same label.
fn filters(with_images: bool) -> EventsOptions {
    let container = [
        "create",
        "start",
        "restart",
        "stop",
        "die",
        "oom",
        "kill",
        "pause",
        "unpause",
        "rename",
        "destroy",
        "update",
        "health_status",
    ];
    let image = ["pull", "tag", "untag", "delete", "import", "load"];
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let (types, events) = if with_images {
        (
            words(&["container", "image"]),
            words(&[&container[..], &image[..]].concat()),
        )
    } else {
        (words(&["container"]), words(&container))
    };
    EventsOptions {
        filters: Some(HashMap::from([
            ("type".to_owned(), types),
            ("event".to_owned(), events),
        ])),
        ..EventsOptions::default()
    }
}

fn concerns(event: &EventMessage, project: &str, service: Option<&str>) -> bool {
    if event.typ == Some(EventMessageTypeEnum::IMAGE) {
        return service.is_none();
    }
    let attributes = event.actor.as_ref().and_then(|a| a.attributes.as_ref());
    let has = |name: &str, value: &str| {
        attributes.is_some_and(|a| a.get(name).map(String::as_str) == Some(value))
    };
    has(label::PROJECT, project) && service.is_none_or(|service| has(label::SERVICE, service))
}

/// The IDs of a project's containers, one-off ones left out; with a `service`, only of that.
pub async fn list_ids(
    api: &Docker,
    project: &str,
    service: Option<&str>,
) -> Result<Vec<String>, Error> {
    let labels = [
        Some(format!("{}={project}", label::PROJECT)),
        service.map(|service| format!("{}={service}", label::SERVICE)),
    ];
    let options = ListContainersOptions {
        all: true,
        filters: Some(HashMap::from([(
            "label".to_owned(),
            labels.into_iter().flatten().collect(),
        )])),
        ..ListContainersOptions::default()
    };
    let listed = api.list_containers(Some(options)).await?;
    Ok(listed
        .into_iter()
        .filter(|summary| {
            let one_off = summary.labels.as_ref().and_then(|l| l.get(label::ONE_OFF));
            !one_off.is_some_and(|value| value.eq_ignore_ascii_case("true"))
        })
        .filter_map(|summary| summary.id)
        .collect())
}

async fn list(
    api: &Docker,
    version: &EngineVersion,
    project: &str,
    images: &mut HashMap<ImageId, Image>,
) -> Result<Containers, Error> {
    let ids = list_ids(api, project, None).await?;
    let mut found: Vec<_> = stream::iter(ids)
        .map(|id| async move { gone_is_none(api.inspect_container(&id, None).await) })
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
        .map(|id| async move { gone_is_none(api.inspect_image(id.as_str()).await) })
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
