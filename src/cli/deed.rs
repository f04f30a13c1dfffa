//! What promote, rollback, migrate and adopt have in common: plan, show, confirm, start, follow.

use serde_json::json;

use crate::{
    fleet::Fleet,
    operation,
    release::{
        Confirmed, EnvironmentName, Permit,
        confirm::Answer,
        operation::{End, OperationId, Outcome, ended_words},
        plan::{Plan, Request},
    },
    target::RenderedPlan,
};

use super::{
    Attendant, Exit, Failure, Next, Session, plan_text,
    progress::{self, Followed},
};

/// The flags of every command that changes something.
#[derive(Debug, Clone, clap::Args)]
pub struct DeedFlags {
    /// Start without asking; without it the cockpit opens at the plan
    #[arg(long, short)]
    pub yes: bool,
    /// Print the plan and its commands, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Why, for the record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub reason: String,
    /// Return as soon as it has started instead of following it
    #[arg(long)]
    pub detach: bool,
}

impl DeedFlags {
    /// Whether the cockpit is the better place: somebody sits at a terminal and has not said yes.
    pub fn wants_cockpit(&self, session: &Session) -> bool {
        !self.yes
            && !self.dry_run
            && !session.output.json
            && session.output.terminal
            && session.interactive
    }

    /// Refuses before anything is asked of a server: nobody could confirm.
    ///
    /// # Errors
    /// If neither `--yes` nor `--dry-run` was given.
    pub fn check(&self) -> Result<(), Failure> {
        if self.yes || self.dry_run {
            return Ok(());
        }
        Err(Failure::Usage(
            "nobody can confirm here: add --yes to start, or --dry-run to see the plan".to_owned(),
        ))
    }
}

impl Session {
    /// Plans `request` and carries it out as the flags say. `also` are environments whose facts the
    /// plan's gates look at.
    ///
    /// # Errors
    /// Every refusal, and whatever keeps the operation from being started or followed.
    pub(super) async fn carry_out(
        &mut self,
        request: Request,
        flags: &DeedFlags,
        also: &[EnvironmentName],
        permit: Permit,
    ) -> Result<Next, Failure> {
        if flags.wants_cockpit(self) {
            return Ok(Next::Plan(request));
        }
        flags.check()?;
        let mut names = vec![request.environment.clone()];
        names.extend(also.iter().cloned());
        let attendant = Attendant::start(&self.world, &names, self.interactive)?;
        let mut fleet = Fleet::new(self.world.config.clone());
        attendant.settle(&mut fleet, &names, &self.clock).await;
        let plan = operation::plan(&self.world, &fleet, request).await?;
        let commands = self.world.target(&plan.environment)?.commands(&plan);
        if flags.dry_run {
            return self.print_plan(&plan, &commands).map(Next::Exit);
        }
        if !self.output.json {
            for line in plan_text::before(&plan) {
                self.output.line(line)?;
            }
            self.output.flush()?;
        }
        let confirmed = plan.confirm(permit, Answer::YesFlag)?;
        self.start_and_follow(confirmed, flags.detach)
            .await
            .map(Next::Exit)
    }

    /// Prints what would be done. Refused is what would be refused now.
    fn print_plan(&mut self, plan: &Plan, commands: &RenderedPlan) -> Result<Exit, Failure> {
        let closed = plan.closed_gates().count() > 0;
        if self.output.json {
            let list = |steps: &[(String, Vec<String>)]| -> Vec<serde_json::Value> {
                steps
                    .iter()
                    .map(|(step, commands)| json!({ "step": step, "commands": commands }))
                    .collect()
            };
            self.output.value(&json!({
                "plan": plan,
                "commands": {
                    "forward": list(&commands.forward),
                    "back": list(&commands.back),
                    "closing": list(&commands.closing),
                },
                "refused": closed,
            }))?;
        } else {
            for line in plan_text::lines(plan, commands) {
                self.output.line(line)?;
            }
            if closed {
                self.output.line("refused: a gate is closed")?;
            }
        }
        self.output.flush()?;
        Ok(if closed { Exit::Refused } else { Exit::Ok })
    }

    async fn start_and_follow(
        &mut self,
        plan: Confirmed<Plan>,
        detach: bool,
    ) -> Result<Exit, Failure> {
        let environment = plan.get().environment.clone();
        let permit = plan.permit();
        let title = plan.get().title();
        let operation = operation::start(&self.world, plan).await?;
        tracing::info!(%operation, %environment, "started: {title}");
        if detach {
            return self.print_started(operation, &environment);
        }
        match self.follow(&environment, operation, Some(permit)).await? {
            Followed::Died => self.print_died(operation, &environment),
            Followed::Ended(end) => self.print_end(operation, &environment, &end),
            Followed::Left => {
                self.print_started(operation, &environment)?;
                Ok(Exit::Interrupted)
            }
        }
    }

    /// Says that an operation goes on by itself, and how to see it.
    pub(super) fn print_started(
        &mut self,
        operation: OperationId,
        environment: &EnvironmentName,
    ) -> Result<Exit, Failure> {
        if self.output.json {
            self.output.value(&json!({
                "environment": environment, "operation": operation, "outcome": null,
            }))?;
        } else {
            self.output.line(format!(
                "{operation} goes on by itself; see it: flightdeck logs {environment} --operation {}",
                operation.0
            ))?;
        }
        self.output.flush()?;
        Ok(Exit::Ok)
    }

    /// Follows an operation to its end, or until it is dead. With a permit, meanwhile the checks that
    /// are asked "from here" are asked.
    ///
    /// # Errors
    /// If it can no longer be followed, or nobody reads any more what is printed.
    pub(super) async fn follow(
        &mut self,
        environment: &EnvironmentName,
        operation: OperationId,
        permit: Option<Permit>,
    ) -> Result<Followed, Failure> {
        let stream = match permit {
            Some(permit) => operation::attend(&self.world, environment, operation, permit)?,
            None => operation::follow(&self.world, environment, operation)?,
        };
        let names = std::slice::from_ref(environment);
        let attendant = Attendant::start(&self.world, names, self.interactive)?;
        let mut fleet = Fleet::new(self.world.config.clone());
        let died = attendant.died(&mut fleet, environment, operation, &self.clock);
        progress::follow(operation, stream, died, &mut self.output).await
    }

    /// Says that nobody runs an operation any more, and what to do about it.
    pub(super) fn print_died(
        &mut self,
        operation: OperationId,
        environment: &EnvironmentName,
    ) -> Result<Exit, Failure> {
        if self.output.json {
            self.output.value(&json!({
                "environment": environment, "operation": operation, "outcome": Outcome::Interrupted,
            }))?;
        } else {
            self.output.line(format!(
                "{operation} INTERRUPTED: its runner died; \
                 next: flightdeck recover {environment} resume, back or abandon"
            ))?;
        }
        self.output.flush()?;
        Ok(Exit::Stuck)
    }

    /// Prints how an operation ended.
    pub(super) fn print_end(
        &mut self,
        operation: OperationId,
        environment: &EnvironmentName,
        end: &End,
    ) -> Result<Exit, Failure> {
        let seconds = (end.ended - end.started).max(0);
        if self.output.json {
            self.output.value(&json!({
                "environment": environment,
                "operation": operation,
                "outcome": end.outcome,
                "step": end.step,
                "exit": end.exit,
                "why": end.why,
                "back_step": end.back_step,
                "changed": end.changed,
                "seconds": seconds,
            }))?;
        } else {
            let mut words = ended_words(end.outcome, end.changed, end.step.as_deref());
            if let Some(back) = &end.back_step {
                words.push_str(&format!(", and {back} failed on the way back,"));
            }
            self.output
                .line(format!("{operation} {words} after {seconds} s"))?;
        }
        self.output.flush()?;
        Ok(Exit::from(end.outcome))
    }
}
