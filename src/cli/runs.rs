//! `flightdeck runs`: workflow runs with their jobs.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use serde_json::json;
use tokio::sync::watch;

use crate::{
    pipeline::{Pipeline, RunsReading},
    release::{
        Fault, FaultKind,
        observed::Link,
        time::short_age,
        workflow::{Runs as Known, WorkflowRun},
    },
};

use super::{Exit, Failure, Session};

/// So long the jobs of the runs are waited for; what has arrived by then is shown.
const PATIENCE: Duration = Duration::from_secs(15);

/// Show workflow runs with their jobs, newest first.
#[derive(Debug, clap::Args)]
pub struct Runs {
    /// So many at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 10)]
    limit: usize,
}

impl Runs {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let Some(pipeline) = &session.world.pipeline else {
            return Err(Failure::Usage(
                "the configuration names no repository; add [github] with repository = \
                 \"owner/name\""
                    .to_owned(),
            ));
        };
        let runs = newest(pipeline, self.limit).await?;
        let newest: Vec<&WorkflowRun> = runs.runs.iter().take(self.limit).collect();
        if session.output.json {
            session
                .output
                .value(&json!({ "runs": newest, "limit": runs.limit }))?;
            return Ok(Exit::Ok);
        }
        let now = session.clock.now();
        for run in newest {
            session.output.line(format!(
                "#{} {}  {}  {} {}  {}  {}",
                run.number,
                run.state.word(),
                run.workflow,
                run.branch,
                run.revision.chars().take(7).collect::<String>(),
                short_age(now.age(run.started), false).0,
                run.title
            ))?;
            for job in &run.jobs {
                let took = match (job.started, job.ended) {
                    (Some(started), Some(ended)) => {
                        format!("{} s", ended.duration_since(started).as_secs().max(0))
                    }
                    _ => String::new(),
                };
                let line = format!("    {:9} {}  {took}", job.state.word(), job.name);
                session.output.line(line.trim_end())?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// The newest runs with the jobs of the first `count`, as far as they arrive in time.
///
/// # Errors
/// GitHub's fault, where it told nothing.
async fn newest(pipeline: &Pipeline, count: usize) -> Result<Arc<Known>, Fault> {
    let (_refresh, receiver) = watch::channel(0);
    let mut readings = pipeline.watch(receiver);
    let mut last: Option<Arc<Known>> = None;
    let mut fault = None;
    let whole = async {
        while let Some(reading) = readings.next().await {
            match reading {
                RunsReading::Runs(runs) => {
                    let complete = runs.runs.iter().take(count).all(|run| !run.jobs.is_empty());
                    last = Some(runs);
                    if complete {
                        return;
                    }
                }
                RunsReading::Link(Link::Lost { fault: lost, .. }) => {
                    fault = Some(lost);
                    return;
                }
                // Polled is told when everything was.
                RunsReading::Link(Link::Polled { .. }) => return,
                RunsReading::Link(_) => {}
            }
        }
    };
    let late = tokio::time::timeout(PATIENCE, whole).await.is_err();
    match (last, fault) {
        (Some(runs), _) => Ok(runs),
        (None, Some(fault)) => Err(fault),
        (None, None) => Err(Fault::new(
            FaultKind::TimedOut,
            "GitHub",
            if late {
                "no answer in 15 s"
            } else {
                "told nothing"
            },
        )),
    }
}
