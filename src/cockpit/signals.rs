//! The process's signals, as what they ask the cockpit for.

use std::io;

use futures::{Stream, StreamExt};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// To leave: SIGTERM, SIGINT, SIGHUP.
    Leave,
    /// To be stopped: SIGTSTP.
    Suspend,
}

/// Listens for all of them.
///
/// # Errors
/// Those of the system, for a signal that cannot be listened for.
pub fn listen() -> io::Result<impl Stream<Item = Signal> + Unpin> {
    let one =
        |kind: SignalKind, means: Signal| -> io::Result<_> { Ok(stream_of(signal(kind)?, means)) };
    let suspend = SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw());
    Ok(futures::stream::select_all([
        one(SignalKind::terminate(), Signal::Leave)?,
        one(SignalKind::interrupt(), Signal::Leave)?,
        one(SignalKind::hangup(), Signal::Leave)?,
        one(suspend, Signal::Suspend)?,
    ]))
}

fn stream_of(signal: SignalStream, means: Signal) -> futures::stream::BoxStream<'static, Signal> {
    futures::stream::unfold(signal, move |mut signal| async move {
        signal.recv().await.map(|()| (means, signal))
    })
    .boxed()
}
