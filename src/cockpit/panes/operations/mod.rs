//! Pane 4: operations under way and what the ledgers tell of those that have ended; and the one that is
//! open, followed from its first line.

pub mod outcome;
pub mod steps;
pub mod view;

use std::sync::Arc;

use crate::{
    cockpit::{
        keymap::Action,
        model::{Effect, Model, Want},
        panes::{Motion, Pane, logs, nothing},
        update::deeds,
    },
    config::Environment,
    fleet::{Fleet, log_buffer::LogBuffer},
    release::{
        EnvironmentName, Fault,
        operation::{Direction, End, Event, JournalLine, OperationId, OperationState, Progress},
        plan::Plan,
        record::Record,
    },
};

/// What the pane does by itself.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "show",
        help: "open the operation under the cursor: its steps, its output, how it ended",
        hint: Some("open"),
        keys: &["enter"],
        changes: false,
        run: open_chosen,
    },
    Action {
        name: "restore",
        help: "bring back the backup that the operation under the cursor made",
        hint: None,
        keys: &["B"],
        changes: true,
        run: restore_chosen,
    },
    Action {
        name: "mark-bad",
        help: "mark the release of the operation under the cursor bad: no rollback returns to it by default",
        hint: None,
        keys: &["X"],
        changes: true,
        run: mark_bad,
    },
];

/// A journal longer than this is no journal of ours.
const MOST_JOURNAL_LINES: usize = 10_000;

/// The pane's state.
#[derive(Default)]
pub struct State {
    cursor: Option<(EnvironmentName, OperationId)>,
    open: Option<Followed>,
}

/// An operation that is followed.
pub struct Followed {
    /// In which environment.
    pub environment: EnvironmentName,
    /// Its number.
    pub id: OperationId,
    /// Its plan, once it has been read.
    pub plan: Option<Box<Plan>>,
    /// Its journal so far.
    pub journal: Vec<JournalLine>,
    /// How it ended, once it has.
    pub end: Option<End>,
    /// Why it cannot be followed at the moment; it goes on all the same.
    pub lost: Option<Fault>,
    /// Why there is nothing to follow, for good.
    pub gone: Option<Fault>,
    /// What its steps print.
    pub output: Arc<LogBuffer>,
}

/// A row of the pane.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// Not ended, or interrupted.
    UnderWay(&'a Environment, &'a OperationState),
    /// Ended.
    Ended(&'a Environment, &'a Record),
}

impl Row<'_> {
    /// In which environment, and which.
    pub fn key(&self) -> (&EnvironmentName, OperationId) {
        match self {
            Self::UnderWay(environment, operation) => (&environment.name, operation.id),
            Self::Ended(environment, record) => (&environment.name, record.operation),
        }
    }
}

impl State {
    /// The operation that is open.
    pub fn open(&self) -> Option<&Followed> {
        self.open.as_ref()
    }

    /// The open operation, if it is that one.
    pub fn followed(&self, environment: &EnvironmentName, id: OperationId) -> Option<&Followed> {
        self.open
            .as_ref()
            .filter(|f| f.environment == *environment && f.id == id)
    }

    /// The stream that has to run for the open operation. It is followed on after its end: its plan and
    /// its output come from there.
    pub fn want(&self) -> Option<Want> {
        self.open
            .as_ref()
            .map(|f| Want::Operation(f.environment.clone(), f.id))
    }

    /// The operations that have not ended, in the order of the configuration.
    pub fn under_way<'a>(
        &self,
        fleet: &'a Fleet,
    ) -> impl Iterator<Item = (&'a Environment, &'a OperationState)> {
        fleet.config.environments.iter().filter_map(|environment| {
            let operation = fleet.environment(&environment.name)?.operation()?;
            operation.end.is_none().then_some((environment, operation))
        })
    }

    /// Closes the open operation; returns whether there was one.
    pub fn close(&mut self) -> bool {
        self.open.take().is_some()
    }
}

/// All rows: what is under way first, then the ledgers' records, the newest first.
pub fn rows(model: &Model) -> Vec<Row<'_>> {
    let fleet = &model.fleet;
    let mut rows: Vec<Row<'_>> = model
        .operations
        .under_way(fleet)
        .map(|(environment, operation)| Row::UnderWay(environment, operation))
        .collect();
    let mut ended: Vec<(&Environment, &Record)> = fleet
        .config
        .environments
        .iter()
        .filter_map(|e| Some((e, fleet.environment(&e.name)?)))
        .flat_map(|(e, facts)| facts.records().iter().map(move |record| (e, record)))
        .collect();
    ended.sort_by_key(|(_, record)| std::cmp::Reverse((record.ended, record.operation)));
    rows.extend(ended.into_iter().map(|(e, record)| Row::Ended(e, record)));
    rows
}

/// The row under the cursor; the first until the cursor is moved.
pub fn cursor(model: &Model, rows: &[Row<'_>]) -> usize {
    model
        .operations
        .cursor
        .as_ref()
        .and_then(|(environment, id)| rows.iter().position(|row| row.key() == (environment, *id)))
        .unwrap_or_default()
}

/// Moves the cursor.
pub fn motion(model: &mut Model, motion: Motion) {
    let page = model.layout().height(Pane::Operations);
    let rows = rows(model);
    let to = motion.moved(cursor(model, &rows), rows.len(), page);
    let key = rows.get(to).map(|row| {
        let (environment, id) = row.key();
        (environment.clone(), id)
    });
    model.operations.cursor = key;
}

/// Opens an operation and goes to it; its output is followed in the logs pane.
pub fn open(model: &mut Model, environment: EnvironmentName, id: OperationId) {
    if model.operations.followed(&environment, id).is_none() {
        model.operations.open = Some(Followed {
            environment: environment.clone(),
            id,
            plan: None,
            journal: Vec::new(),
            end: None,
            lost: None,
            gone: None,
            output: model.new_buffer(),
        });
    }
    model.operations.cursor = Some((environment, id));
    model.focus = Pane::Operations;
    logs::show(model, logs::Source::Operation);
    model.logs.end = None;
}

fn open_chosen(model: &mut Model) -> Vec<Effect> {
    let rows = rows(model);
    let key = rows.get(cursor(model, &rows)).map(|row| {
        let (environment, id) = row.key();
        (environment.clone(), id)
    });
    match key {
        Some((environment, id)) => open(model, environment, id),
        None => model.say("no operation is known yet"),
    }
    nothing()
}

fn mark_bad(model: &mut Model) -> Vec<Effect> {
    let rows = rows(model);
    let chosen = match rows.get(cursor(model, &rows)) {
        Some(Row::Ended(environment, record)) => Some((environment.name.clone(), record.operation)),
        _ => None,
    };
    match chosen {
        Some((environment, id)) => deeds::mark_bad(model, environment, id),
        None => {
            model.complain("only what an operation has brought can be marked: it has not ended");
            nothing()
        }
    }
}

fn restore_chosen(model: &mut Model) -> Vec<Effect> {
    let rows = rows(model);
    let chosen = rows.get(cursor(model, &rows));
    let backup = match chosen {
        Some(Row::Ended(environment, record)) => record
            .backup()
            .is_some()
            .then(|| (environment.name.clone(), record.operation)),
        _ => None,
    };
    match (backup, chosen.is_some()) {
        (Some((environment, id)), _) => deeds::restore(model, environment, id),
        (None, true) => {
            model.say("this operation made no backup");
            nothing()
        }
        (None, false) => {
            model.say("no operation is known yet");
            nothing()
        }
    }
}

/// Takes in what following the open operation tells.
pub fn follow(
    model: &mut Model,
    environment: &EnvironmentName,
    id: OperationId,
    progress: Progress,
) {
    let Some(followed) = model
        .operations
        .open
        .as_mut()
        .filter(|f| f.environment == *environment && f.id == id)
    else {
        return;
    };
    match progress {
        // Told again from its first line, after the stream broke off or for the first time.
        Progress::Plan(plan) => {
            followed.plan = Some(plan);
            followed.journal.clear();
            followed.end = None;
            followed.lost = None;
        }
        Progress::Journal(line) => {
            if followed.journal.len() < MOST_JOURNAL_LINES {
                followed.journal.push(line);
            }
        }
        Progress::End(end) => followed.end = Some(end),
        Progress::Lost(fault) => followed.lost = Some(fault),
        Progress::Gone(fault) => followed.gone = Some(fault),
        Progress::Output(_) => {}
    }
}

/// At which step an operation is, from 1, and of how many: of the list that it is running. `None`
/// before its first step there.
pub fn step_number(operation: &OperationState) -> Option<(usize, usize)> {
    let plan = operation.plan.as_ref()?;
    let direction = direction(&operation.journal);
    let steps = plan.steps(direction);
    let at = operation
        .journal
        .iter()
        .rev()
        .find_map(|line| match &line.event {
            Event::StepStart {
                direction: d, step, ..
            } if *d == direction => steps.iter().position(|s| s.id == *step),
            _ => None,
        })?;
    Some((at + 1, steps.len()))
}

/// Which list a journal is in: the one that began last.
pub fn direction(journal: &[JournalLine]) -> Direction {
    journal
        .iter()
        .rev()
        .find_map(|line| match line.event {
            Event::Begin { direction, .. } => Some(direction),
            _ => None,
        })
        .unwrap_or(Direction::Forward)
}

/// What is under the cursor in one line.
pub fn copied(model: &Model) -> Option<String> {
    let rows = rows(model);
    match rows.get(cursor(model, &rows))? {
        Row::UnderWay(environment, operation) => Some(format!(
            "{} {} {} by {}",
            operation.id, operation.claim.kind, environment.name, operation.claim.operator
        )),
        Row::Ended(environment, record) => Some(format!(
            "{} {} {} {}: {}",
            record.operation,
            record.kind.verb(),
            environment.name,
            record.brings(),
            record.ended_words()
        )),
    }
}
