//! `flightdeck history`: what was done to an environment.

use serde_json::json;

use crate::{
    plan::history,
    release::{operation::timestamp, plan::PlanKind, record::Record, text::clean},
};

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
        let ledger = session.world.target(&name)?.history(self.limit).await?;
        let records = &ledger.records;
        if session.output.json {
            session.output.value(&json!({
                "environment": name,
                "records": records,
                "damaged": ledger.damaged,
                "damaged_at": ledger.damaged_at,
                "newer": ledger.newer,
            }))?;
            return Ok(Exit::Ok);
        }
        if let Some(words) = ledger.set_aside() {
            session.output.line(format!("ledger of {name}: {words}"))?;
        }
        if records.is_empty() {
            session.output.line(format!(
                "nothing is recorded in {name}; `flightdeck adopt {name}` records what runs"
            ))?;
            return Ok(Exit::Ok);
        }
        let rows: Vec<[String; 7]> = records
            .iter()
            .map(|record| {
                let mark = history::mark(records, record);
                row(record, mark.map(|bad| bad.words()))
            })
            .collect();
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

fn row(record: &Record, mark: Option<String>) -> [String; 7] {
    let mut reason = clean(&record.reason);
    for remark in record.remarks().into_iter().chain(mark) {
        reason.push_str(&format!(" [{}]", clean(&remark)));
    }
    let brings = match record.kind {
        PlanKind::Promote | PlanKind::Rollback => record.after.changes_since(&record.before),
        _ => record.brings(),
    };
    [
        record.operation.to_string(),
        timestamp(record.started)
            .strftime("%Y-%m-%d %H:%MZ")
            .to_string(),
        format!("{}s", (record.ended - record.started).max(0)),
        record.ended_words(),
        format!("{} {}", record.kind.verb(), clean(&brings))
            .trim_end()
            .to_owned(),
        clean(&record.operator),
        reason.trim().to_owned(),
    ]
}
