//! Follows an operation: a line that lives on a terminal, plain lines in a pipe.

mod order;

use std::{io, time::Duration};

use futures::StreamExt;

use crate::{
    fleet::log_buffer::LineCutter,
    release::{
        operation::{Direction, End, Event, JournalLine, OperationId, Progress},
        plan::{OnStepFailure, Plan},
        text::clean,
    },
    target::BoxStream,
};

use self::order::{Order, Told};
use super::{Failure, Output};

/// How often the line of a running step is written anew on a terminal.
const TICK: Duration = Duration::from_secs(1);

/// How following ended.
#[derive(Debug)]
pub enum Followed {
    /// The operation has ended.
    Ended(End),
    /// Its runner and supervisor are dead, and it has not ended: by itself it never will.
    Died,
    /// Ctrl-C: the operation goes on without us.
    Left,
}

/// Follows `stream` to the operation's end, printing as it goes; with JSON, silently. `died` resolves
/// once the operation is known to be dead.
///
/// # Errors
/// If nobody reads any more what is printed.
pub async fn follow(
    operation: OperationId,
    mut stream: BoxStream<Progress>,
    died: impl Future<Output = ()>,
    output: &mut Output,
) -> Result<Followed, Failure> {
    let mut printer = Printer::new(operation, output);
    let mut tick = tokio::time::interval(TICK);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted, died);
    loop {
        let progress = tokio::select! {
            progress = stream.next() => progress,
            _ = tick.tick(), if printer.lives() => {
                printer.draw_step()?;
                continue;
            }
            _ = &mut interrupted => {
                printer.clear_step()?;
                return Ok(Followed::Left);
            }
            () = &mut died => {
                printer.finish()?;
                return Ok(Followed::Died);
            }
        };
        match progress {
            Some(Progress::End(end)) => {
                printer.finish()?;
                return Ok(Followed::Ended(end));
            }
            Some(Progress::Gone(fault)) => {
                printer.finish()?;
                return Err(fault.into());
            }
            Some(progress) => printer.show(progress)?,
            None => {
                return Err(crate::release::Fault::new(
                    crate::release::FaultKind::Unreachable,
                    format!("operation {operation}"),
                    "can no longer be followed; it goes on by itself",
                )
                .remedy("look again with `flightdeck status`")
                .into());
            }
        }
    }
}

/// A step that runs.
struct Running {
    direction: Direction,
    step: String,
    since: i64,
    begun: tokio::time::Instant,
}

struct Printer<'a> {
    operation: OperationId,
    output: &'a mut Output,
    plan: Option<Box<Plan>>,
    running: Option<Running>,
    cutter: LineCutter,
    order: Order,
}

impl<'a> Printer<'a> {
    fn new(operation: OperationId, output: &'a mut Output) -> Self {
        Self {
            operation,
            output,
            plan: None,
            running: None,
            cutter: LineCutter::default(),
            order: Order::default(),
        }
    }

    /// Whether there is a line to keep alive.
    fn lives(&self) -> bool {
        self.output.terminal && self.running.is_some()
    }

    fn show(&mut self, progress: Progress) -> Result<(), Failure> {
        if self.output.json {
            return Ok(());
        }
        match progress {
            Progress::Plan(plan) => {
                if self.plan.is_none() {
                    self.line(&format!("{}: {}", self.operation, plan.title()))?;
                }
                self.plan = Some(plan);
            }
            Progress::Journal(line) => {
                let told = self.order.journal(line);
                self.tell(told)?;
            }
            Progress::Output(bytes) => {
                let told = self.order.output(bytes);
                self.tell(told)?;
            }
            Progress::Lost(fault) => {
                self.order.restarted();
                self.line(&format!("not to be seen now, goes on: {fault}"))?;
            }
            Progress::End(_) | Progress::Gone(_) => {}
        }
        self.draw_step()?;
        Ok(())
    }

    fn tell(&mut self, told: Vec<Told>) -> io::Result<()> {
        for told in told {
            match told {
                Told::Journal(line) => self.journal_line(line)?,
                Told::Output(bytes) => {
                    for line in self.cutter.push(&bytes) {
                        self.line(&format!("    {line}"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What was printed last without a line break is a line all the same.
    fn end_line(&mut self) -> io::Result<()> {
        if !self.cutter.is_empty()
            && let Some(line) = self.cutter.finish()
        {
            self.line(&format!("    {line}"))?;
        }
        Ok(())
    }

    fn journal_line(&mut self, line: JournalLine) -> io::Result<()> {
        if let Event::StepStart { .. } | Event::StepEnd { .. } = line.event {
            self.end_line()?;
        }
        match line.event {
            Event::Begin { direction, .. } => match direction {
                Direction::Forward => {}
                Direction::Back => self.line("going back")?,
                Direction::Closing => self.line("over; telling of it")?,
            },
            Event::Recovers { operation, .. } => {
                self.line(&format!("recovers {operation}"))?;
            }
            Event::Held {
                direction,
                step,
                skipped,
            } => {
                let words = if skipped { "skipped" } else { "held before" };
                self.line(&format!("{} {words}", self.name(direction, &step)))?;
            }
            Event::StepStart {
                direction, step, ..
            } => {
                if !self.output.terminal {
                    self.line(&format!("{} started", self.name(direction, &step)))?;
                }
                self.running = Some(Running {
                    direction,
                    step,
                    since: line.at,
                    begun: tokio::time::Instant::now(),
                });
            }
            Event::StepEnd {
                direction,
                step,
                exit,
                why,
                ..
            } => {
                let since = match self.running.take() {
                    Some(running) if running.step == step => running.since,
                    _ => line.at,
                };
                let took = (line.at - since).max(0);
                let result = match (exit, why.as_deref()) {
                    (Some(0), _) => "ok".to_owned(),
                    (_, Some("limit")) => "FAILED: took longer than its limit".to_owned(),
                    (_, Some("cancel")) => "ended: cancelled".to_owned(),
                    (_, Some("signal")) => "FAILED: ended by a signal".to_owned(),
                    (Some(exit), _) => format!("FAILED: exit code {exit}"),
                    (None, _) => "FAILED: its end is not known".to_owned(),
                };
                let name = self.name(direction, &step);
                let only_reported = exit != Some(0) && self.is_only_reported(direction, &step);
                let more = if only_reported {
                    " (only reported)"
                } else {
                    ""
                };
                self.line(&format!("{name} {result}{more}  {took} s"))?;
            }
            Event::Cancel => self.line("cancelling: somebody asked for it")?,
            Event::RunnerLost => self.line("the runner was killed; its supervisor goes on")?,
            Event::End { .. } | Event::Unknown => {}
        }
        Ok(())
    }

    /// Whether a step's failure changes nothing.
    fn is_only_reported(&self, direction: Direction, step: &str) -> bool {
        let plan = self.plan.as_ref();
        direction == Direction::Closing
            || plan.is_some_and(|plan| {
                plan.steps(direction)
                    .iter()
                    .any(|s| s.id == step && s.failure == OnStepFailure::Reported)
            })
    }

    /// `2/6 pull-backend`, or the step's id alone where the plan is not known.
    fn name(&self, direction: Direction, step: &str) -> String {
        let steps = self.plan.as_ref().map(|plan| plan.steps(direction));
        let place = steps.and_then(|steps| {
            let at = steps.iter().position(|s| s.id == step)?;
            Some(format!("{}/{} ", at + 1, steps.len()))
        });
        format!("  {}{}", place.unwrap_or_default(), clean(step))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.clear_step()?;
        self.output.line(text)?;
        self.output.flush()
    }

    fn draw_step(&mut self) -> io::Result<()> {
        let Some(running) = self.running.as_ref().filter(|_| self.output.terminal) else {
            return Ok(());
        };
        let name = self.name(running.direction, &running.step);
        let seconds = running.begun.elapsed().as_secs();
        self.output.text(&format!("\r\x1b[K{name} … {seconds} s"))?;
        self.output.flush()
    }

    fn clear_step(&mut self) -> io::Result<()> {
        if self.lives() {
            self.output.text("\r\x1b[K")?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.output.json {
            return Ok(());
        }
        self.end_line()?;
        for line in self.order.rest() {
            self.journal_line(line)?;
        }
        self.clear_step()?;
        self.running = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
