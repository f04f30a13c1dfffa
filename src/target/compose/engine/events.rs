//! The Engine's events: of one project's containers, and of all images.

use std::io;

use bollard::{
    errors::Error,
    models::{EventMessage, EventMessageTypeEnum},
};
use futures::{StreamExt, TryStreamExt};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::{
    codec::{AnyDelimiterCodec, AnyDelimiterCodecError, FramedRead},
    io::StreamReader,
    task::AbortOnDropHandle,
};

use super::{label, query};
use crate::target::compose::connection::transport::{Engine, too_long, unreadable};

/// Events that may wait for us; the Engine keeps the rest.
const WAITING: usize = 64;
/// Longer than any event: it has the labels of one container.
const LONGEST: usize = 1 << 20;
const PATH: &str = "/events";

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
        let body = engine.get(&address(service.is_none())).await?;
        let pieces = body.into_data_stream().map_err(io::Error::other);
        let (sender, received) = mpsc::channel(WAITING);
        let project = project.to_owned();
        let service = service.map(str::to_owned);
        let reader = AbortOnDropHandle::new(tokio::spawn(async move {
            let lines = AnyDelimiterCodec::new_with_max_length(b"\n".into(), b"\n".into(), LONGEST);
            let mut lines = FramedRead::new(StreamReader::new(pieces), lines);
            while let Some(line) = lines.next().await {
                let event = match line {
                    Ok(line) if line.trim_ascii().is_empty() => continue,
                    Ok(line) => read(&line),
                    Err(AnyDelimiterCodecError::Io(error)) => Err(error.into()),
                    Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
                        Err(too_long(PATH, LONGEST))
                    }
                };
                // What cannot be read is everybody's, and the last that is told.
                let is_last = event.is_err();
                let is_ours = event
                    .as_ref()
                    .map_or(true, |event| concerns(event, &project, service.as_deref()));
                if is_ours && sender.send(event).await.is_err() || is_last {
                    return;
                }
            }
        }));
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

/// One line of the stream.
///
/// # Errors
/// What is no event.
pub fn read(line: &[u8]) -> Result<EventMessage, Error> {
    serde_json::from_slice(line).map_err(|error| unreadable(PATH, &error))
}

/// What the Engine itself leaves out: above all `exec_*`, which every health check sends. The project
/// is looked at here, since the Engine would hold images against the same label.
fn address(with_images: bool) -> String {
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
    let filters = if with_images {
        let events = [&container[..], &image[..]].concat();
        json!({ "type": ["container", "image"], "event": events })
    } else {
        json!({ "type": ["container"], "event": container })
    };
    format!("{PATH}?{}", query(&[("filters", &filters.to_string())]))
}

/// Whether an event is of a container of the project's and, if that is given, the service's; or of an image,
/// which concerns all services.
pub fn concerns(event: &EventMessage, project: &str, service: Option<&str>) -> bool {
    if event.typ == Some(EventMessageTypeEnum::IMAGE) {
        return service.is_none();
    }
    let attributes = event.actor.as_ref().and_then(|a| a.attributes.as_ref());
    let has = |name: &str, value: &str| {
        attributes.is_some_and(|a| a.get(name).map(String::as_str) == Some(value))
    };
    has(label::PROJECT, project) && service.is_none_or(|service| has(label::SERVICE, service))
}
