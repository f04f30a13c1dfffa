//! Face one: commands that print text or JSON.
//!
//! What one can do, the other face can: both stand on `fleet` and `operation`. One file a command.
//! Nothing here knows a target's client or a screen.

mod adopt;
mod ask;
mod attendant;
mod clean_up;
pub mod config;
mod deed;
mod exit;
mod history;
mod lock;
mod logs;
mod mark_bad;
mod migrate;
mod output;
mod plan_text;
mod progress;
mod promote;
mod recover;
mod restore;
mod rollback;
mod runs;
mod status;
mod versions;

use std::{path::PathBuf, sync::Arc};

use clap::{Parser, Subcommand};

use crate::{
    clock::Clock,
    diagnostics::LogLevel,
    fleet::world::World,
    release::{EnvironmentName, Fault, FaultKind, Permit, plan::Request, recovery::RecoveryWish},
};

pub use attendant::Attendant;
pub use exit::{EXIT_CODES, Exit, Failure};
pub use output::Output;

/// The heading of what every command takes, so that its own options stand together.
const EVERY_COMMAND: &str = "Options of every command";

/// A release cockpit for the terminal: promote, migrate and roll back with keystrokes.
///
/// Without a command it opens the cockpit.
#[derive(Debug, Parser)]
#[command(name = "flightdeck", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    /// The configuration; else $FLIGHTDECK_CONFIG, ./flightdeck.toml, ~/.config/flightdeck/config.toml
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERY_COMMAND)]
    pub config: Option<PathBuf>,
    /// How much goes into the log file in the state directory
    #[arg(
        long,
        global = true,
        help_heading = EVERY_COMMAND,
        value_name = "LEVEL",
        value_enum,
        default_value = "info"
    )]
    pub log_level: LogLevel,
    /// Print JSON: one object, or one a line for logs
    #[arg(long, global = true, help_heading = EVERY_COMMAND)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what runs in each environment, how it is, and what does not agree
    Status(status::Status),
    /// Show the versions in the registry and where each one runs
    Versions(versions::Versions),
    /// Bring a version into an environment
    Promote(promote::Promote),
    /// Bring an earlier release back: the last one recorded healthy, unless said
    Rollback(rollback::Rollback),
    /// Migrate the schema, without changing what runs
    Migrate(migrate::Migrate),
    /// Bring a backup of the database back
    Restore(restore::Restore),
    /// Remove images, backups and containers that nothing needs any more
    CleanUp(clean_up::CleanUp),
    /// Record what runs in an environment that flightdeck has not seen before
    Adopt(adopt::Adopt),
    /// Cancel the operation that runs, or deal with one that did not end well
    Recover(recover::Recover),
    /// Lock an environment by hand: changes are refused with your message until it is unlocked
    Lock(lock::Lock),
    /// End a lock by hand, whoever made it
    Unlock(lock::Unlock),
    /// Say of a release that no rollback may return to it by default
    MarkBad(mark_bad::MarkBad),
    /// Follow a service's logs, or an operation from its first line
    Logs(logs::Logs),
    /// Show what was done to an environment
    History(history::History),
    /// Show workflow runs with their jobs
    Runs(runs::Runs),
    /// Open the cockpit read-only: it cannot change anything
    Watch,
    /// Open the cockpit on an embedded world; needs nothing, changes nothing
    Demo(Demo),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Config),
}

/// How the embedded world behaves.
#[derive(Debug, Clone, clap::Args)]
pub struct Demo {
    /// Fixes the world's history
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than the clock the world runs
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Stop the world: nothing happens by itself
    #[arg(long)]
    pub still: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a factor from 0.1 to 1000".to_owned()),
    }
}

/// What every command stands on.
pub struct Session {
    /// The clients.
    pub world: Arc<World>,
    /// The time.
    pub clock: Clock,
    /// Where it prints.
    pub output: Output,
    /// Whether somebody sits at a terminal who can be asked for a passphrase.
    pub interactive: bool,
}

/// How a command went.
#[derive(Debug)]
pub enum Next {
    /// It is done.
    Exit(Exit),
    /// It goes on in the cockpit, at the plan for this request.
    Plan(Request),
    /// It goes on in the cockpit, where this recovery is to be confirmed.
    Recovery(RecoveryWish),
}

impl Session {
    /// Runs a command that needs a world. `permit` is the right to change things.
    ///
    /// # Errors
    /// Whatever keeps it from doing what was asked.
    pub async fn run(&mut self, command: Command, permit: Permit) -> Result<Next, Failure> {
        let exit = match command {
            Command::Status(status) => status.run(self).await?,
            Command::Versions(versions) => versions.run(self).await?,
            Command::Promote(promote) => return promote.run(self, permit).await,
            Command::Rollback(rollback) => return rollback.run(self, permit).await,
            Command::Migrate(migrate) => return migrate.run(self, permit).await,
            Command::Restore(restore) => return restore.run(self, permit).await,
            Command::CleanUp(clean_up) => return clean_up.run(self, permit).await,
            Command::Adopt(adopt) => return adopt.run(self, permit).await,
            Command::MarkBad(mark) => return mark.run(self, permit).await,
            Command::Recover(recover) => return recover.run(self, permit).await,
            Command::Lock(lock) => lock.run(self, permit).await?,
            Command::Unlock(unlock) => unlock.run(self, permit).await?,
            Command::Logs(logs) => logs.run(self).await?,
            Command::History(history) => history.run(self).await?,
            Command::Runs(runs) => runs.run(self).await?,
            Command::Watch | Command::Demo(_) | Command::Config(_) => {
                return Err(Failure::Usage(
                    "this command has no use for servers".to_owned(),
                ));
            }
        };
        self.output.flush()?;
        Ok(Next::Exit(exit))
    }

    /// An environment by the name that was typed.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`] for a name that the configuration does not have, with the nearest.
    fn environment(&self, name: &str) -> Result<&crate::config::Environment, Failure> {
        let environments = &self.world.config.environments;
        let found = environments.iter().find(|e| e.name.as_str() == name);
        found.ok_or_else(|| {
            let names = environments.iter().map(|e| e.name.as_str());
            Failure::from(
                Fault::new(
                    FaultKind::Invalid,
                    name,
                    "is no environment of the configuration",
                )
                .remedy(crate::config::keys::did_you_mean(name, names)),
            )
        })
    }

    /// The environments that were named, or all.
    fn environments(&self, names: &[String]) -> Result<Vec<EnvironmentName>, Failure> {
        if names.is_empty() {
            let all = &self.world.config.environments;
            return Ok(all.iter().map(|e| e.name.clone()).collect());
        }
        names
            .iter()
            .map(|name| Ok(self.environment(name)?.name.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
