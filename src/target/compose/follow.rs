//! Follows one operation from its first line to its end, over every break of the link.

use std::sync::Arc;

use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{codec::FramedRead, task::AbortOnDropHandle};

use super::{
    connection::{
        Connected,
        attempts::Lost,
        server::{Server, Settled, settled},
    },
    script::{self, Frame, FrameCodec, JournalLines, Part, Place},
};
use crate::{
    release::{
        Fault, FaultKind,
        newer::{Newer, NewerFile},
        operation::{Claim, OperationId, Progress},
        plan::{FORMAT, Plan},
    },
    target::BoxStream,
};

/// Progress that may wait for a slow reader; an output frame is a megabyte at most.
const WAITING: usize = 16;

/// Follows `operation`, which lies at `place` on `server`, until it has ended or the stream is dropped.
pub fn follow(server: Arc<Server>, place: Place, operation: OperationId) -> BoxStream<Progress> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let task = AbortOnDropHandle::new(tokio::spawn(keep(server, place, operation, sender)));
    let mut stream = ReceiverStream::new(receiver);
    Box::pin(futures::stream::poll_fn(move |context| {
        let _held = &task;
        stream.poll_next_unpin(context)
    }))
}

/// Why following stopped.
enum Stopped {
    /// There is nothing more to follow.
    ForGood,
    /// The link broke; it is taken up again.
    Broken(Lost),
}

async fn keep(
    server: Arc<Server>,
    place: Place,
    operation: OperationId,
    sender: mpsc::Sender<Progress>,
) {
    let mut attempts = server.attempts();
    let mut state = server.state();
    let mut was_told = false;
    while let Some(stands) = settled(&mut state).await {
        let connected = match stands {
            Settled::Live(connected) => connected,
            Settled::Waiting(fault) => {
                // Once a break: the reader starts over and waits.
                if !std::mem::replace(&mut was_told, true)
                    && sender.send(Progress::Lost(fault)).await.is_err()
                {
                    return;
                }
                if state.changed().await.is_err() {
                    return;
                }
                continue;
            }
        };
        attempts.begin();
        let lost = match once(&connected, &place, operation, &sender).await {
            Stopped::ForGood => return,
            Stopped::Broken(lost) => lost,
        };
        was_told = true;
        let fault = lost.fault.clone();
        attempts.fail(lost);
        if sender.send(Progress::Lost(fault)).await.is_err() {
            return;
        }
        tokio::select! {
            () = attempts.pause() => {}
            Ok(()) = state.changed() => state.mark_changed(),
        }
    }
}

async fn once(
    connected: &Connected,
    place: &Place,
    operation: OperationId,
    sender: &mpsc::Sender<Progress>,
) -> Stopped {
    let subject = format!("{} operation {operation}", place.environment);
    let script = match script::tail(place, operation) {
        Ok(script) => script,
        Err(error) => {
            let fault = Fault::new(FaultKind::Invalid, &subject, "it cannot be followed")
                .remedy("correct directory and project in the configuration")
                .because(error);
            return tell_last(sender, fault).await;
        }
    };
    let running = match connected.channels.open(&script).await {
        Ok(running) => running,
        Err(fault) => {
            return Stopped::Broken(Lost {
                fault,
                was_live: false,
            });
        }
    };
    let mut frames = FramedRead::new(running, FrameCodec::new());
    let mut journal = JournalLines::new();
    while let Some(frame) = frames.next().await {
        let progress = match frame.map_err(|error| error.to_string()) {
            Ok(Frame {
                part: Part::Missing,
                ..
            }) => {
                let fault = Fault::new(
                    FaultKind::Missing,
                    &subject,
                    "there is no such operation on the server",
                )
                .remedy("its folder was removed, or the configuration names another directory");
                return tell_last(sender, fault).await;
            }
            Ok(Frame {
                part: Part::NeverBegan,
                ..
            }) => {
                let fault = Fault::new(
                    FaultKind::Conflict,
                    &subject,
                    "its runner died before its first step: nothing was changed, and nothing is held",
                )
                .remedy("start it again");
                return tell_last(sender, fault).await;
            }
            Ok(Frame {
                part: Part::Newer,
                bytes,
                ..
            }) => return tell_last(sender, newer(&bytes, operation).fault(&subject)).await,
            Ok(frame) => read(frame, &mut journal),
            Err(error) => Err(error),
        };
        let progress = match progress {
            Ok(progress) => progress,
            Err(error) => {
                let fault = Fault::new(
                    FaultKind::Unsupported,
                    &subject,
                    "what the server tells of it cannot be understood",
                )
                .remedy("it may be of a newer flightdeck: update this one")
                .because(error);
                return tell_last(sender, fault).await;
            }
        };
        for progress in progress {
            let is_end = matches!(progress, Progress::End(_));
            if sender.send(progress).await.is_err() || is_end {
                return Stopped::ForGood;
            }
        }
    }
    Stopped::Broken(Lost {
        fault: Fault::new(FaultKind::Unreachable, &subject, "following it broke off")
            .because(frames.get_ref().complaint()),
        was_live: true,
    })
}

/// Says what nothing can be done about by trying again.
async fn tell_last(sender: &mpsc::Sender<Progress>, fault: Fault) -> Stopped {
    // Whoever has left needs no answer.
    let _ = sender.send(Progress::Gone(fault)).await;
    Stopped::ForGood
}

/// Which file a newer flightdeck has written, a line end, and the operation's claim.
fn newer(bytes: &[u8], operation: OperationId) -> Newer {
    let told = String::from_utf8_lossy(bytes);
    let (file, claim) = told.split_once('\n').unwrap_or((&told, ""));
    Newer {
        file: NewerFile::of(file),
        operation: Some(operation),
        claim: Claim::known(claim.as_bytes()),
    }
}

fn read(frame: Frame, journal: &mut JournalLines) -> Result<Vec<Progress>, String> {
    let words = |error: serde_json::Error| error.to_string();
    Ok(match frame.part {
        Part::Plan => {
            let plan: Plan = serde_json::from_slice(&frame.bytes).map_err(words)?;
            if plan.v > FORMAT {
                return Err(format!(
                    "its plan is of format {}, and this flightdeck knows {FORMAT}",
                    plan.v
                ));
            }
            vec![Progress::Plan(Box::new(plan))]
        }
        Part::Journal => journal
            .push(&frame.bytes)
            .into_iter()
            .map(Progress::Journal)
            .collect(),
        Part::Output => vec![Progress::Output(frame.bytes)],
        // The difference of a refused basis belongs to what was printed.
        Part::Difference => vec![Progress::Output(differences(&frame.bytes).into())],
        Part::End => {
            let end = serde_json::from_slice(&frame.bytes).map_err(words)?;
            vec![Progress::End(end)]
        }
        _ => Vec::new(),
    })
}

/// The lines of `basis.difference` (what, what was expected, what was found, with tabs between) in words.
/// A line of another shape stays as it is.
fn differences(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut columns = line.split('\t');
        match (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
        ) {
            (Some(what), Some(expected), Some(found), None) => {
                text.push_str(&format!("{what}: expected {expected}, found {found}"));
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_what_was_expected_and_what_was_found() {
        let said = differences(b"last operation\t8\t9\nschema cannot be read\nno\ttwo");
        assert_eq!(
            said,
            "last operation: expected 8, found 9\nschema cannot be read\nno\ttwo\n"
        );
    }
}
