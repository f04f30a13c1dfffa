//! What runs outside the loop: the streams that the model wants, and effects that take time.
//!
//! A log line is never a message: a reader cuts and cleans it into its buffer, and marks that dirty.

use std::{collections::BTreeMap, sync::Arc};

use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    fleet::{
        log_buffer::{LineCutter, LogBuffer, LogLine},
        world::World,
    },
    operation, plan, process,
    release::{
        Confirmed, EnvironmentName, Fault, FaultKind, ServiceName,
        operation::{OperationId, Progress},
        plan::{Deed, Plan, Request, RollbackTo},
        record::ServiceRelease,
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
        text::clean,
    },
    target::{BoxStream, Chunk},
};

use super::model::{Model, Msg, Outcome, Refusal, Ticket, Want, wants};

/// Messages that wait at most: a reader that is faster than the loop waits.
const MOST_WAITING: usize = 256;

/// The running tasks; dropped, they end.
pub struct Tasks {
    world: Arc<World>,
    sender: mpsc::Sender<Msg>,
    running: BTreeMap<Want, Running>,
    deeds: Vec<AbortOnDropHandle<()>>,
}

struct Running {
    buffer: Arc<LogBuffer>,
    _task: AbortOnDropHandle<()>,
}

impl Tasks {
    /// No tasks yet; what they say arrives at the receiver.
    pub fn new(world: Arc<World>) -> (Self, mpsc::Receiver<Msg>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let tasks = Self {
            world,
            sender,
            running: BTreeMap::new(),
            deeds: Vec::new(),
        };
        (tasks, receiver)
    }

    /// Starts the streams that are wanted and do not run, stops those that run and are not wanted.
    pub fn reconcile(&mut self, model: &Model) {
        let wanted = wants(model);
        // A stream whose buffer was replaced fills one that nobody looks at: it starts over.
        self.running.retain(|want, running| {
            wanted.contains(want)
                && model
                    .buffer(want)
                    .is_some_and(|buffer| Arc::ptr_eq(&buffer, &running.buffer))
        });
        for want in wanted {
            let Some(buffer) = model.buffer(&want) else {
                continue;
            };
            if self.running.contains_key(&want) {
                continue;
            }
            let task = match &want {
                Want::Logs(environment, query) => {
                    let Ok(target) = self.world.target(environment) else {
                        continue;
                    };
                    tokio::spawn(read_logs(target.logs(query.clone()), buffer.clone()))
                }
                Want::Operation(environment, id) => {
                    let progress = match model.permit {
                        Some(permit) => operation::attend(&self.world, environment, *id, permit),
                        None => operation::follow(&self.world, environment, *id),
                    };
                    let Ok(progress) = progress else {
                        continue;
                    };
                    tokio::spawn(follow(
                        progress,
                        environment.clone(),
                        *id,
                        buffer.clone(),
                        self.sender.clone(),
                    ))
                }
            };
            let running = Running {
                buffer,
                _task: AbortOnDropHandle::new(task),
            };
            self.running.insert(want, running);
        }
    }

    fn begin(&mut self, deed: impl Future<Output = (Ticket, Outcome)> + Send + 'static) {
        self.deeds.retain(|deed| !deed.is_finished());
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            let (ticket, outcome) = deed.await;
            // The loop has ended if nobody receives: then nobody waits for the outcome.
            let _ = sender.send(Msg::Done(ticket, outcome)).await;
        });
        self.deeds.push(AbortOnDropHandle::new(task));
    }

    /// Surveys the server and makes a plan with its commands.
    pub fn plan(&mut self, ticket: Ticket, model: &Model, request: Request) {
        let (world, fleet) = (self.world.clone(), model.fleet.clone());
        self.begin(async move {
            let planned = async {
                let plan = operation::plan(&world, &fleet, request.clone()).await?;
                let commands = world.target(&plan.environment)?.commands(&plan);
                Ok((plan, commands))
            };
            let outcome = match planned.await {
                Ok((plan, commands)) => Outcome::Planned(Box::new(plan), commands),
                Err(fault) => Outcome::Refused(refusal(&world, request, fault).await),
            };
            (ticket, outcome)
        });
    }

    /// Starts what was confirmed.
    pub fn start(&mut self, ticket: Ticket, plan: Confirmed<Plan>) {
        let world = self.world.clone();
        let environment = plan.get().environment.clone();
        self.begin(async move {
            let started = operation::start(&world, plan).await;
            (ticket, Outcome::Started(environment, started))
        });
    }

    /// Recovers an operation.
    pub fn recover(
        &mut self,
        ticket: Ticket,
        environment: EnvironmentName,
        recovery: Confirmed<RecoveryRequest>,
    ) {
        let world = self.world.clone();
        self.begin(async move {
            let told = operation::recover(&world, &environment, recovery).await;
            (ticket, Outcome::Recovered(environment, told))
        });
    }

    /// Locks an environment by hand.
    pub fn lock(
        &mut self,
        ticket: Ticket,
        environment: EnvironmentName,
        lock: Confirmed<LockRequest>,
    ) {
        let world = self.world.clone();
        self.begin(async move {
            let outcome = match operation::lock(&world, &environment, lock).await {
                Ok(operation) => Outcome::Said(Ok(format!("{environment} is locked, {operation}"))),
                Err(fault) => Outcome::Recovered(environment, Err(fault)),
            };
            (ticket, outcome)
        });
    }

    /// Ends a lock by hand.
    pub fn unlock(
        &mut self,
        ticket: Ticket,
        environment: EnvironmentName,
        unlock: Confirmed<UnlockRequest>,
    ) {
        let world = self.world.clone();
        self.begin(async move {
            let outcome = match operation::unlock(&world, &environment, unlock).await {
                Ok(()) => Outcome::Said(Ok(format!("{environment} is unlocked"))),
                Err(fault) => Outcome::Recovered(environment, Err(fault)),
            };
            (ticket, outcome)
        });
    }

    /// Opens an address in the operator's browser.
    pub fn open_url(&mut self, ticket: Ticket, url: String) {
        self.begin(async move {
            let opened = process::Command::new("xdg-open")
                .args([&url])
                .collect(b"", 64 * 1024)
                .await;
            let outcome = match opened {
                Ok(output) if output.status == 0 => Ok(format!("opened {}", clean(&url))),
                Ok(output) => Err(Fault::new(
                    FaultKind::Failed,
                    "xdg-open",
                    format!("ended with {}", output.status),
                )
                .because(String::from_utf8_lossy(&output.stderr))),
                Err(error) => Err(
                    Fault::new(FaultKind::Missing, "xdg-open", "cannot be started").because(error),
                ),
            };
            (ticket, Outcome::Said(outcome))
        });
    }
}

/// A refusal with what could be asked for instead: where no release is recorded that a rollback could
/// return to, the images of the services that lie on the server.
async fn refusal(world: &World, request: Request, fault: Fault) -> Refusal {
    let to_last_healthy = matches!(
        &request.deed,
        Deed::Rollback {
            to: RollbackTo::LastHealthy,
            ..
        }
    );
    let images = if to_last_healthy && fault.kind == FaultKind::Missing {
        // A second fault would hide the first, which is the one that was asked about.
        images_on_server(world, request).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    Refusal { fault, images }
}

async fn images_on_server(
    world: &World,
    request: Request,
) -> Result<Vec<(ServiceName, ServiceRelease)>, Fault> {
    let target = world.target(&request.environment)?;
    let services = &world.config.services;
    let Some(environment) = world.config.environment(&request.environment) else {
        return Ok(Vec::new());
    };
    // An adoption's survey reads the same and needs nothing to go back to.
    let survey = target
        .survey(Request {
            deed: Deed::Adopt,
            ..request
        })
        .await?;
    let running = plan::running::release(environment, services, &survey);
    Ok(plan::local_images(environment, services, &survey, &running))
}

/// Lines of one container, still to be cut.
#[derive(Default)]
struct Container {
    cutter: LineCutter,
}

/// Containers whose half lines are kept: more were replaced long ago.
const MOST_CONTAINERS: usize = 64;

async fn read_logs(mut chunks: BoxStream<Chunk>, buffer: Arc<LogBuffer>) {
    let mut containers: BTreeMap<Arc<str>, Container> = BTreeMap::new();
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Chunk::Lines { container, bytes } => {
                if containers.len() > MOST_CONTAINERS {
                    containers.clear();
                }
                let lines = containers.entry(container.clone()).or_default();
                let from: Arc<str> = clean(&container).into();
                buffer.push(
                    lines
                        .cutter
                        .push(&bytes)
                        .into_iter()
                        .map(|text| stamped(&from, &text)),
                );
            }
            Chunk::Note(note) => buffer.push([LogLine {
                at: None,
                from: "".into(),
                text: format!("-- {}", clean(&note)).into(),
            }]),
        }
    }
}

/// A line with the Engine's timestamp in front taken off.
fn stamped(from: &Arc<str>, text: &str) -> LogLine {
    let stamp = text.split_once(' ').and_then(|(stamp, rest)| {
        let at: Timestamp = stamp.parse().ok()?;
        Some((at, rest))
    });
    let (at, text) = match stamp {
        Some((at, rest)) => (Some(at), rest),
        None => (None, text),
    };
    LogLine {
        at,
        from: from.clone(),
        text: text.into(),
    }
}

async fn follow(
    mut progress: BoxStream<Progress>,
    environment: EnvironmentName,
    id: OperationId,
    buffer: Arc<LogBuffer>,
    sender: mpsc::Sender<Msg>,
) {
    let nobody: Arc<str> = "".into();
    let mut cutter = LineCutter::default();
    let mut told_before = false;
    let push = |cutter: Vec<String>| {
        buffer.push(cutter.into_iter().map(|text| LogLine {
            at: None,
            from: nobody.clone(),
            text: text.into(),
        }));
    };
    while let Some(next) = progress.next().await {
        match &next {
            Progress::Output(bytes) => {
                push(cutter.push(bytes));
                continue;
            }
            Progress::Plan(_) => {
                // Told again from its first line.
                if told_before {
                    buffer.clear();
                    cutter = LineCutter::default();
                }
                told_before = true;
            }
            Progress::End(_) if !cutter.is_empty() => push(cutter.finish().into_iter().collect()),
            Progress::End(_) | Progress::Journal(_) | Progress::Lost(_) | Progress::Gone(_) => {}
        }
        let message = Msg::Progress(environment.clone(), id, next);
        if sender.send(message).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_timestamp_is_taken_off_and_any_other_word_is_not() {
        let from: Arc<str> = "shop-backend-1".into();
        let line = stamped(&from, "2026-01-24T14:02:30.123456789Z GET / 200");
        assert_eq!(&*line.text, "GET / 200");
        assert!(line.at.is_some());
        let line = stamped(&from, "WARN no stamp");
        assert_eq!((&*line.text, line.at), ("WARN no stamp", None));
    }

    #[tokio::test]
    async fn an_operation_that_is_told_again_is_shown_once() {
        let buffer = Arc::new(LogBuffer::new(100, Arc::default()));
        let (sender, mut receiver) = mpsc::channel(10);
        let plan = || Progress::Plan(Box::new(super::super::tests::fixtures::promotion()));
        let told = futures::stream::iter([
            plan(),
            Progress::Output("pulling\nhal".into()),
            plan(),
            Progress::Output("pulling\nhalf".into()),
            Progress::End(super::super::tests::fixtures::end()),
        ]);
        let environment = super::super::tests::fixtures::environment("staging");
        follow(
            Box::pin(told),
            environment,
            OperationId(7),
            buffer.clone(),
            sender,
        )
        .await;
        let lines = buffer.window(None, 10).lines;
        let lines: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        assert_eq!(lines, ["pulling", "half"]);
        let mut messages = 0;
        while receiver.recv().await.is_some() {
            messages += 1;
        }
        assert_eq!(messages, 3, "two plans and an end; output is no message");
    }
}
