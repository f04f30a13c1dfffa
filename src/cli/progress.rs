//! Follows an operation: a line that lives on a terminal, plain lines in a pipe.

use std::{collections::VecDeque, io, time::Duration};

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

/// How long the output was when a journal line was written.
fn offset(line: &JournalLine) -> u64 {
    match &line.event {
        Event::StepStart { offset, .. } | Event::StepEnd { offset, .. } => *offset,
        _ => 0,
    }
}

struct Printer<'a> {
    operation: OperationId,
    output: &'a mut Output,
    plan: Option<Box<Plan>>,
    running: Option<Running>,
    cutter: LineCutter,
    /// How many journal lines and output bytes came since following (re)began, and how many of them
    /// were printed already: after a lost connection everything comes once more.
    journal: (usize, usize),
    bytes: (usize, usize),
    /// Journal lines that are told when the output has come as far as it was when they were written:
    /// the two travel apart.
    ahead: VecDeque<JournalLine>,
}

impl<'a> Printer<'a> {
    fn new(operation: OperationId, output: &'a mut Output) -> Self {
        Self {
            operation,
            output,
            plan: None,
            running: None,
            cutter: LineCutter::default(),
            journal: (0, 0),
            bytes: (0, 0),
            ahead: VecDeque::new(),
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
                self.journal.0 += 1;
                if self.journal.0 > self.journal.1 {
                    self.journal.1 = self.journal.0;
                    self.ahead.push_back(line);
                    self.catch_up()?;
                }
            }
            Progress::Output(bytes) => {
                let known = self.bytes.1.saturating_sub(self.bytes.0).min(bytes.len());
                self.bytes.0 += bytes.len();
                self.bytes.1 = self.bytes.1.max(self.bytes.0);
                for line in self.cutter.push(&bytes[known..]) {
                    self.line(&format!("    {line}"))?;
                }
                self.catch_up()?;
            }
            Progress::Lost(fault) => {
                self.journal.0 = 0;
                self.bytes.0 = 0;
                self.line(&format!("not to be seen now, goes on: {fault}"))?;
            }
            Progress::End(_) | Progress::Gone(_) => {}
        }
        self.draw_step()?;
        Ok(())
    }

    /// Tells the journal lines that the output has caught up with.
    fn catch_up(&mut self) -> io::Result<()> {
        let seen = self.bytes.1 as u64;
        while let Some(line) = self.ahead.pop_front_if(|line| offset(line) <= seen) {
            self.journal_line(line)?;
        }
        Ok(())
    }

    fn journal_line(&mut self, line: JournalLine) -> io::Result<()> {
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
        if !self.cutter.is_empty()
            && let Some(line) = self.cutter.finish()
        {
            self.line(&format!("    {line}"))?;
        }
        while let Some(line) = self.ahead.pop_front() {
            self.journal_line(line)?;
        }
        self.clear_step()?;
        self.running = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::output::tests::Printed,
        release::{Fault, FaultKind, operation::Outcome},
    };

    fn journal(at: i64, event: Event) -> Progress {
        Progress::Journal(JournalLine { v: 1, at, event })
    }

    fn start(at: i64, direction: Direction, step: &str) -> Progress {
        let step = step.to_owned();
        journal(
            at,
            Event::StepStart {
                direction,
                step,
                group: 7,
                offset: 0,
            },
        )
    }

    fn ended(at: i64, direction: Direction, step: &str, exit: i64, offset: u64) -> Progress {
        let step = step.to_owned();
        journal(
            at,
            Event::StepEnd {
                direction,
                step,
                exit: Some(exit),
                offset,
                why: None,
            },
        )
    }

    fn output(text: &str) -> Progress {
        Progress::Output(bytes::Bytes::copy_from_slice(text.as_bytes()))
    }

    fn end(outcome: Outcome) -> Progress {
        Progress::End(End {
            outcome,
            step: Some("verify-health".to_owned()),
            exit: Some(1),
            why: None,
            back_step: None,
            changed: true,
            started: 100,
            ended: 120,
        })
    }

    async fn printed(progress: Vec<Progress>, json: bool) -> String {
        let printed = Printed::default();
        let mut out = Output::to(printed.clone(), json, false);
        let stream = Box::pin(futures::stream::iter(progress));
        let died = std::future::pending();
        let followed = follow(OperationId(42), stream, died, &mut out)
            .await
            .unwrap();
        assert!(matches!(followed, Followed::Ended(_)));
        printed.text()
    }

    #[tokio::test]
    async fn a_pipe_gets_each_step_and_its_output_once_though_the_connection_broke() {
        let forward = Direction::Forward;
        let first = [start(100, forward, "pull-backend"), output("layer 1\nlay")];
        let mut all = first.to_vec();
        all.push(Progress::Lost(Fault::new(
            FaultKind::Unreachable,
            "shop",
            "no answer",
        )));
        all.extend(first);
        all.extend([
            // 22 bytes were printed when the step ended, and they travel slower than its end.
            ended(112, forward, "pull-backend", 0, 22),
            output("er \u{1b}[31m2\n"),
            start(112, forward, "verify-health"),
            ended(115, forward, "verify-health", 1, 22),
            journal(
                115,
                Event::Begin {
                    direction: Direction::Back,
                    outcome: None,
                },
            ),
            start(115, Direction::Back, "switch-backend"),
            ended(118, Direction::Back, "switch-backend", 0, 22),
            end(Outcome::WentBack),
        ]);
        insta::assert_snapshot!(printed(all, false).await, @r"
          pull-backend started
            layer 1
        not to be seen now, goes on: shop: no answer
            layer 2
          pull-backend ok  12 s
          verify-health started
          verify-health FAILED: exit code 1  3 s
        going back
          switch-backend started
          switch-backend ok  3 s
        ");
    }

    #[tokio::test]
    async fn json_is_silent_until_the_end() {
        let all = vec![
            start(1, Direction::Forward, "pull-backend"),
            output("layer\n"),
            end(Outcome::Succeeded),
        ];
        assert_eq!(printed(all, true).await, "");
    }
}
