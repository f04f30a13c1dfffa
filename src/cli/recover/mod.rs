//! `flightdeck recover`: cancel the operation that runs, or deal with one that did not end well.

mod telling;

use futures::StreamExt;

use crate::{
    fleet::{Fleet, join::Recoverable},
    operation,
    release::{
        EnvironmentName, Fault, FaultKind, Permit,
        confirm::Answer,
        operation::{Liveness, OperationId, OperationState, Outcome, Progress},
        recovery::{self, Recovery, RecoveryRequest, RecoveryWish, StoppedStep},
    },
};

use self::telling::Told;
use super::{Attendant, Exit, Failure, Next, Session, deed::DeedFlags, progress::Followed};

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
    #[command(flatten)]
    flags: DeedFlags,
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

impl Recover {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let wish = RecoveryWish {
            environment: session.environment(&self.environment)?.name.clone(),
            recovery: self.how.into(),
            stopped_step: match (self.again, self.skip) {
                (true, _) => StoppedStep::Again,
                (_, true) => StoppedStep::Skip,
                _ => StoppedStep::Ask,
            },
            seen_dead: self.seen_dead,
            reason: self.flags.reason.clone(),
        };
        if self.flags.wants_cockpit(session) {
            return Ok(Next::Recovery(wish));
        }
        self.carry_out(wish, session, permit).await.map(Next::Exit)
    }

    async fn carry_out(
        &self,
        wish: RecoveryWish,
        session: &mut Session,
        permit: Permit,
    ) -> Result<Exit, Failure> {
        let (name, recovery) = (wish.environment.clone(), wish.recovery);
        // Of the others it is told first what they would run.
        if recovery == Recovery::Cancel {
            self.flags.check()?;
        }
        let (found, told) = self.find(session, &name, recovery).await?;
        let request = wish.about(found);
        if self.flags.dry_run {
            return print_plan(session, &name, &request, told.as_ref());
        }
        if let (Some(told), true) = (&told, recovery != Recovery::Cancel) {
            tell(session, &name, &request, told)?;
        }
        self.flags.check()?;
        let environment = session.environment(&self.environment)?;
        let words = recovery::confirm_words(recovery, environment.confirm_words());
        let confirmed = permit.confirm_with(request, words.as_ref(), Answer::YesFlag)?;
        let started = operation::recover(&session.world, &name, confirmed).await?;
        let followed = started.unwrap_or(found);
        if self.flags.detach {
            return session.print_started(followed, &name);
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
            Followed::Left => {
                session.print_started(followed, &name)?;
                Ok(Exit::Interrupted)
            }
        }
    }

    /// The operation that `recovery` is for, and what is told of it: nothing where a cancel needs nothing.
    async fn find(
        &self,
        session: &mut Session,
        name: &EnvironmentName,
        recovery: Recovery,
    ) -> Result<(OperationId, Option<Told>), Failure> {
        let fleet = session.settled(name).await?;
        let facts = fleet.environment(name);
        if let Some(newer) = facts.and_then(|facts| facts.newer()) {
            return Err(newer.fault(name.as_str()).into());
        }
        let recoverable = facts.and_then(|facts| facts.recoverable());
        match (recoverable, recovery) {
            (Some(Recoverable::UnderWay(operation)), Recovery::Cancel) => {
                Ok((operation.id, told_of_held(name, operation).ok()))
            }
            (Some(Recoverable::UnderWay(operation)), _) if !self.is_seen_dead(operation) => {
                Err(under_way(name, operation).into())
            }
            (Some(Recoverable::Interrupted(operation)), Recovery::Cancel) => {
                Err(interrupted(name, operation).into())
            }
            (Some(Recoverable::Interrupted(operation) | Recoverable::UnderWay(operation)), _) => {
                Ok((operation.id, Some(told_of_held(name, operation)?)))
            }
            (Some(Recoverable::Ended(record)), recovery) if recovery != Recovery::Cancel => {
                let operation = record.operation;
                let told = told_of_ended(session, name, operation).await?;
                Ok((operation, Some(told)))
            }
            _ => {
                let words = "no operation is under way, and none waits to be recovered";
                Err(session.nothing_there(&fleet, name, words))
            }
        }
    }

    /// Whether the operator's word stands for what cannot be seen; what is seen alive lives.
    fn is_seen_dead(&self, operation: &OperationState) -> bool {
        self.seen_dead && operation.liveness == Liveness::Unknown
    }
}

/// Prints what would be done.
fn print_plan(
    session: &mut Session,
    name: &EnvironmentName,
    request: &RecoveryRequest,
    told: Option<&Told>,
) -> Result<Exit, Failure> {
    let told = told.ok_or_else(|| unreadable(name, request.operation))?;
    let commands = session.world.target(name)?.commands(&told.plan);
    let course = match request.recovery {
        Recovery::Cancel => None,
        recovery => Some(
            told.course(recovery)
                .ok_or_else(|| no_way_back(name, request.operation))?,
        ),
    };
    if session.output.json {
        let value = told.value(name, course.as_ref(), request, &commands);
        session.output.value(&value)?;
    } else {
        let lines = match &course {
            Some(course) => told.lines(course, request, &commands),
            None => told.cancel_lines(request.operation, &commands),
        };
        for line in lines {
            session.output.line(line)?;
        }
    }
    session.output.flush()?;
    match course.and_then(|course| course.ask) {
        Some(step) if request.stopped_step == StoppedStep::Ask => Err(ask(&step.id)),
        _ => Ok(Exit::Ok),
    }
}

/// Says at which step it stopped and which steps will run, and refuses what needs an answer first.
fn tell(
    session: &mut Session,
    name: &EnvironmentName,
    request: &RecoveryRequest,
    told: &Told,
) -> Result<(), Failure> {
    let course = told
        .course(request.recovery)
        .ok_or_else(|| no_way_back(name, request.operation))?;
    if !session.output.json {
        for line in told.summary(request.operation, &course, request.recovery) {
            session.output.line(line)?;
        }
        session.output.flush()?;
    }
    match course.ask {
        Some(step) if request.stopped_step == StoppedStep::Ask => Err(ask(&step.id)),
        _ => Ok(()),
    }
}

fn ask(step: &str) -> Failure {
    Failure::Usage(format!(
        "{step} is a command of your own, and whether it was done only you can tell: add --again to \
         run it again, or --skip to take it for done"
    ))
}

fn no_way_back(name: &EnvironmentName, operation: OperationId) -> Fault {
    Fault::new(
        FaultKind::Invalid,
        name.as_str(),
        format!("operation {operation} has no way back"),
    )
    .remedy("resume it, abandon it, or roll back")
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

fn interrupted(name: &EnvironmentName, operation: &OperationState) -> Fault {
    let next = match recovery::stopped(&operation.journal, None).came_to {
        Some(_) => format!("finish it instead: `flightdeck recover {name} resume`"),
        None => format!("go back instead: `flightdeck recover {name} back`"),
    };
    let operation = operation.id;
    Fault::new(
        FaultKind::Conflict,
        name.as_str(),
        format!("operation {operation} was interrupted: nothing runs that could be cancelled"),
    )
    .remedy(next)
}

/// What an operation that has not ended was to do and how far it has come.
fn told_of_held(name: &EnvironmentName, operation: &OperationState) -> Result<Told, Fault> {
    Ok(Told {
        plan: operation
            .plan
            .clone()
            .ok_or_else(|| unreadable(name, operation.id))?,
        journal: operation.journal.clone(),
        end: None,
    })
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
    .remedy(
        "look at plan.json in its folder on the server; where it was seen to be dead, a rollback needs \
         nothing of it",
    )
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
