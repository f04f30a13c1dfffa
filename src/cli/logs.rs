//! `flightdeck logs`: follow a service's logs, or an operation from its first line.

use futures::StreamExt;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    fleet::{Fleet, log_buffer::LineCutter},
    release::{EnvironmentName, Fault, FaultKind, ServiceName, operation::OperationId},
    target::{Chunk, LogQuery},
};

use super::{Attendant, Exit, Failure, Output, Session, progress::Followed};

/// Follow a service's logs, or an operation from its first line, until Ctrl-C.
#[derive(Debug, clap::Args)]
pub struct Logs {
    /// Where
    environment: String,
    /// Whose logs, of all its containers
    #[arg(required_unless_present = "operation", conflicts_with = "operation")]
    service: Option<ServiceName>,
    /// An operation instead, as `history` and `status` number them
    #[arg(long, value_name = "OPERATION")]
    operation: Option<OperationId>,
    /// Lines from before, of each container
    #[arg(
        long,
        short = 'n',
        value_name = "LINES",
        default_value_t = 100,
        conflicts_with = "operation"
    )]
    tail: usize,
}

impl Logs {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        let names = [name.clone()];
        let attendant = Attendant::start(&session.world, &names, session.interactive)?;
        if let Some(operation) = self.operation {
            return match session.follow(&name, operation, None).await? {
                Followed::Died => session.print_died(operation, &name),
                Followed::Ended(end) => session.print_end(operation, &name, &end),
                Followed::Left => Ok(Exit::Interrupted),
            };
        }
        let Some(service) = self.service else {
            return Err(Failure::Usage("name a service".to_owned()));
        };
        session.refuse_unknown(&attendant, &name, &service).await?;
        let query = LogQuery {
            service,
            tail: self.tail,
        };
        let mut chunks = session.world.target(&name)?.logs(query);
        let interrupted = tokio::signal::ctrl_c();
        let unread = Output::reader_gone();
        tokio::pin!(interrupted, unread);
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                _ = &mut interrupted => return Ok(Exit::Interrupted),
                () = &mut unread => return Ok(Exit::Ok),
            };
            match chunk {
                Some(chunk) => print(session, chunk)?,
                None => return Ok(Exit::Ok),
            }
            session.output.flush()?;
        }
    }
}

impl Session {
    /// Refuses a service that is neither configured nor seen in the environment; where nothing can be seen
    /// now, whatever comes is waited for.
    async fn refuse_unknown(
        &self,
        attendant: &Attendant,
        name: &EnvironmentName,
        service: &ServiceName,
    ) -> Result<(), Failure> {
        let environment = self.environment(name.as_str())?;
        if environment.services.contains(service) {
            return Ok(());
        }
        let mut fleet = Fleet::new(self.world.config.clone());
        let names = std::slice::from_ref(name);
        attendant.settle(&mut fleet, names, &self.clock).await;
        let is_seen = fleet
            .environment(name)
            .is_some_and(|facts| facts.containers.last.is_some());
        let services = fleet.services(environment);
        if !is_seen || services.iter().any(|row| row.service == *service) {
            return Ok(());
        }
        let there: Vec<&str> = services.iter().map(|row| row.service.as_str()).collect();
        Err(Fault::new(
            FaultKind::Missing,
            name.as_str(),
            format!("it has no service {service}"),
        )
        .remedy(format!("there are: {}", there.join(", ")))
        .into())
    }
}

fn print(session: &mut Session, chunk: Chunk) -> Result<(), Failure> {
    match chunk {
        Chunk::Lines { container, bytes } => {
            // A chunk holds whole lines: nothing is left in the cutter.
            for text in LineCutter::default().push(&bytes) {
                let (at, text) = at_and_text(&text);
                if session.output.json {
                    session.output.value(&json!({
                        "container": &*container, "at": at, "text": text,
                    }))?;
                } else {
                    session.output.line(format!("{container} | {text}"))?;
                }
            }
        }
        Chunk::Note(note) if session.output.json => {
            session.output.value(&json!({ "note": note }))?;
        }
        Chunk::Note(note) => session.output.line(format!("-- {note}"))?,
    }
    Ok(())
}

/// The Engine's timestamp in front of a line, and the line without it.
fn at_and_text(line: &str) -> (Option<Timestamp>, &str) {
    match line.split_once(' ') {
        Some((at, text)) => match at.parse() {
            Ok(at) => (Some(at), text),
            Err(_) => (None, line),
        },
        None => (None, line),
    }
}
