//! `flightdeck config`: look at the configuration. Needs no server.

use std::path::PathBuf;

use serde_json::json;

use crate::config::{
    Target,
    locate::{self, LoadError},
};

use super::{Exit, Failure, Output};

/// Look at the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Config {
    /// Say everything that is wrong with it, with lines
    Check,
    /// Print where it lies
    Path,
}

impl Config {
    /// Runs the command; needs no world.
    ///
    /// # Errors
    /// If there is no configuration, or something is wrong with it.
    pub fn run(&self, explicit: Option<PathBuf>, output: &mut Output) -> Result<Exit, Failure> {
        match self {
            Self::Path => path(explicit, output)?,
            Self::Check => return check(explicit, output),
        }
        output.flush()?;
        Ok(Exit::Ok)
    }
}

fn path(explicit: Option<PathBuf>, output: &mut Output) -> Result<(), Failure> {
    let located = locate::locate(explicit)?;
    if output.json {
        output.value(&json!({
            "path": located.path.display().to_string(),
            "found_by": located.by.to_string(),
        }))?;
    } else {
        output.line(located.path.display().to_string())?;
    }
    Ok(())
}

fn check(explicit: Option<PathBuf>, output: &mut Output) -> Result<Exit, Failure> {
    let config = match locate::load(explicit) {
        Ok(config) => config,
        Err(LoadError::Wrong(error)) if output.json => {
            let problems: Vec<_> = error
                .problems
                .iter()
                .map(|problem| {
                    json!({
                        "line": problem.line,
                        "column": problem.column,
                        "message": problem.message,
                        "help": problem.help,
                    })
                })
                .collect();
            output.value(&json!({
                "path": error.path.display().to_string(), "problems": problems,
            }))?;
            output.flush()?;
            return Ok(Exit::Usage);
        }
        Err(error) => return Err(error.into()),
    };
    if output.json {
        output.value(&json!({ "path": config.path.display().to_string(), "problems": [] }))?;
    } else {
        output.line(format!("{} is well", config.path.display()))?;
        for environment in &config.environments {
            let Target::Compose(compose) = &environment.target;
            let services: Vec<&str> = environment.services.iter().map(|s| s.as_str()).collect();
            output.line(format!(
                "  {}: {} on {}, project {} in {}",
                environment.name,
                services.join(", "),
                compose.host.label(),
                compose.project,
                compose.directory
            ))?;
        }
    }
    output.flush()?;
    Ok(Exit::Ok)
}
