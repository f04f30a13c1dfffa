//! Where an operation stopped, and what it had come to by then, by its journal. Pure: it knows nothing of
//! what may be done about it.

use crate::release::{
    operation::{Direction, End, Event, JournalLine, Liveness, OperationState, Outcome},
    text::clean,
};

/// Where an operation stopped: the list that it was in and the step that had begun last and had not
/// held, if one had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The list that decides what runs: forward or back.
    pub direction: Direction,
    /// The step's id; `None` where it was in none. Of the closing list once there is an outcome.
    pub step: Option<String>,
    /// Whether any step had begun by then, in it or in one that it recovers.
    pub has_begun: bool,
    /// The outcome that it had come to, where it died in what is done after that.
    pub came_to: Option<Outcome>,
}

impl Stopped {
    /// The list that it was in.
    pub fn list(&self) -> Direction {
        match self.came_to {
            Some(_) => Direction::Closing,
            None => self.direction,
        }
    }

    /// Where that is, in words: `at switch`, `between two steps`, `before its first step`, `at hook-warm,
    /// after it had succeeded: the release holds`.
    pub fn place(&self) -> String {
        let at = self.at();
        match self.outcome_words() {
            Some(outcome) => format!("{at}, after {outcome}"),
            None => at,
        }
    }

    fn at(&self) -> String {
        match &self.step {
            Some(step) => format!("at {}", clean(step)),
            None if self.came_to.is_some() => "among its last steps".to_owned(),
            None if self.has_begun => "between two steps".to_owned(),
            None => "before its first step".to_owned(),
        }
    }

    /// How it had ended, in words, where it died after that.
    pub fn outcome_words(&self) -> Option<&'static str> {
        Some(match self.came_to? {
            Outcome::Succeeded => "it had succeeded: the release holds",
            Outcome::WentBack if self.direction == Direction::Back => {
                "it had gone back: the release before runs"
            }
            Outcome::WentBack => "it had stopped before anything changed",
            Outcome::Cancelled => "it had been cancelled: the release before runs",
            Outcome::Stuck => "it was STUCK",
            Outcome::Refused => "it had been refused: nothing changed",
            Outcome::Abandoned => "it had been abandoned",
            Outcome::Interrupted | Outcome::Unknown => "its outcome was known",
        })
    }

    /// What becomes of the hook that it died in, once it is brought to its end.
    pub fn hook_words(&self) -> Option<String> {
        let hook = self.step.as_deref().filter(|_| self.came_to.is_some())?;
        Some(format!(
            "whether {} was done nobody knows: it is not run again, and recorded as failed",
            clean(hook)
        ))
    }
}

/// How an operation that nobody runs any more stands: `INTERRUPTED at switch`, `INTERRUPTED at migrate,
/// which still runs`.
pub fn interrupted(operation: &OperationState) -> String {
    let at = stopped(&operation.journal, None);
    match (operation.liveness, at.outcome_words()) {
        (Liveness::Orphaned, Some(outcome)) => {
            format!("INTERRUPTED {}, which still runs, after {outcome}", at.at())
        }
        (Liveness::Orphaned, None) => format!("INTERRUPTED {}, which still runs", at.at()),
        _ => format!("INTERRUPTED {}", at.place()),
    }
}

/// Where an operation stopped, by its journal and, once it has ended, its end.
pub fn stopped(journal: &[JournalLine], end: Option<&End>) -> Stopped {
    // What comes after the outcome is nothing that an operation stops at once it has ended with that.
    let has_ended = end.is_some_and(|end| end.outcome != Outcome::Interrupted);
    let mut at = Stopped {
        direction: Direction::Forward,
        step: None,
        has_begun: false,
        came_to: None,
    };
    for line in journal {
        at.has_begun |= matches!(line.event, Event::StepStart { .. } | Event::Held { .. });
        match &line.event {
            Event::Begin {
                direction: Direction::Closing,
                ..
            } if has_ended => break,
            Event::Begin {
                direction: Direction::Closing,
                outcome,
            } => {
                at.came_to = Some(outcome.unwrap_or(Outcome::Unknown));
                at.step = None;
            }
            Event::Recovers {
                list: Direction::Closing,
                told,
                ..
            } => at.came_to = (!has_ended).then(|| told.unwrap_or(Outcome::Unknown)),
            Event::Begin {
                direction: begun, ..
            }
            | Event::Recovers { list: begun, .. } => {
                at.direction = *begun;
                at.step = None;
            }
            // What held in an operation whose closing list alone this one goes on with.
            Event::Held {
                direction: Direction::Back,
                ..
            } => at.direction = Direction::Back,
            Event::StepStart { step, .. } => at.step = Some(step.clone()),
            Event::StepEnd { exit: Some(0), .. }
            | Event::StepEnd {
                direction: Direction::Closing,
                ..
            } => at.step = None,
            _ => {}
        }
    }
    if let Some(end) = end.filter(|_| at.came_to.is_none()) {
        if end.back_step.is_some() {
            at.direction = Direction::Back;
        }
        let failed = match at.direction {
            Direction::Back => &end.back_step,
            Direction::Forward | Direction::Closing => &end.step,
        };
        at.step = at.step.or_else(|| failed.clone());
    }
    at
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::release::operation::OperationId;

    pub fn line(event: Event) -> JournalLine {
        JournalLine { v: 1, at: 5, event }
    }

    pub fn started(step: &str) -> JournalLine {
        line(Event::StepStart {
            direction: Direction::Forward,
            step: step.to_owned(),
            group: 7,
            offset: 0,
        })
    }

    pub fn held(step: &str) -> JournalLine {
        line(Event::StepEnd {
            direction: Direction::Forward,
            step: step.to_owned(),
            exit: Some(0),
            offset: 0,
            why: None,
        })
    }

    pub fn closing(outcome: Outcome) -> JournalLine {
        line(Event::Begin {
            direction: Direction::Closing,
            outcome: Some(outcome),
        })
    }

    pub fn hook(event: &str) -> JournalLine {
        let text = format!(
            r#"{{"v":1,"at":5,"event":"{event}","direction":"closing","step":"hook-warm","group":7,"offset":0,"exit":null}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn of(journal: Vec<JournalLine>, liveness: Liveness) -> OperationState {
        OperationState {
            id: OperationId(1),
            claim: serde_json::from_str(
                r#"{"operator":"mira","origin":"laptop","kind":"promote","at":1,"nonce":"n"}"#,
            )
            .unwrap(),
            plan: None,
            journal,
            liveness,
            cancelling: false,
            end: None,
        }
    }

    #[test]
    fn what_died_in_its_last_steps_names_the_hook_and_what_it_had_come_to() {
        let begin = |direction| {
            line(Event::Begin {
                direction,
                outcome: None,
            })
        };
        let forward = begin(Direction::Forward);
        let went_well = [
            forward.clone(),
            started("switch"),
            held("switch"),
            closing(Outcome::Succeeded),
            hook("step_start"),
        ];
        let words =
            |journal: &[JournalLine], liveness| interrupted(&of(journal.to_vec(), liveness));
        assert_eq!(
            words(&went_well, Liveness::Dead),
            "INTERRUPTED at hook-warm, after it had succeeded: the release holds"
        );
        assert_eq!(
            words(&went_well, Liveness::Orphaned),
            "INTERRUPTED at hook-warm, which still runs, after it had succeeded: the release holds"
        );
        let went_back = [
            forward,
            started("switch"),
            begin(Direction::Back),
            closing(Outcome::WentBack),
            hook("step_start"),
            hook("step_end"),
        ];
        assert_eq!(
            words(&went_back, Liveness::Dead),
            "INTERRUPTED among its last steps, after it had gone back: the release before runs"
        );
        // Once it has ended so, that is where it stopped.
        let end: End = serde_json::from_str(
            r#"{"outcome":"went_back","step":"switch","changed":true,"started":1,"ended":2}"#,
        )
        .unwrap();
        assert_eq!(stopped(&went_back, Some(&end)).came_to, None);
    }

    #[test]
    fn where_it_stopped_is_said_however_early_that_was() {
        let begin = line(Event::Begin {
            direction: Direction::Forward,
            outcome: None,
        });
        let place = |journal: &[JournalLine]| stopped(journal, None).place();
        assert_eq!(place(&[]), "before its first step");
        assert_eq!(place(std::slice::from_ref(&begin)), "before its first step");
        assert_eq!(place(&[begin.clone(), started("pull")]), "at pull");
        assert_eq!(
            place(&[begin, started("pull"), held("pull")]),
            "between two steps"
        );
        let recovered = line(Event::Held {
            direction: Direction::Forward,
            step: "pull".to_owned(),
            skipped: false,
        });
        assert_eq!(place(&[recovered]), "between two steps");
        assert_eq!(place(&[started("a\u{1b}[2Jb")]), "at ab");
    }
}
