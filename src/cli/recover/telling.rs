//! What a recovery will do, as text and JSON: where the operation stopped, the steps that will run with
//! their commands, and what comes after. Pure.

use serde_json::{Value, json};

use crate::{
    cli::plan_text,
    release::{
        EnvironmentName,
        operation::{Direction, End, JournalLine, OperationId, ended_words},
        plan::{OnFailure, Plan, Step},
        recovery::{self, Course, Recovery, RecoveryRequest, StoppedStep},
    },
    target::RenderedPlan,
};

/// What an operation was to do, and how far it came.
pub(super) struct Told {
    pub plan: Box<Plan>,
    pub journal: Vec<JournalLine>,
    /// How it ended, if it has.
    pub end: Option<End>,
}

impl Told {
    /// What `recovery` of it will run; `None` where it cannot be recovered so.
    pub fn course(&self, recovery: Recovery) -> Option<Course<'_>> {
        recovery::course(&self.plan, &self.journal, self.end.as_ref(), recovery)
    }

    /// What it is, where it stopped and which steps will run, in three lines.
    pub fn summary(
        &self,
        operation: OperationId,
        course: &Course<'_>,
        recovery: Recovery,
    ) -> Vec<String> {
        let steps: Vec<&str> = course.steps.iter().map(|step| step.id.as_str()).collect();
        vec![
            format!("{operation} {}", self.plan.title()),
            self.standing("stopped"),
            format!(
                "{} runs{}: {}",
                recovery.word(),
                self.anew(recovery),
                if steps.is_empty() {
                    "nothing".to_owned()
                } else {
                    steps.join(", ")
                }
            ),
        ]
        .into_iter()
        .chain(self.hook_words(recovery))
        .collect()
    }

    /// The whole of it: the steps with their commands, and what comes after them.
    pub fn lines(
        &self,
        course: &Course<'_>,
        request: &RecoveryRequest,
        commands: &RenderedPlan,
    ) -> Vec<String> {
        let plan = &self.plan;
        let mut lines = vec![
            format!("{} {}", request.operation, plan.title()),
            self.standing("stopped"),
        ];
        lines.extend(vouched(request));
        lines.extend(self.hook_words(request.recovery));
        let runs = steps_to_run(course, request.stopped_step);
        lines.push(match (request.recovery, runs.is_empty()) {
            (Recovery::Abandon, true) => {
                "abandon runs nothing, and records that it was abandoned".to_owned()
            }
            (Recovery::Abandon, false) => {
                "abandon changes nothing; it looks, and records what is observed:".to_owned()
            }
            (other, true) if course.direction == Direction::Closing => format!(
                "{} runs nothing: no hook remains, and its end is written",
                other.word()
            ),
            (other, true) => format!(
                "{} runs nothing: all its steps have held, and its end is written",
                other.word()
            ),
            (other, false) => format!("{} runs{}:", other.word(), self.anew(other)),
        });
        lines.extend(plan_text::steps(&runs, of_list(commands, course.direction)));
        match (request.recovery, course.direction, plan.on_failure) {
            (Recovery::Abandon, ..) => {}
            // They are the closing list.
            (_, Direction::Closing, _) => return lines,
            (_, Direction::Forward, OnFailure::GoBack) => {
                lines.push(format!("on failure: back to {}", plan.before.label()));
                let back: Vec<&Step> = plan.back.iter().collect();
                lines.extend(plan_text::steps(&back, &commands.back));
            }
            _ => lines.push("on failure: stays as it is and says so".to_owned()),
        }
        lines.extend(plan_text::closing(plan, commands));
        lines
    }

    /// The same of a cancel.
    pub fn cancel_lines(&self, operation: OperationId, commands: &RenderedPlan) -> Vec<String> {
        let plan = &self.plan;
        let mut lines = vec![
            format!("{operation} {}", plan.title()),
            self.standing("under way"),
            recovery::cancelling(plan, &self.journal),
        ];
        if plan.on_failure == OnFailure::GoBack && !plan.back.is_empty() {
            lines.push(format!(
                "if anything has changed by then, back to {}:",
                plan.before.label()
            ));
            let back: Vec<&Step> = plan.back.iter().collect();
            lines.extend(plan_text::steps(&back, &commands.back));
        }
        lines.extend(plan_text::closing(plan, commands));
        lines
    }

    /// The same of both, as JSON; `course` is `None` of a cancel.
    pub fn value(
        &self,
        name: &EnvironmentName,
        course: Option<&Course<'_>>,
        request: &RecoveryRequest,
        commands: &RenderedPlan,
    ) -> Value {
        let at = recovery::stopped(&self.journal, self.end.as_ref());
        let steps = |steps: &[&Step], direction: Direction| -> Vec<Value> {
            let rendered = of_list(commands, direction);
            steps
                .iter()
                .map(|step| {
                    let commands = rendered.iter().find(|(id, _)| *id == step.id);
                    json!({ "step": step.id, "commands": commands.map(|(_, commands)| commands) })
                })
                .collect()
        };
        let all = |direction: Direction| -> Vec<Value> {
            let list: Vec<&Step> = self.plan.steps(direction).iter().collect();
            steps(&list, direction)
        };
        let goes_back = self.plan.on_failure == OnFailure::GoBack
            && course.is_none_or(|course| {
                request.recovery != Recovery::Abandon && course.direction == Direction::Forward
            });
        json!({
            "environment": name,
            "operation": request.operation,
            "recovery": request.recovery,
            "title": self.plan.title(),
            "stopped": { "direction": at.list(), "step": at.step, "place": at.place() },
            "direction": course.map(|course| course.direction),
            "steps": course.map(|course| {
                steps(&steps_to_run(course, request.stopped_step), course.direction)
            }),
            "ask": course.and_then(|course| course.ask).map(|step| &step.id),
            "back": if goes_back { all(Direction::Back) } else { Vec::new() },
            "closing": all(Direction::Closing),
        })
    }

    /// How it ended, where it is where it began.
    fn gone_back(&self) -> Option<&End> {
        let end = self.end.as_ref();
        end.filter(|end| recovery::has_gone_back(end.outcome))
    }

    /// That all of it is done once more, where it had left nothing.
    fn anew(&self, recovery: Recovery) -> &'static str {
        match (self.gone_back(), recovery) {
            (Some(_), Recovery::Resume) => " all of it once more, and asks no gate again",
            _ => "",
        }
    }

    fn standing(&self, how: &str) -> String {
        if let Some(end) = self.gone_back() {
            return format!(
                "it ended: {}",
                ended_words(end.outcome, end.changed, end.step.as_deref())
            );
        }
        let at = recovery::stopped(&self.journal, self.end.as_ref());
        match at.list() {
            Direction::Forward => format!("{how} {}, going forward", at.place()),
            Direction::Back => format!("{how} {}, going back", at.place()),
            Direction::Closing => format!("{how} {}", at.place()),
        }
    }

    /// What becomes of the hook that it died in, where it is brought to its end.
    fn hook_words(&self, recovery: Recovery) -> Option<String> {
        let at = recovery::stopped(&self.journal, self.end.as_ref());
        at.hook_words().filter(|_| recovery == Recovery::Resume)
    }
}

/// What the operator answers for, where nobody can see whether the operation lives.
fn vouched(request: &RecoveryRequest) -> Option<String> {
    request.seen_dead.then(|| {
        "whether it still runs cannot be seen from there: --seen-dead says that you have looked, and that \
         nothing of it does"
            .to_owned()
    })
}

fn steps_to_run<'a>(course: &Course<'a>, stopped_step: StoppedStep) -> Vec<&'a Step> {
    let skipped = course
        .ask
        .filter(|_| stopped_step == StoppedStep::Skip)
        .map(|step| &step.id);
    let steps = course.steps.iter().copied();
    steps.filter(|step| Some(&step.id) != skipped).collect()
}

fn of_list(commands: &RenderedPlan, direction: Direction) -> &[(String, Vec<String>)] {
    match direction {
        Direction::Forward => &commands.forward,
        Direction::Back => &commands.back,
        Direction::Closing => &commands.closing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::fixture, release::operation::Outcome};

    fn ended(outcome: Outcome) -> Told {
        let mut world = fixture::World::new();
        world.runs(1);
        Told {
            plan: Box::new(world.plan(fixture::promote(2)).unwrap()),
            journal: Vec::new(),
            end: Some(End {
                outcome,
                step: Some("switch".to_owned()),
                exit: Some(1),
                why: None,
                back_step: None,
                changed: true,
                started: 1,
                ended: 2,
            }),
        }
    }

    #[test]
    fn to_resume_what_went_back_is_called_what_it_is_and_there_is_nothing_to_abandon() {
        let told = ended(Outcome::WentBack);
        let course = told.course(Recovery::Resume).unwrap();
        let said = told.summary(OperationId(7), &course, Recovery::Resume);
        assert_eq!(said[1], "it ended: went back at switch");
        let words = "resume runs all of it once more, and asks no gate again: ";
        assert!(said[2].starts_with(words), "{said:?}");
        assert_eq!(course.steps.len(), told.plan.forward.len());
        assert_eq!(told.course(Recovery::Abandon), None);

        let stuck = ended(Outcome::Stuck);
        let course = stuck.course(Recovery::Resume).unwrap();
        let said = stuck.summary(OperationId(7), &course, Recovery::Resume);
        assert!(said[2].starts_with("resume runs: "), "{said:?}");
        assert!(stuck.course(Recovery::Abandon).is_some());
    }
}
