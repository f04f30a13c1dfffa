//! `flightdeck recover`: cancel the operation that runs, or deal with one that did not end well.

use futures::StreamExt;
use serde_json::json;

use crate::{
    fleet::{Fleet, join::Recoverable},
    operation,
    release::{
        EnvironmentName, Fault, FaultKind, Permit,
        confirm::Answer,
        operation::{
            Direction, End, JournalLine, Liveness, OperationId, OperationState, Outcome, Progress,
        },
        plan::Plan,
        recovery::{self, Recovery, RecoveryRequest, StoppedStep},
    },
};

use super::{Attendant, Exit, Failure, Session, progress::Followed};

/// Cancel the operation that runs, or deal with one that did not end well.
#[derive(Debug, clap::Args)]
pub struct Recover {
    /// Where
    environment: String,
    /// What to do about the operation
    #[arg(value_enum)]
    how: How,
    /// Where it stopped at a command of your own: run that again
    #[arg(long, conflicts_with = "skip")]
    again: bool,
    /// Where it stopped at a command of your own: take that for done
    #[arg(long)]
    skip: bool,
    /// Where nobody can see from there whether it still runs, as after a container's restart: you have
    /// looked, and nothing of it does
    #[arg(long)]
    seen_dead: bool,
    /// Do it without asking; without it the command only says what it would run
    #[arg(long, short)]
    yes: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// What to do about an operation.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum How {
    /// Stop as soon as the running step allows, then go back
    Cancel,
    /// Go on with what it was doing, repeating the step at which it stopped
    Resume,
    /// Go back to the release before
    Back,
    /// Leave everything as it is, and record what is observed
    Abandon,
}

impl From<How> for Recovery {
    fn from(how: How) -> Self {
        match how {
            How::Cancel => Self::Cancel,
            How::Resume => Self::Resume,
            How::Back => Self::Back,
            How::Abandon => Self::Abandon,
        }
    }
}

/// What an operation was to do, and how far it came.
struct Told {
    plan: Box<Plan>,
    journal: Vec<JournalLine>,
    end: Option<End>,
}

impl Recover {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        let recovery = Recovery::from(self.how);
        if recovery == Recovery::Cancel && !self.yes {
            return Err(Failure::Usage(
                "add --yes to cancel it, or use the cockpit, which shows it first".to_owned(),
            ));
        }
        let fleet = session.settled(&name).await?;
        let facts = fleet.environment(&name);
        let recoverable = facts.and_then(|facts| facts.recoverable());
        let (found, told) = match (recoverable, recovery) {
            (Some(Recoverable::UnderWay(operation)), Recovery::Cancel) => (operation.id, None),
            (Some(Recoverable::UnderWay(operation)), _) if !self.is_seen_dead(operation) => {
                return Err(under_way(&name, operation).into());
            }
            (Some(Recoverable::Interrupted(operation)), Recovery::Cancel) => {
                return Err(interrupted(&name, operation.id).into());
            }
            (Some(Recoverable::Interrupted(operation) | Recoverable::UnderWay(operation)), _) => {
                let told = Told {
                    plan: operation
                        .plan
                        .clone()
                        .ok_or_else(|| unreadable(&name, operation.id))?,
                    journal: operation.journal.clone(),
                    end: None,
                };
                (operation.id, Some(told))
            }
            (Some(Recoverable::Ended(record)), recovery) if recovery != Recovery::Cancel => {
                let operation = record.operation;
                (
                    operation,
                    Some(told_of_ended(session, &name, operation).await?),
                )
            }
            _ => {
                let words = "no operation is under way, and none waits to be recovered";
                return Err(session.nothing_there(&fleet, &name, words));
            }
        };
        if let Some(told) = told {
            self.tell(session, &name, found, recovery, &told)?;
        }
        if !self.yes {
            return Err(Failure::Usage(format!(
                "add --yes to {} operation {found}, or use the cockpit, which asks",
                match recovery {
                    Recovery::Back => "take back",
                    other => other.word(),
                }
            )));
        }
        let request = RecoveryRequest {
            operation: found,
            recovery,
            stopped_step: match (self.again, self.skip) {
                (true, _) => StoppedStep::Again,
                (_, true) => StoppedStep::Skip,
                _ => StoppedStep::Ask,
            },
            seen_dead: self.seen_dead,
            reason: self.reason.clone(),
        };
        let environment = session.environment(&self.environment)?;
        let words = recovery::confirm_words(recovery, environment.confirm_words());
        let confirmed = permit.confirm_with(request, words.as_ref(), Answer::YesFlag)?;
        let started = operation::recover(&session.world, &name, confirmed).await?;
        let followed = started.unwrap_or(found);
        if session.output.json {
            session
                .output
                .value(&json!({ "environment": name, "operation": followed, "recovers": found }))?;
            return Ok(Exit::Ok);
        }
        match session.follow(&name, followed, Some(permit)).await? {
            Followed::Died => session.print_died(followed, &name),
            Followed::Ended(end) => {
                let exit = session.print_end(followed, &name, &end)?;
                // Going back, say, is no failure where that was asked for.
                let as_asked = match recovery {
                    Recovery::Back => end.outcome == Outcome::WentBack,
                    Recovery::Cancel => end.outcome == Outcome::Cancelled,
                    Recovery::Abandon => end.outcome == Outcome::Abandoned,
                    Recovery::Resume => false,
                };
                Ok(if as_asked { Exit::Ok } else { exit })
            }
            Followed::Left => Ok(Exit::Interrupted),
        }
    }

    /// Whether the operator's word stands for what cannot be seen; what is seen alive lives.
    fn is_seen_dead(&self, operation: &OperationState) -> bool {
        self.seen_dead && operation.liveness == Liveness::Unknown
    }

    /// Says at which step it stopped and which steps will run, and refuses what needs an answer first.
    fn tell(
        &self,
        session: &mut Session,
        name: &EnvironmentName,
        operation: OperationId,
        recovery: Recovery,
        told: &Told,
    ) -> Result<(), Failure> {
        let at = recovery::stopped(&told.journal, told.end.as_ref());
        let Some(course) = recovery::course(&told.plan, &told.journal, told.end.as_ref(), recovery)
        else {
            return Err(Fault::new(
                FaultKind::Invalid,
                name.as_str(),
                format!("operation {operation} has no way back"),
            )
            .remedy("resume it, abandon it, or roll back")
            .into());
        };
        if !session.output.json {
            let step = at.step.as_deref().unwrap_or("no step");
            let list = match at.direction {
                Direction::Back => "back",
                Direction::Forward | Direction::Closing => "forward",
            };
            session
                .output
                .line(format!("{operation} {}", told.plan.title()))?;
            session
                .output
                .line(format!("stopped at {step}, going {list}"))?;
            let steps: Vec<&str> = course.steps.iter().map(|step| step.id.as_str()).collect();
            session.output.line(format!(
                "{} runs: {}",
                recovery.word(),
                if steps.is_empty() {
                    "nothing".to_owned()
                } else {
                    steps.join(", ")
                }
            ))?;
            session.output.flush()?;
        }
        match course.ask {
            Some(step) if !self.again && !self.skip => Err(Failure::Usage(format!(
                "{} is a command of your own, and whether it was done only you can tell: add --again to \
                 run it again, or --skip to take it for done",
                step.id
            ))),
            _ => Ok(()),
        }
    }
}

fn under_way(name: &EnvironmentName, operation: &OperationState) -> Fault {
    let id = operation.id;
    let fault = |words: String| Fault::new(FaultKind::Conflict, name.as_str(), words);
    if operation.liveness == Liveness::Unknown {
        return fault(format!(
            "whether operation {id} still runs cannot be seen from there, and unknown is not dead"
        ))
        .remedy("look on the machine or in the container where it was started; if nothing of it runs there, add --seen-dead");
    }
    fault(format!("operation {id} is under way and not seen dead")).remedy(format!(
        "cancel it: `flightdeck recover {name} cancel`; or wait for its end"
    ))
}

fn interrupted(name: &EnvironmentName, operation: OperationId) -> Fault {
    Fault::new(
        FaultKind::Conflict,
        name.as_str(),
        format!("operation {operation} was interrupted: nothing runs that could be cancelled"),
    )
    .remedy(format!("go back instead: `flightdeck recover {name} back`"))
}

/// What an operation that has ended was to do and how far it came.
async fn told_of_ended(
    session: &Session,
    name: &EnvironmentName,
    operation: OperationId,
) -> Result<Told, Failure> {
    let mut stream = operation::follow(&session.world, name, operation)?;
    let mut plan = None;
    let mut journal = Vec::new();
    let mut end = None;
    while let Some(progress) = stream.next().await {
        match progress {
            Progress::Plan(told) => plan = Some(told),
            Progress::Journal(line) => journal.push(line),
            Progress::End(told) => end = Some(told),
            Progress::Lost(fault) | Progress::Gone(fault) => return Err(fault.into()),
            Progress::Output(_) => {}
        }
    }
    let plan = plan.ok_or_else(|| unreadable(name, operation))?;
    Ok(Told { plan, journal, end })
}

fn unreadable(name: &EnvironmentName, operation: OperationId) -> Fault {
    Fault::new(
        FaultKind::Malformed,
        name.as_str(),
        format!("what operation {operation} was to do cannot be read"),
    )
    .remedy("it may be of a newer flightdeck: recover it with that; a rollback needs nothing of it")
}

impl Session {
    /// What is known of one environment once it has been looked at.
    ///
    /// # Errors
    /// Where it cannot be looked at at all.
    pub(super) async fn settled(&self, name: &EnvironmentName) -> Result<Fleet, Failure> {
        let names = [name.clone()];
        let attendant = Attendant::start(&self.world, &names, self.interactive)?;
        let mut fleet = Fleet::new(self.world.config.clone());
        attendant.settle(&mut fleet, &names, &self.clock).await;
        Ok(fleet)
    }
}
