//! What is to become of an operation that runs, was interrupted or ended badly: what can be done, what
//! each choice will run, and the confirmation. The first choice is always to leave it.

mod view;

use crossterm::event::{KeyCode, KeyEvent};

use crate::{
    cockpit::{
        input::LineInput,
        model::{Effect, Model},
        panes::{self, nothing},
        update::deeds,
    },
    fleet::join::Recoverable,
    release::{
        EnvironmentName,
        confirm::Answer,
        operation::{End, JournalLine, OperationId},
        plan::{ConfirmWords, Plan},
        recovery::{self, Course, Recovery, RecoveryRequest, StoppedStep},
        text::clean,
    },
};

use super::{
    Overlay,
    popup::{self, Choice},
};

pub use view::view;

/// A choice about an operation.
pub struct Recover {
    environment: EnvironmentName,
    id: OperationId,
    kind: String,
    operator: String,
    situation: Situation,
    /// What has to be typed, where the environment is protected.
    words: Option<ConfirmWords>,
    stage: Stage,
}

/// How the operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    UnderWay,
    Interrupted,
    Ended,
}

/// How far the choice is.
enum Stage {
    /// What is to be done; the choice in focus.
    What(usize),
    /// Whether the step at which it stopped, which is a command of the operator's, runs again.
    Ask(Recovery, usize),
    /// Whether it is meant.
    Confirm(Confirm),
}

struct Confirm {
    recovery: Recovery,
    stopped_step: StoppedStep,
    input: LineInput,
    /// The button in focus, where no word is asked for: 0 is Cancel.
    at: usize,
    /// Whether Enter was pressed on a word that does not match.
    wrong: bool,
}

/// Something that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Leave,
    Recover(Recovery),
    RollBack,
}

/// What can be chosen about an interrupted operation, or one that ended badly, in order.
const AFTERWARDS: [Deed; 5] = [
    Deed::Leave,
    Deed::Recover(Recovery::Back),
    Deed::Recover(Recovery::Resume),
    Deed::RollBack,
    Deed::Recover(Recovery::Abandon),
];

/// What can be chosen about an operation under way.
const MEANWHILE: [Deed; 2] = [Deed::Leave, Deed::Recover(Recovery::Cancel)];

impl Recover {
    /// The choice that an environment's operation leaves; `None` if there is nothing to recover.
    pub fn of(model: &Model, environment: &EnvironmentName) -> Option<Self> {
        let words = model.fleet.config.environment(environment)?.confirm_words();
        let recoverable = model.fleet.environment(environment)?.recoverable()?;
        let (id, kind, operator, situation) = match recoverable {
            Recoverable::UnderWay(operation) | Recoverable::Interrupted(operation) => (
                operation.id,
                clean(&operation.claim.kind),
                clean(&operation.claim.operator),
                match recoverable {
                    Recoverable::UnderWay(_) => Situation::UnderWay,
                    _ => Situation::Interrupted,
                },
            ),
            Recoverable::Ended(record) => (
                record.operation,
                record.kind.verb().to_owned(),
                clean(&record.operator),
                Situation::Ended,
            ),
        };
        Some(Self {
            environment: environment.clone(),
            id,
            kind,
            operator,
            situation,
            words,
            stage: Stage::What(0),
        })
    }

    /// Whether printable keys are text now.
    pub fn takes_text(&self) -> bool {
        matches!(&self.stage, Stage::Confirm(_)) && self.words.is_some()
    }

    fn choices(&self) -> &'static [Deed] {
        match self.situation {
            Situation::UnderWay => &MEANWHILE,
            Situation::Interrupted | Situation::Ended => &AFTERWARDS,
        }
    }
}

/// What is known of the operation: from the environment's files while it has not ended, else from
/// following it.
#[derive(Clone, Copy)]
struct Known<'a> {
    plan: &'a Plan,
    journal: &'a [JournalLine],
    end: Option<&'a End>,
}

impl<'a> Known<'a> {
    fn of(model: &'a Model, recover: &Recover) -> Option<Self> {
        let facts = model.fleet.environment(&recover.environment)?;
        let held = facts.operation().filter(|held| held.id == recover.id);
        if let Some((held, plan)) = held.and_then(|held| Some((held, held.plan.as_deref()?))) {
            return Some(Self {
                plan,
                journal: &held.journal,
                end: held.end.as_ref(),
            });
        }
        let followed = model
            .operations
            .followed(&recover.environment, recover.id)?;
        Some(Self {
            plan: followed.plan.as_deref()?,
            journal: &followed.journal,
            end: Some(followed.end.as_ref()?),
        })
    }

    fn course(&self, recovery: Recovery) -> Option<Course<'a>> {
        recovery::course(self.plan, self.journal, self.end, recovery)
    }
}

/// Opens the choice for an environment's operation, in place of whatever is open; false if there is
/// nothing to recover.
pub fn open(model: &mut Model, environment: &EnvironmentName) -> bool {
    let Some(recover) = Recover::of(model, environment) else {
        return false;
    };
    // What an ended operation was to do is known only from following it.
    if recover.situation == Situation::Ended {
        panes::operations::open(model, environment.clone(), recover.id);
    }
    model
        .overlays
        .retain(|overlay| matches!(overlay, Overlay::Question(_)));
    model.overlays.insert(0, Overlay::Recover(recover));
    true
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Recover(recover)) = model.overlays.last_mut() else {
        return None;
    };
    let choices = recover.choices();
    let typed = recover.takes_text();
    match &mut recover.stage {
        Stage::What(at) => match popup::choose(key, *at, choices.len())? {
            Choice::Moved(to) => *at = to,
            Choice::Taken(at) => return choices.get(at).map(|deed| chosen(model, *deed)),
        },
        Stage::Ask(recovery, at) => match popup::choose(key, *at, 3)? {
            Choice::Moved(to) => *at = to,
            Choice::Taken(0) => drop(model.overlays.pop()),
            Choice::Taken(at) => {
                let (recovery, stopped_step) = (
                    *recovery,
                    if at == 1 {
                        StoppedStep::Again
                    } else {
                        StoppedStep::Skip
                    },
                );
                recover.stage = Stage::Confirm(Confirm::of(recovery, stopped_step));
            }
        },
        Stage::Confirm(confirm) if typed => match key.code {
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                let typed = confirm.input.text().to_owned();
                return Some(confirmed(model, Answer::Typed(&typed)));
            }
            _ => confirm.wrong &= !confirm.input.key(key),
        },
        Stage::Confirm(confirm) => match popup::choose(key, confirm.at, 2)? {
            Choice::Moved(to) => confirm.at = to,
            Choice::Taken(0) => drop(model.overlays.pop()),
            Choice::Taken(_) => return Some(confirmed(model, Answer::Button)),
        },
    }
    Some(nothing())
}

impl Confirm {
    fn of(recovery: Recovery, stopped_step: StoppedStep) -> Self {
        Self {
            recovery,
            stopped_step,
            input: LineInput::default(),
            at: 0,
            wrong: false,
        }
    }
}

/// Goes on from what was chosen: to a question about its step, to the confirmation, or away.
fn chosen(model: &mut Model, deed: Deed) -> Vec<Effect> {
    let Some(Overlay::Recover(recover)) = model.overlays.last() else {
        return nothing();
    };
    let recovery = match deed {
        Deed::Leave => {
            model.overlays.pop();
            return nothing();
        }
        Deed::RollBack => {
            let environment = recover.environment.clone();
            return deeds::roll_back_to_last_healthy(model, environment);
        }
        // What one sees running may be cancelled without a word.
        Deed::Recover(Recovery::Cancel) => {
            return ask_for(model, Recovery::Cancel, StoppedStep::Ask, Answer::Button);
        }
        Deed::Recover(recovery) => recovery,
    };
    let Some(known) = Known::of(model, recover) else {
        model.complain("what it was to do has not been read yet: a moment");
        return nothing();
    };
    let Some(course) = known.course(recovery) else {
        model.complain("its plan has no way back: go on with it, roll back, or abandon it");
        return nothing();
    };
    let stage = match course.ask {
        Some(_) => Stage::Ask(recovery, 0),
        None => Stage::Confirm(Confirm::of(recovery, StoppedStep::Ask)),
    };
    if let Some(Overlay::Recover(recover)) = model.overlays.last_mut() {
        recover.stage = stage;
    }
    nothing()
}

fn confirmed(model: &mut Model, answer: Answer<'_>) -> Vec<Effect> {
    let Some(Overlay::Recover(Recover {
        stage: Stage::Confirm(confirm),
        ..
    })) = model.overlays.last()
    else {
        return nothing();
    };
    let (recovery, stopped_step) = (confirm.recovery, confirm.stopped_step);
    ask_for(model, recovery, stopped_step, answer)
}

/// Has it done, which takes a permit and what the environment asks for.
fn ask_for(
    model: &mut Model,
    recovery: Recovery,
    stopped_step: StoppedStep,
    answer: Answer<'_>,
) -> Vec<Effect> {
    let Some(permit) = model.permit else {
        model.complain("read-only: watch mode");
        return nothing();
    };
    let Some(Overlay::Recover(recover)) = model.overlays.last_mut() else {
        return nothing();
    };
    let (environment, id) = (recover.environment.clone(), recover.id);
    let request = RecoveryRequest {
        seen_dead: false,
        operation: id,
        recovery,
        stopped_step,
        reason: String::new(),
    };
    let words = recovery::confirm_words(recovery, recover.words.clone());
    let confirmed = match permit.confirm_with(request, words.as_ref(), answer) {
        Ok(confirmed) => confirmed,
        Err(reason) => {
            if let Stage::Confirm(confirm) = &mut recover.stage {
                confirm.wrong = true;
            }
            model.complain(reason.to_string());
            return nothing();
        }
    };
    model.overlays.pop();
    panes::operations::open(model, environment.clone(), id);
    let ticket = model.ticket();
    vec![Effect::Recover(ticket, environment, confirmed)]
}
