//! What is to become of an operation that runs, was interrupted or ended badly: what can be done, what
//! each choice will run, and the confirmation. The first choice is always to leave it.

pub mod awaited;
mod confirm;
mod view;

use crossterm::event::KeyEvent;

use crate::{
    cockpit::{
        model::{Effect, Model},
        panes::{self, nothing},
        update::deeds,
    },
    fleet::join::Recoverable,
    release::{
        EnvironmentName,
        confirm::Answer,
        operation::{End, JournalLine, Liveness, OperationId, Outcome},
        plan::{ConfirmWords, Plan},
        recovery::{self, Course, Recovery, RecoveryRequest, RecoveryWish, StoppedStep},
        text::clean,
    },
};

use self::confirm::{Confirm, Pressed};
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
    /// Whether it died once its outcome was known: in its hooks after.
    is_over: bool,
    /// What has to be typed, where the environment is protected.
    words: Option<ConfirmWords>,
    stage: Stage,
    /// What a command asked for.
    wish: Option<RecoveryWish>,
    /// Whether keys are meant for it: what opens by itself has been on the screen first.
    shown: bool,
}

/// How the operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    UnderWay,
    /// Whether it still runs cannot be seen from the server's shell.
    Unseen,
    /// The same; the operator says to have looked, and that nothing of it runs any more.
    SeenDead,
    Interrupted,
    Ended(Outcome),
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

/// Something that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Leave,
    Recover(Recovery),
    RollBack,
    /// To say that nothing of it runs any more, where that cannot be seen.
    SeeDead,
}

/// What can be chosen about an interrupted operation, or one that ended badly, in order.
const AFTERWARDS: [Deed; 5] = [
    Deed::Leave,
    Deed::Recover(Recovery::Back),
    Deed::Recover(Recovery::Resume),
    Deed::RollBack,
    Deed::Recover(Recovery::Abandon),
];

/// What can be chosen about one that ended and left nothing to abandon.
const SETTLED: [Deed; 4] = [
    Deed::Leave,
    Deed::Recover(Recovery::Back),
    Deed::Recover(Recovery::Resume),
    Deed::RollBack,
];

/// What can be chosen about an operation under way.
const MEANWHILE: [Deed; 2] = [Deed::Leave, Deed::Recover(Recovery::Cancel)];

/// What can be chosen about one of which nobody can see whether it runs.
const UNSEEN: [Deed; 3] = [Deed::Leave, Deed::Recover(Recovery::Cancel), Deed::SeeDead];

/// What can be chosen once the operator has vouched that it does not. A rollback goes over nothing on a
/// word.
const SEEN_DEAD: [Deed; 4] = [
    Deed::Leave,
    Deed::Recover(Recovery::Back),
    Deed::Recover(Recovery::Resume),
    Deed::Recover(Recovery::Abandon),
];

/// What can be chosen about one that died in its hooks after: what it had come to holds, so that nothing
/// but its end is missing.
const OVER: [Deed; 5] = [
    Deed::Leave,
    Deed::Recover(Recovery::Resume),
    Deed::Recover(Recovery::Back),
    Deed::RollBack,
    Deed::Recover(Recovery::Abandon),
];

/// The same, where an operator has vouched that nothing of it runs.
const OVER_SEEN_DEAD: [Deed; 4] = [
    Deed::Leave,
    Deed::Recover(Recovery::Resume),
    Deed::Recover(Recovery::Back),
    Deed::Recover(Recovery::Abandon),
];

impl Recover {
    /// The choice that an environment's operation leaves; `None` if there is nothing to recover.
    pub fn of(model: &Model, environment: &EnvironmentName) -> Option<Self> {
        let words = model.fleet.config.environment(environment)?.confirm_words();
        let recoverable = model.fleet.environment(environment)?.recoverable()?;
        let is_over = match recoverable {
            Recoverable::UnderWay(operation) | Recoverable::Interrupted(operation) => {
                let at = recovery::stopped(&operation.journal, operation.end.as_ref());
                at.came_to.is_some()
            }
            Recoverable::Ended(_) => false,
        };
        let (id, kind, operator, situation) = match recoverable {
            Recoverable::UnderWay(operation) | Recoverable::Interrupted(operation) => (
                operation.id,
                clean(&operation.claim.kind),
                clean(&operation.claim.operator),
                match (recoverable, operation.liveness) {
                    (Recoverable::UnderWay(_), Liveness::Unknown) => Situation::Unseen,
                    (Recoverable::UnderWay(_), _) => Situation::UnderWay,
                    _ => Situation::Interrupted,
                },
            ),
            Recoverable::Ended(record) => (
                record.operation,
                record.kind.verb().to_owned(),
                clean(&record.operator),
                Situation::Ended(record.outcome),
            ),
        };
        Some(Self {
            environment: environment.clone(),
            id,
            kind,
            operator,
            situation,
            is_over,
            words,
            stage: Stage::What(0),
            wish: None,
            shown: true,
        })
    }

    /// It has been on the screen.
    pub fn shown(&mut self) {
        self.shown = true;
    }

    /// What a command said about the step at which it stopped.
    fn said_of_step(&self, recovery: Recovery) -> StoppedStep {
        let wish = self.wish.as_ref();
        wish.filter(|wish| wish.recovery == recovery)
            .map_or(StoppedStep::Ask, |wish| wish.stopped_step)
    }

    /// The confirmation of a recovery.
    fn confirm(&self, recovery: Recovery, stopped_step: StoppedStep) -> Confirm {
        let words = recovery::confirm_words(recovery, self.words.clone());
        let reason = self.wish.as_ref().map_or("", |wish| &wish.reason);
        Confirm::of(recovery, stopped_step, words, reason)
    }

    /// Whether printable keys are text now.
    pub fn takes_text(&self) -> bool {
        matches!(&self.stage, Stage::Confirm(confirm) if confirm.takes_text())
    }

    /// Takes a paste into the reason.
    pub fn paste(&mut self, text: &str) {
        if let Stage::Confirm(confirm) = &mut self.stage {
            confirm.paste(text);
        }
    }

    fn choices(&self) -> &'static [Deed] {
        match self.situation {
            Situation::UnderWay => &MEANWHILE,
            Situation::Unseen => &UNSEEN,
            Situation::SeenDead if self.is_over => &OVER_SEEN_DEAD,
            Situation::SeenDead => &SEEN_DEAD,
            Situation::Interrupted if self.is_over => &OVER,
            Situation::Ended(outcome) if !recovery::can_abandon(outcome) => &SETTLED,
            Situation::Interrupted | Situation::Ended(_) => &AFTERWARDS,
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
    if matches!(recover.situation, Situation::Ended(_)) {
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
    if !recover.shown {
        return Some(nothing());
    }
    let choices = recover.choices();
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
                recover.stage = Stage::Confirm(recover.confirm(recovery, stopped_step));
            }
        },
        Stage::Confirm(confirm) => match confirm.key(key) {
            Pressed::Unused => return None,
            Pressed::Taken => {}
            Pressed::Left => drop(model.overlays.pop()),
            Pressed::Meant(None) => return Some(confirmed(model, Answer::Button)),
            Pressed::Meant(Some(word)) => return Some(confirmed(model, Answer::Typed(&word))),
        },
    }
    Some(nothing())
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
        Deed::SeeDead => {
            if let Some(Overlay::Recover(recover)) = model.overlays.last_mut() {
                recover.situation = Situation::SeenDead;
                recover.stage = Stage::What(0);
            }
            return nothing();
        }
        Deed::Recover(recovery) => recovery,
    };
    match stage_of(model, recover, recovery) {
        Ok(stage) => {
            if let Some(Overlay::Recover(recover)) = model.overlays.last_mut() {
                recover.stage = stage;
            }
        }
        Err(why) => model.complain(why),
    }
    nothing()
}

/// What comes after a recovery was chosen: the question about its step, or the confirmation.
///
/// # Errors
/// Why it cannot be chosen now.
fn stage_of(model: &Model, recover: &Recover, recovery: Recovery) -> Result<Stage, &'static str> {
    // Whatever it was to do, what one sees running can be told to stop.
    if recovery == Recovery::Cancel {
        return Ok(Stage::Confirm(recover.confirm(recovery, StoppedStep::Ask)));
    }
    let known =
        Known::of(model, recover).ok_or("what it was to do has not been read yet: a moment")?;
    let course = known
        .course(recovery)
        .ok_or("its plan has no way back: go on with it, roll back, or abandon it")?;
    Ok(match (course.ask, recover.said_of_step(recovery)) {
        (None, _) => Stage::Confirm(recover.confirm(recovery, StoppedStep::Ask)),
        (Some(_), StoppedStep::Ask) => Stage::Ask(recovery, 0),
        (Some(_), said) => Stage::Confirm(recover.confirm(recovery, said)),
    })
}

/// Has it done, which takes a permit and what the environment asks for.
fn confirmed(model: &mut Model, answer: Answer<'_>) -> Vec<Effect> {
    let Some(permit) = model.permit else {
        model.complain("read-only: watch mode");
        return nothing();
    };
    let Some(Overlay::Recover(recover)) = model.overlays.last_mut() else {
        return nothing();
    };
    let Stage::Confirm(confirm) = &mut recover.stage else {
        return nothing();
    };
    let (environment, id) = (recover.environment.clone(), recover.id);
    let request = RecoveryRequest {
        operation: id,
        recovery: confirm.recovery,
        stopped_step: confirm.stopped_step,
        seen_dead: recover.situation == Situation::SeenDead,
        reason: confirm.reason.text().trim().to_owned(),
    };
    let confirmed = match permit.confirm_with(request, confirm.words.as_ref(), answer) {
        Ok(confirmed) => confirmed,
        Err(reason) => {
            confirm.is_wrong = true;
            model.complain(reason.to_string());
            return nothing();
        }
    };
    model.overlays.pop();
    panes::operations::open(model, environment.clone(), id);
    let ticket = model.ticket();
    vec![Effect::Recover(ticket, environment, confirmed)]
}
