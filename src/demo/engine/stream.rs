//! `GET /events`: what happens, as it happens.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;

use super::{error, filters::Filters, json};
use crate::demo::shared::Shared;

#[derive(Deserialize)]
pub(super) struct EventsQuery {
    since: Option<String>,
    until: Option<String>,
    filters: Option<String>,
}

/// A time in seconds with a fraction, or as RFC 3339 writes it.
pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
    let text = text.filter(|text| !text.is_empty() && *text != "0")?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Timestamp::from_microsecond((seconds * 1e6) as i64).ok();
    }
    text.parse().ok()
}

struct Listener {
    shared: Arc<Shared>,
    filters: Filters,
    changes: watch::Receiver<u64>,
    next: u64,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    waiting: VecDeque<Bytes>,
}

pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<EventsQuery>,
) -> Response {
    let filters = match Filters::parse(query.filters.as_deref()) {
        Ok(filters) => filters,
        Err(message) => return error(StatusCode::BAD_REQUEST, message),
    };
    let since = time(query.since.as_deref());
    let next = if since.is_some() {
        0
    } else {
        shared.with(|world, _| world.engine.events.next())
    };
    let listener = Listener {
        filters,
        changes: shared.changes(),
        next,
        since,
        until: time(query.until.as_deref()),
        waiting: VecDeque::new(),
        shared,
    };
    let body = Body::from_stream(stream::unfold(listener, |mut listener| async move {
        let line = listener.next().await?;
        Some((Ok::<_, Infallible>(line), listener))
    }));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl Listener {
    /// The next event's line; `None` at the end that was asked for, or of the world.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Some(line);
            }
            self.changes.mark_unchanged();
            self.look();
            if !self.waiting.is_empty() {
                continue;
            }
            if self.until.is_some_and(|until| until <= self.shared.now()) {
                return None;
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = self.shared.until(self.until) => {}
            }
        }
    }

    fn look(&mut self) {
        let (filters, since, until) = (&self.filters, self.since, self.until);
        let (next, lines) = self.shared.with(|world, _| {
            let events = &world.engine.events;
            let lines: VecDeque<Bytes> = events
                .since(self.next)
                .filter(|e| since.is_none_or(|since| e.at >= since))
                .filter(|e| until.is_none_or(|until| e.at < until))
                .filter(|e| filters.take_event(e))
                .map(|e| Bytes::from(format!("{}\n", json::event(e))))
                .collect();
            (events.next(), lines)
        });
        self.next = next;
        self.waiting = lines;
    }
}
