//! Recovery: what an operator may do about an operation that runs, or that did not end well, and what
//! each choice will run. The server decides whether it is allowed; here it is said before.

mod stopped;

pub use stopped::{Stopped, interrupted, stopped};

use serde::{Deserialize, Serialize};

use super::{
    EnvironmentName,
    operation::{Direction, End, Event, JournalLine, OperationId, Outcome},
    plan::{Again, ConfirmWords, Intent, OnFailure, Plan, Step},
    record::Record,
};

/// What an operator may do about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// Go on with the list it was in.
    Resume,
    /// Go back to the recorded release.
    Back,
    /// Stop as soon as the running step allows, then go back.
    Cancel,
    /// Leave everything as it is and record what is observed.
    Abandon,
}

impl Recovery {
    /// The word that commands and the server's files have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Back => "back",
            Self::Cancel => "cancel",
            Self::Abandon => "abandon",
        }
    }
}

/// What to do about the step at which an operation stopped, where nobody but the operator knows what a
/// second run of it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedStep {
    /// Refuse, and name the step.
    #[default]
    Ask,
    /// Run it again.
    Again,
    /// Take it for done.
    Skip,
}

impl StoppedStep {
    /// The word that the server's files have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Again => "again",
            Self::Skip => "skip",
        }
    }
}

/// What an operator asks for about an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryRequest {
    /// Which operation.
    pub operation: OperationId,
    /// What to do about it.
    pub recovery: Recovery,
    /// What to do about the step at which it stopped.
    pub stopped_step: StoppedStep,
    /// Whether the operator has looked, where that cannot be seen from the server's shell, and says that
    /// nothing of it runs any more.
    pub seen_dead: bool,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

/// The same before it is known which operation there is to do it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryWish {
    /// Where.
    pub environment: EnvironmentName,
    /// What to do.
    pub recovery: Recovery,
    /// What to do about the step at which it stopped.
    pub stopped_step: StoppedStep,
    /// As [`RecoveryRequest::seen_dead`].
    pub seen_dead: bool,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

impl RecoveryWish {
    /// The same about that operation.
    pub fn about(self, operation: OperationId) -> RecoveryRequest {
        RecoveryRequest {
            operation,
            recovery: self.recovery,
            stopped_step: self.stopped_step,
            seen_dead: self.seen_dead,
            reason: self.reason,
        }
    }
}

/// A lock by hand: nobody changes the environment until it is unlocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRequest {
    /// Why: what everybody else reads.
    pub message: String,
}

/// The end of a lock by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnlockRequest {
    /// The lock.
    pub operation: OperationId,
}

/// The steps of the closing list that were begun since the outcome is known, in this operation or in one
/// that it recovers: each is told of one outcome once, and whether one that was broken off was done nobody
/// knows.
fn told(journal: &[JournalLine]) -> Vec<&str> {
    let mut outcome = None;
    let mut steps = Vec::new();
    for line in journal {
        match &line.event {
            Event::Recovers { told, .. } => outcome = *told,
            Event::Begin {
                direction: Direction::Closing,
                outcome: begun,
            } if *begun != outcome => {
                outcome = *begun;
                steps.clear();
            }
            Event::StepStart {
                direction, step, ..
            }
            | Event::StepEnd {
                direction, step, ..
            }
            | Event::Held {
                direction, step, ..
            } if *direction == Direction::Closing => steps.push(step.as_str()),
            _ => {}
        }
    }
    steps
}

/// Whether an operation that ended so is where it began: to resume it is to do all of it once more.
pub fn has_gone_back(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::WentBack | Outcome::Cancelled)
}

/// Whether an operation that ended so has left something that can be abandoned.
pub fn can_abandon(outcome: Outcome) -> bool {
    !has_gone_back(outcome) && outcome != Outcome::Abandoned
}

/// What a recovery will run, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Course<'a> {
    /// Of which list.
    pub direction: Direction,
    /// The steps that will run.
    pub steps: Vec<&'a Step>,
    /// The step at which it stopped, where it is one of an operator's own that may do harm twice: to be
    /// run again or skipped.
    pub ask: Option<&'a Step>,
}

/// The newest operation after which what was before it is a thing of the past, and whose recovery has
/// not settled it; `records` oldest first.
pub fn newest_that_counts(records: &[Record]) -> Option<&Record> {
    let mut settled: Vec<OperationId> = Vec::new();
    records.iter().rev().find(|record| {
        let is_settled = settled.contains(&record.operation);
        let has_ended = !record.waits_for_operator() && record.outcome != Outcome::Refused;
        if is_settled || has_ended {
            settled.extend(record.recovers);
        }
        record.counts() && !is_settled
    })
}

/// What `recovery` of an operation with this plan, journal and end will run; `None` where there is
/// nothing to recover in that way.
pub fn course<'a>(
    plan: &'a Plan,
    journal: &[JournalLine],
    end: Option<&End>,
    recovery: Recovery,
) -> Option<Course<'a>> {
    let at = stopped(journal, end);
    let (direction, first) = match recovery {
        Recovery::Cancel => return None,
        // The server refuses that too.
        Recovery::Abandon if end.is_some_and(|end| !can_abandon(end.outcome)) => return None,
        Recovery::Abandon => {
            let steps = plan.forward.iter();
            return Some(Course {
                direction: Direction::Forward,
                steps: steps
                    .filter(|step| matches!(step.intent, Intent::Observe { .. }))
                    .collect(),
                ask: None,
            });
        }
        Recovery::Resume if at.came_to.is_some() => {
            let (steps, told) = (plan.closing.iter(), told(journal));
            return Some(Course {
                direction: Direction::Closing,
                steps: steps
                    .filter(|step| !told.contains(&step.id.as_str()))
                    .collect(),
                ask: None,
            });
        }
        Recovery::Back if plan.back.is_empty() => return None,
        Recovery::Back if at.direction == Direction::Forward => (Direction::Back, None),
        Recovery::Resume | Recovery::Back => match end.map(|end| end.outcome) {
            // Back has held: what was asked for begins anew.
            Some(outcome) if has_gone_back(outcome) && recovery == Recovery::Resume => {
                (Direction::Forward, None)
            }
            Some(Outcome::Succeeded) => return None,
            _ => (at.direction, at.step.as_deref()),
        },
    };
    let steps = plan.steps(direction);
    let held = |id: &str| {
        direction == at.direction
            && super::operation::has_held(journal, direction, id)
            && !end.is_some_and(|end| has_gone_back(end.outcome))
    };
    Some(Course {
        direction,
        steps: steps.iter().filter(|step| !held(&step.id)).collect(),
        ask: first
            .and_then(|id| steps.iter().find(|step| step.id == id))
            .filter(|step| step.again == Again::Ask),
    })
}

/// What has to be typed before `recovery` is done, where the environment asks for `words`: cancelling
/// what one sees running needs none.
pub fn confirm_words(recovery: Recovery, words: Option<ConfirmWords>) -> Option<ConfirmWords> {
    words.filter(|_| recovery != Recovery::Cancel)
}

/// What a cancel does to the step that runs now, and what comes then, in words.
pub fn cancelling(plan: &Plan, journal: &[JournalLine]) -> String {
    let at = stopped(journal, None);
    let running = at
        .step
        .as_deref()
        .and_then(|id| plan.steps(at.direction).iter().find(|step| step.id == id));
    let then = match plan.on_failure {
        OnFailure::GoBack => "then goes back",
        OnFailure::Stay => "then stays as it is",
    };
    match running {
        _ if at.came_to.is_some() => {
            "it is over: nothing cancels what is done after that".to_owned()
        }
        _ if at.direction == Direction::Back => {
            "it is going back already: nothing cancels that".to_owned()
        }
        Some(Step {
            intent: Intent::Migrate { .. },
            ..
        }) => format!(
            "cancel waits for the migration that runs to end, {then}; the schema stays where that leaves it"
        ),
        Some(step) if step.interruptible => format!("cancel ends {} at once, {then}", step.id),
        Some(step) => format!("cancel waits for {} to end, {then}", step.id),
        None => format!("cancel stops it before its next step, {then}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{stopped::tests::*, *};
    use crate::{plan::fixture, release::plan::PlanKind};

    #[test]
    fn what_a_recovery_has_settled_waits_for_nobody_and_hides_nothing_before_it() {
        let ended = |number, kind, outcome| fixture::record(number, kind, 1, 2, outcome);
        let promote = |number, outcome| ended(number, PlanKind::Promote, outcome);
        let back_before_any_change = |number, recovers: Option<u64>| {
            let mut record = promote(number, Outcome::WentBack);
            record.recovers = recovers.map(OperationId);
            record.other.insert("changed".to_owned(), false.into());
            record
        };
        let newest =
            |records: &[Record]| newest_that_counts(records).map(|record| record.operation.0);
        let stuck = promote(1, Outcome::Stuck);
        let died = promote(2, Outcome::Interrupted);
        // Another one that changed nothing settles nothing.
        let records = [stuck.clone(), died.clone(), back_before_any_change(3, None)];
        assert_eq!(newest(&records), Some(2));
        let records = [
            stuck.clone(),
            died.clone(),
            back_before_any_change(3, Some(2)),
        ];
        assert_eq!(newest(&records), Some(1));
        // Its first recovery died too.
        let mut second = promote(3, Outcome::Interrupted);
        second.recovers = Some(OperationId(2));
        let records = [stuck.clone(), died.clone(), second.clone()];
        assert_eq!(newest(&records), Some(3));
        let records = [
            stuck.clone(),
            died,
            second,
            back_before_any_change(4, Some(3)),
        ];
        assert_eq!(newest(&records), Some(1));
        // What leaves alone what runs, unless it is stuck itself.
        let clean_up = |outcome| ended(2, PlanKind::CleanUp, outcome);
        assert_eq!(
            newest(&[stuck.clone(), clean_up(Outcome::Succeeded)]),
            Some(1)
        );
        assert_eq!(newest(&[stuck, clean_up(Outcome::Stuck)]), Some(2));
    }

    #[test]
    fn resuming_what_died_in_its_last_steps_runs_those_that_had_not_begun() {
        let mut world = fixture::World::with(
            "[[environments.production.hooks]]\nwhen = \"after\"\nname = \"warm\"\ncommand = \"a\"\n\
             [[environments.production.hooks]]\nwhen = \"after\"\nname = \"tell\"\ncommand = \"b\"\n",
        );
        world.runs(1);
        let plan = world.plan(fixture::promote(2)).unwrap();
        let journal = [closing(Outcome::Succeeded), hook("step_start")];
        let runs = |journal: &[JournalLine], recovery| {
            let course = course(&plan, journal, None, recovery).unwrap();
            let steps = course.steps.iter().map(|step| step.id.clone());
            (course.direction, steps.collect::<Vec<_>>())
        };
        assert_eq!(
            runs(&journal, Recovery::Resume),
            (Direction::Closing, vec!["hook-tell".to_owned()])
        );
        assert_eq!(runs(&journal, Recovery::Back).0, Direction::Back);
        // Nor is it run by whoever takes up that one.
        let taken_up: Vec<JournalLine> = [
            r#"{"v":1,"at":6,"event":"recovers","operation":1,"choice":"resume","list":"closing","told":"succeeded"}"#,
            r#"{"v":1,"at":6,"event":"step_end","direction":"closing","step":"hook-warm","exit":null,"offset":0}"#,
        ]
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
        assert_eq!(
            stopped(&taken_up, None).outcome_words(),
            Some("it had succeeded: the release holds")
        );
        assert_eq!(runs(&taken_up, Recovery::Resume).1, ["hook-tell"]);
        // Of another outcome everybody is told.
        let told_anew = [&taken_up[..], &[closing(Outcome::WentBack)]].concat();
        assert_eq!(
            runs(&told_anew, Recovery::Resume).1,
            ["hook-warm", "hook-tell"]
        );
        assert_eq!(
            cancelling(&plan, &journal),
            "it is over: nothing cancels what is done after that"
        );
    }
}
