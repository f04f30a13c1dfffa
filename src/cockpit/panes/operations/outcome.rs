//! How an operation stands or ended, in words that say what runs now and what to do.

use crate::{
    cockpit::theme::Theme,
    release::{
        operation::{End, Outcome},
        plan::{Plan, PlanKind},
        text::clean,
    },
};

use ratatui::style::Style;

/// The colour of an outcome.
pub fn style(theme: &Theme, outcome: Outcome) -> Style {
    match outcome {
        Outcome::Succeeded => theme.good,
        Outcome::WentBack | Outcome::Refused | Outcome::Cancelled | Outcome::Abandoned => {
            theme.warning
        }
        Outcome::Stuck | Outcome::Interrupted | Outcome::Unknown => theme.bad,
    }
}

/// What an end means: what failed, what runs now, what is left to do.
pub fn words(plan: Option<&Plan>, end: &End) -> String {
    let before = plan.map_or_else(
        || "the release before".to_owned(),
        |p| p.before.changed_since(&p.after).label(),
    );
    let after = plan.map_or_else(
        || "the new release".to_owned(),
        |p| p.after.changed_since(&p.before).label(),
    );
    let failed = failure(end);
    match end.outcome {
        Outcome::Succeeded => match plan.map(|plan| plan.kind) {
            Some(PlanKind::Restore) => {
                format!("done: the database is as it was saved, and {after} runs")
            }
            Some(PlanKind::MarkBad) => {
                format!("done: {after} is marked bad; what runs was not touched")
            }
            Some(PlanKind::CleanUp) => "done: its output tells what was removed".to_owned(),
            _ => format!("done: {after} runs"),
        },
        Outcome::WentBack if !end.changed && end.step.is_none() => {
            format!("went back; nothing had changed: {before} runs")
        }
        Outcome::WentBack if !end.changed => {
            format!("{failed}; stopped before anything changed: {before} runs")
        }
        Outcome::WentBack => format!("{failed}; went back: {before} runs"),
        Outcome::Stuck => {
            let back = match &end.back_step {
                Some(step) => format!("; {} failed on the way back", clean(step)),
                None => String::new(),
            };
            format!(
                "STUCK: {failed}{back}. Neither {after} nor {before} is known to hold: look at the \
                 output, put the server right, then recover it or roll back"
            )
        }
        Outcome::Refused => format!("refused before anything changed: {failed}; see its output"),
        Outcome::Cancelled if end.changed => format!("cancelled; went back: {before} runs"),
        Outcome::Cancelled => "cancelled before anything changed".to_owned(),
        Outcome::Interrupted => {
            format!("INTERRUPTED: the server or its runner died; {failed}. Another operation went over it")
        }
        Outcome::Abandoned => "abandoned: left as it was; what was observed is recorded".to_owned(),
        Outcome::Unknown => {
            "it ended in a way that this version does not know: look at it with the newer flightdeck"
                .to_owned()
        }
    }
}

fn failure(end: &End) -> String {
    let Some(step) = end.step.as_deref().map(clean) else {
        return "no step failed".to_owned();
    };
    match (end.why.as_deref(), end.exit) {
        (Some("limit"), _) => format!("{step} took longer than it may"),
        (Some("cancel"), _) => format!("{step} was ended by the cancel"),
        (Some("signal"), _) => format!("{step} was killed"),
        (_, Some(exit)) => format!("{step} failed with exit code {exit}"),
        (_, None) => format!("{step} failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(outcome: Outcome) -> End {
        End {
            outcome,
            step: Some("verify-status".to_owned()),
            exit: Some(1),
            why: None,
            back_step: None,
            changed: true,
            started: 0,
            ended: 41,
        }
    }

    #[test]
    fn an_end_says_what_failed_and_what_runs_now() {
        assert_eq!(
            words(None, &end(Outcome::WentBack)),
            "verify-status failed with exit code 1; went back: the release before runs"
        );
        let mut unchanged = end(Outcome::WentBack);
        (unchanged.step, unchanged.exit) = (Some("hook-freeze".to_owned()), Some(3));
        unchanged.changed = false;
        assert_eq!(
            words(None, &unchanged),
            "hook-freeze failed with exit code 3; stopped before anything changed: the release before runs"
        );
        let mut limit = end(Outcome::WentBack);
        limit.why = Some("limit".to_owned());
        assert!(words(None, &limit).starts_with("verify-status took longer than it may"));
        let mut stuck = end(Outcome::Stuck);
        stuck.back_step = Some("switch".to_owned());
        assert!(words(None, &stuck).contains("switch failed on the way back"));
    }
}
