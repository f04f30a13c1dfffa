//! `flightdeck history`: what was done to an environment.

use serde_json::json;

use crate::release::{operation::timestamp, record::Record, text::clean};

use super::{Attendant, Exit, Failure, Session};

/// Show what was done to an environment, the newest last.
#[derive(Debug, clap::Args)]
pub struct History {
    /// Where
    environment: String,
    /// So many operations at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

impl History {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let name = session.environment(&self.environment)?.name.clone();
        let names = [name.clone()];
        let _attendant = Attendant::start(&session.world, &names, session.interactive)?;
        let records = session.world.target(&name)?.history(self.limit).await?;
        if session.output.json {
            session
                .output
                .value(&json!({ "environment": name, "records": records }))?;
            return Ok(Exit::Ok);
        }
        if records.is_empty() {
            session.output.line(format!(
                "nothing is recorded in {name}; `flightdeck adopt {name}` records what runs"
            ))?;
            return Ok(Exit::Ok);
        }
        let rows: Vec<[String; 7]> = records.iter().map(row).collect();
        let head = [
            "OPERATION",
            "STARTED",
            "TOOK",
            "OUTCOME",
            "DEED",
            "OPERATOR",
            "REASON",
        ];
        session.output.table(head, &rows)?;
        Ok(Exit::Ok)
    }
}

fn row(record: &Record) -> [String; 7] {
    let outcome = match &record.step {
        Some(step) => format!("{} at {step}", record.outcome.words()),
        None => record.outcome.words().to_owned(),
    };
    let mut reason = record.reason.clone();
    if !record.overridden.is_empty() {
        reason.push_str(&format!(" [overrode {}]", record.overridden.join(", ")));
    }
    if record.results.contains_key("backup") {
        reason.push_str(" [made a backup]");
    }
    if let Some(steps) = record.reported() {
        reason.push_str(&format!(" [failed, only reported: {}]", clean(steps)));
    }
    [
        record.operation.to_string(),
        timestamp(record.started)
            .strftime("%Y-%m-%d %H:%MZ")
            .to_string(),
        format!("{}s", (record.ended - record.started).max(0)),
        outcome,
        format!("{} {}", record.kind.verb(), record.after.label()),
        record.operator.clone(),
        reason.trim().to_owned(),
    ]
}
