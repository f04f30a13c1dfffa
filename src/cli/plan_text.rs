//! A plan as lines of text: what an operator reads before it is started.

use crate::{
    release::{
        operation::Direction,
        plan::{OnFailure, OnStepFailure, Plan, Step},
    },
    target::RenderedPlan,
};

/// The plan with its gates, warnings, steps, the commands of each, and what happens on failure.
pub fn lines(plan: &Plan, commands: &RenderedPlan) -> Vec<String> {
    let mut lines = vec![plan.title()];
    lines.extend(before(plan));
    let all = |direction| plan.steps(direction).iter().collect::<Vec<_>>();
    lines.extend(steps(&all(Direction::Forward), &commands.forward));
    lines.push(format!("on failure: {}", plan.on_failure_words()));
    if plan.on_failure == OnFailure::GoBack {
        lines.extend(steps(&all(Direction::Back), &commands.back));
    }
    lines.extend(closing(plan, commands));
    lines
}

/// What is done once the outcome is known, if anything is.
pub fn closing(plan: &Plan, commands: &RenderedPlan) -> Vec<String> {
    if plan.closing.is_empty() {
        return Vec::new();
    }
    let mut lines =
        vec!["once it is over, however it ended; what fails here changes nothing:".to_owned()];
    let all: Vec<&Step> = plan.closing.iter().collect();
    lines.extend(steps(&all, &commands.closing));
    lines
}

/// What should be known before: the gates, what is noted, what else could become of the schema, and what
/// is removed.
pub fn before(plan: &Plan) -> Vec<String> {
    let mut lines = gates(plan);
    lines.extend(plan.other_schema_offers().filter_map(|offer| {
        let word = offer.choice.word()?;
        Some(match &offer.obstacle {
            None => format!("  or: --schema {word}: {}", offer.consequence),
            Some(why) => format!("  not possible: --schema {word}: {why}"),
        })
    }));
    let removals = plan.removals();
    lines.extend(removals.map(|removal| format!("  removes: {}", removal.words())));
    lines
}

fn gates(plan: &Plan) -> Vec<String> {
    let width = plan.gates.iter().map(|g| g.name.len()).max().unwrap_or(0);
    let stands = plan.gates.iter().map(|g| g.words().len()).max();
    let stands = stands.unwrap_or(0);
    let mut lines: Vec<String> = plan
        .gates
        .iter()
        .map(|gate| {
            format!(
                "  gate {:width$}  {:stands$}  {}",
                gate.name,
                gate.words(),
                gate.detail
            )
        })
        .collect();
    lines.extend(plan.warnings.iter().map(|w| format!("  note: {w}")));
    lines
}

/// Numbered steps, each with its commands.
pub fn steps(steps: &[&Step], commands: &[(String, Vec<String>)]) -> Vec<String> {
    let width = steps.iter().map(|s| s.id.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let estimate = match step.estimate {
            Some(estimate) => format!("~{} s", estimate.as_secs()),
            None => String::new(),
        };
        let failure = match step.failure {
            OnStepFailure::Stops => "",
            OnStepFailure::Reported => "if it fails, that is only reported",
        };
        let strategy = step.intent.strategy_words().unwrap_or_default();
        lines.push(
            format!(
                "  {:>2}  {:width$}  {estimate}  {failure}{strategy}",
                number + 1,
                step.id
            )
            .trim_end()
            .to_owned(),
        );
        let rendered = commands.iter().find(|(id, _)| *id == step.id);
        for command in rendered.iter().flat_map(|(_, commands)| commands) {
            lines.extend(command.lines().map(|line| format!("        {line}")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::fixture,
        release::plan::{Intent, Removal, SchemaChoice, SchemaOffer},
    };

    #[test]
    fn what_is_chosen_between_and_what_is_removed_is_told_before() {
        let mut plan = fixture::World::new().plan(fixture::promote(2)).unwrap();
        let offer = |choice, obstacle: Option<&str>| SchemaOffer {
            choice,
            consequence: "the schema stays at c9e2".to_owned(),
            obstacle: obstacle.map(str::to_owned),
        };
        plan.schema_offers = vec![
            offer(SchemaChoice::ImageOnly, None),
            offer(SchemaChoice::Downgrade, Some("c9e2 cannot be undone")),
        ];
        let removals = vec![Removal::Image {
            id: fixture::image_id(1),
            label: "backend v1".to_owned(),
            references: Vec::new(),
            all: true,
            frees: Some(13_000_000),
        }];
        plan.forward[0].intent = Intent::CleanUp { removals };
        let lines = before(&plan);
        let downgrade = "  not possible: --schema downgrade: c9e2 cannot be undone";
        assert!(lines.contains(&downgrade.to_owned()), "{lines:?}");
        assert!(
            !lines.iter().any(|line| line.contains("image-only")),
            "it is what the plan does: {lines:?}"
        );
        let removed = "  removes: backend v1 (13.0 MB)".to_owned();
        assert!(lines.contains(&removed), "{lines:?}");
    }
}
