//! The line of guidance: four deeds, in an order that tells a story. Pure: what is next follows from
//! what the ledgers say was done, never from the time.

use crate::release::{operation::Outcome, plan::PlanKind, record::Record};

/// What the guide looks at.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What was done since the world began, in any environment.
    pub records: Vec<Record>,
    /// The environment that an operation is under way in.
    pub under_way: Option<String>,
    /// Whether the operator has looked at a record of the history.
    pub history: bool,
    /// The version that staging runs, to be promoted to production.
    pub sound: String,
    /// The version whose check fails.
    pub failing: String,
}

/// The four deeds, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// A promotion that succeeds.
    Promote,
    /// One that fails and comes back.
    Fail,
    /// The emergency: a rollback.
    RollBack,
    /// Finding it all in the history.
    Find,
}

/// The widest that a line may be.
pub const WIDTH: usize = 78;

impl Deed {
    const ALL: [Self; 4] = [Self::Promote, Self::Fail, Self::RollBack, Self::Find];

    fn is_done(self, seen: &Seen) -> bool {
        let any = |kind, outcome| {
            seen.records
                .iter()
                .any(|r| r.kind == kind && r.outcome == outcome)
        };
        match self {
            Self::Promote => any(PlanKind::Promote, Outcome::Succeeded),
            Self::Fail => any(PlanKind::Promote, Outcome::WentBack),
            Self::RollBack => any(PlanKind::Rollback, Outcome::Succeeded),
            Self::Find => seen.history,
        }
    }
}

/// The first deed that is not done; `None` when all are.
pub fn next(seen: &Seen) -> Option<Deed> {
    Deed::ALL.into_iter().find(|deed| !deed.is_done(seen))
}

/// The line for what is seen.
pub fn line(seen: &Seen) -> String {
    let text = match (next(seen), &seen.under_way) {
        (Some(Deed::Promote), None) => format!(
            "1/4 Promote: 1 select production, 2 select {}, p c prod Enter",
            seen.sound
        ),
        (Some(Deed::Promote), Some(environment)) => {
            format!("1/4 Watch {environment}: each step as it runs, its output in the logs")
        }
        (Some(Deed::Fail), None) => format!(
            "2/4 A bad one: Esc, 1 select staging, 2 select {}, p c Tab Enter",
            seen.failing
        ),
        (Some(Deed::Fail), Some(environment)) => {
            format!("2/4 Watch {environment}: when the check fails, the release before comes back")
        }
        (Some(Deed::RollBack), None) => {
            "3/4 Emergency, from anywhere: Esc, 1 select production, ! c prod Enter".to_owned()
        }
        (Some(Deed::RollBack), Some(environment)) => {
            format!("3/4 Watch {environment}: going back needs neither registry nor GitHub")
        }
        (Some(Deed::Find), _) => {
            "4/4 Find it in the history: Esc, 4, select a record, Enter: who, when, why".to_owned()
        }
        (None, _) => {
            "That was all four. The world goes on: try what you like; q leaves it".to_owned()
        }
    };
    text.chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{operation::OperationId, record::Release};

    fn record(kind: PlanKind, outcome: Outcome) -> Record {
        Record {
            v: 1,
            operation: OperationId(9),
            environment: "staging".parse().unwrap(),
            kind,
            operator: String::new(),
            origin: String::new(),
            reason: String::new(),
            before: Release::default(),
            after: Release::default(),
            subject: String::new(),
            recovers: None,
            overridden: Vec::new(),
            started: 0,
            ended: 0,
            outcome,
            step: None,
            times: std::collections::BTreeMap::new(),
            results: std::collections::BTreeMap::new(),
            other: serde_json::Map::new(),
        }
    }

    #[test]
    fn it_moves_on_when_a_deed_is_done_and_names_versions_and_keys() {
        let mut seen = Seen {
            sound: "v20260123.1".to_owned(),
            failing: "v20260124.10".to_owned(),
            ..Seen::default()
        };
        assert_eq!(
            line(&seen),
            "1/4 Promote: 1 select production, 2 select v20260123.1, p c prod Enter"
        );
        seen.under_way = Some("production".to_owned());
        assert!(line(&seen).starts_with("1/4 Watch production"));
        seen.under_way = None;
        seen.records
            .push(record(PlanKind::Promote, Outcome::Succeeded));
        assert!(line(&seen).contains("1 select staging, 2 select v20260124.10"));
        seen.records
            .push(record(PlanKind::Promote, Outcome::WentBack));
        assert!(line(&seen).contains("! c prod Enter"));
        seen.records
            .push(record(PlanKind::Rollback, Outcome::Succeeded));
        assert_eq!(next(&seen), Some(Deed::Find));
        seen.history = true;
        assert_eq!(next(&seen), None);
    }

    #[test]
    fn whoever_does_them_in_another_order_is_not_held_up() {
        let seen = Seen {
            records: vec![
                record(PlanKind::Promote, Outcome::WentBack),
                record(PlanKind::Promote, Outcome::Succeeded),
            ],
            ..Seen::default()
        };
        assert_eq!(next(&seen), Some(Deed::RollBack));
    }

    #[test]
    fn no_line_is_wider_than_a_narrow_terminal() {
        for kinds in 0..4 {
            for under_way in [None, Some("production".to_owned())] {
                let all = [
                    record(PlanKind::Promote, Outcome::Succeeded),
                    record(PlanKind::Promote, Outcome::WentBack),
                    record(PlanKind::Rollback, Outcome::Succeeded),
                ];
                let seen = Seen {
                    records: all[..kinds].to_vec(),
                    under_way,
                    history: false,
                    sound: "v20260123.1".to_owned(),
                    failing: "v20260124.1".to_owned(),
                };
                let line = line(&seen);
                assert!(line.chars().count() < WIDTH, "{line}");
            }
        }
    }
}
