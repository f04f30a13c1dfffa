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
            .map(|record| row(record, mark(records, record)))
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

/// The mark of the release that a record brought: that it is bad by now.
fn mark(records: &[Record], record: &Record) -> Option<String> {
    if !record.brings_release() {
        return None;
    }
    let brought = record.after.changed_since(&record.before);
    let bad = history::bad(records, &brought).into_iter();
    // What failed by itself says so in its own row.
    let mut marked = bad.filter(|bad| bad.record.kind == PlanKind::MarkBad);
    marked.next().map(|bad| bad.words())
}

fn row(record: &Record, mark: Option<String>) -> [String; 7] {
    let mut reason = clean(&record.reason);
    for remark in record.remarks().into_iter().chain(mark) {
        reason.push_str(&format!(" [{}]", clean(&remark)));
    }
    let brings = match (record.kind, record.brings()) {
        (PlanKind::Promote | PlanKind::Rollback, to) => {
            let from = record.before.changed_since(&record.after).label();
            if from == to {
                to
            } else {
                format!("{from} → {to}")
            }
        }
        (_, brings) => brings,
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
