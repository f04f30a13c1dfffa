//! `GET /containers/{id}/logs`: lines in the Engine's framing, followed as they come.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::watch;

use super::{error, is_set, stream::time};
use crate::demo::{
    shared::Shared,
    world::{
        container,
        logs::{Cursor, Line, Stream},
    },
};

#[derive(Deserialize)]
pub(super) struct LogsQuery {
    stdout: Option<String>,
    stderr: Option<String>,
    follow: Option<String>,
    timestamps: Option<String>,
    tail: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

/// What of a log is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Standard output.
    pub out: bool,
    /// Standard error.
    pub err: bool,
    /// Whether lines to come are wanted too.
    pub follow: bool,
    /// Whether the time stands in front of each line.
    pub timestamps: bool,
    /// Lines from before; `None` for all.
    pub tail: Option<usize>,
    /// Only lines from then on.
    pub since: Option<Timestamp>,
    /// Only lines before then.
    pub until: Option<Timestamp>,
}

/// Reads a container's log, piece by piece.
pub struct Reader {
    shared: Arc<Shared>,
    id: String,
    wanted: Wanted,
    cursor: Cursor,
    begun: bool,
    changes: watch::Receiver<u64>,
}

pub(super) async fn logs(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Response {
    let wanted = Wanted {
        out: is_set(query.stdout.as_deref()),
        err: is_set(query.stderr.as_deref()),
        follow: is_set(query.follow.as_deref()),
        timestamps: is_set(query.timestamps.as_deref()),
        tail: query.tail.as_deref().and_then(|tail| tail.parse().ok()),
        since: time(query.since.as_deref()),
        until: time(query.until.as_deref()),
    };
    if !wanted.out && !wanted.err {
        return error(
            StatusCode::BAD_REQUEST,
            "Bad parameters: you must choose at least one stream",
        );
    }
    let Some(reader) = Reader::open(&shared, &name, wanted) else {
        return error(StatusCode::NOT_FOUND, format!("No such container: {name}"));
    };
    let body = Body::from_stream(stream::unfold(reader, |mut reader| async move {
        let lines = reader.next().await?;
        Some((Ok::<_, Infallible>(framed(&lines)), reader))
    }));
    let kind = "application/vnd.docker.multiplexed-stream";
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// Lines in the Engine's framing: a byte for the stream, three of nothing, four of the length.
fn framed(lines: &[(Stream, String)]) -> Bytes {
    let mut bytes = BytesMut::new();
    for (stream, text) in lines {
        bytes.put_u8(match stream {
            Stream::Out => 1,
            Stream::Err => 2,
        });
        bytes.put_bytes(0, 3);
        bytes.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        bytes.put_slice(text.as_bytes());
    }
    bytes.freeze()
}

impl Reader {
    /// A reader of the container `name`, if there is one.
    pub fn open(shared: &Arc<Shared>, name: &str, wanted: Wanted) -> Option<Self> {
        let id = shared.with(|world, _| world.engine.container(name).map(|c| c.id.clone()))?;
        Some(Self {
            changes: shared.changes(),
            shared: Arc::clone(shared),
            id,
            wanted,
            cursor: Cursor::default(),
            begun: false,
        })
    }

    /// The next lines, with their line breaks; `None` at the end.
    pub async fn next(&mut self) -> Option<Vec<(Stream, String)>> {
        loop {
            self.changes.mark_unchanged();
            let first = !std::mem::replace(&mut self.begun, true);
            if !first && !self.wanted.follow {
                return None;
            }
            let tail = if first { self.wanted.tail } else { None };
            let cursor = self.cursor;
            let read = self.shared.with(|world, now| {
                let container = world.engine.container(&self.id)?;
                let (lines, cursor) = container.log.read(cursor, now, tail);
                let ended = container.state == container::State::Exited;
                Some((lines, cursor, container.log.next(now), ended))
            });
            let (lines, cursor, next, ended) = read?;
            self.cursor = cursor;
            let lines: Vec<_> = lines.iter().filter_map(|line| self.take(line)).collect();
            if !lines.is_empty() {
                return Some(lines);
            }
            if ended || !self.wanted.follow {
                return None;
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = self.shared.until(next) => {}
            }
        }
    }

    fn take(&self, line: &Line) -> Option<(Stream, String)> {
        let wanted = &self.wanted;
        let stream_wanted = match line.stream {
            Stream::Out => wanted.out,
            Stream::Err => wanted.err,
        };
        let time_wanted = wanted.since.is_none_or(|since| line.at >= since)
            && wanted.until.is_none_or(|until| line.at < until);
        if !stream_wanted || !time_wanted {
            return None;
        }
        let text = if wanted.timestamps {
            format!("{:.9} {}\n", line.at, line.text)
        } else {
            format!("{}\n", line.text)
        };
        Some((line.stream, text))
    }
}
