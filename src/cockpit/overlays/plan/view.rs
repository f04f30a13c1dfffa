//! How a plan is drawn: gates, warnings, steps with estimates, what happens on failure, keys.

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::{
    cockpit::{
        ages::{Ages, seconds},
        cells::{self, Row},
        keymap::Scope,
        model::{Model, Refusal},
        overlays::popup,
        panes::{environments::is_protected, versions},
    },
    release::{
        EnvironmentName, ServiceName,
        plan::{Deed, Intent, Plan, Removal, Request, Step, Verdict},
        text::clean,
    },
};

use super::{PlanView, State, intent};

/// Draws the plan.
pub fn view(model: &Model, view: &PlanView, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = popup::text_width(area);
    let environment = &view.request.environment;
    let border = if protected(model, environment) {
        theme.protected
    } else {
        theme.border
    };
    let (title, lines) = match &view.state {
        State::Preparing { since, .. } => {
            let facts = model.fleet.environment(environment);
            let words = ages.waiting(*since, facts.map(|facts| &facts.containers));
            (
                format!("Plan for {environment}"),
                cells::paragraph(&words, width, theme.warning),
            )
        }
        State::Ready { plan, .. } => {
            let mut lines = plan_lines(model, plan, width);
            lines.extend(together(model, &view.request, width));
            (title(plan), lines)
        }
        State::Refused(Refusal { fault, images }) => {
            let mut lines = cells::paragraph(&fault.message, width, theme.bad);
            lines.insert(0, Line::styled(format!(" {}", fault.subject), theme.title));
            for words in [&fault.source, &fault.remedy] {
                if !words.is_empty() {
                    lines.push(Line::default());
                    lines.extend(cells::paragraph(words, width, theme.text));
                }
            }
            if !images.is_empty() {
                lines.push(Line::default());
                let key = model.keymap.key_of("options");
                let words = format!("{key} chooses one of {} images on the server", images.len());
                lines.extend(cells::paragraph(&words, width, theme.text));
            }
            if fault.kind.is_of_the_link() {
                lines.push(Line::default());
                lines.extend(cells::paragraph(
                    "made anew by itself as soon as the server answers",
                    width,
                    theme.dim,
                ));
            }
            (format!("No plan for {environment}"), lines)
        }
        State::Starting { title, .. } => (
            title.clone(),
            cells::paragraph(
                "confirmed; taking the claim on the server…",
                width,
                theme.warning,
            ),
        ),
    };
    let foot = 1;
    let inner = popup::open(
        theme,
        &title,
        border,
        (width, lines.len() + foot),
        area,
        buf,
    );
    let height = inner.height.saturating_sub(1);
    let hidden = lines.len().saturating_sub(usize::from(height));
    popup::scrolled(lines, view.scroll, Rect { height, ..inner }, buf);
    let keys = match &view.state {
        State::Ready { plan, .. } => model
            .keymap
            .of(Scope::Plan)
            .filter(|(action, _)| {
                let by_name = plan.gate_passed_by_name();
                let mut closed = plan.closed_gates();
                !action.changes || closed.all(|gate| Some(gate.name.as_str()) == by_name)
            })
            .filter_map(|(action, chords)| Some((chords.first()?.to_string(), action.hint?)))
            .chain([("Esc".to_owned(), "cancel")])
            .chain((hidden > 0).then(|| ("j k".to_owned(), "scroll")))
            .collect(),
        State::Refused(_) => vec![
            (model.keymap.key_of("plan-anew"), "anew"),
            (model.keymap.key_of("options"), "options"),
            ("Esc".to_owned(), "close"),
        ],
        State::Preparing { .. } | State::Starting { .. } => vec![("Esc".to_owned(), "close")],
    };
    let place = Rect {
        y: inner.bottom().saturating_sub(1).max(inner.y),
        height: inner.height.min(1),
        ..inner
    };
    cells::draw([popup::keys(theme, keys)], place, buf);
}

fn title(plan: &Plan) -> String {
    let title = clean(&plan.title());
    let mut letters = title.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => title,
    }
}

fn protected(model: &Model, environment: &EnvironmentName) -> bool {
    model
        .fleet
        .config
        .environment(environment)
        .is_some_and(is_protected)
}

fn plan_lines<'a>(model: &Model, plan: &Plan, width: usize) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let mut lines = gates(model, plan, width);
    for warning in &plan.warnings {
        for (index, line) in cells::wrap(&clean(warning), width.saturating_sub(4))
            .into_iter()
            .enumerate()
        {
            let head = if index == 0 { "!" } else { " " };
            lines.push(Line::styled(format!(" {head} {line}"), theme.warning));
        }
    }
    lines.extend(schema_offers(model, plan, width));
    if !plan.reason.is_empty() {
        lines.extend(cells::paragraph(
            &format!("reason: {}", clean(&plan.reason)),
            width,
            theme.text,
        ));
    }
    for (index, step) in plan.forward.iter().enumerate() {
        lines.push(step_line(model, plan, index, step, width));
        lines.extend(below(model, step, width));
    }
    let failed = format!("on failure: {}", plan.on_failure_words());
    lines.extend(cells::paragraph(&failed, width, theme.text));
    if !plan.closing.is_empty() {
        let words = "once it is over, however it ended; what fails here changes nothing:";
        lines.extend(cells::paragraph(words, width, theme.text));
        for (index, step) in plan.closing.iter().enumerate() {
            lines.push(step_line(model, plan, index, step, width));
        }
    }
    lines.extend(cells::paragraph(&basis(plan), width, theme.dim));
    if let Some(why) = super::stale(model, plan) {
        let key = model.keymap.key_of("plan-anew");
        let words = format!("! STALE: {why}, so that this would be refused; {key} makes it anew");
        lines.insert(0, Line::default());
        for line in cells::paragraph(&words, width, theme.bad).into_iter().rev() {
            lines.insert(0, line);
        }
    }
    lines
}

/// What else could become of the schema: what is chosen stands among the warnings.
fn schema_offers<'a>(model: &Model, plan: &Plan, width: usize) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let key = model.keymap.key_of("options");
    plan.other_schema_offers()
        .flat_map(|offer| {
            let word = offer.choice.word().unwrap_or_default();
            match &offer.obstacle {
                None => cells::paragraph(
                    &clean(&format!("schema {word} ({key}): {}", offer.consequence)),
                    width,
                    theme.text,
                ),
                Some(why) => cells::paragraph(
                    &clean(&format!("schema {word} is not possible: {why}")),
                    width,
                    theme.dim,
                ),
            }
        })
        .collect()
}

/// That the other services have the same tag too, and how they are released with it.
fn together<'a>(model: &Model, request: &Request, width: usize) -> Vec<Line<'a>> {
    let Deed::Promote { versions, .. } = &request.deed else {
        return Vec::new();
    };
    let environment = model.fleet.config.environment(&request.environment);
    let others = environment
        .map(|environment| versions::same_tag_elsewhere(model, environment, versions))
        .unwrap_or_default();
    let names: Vec<&str> = others.keys().map(ServiceName::as_str).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let key = model.keymap.key_of("options");
    let words = format!(
        "{key} to release {} with it: the same tag",
        names.join(", ")
    );
    cells::paragraph(&words, width, model.theme.text)
}

fn gates<'a>(model: &Model, plan: &Plan, width: usize) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let mut lines = Vec::new();
    let passed: Vec<String> = plan
        .gates
        .iter()
        .filter(|gate| gate.verdict == Verdict::Passed)
        .map(|gate| clean(&format!("{} ok ({})", gate.name, gate.detail)))
        .collect();
    if !passed.is_empty() {
        lines.extend(cells::paragraph(
            &format!("gates  {}", passed.join(" · ")),
            width,
            theme.good,
        ));
    }
    for gate in plan
        .gates
        .iter()
        .filter(|gate| gate.verdict != Verdict::Passed)
    {
        let style = if gate.overridden {
            theme.warning
        } else {
            theme.bad
        };
        lines.extend(cells::paragraph(
            &clean(&format!(
                "gate {}: {}: {}",
                gate.words(),
                gate.name,
                gate.detail
            )),
            width,
            style,
        ));
    }
    let by_name = plan.gate_passed_by_name();
    if by_name.is_some() {
        let words = format!("it is passed by typing {} in full", plan.environment);
        lines.extend(cells::paragraph(&words, width, theme.text));
    }
    if plan
        .closed_gates()
        .any(|gate| Some(gate.name.as_str()) != by_name)
    {
        let key = model.keymap.key_of("options");
        let words = format!("cannot be confirmed: {key} to pass a closed gate all the same");
        lines.extend(cells::paragraph(&words, width, theme.text));
    }
    lines
}

/// What is not cut at the edge: everything that a clean-up's step removes for good, and which strategy
/// replaces containers and why.
fn below<'a>(model: &Model, step: &Step, width: usize) -> Vec<Line<'a>> {
    let (words, style) = match &step.intent {
        Intent::CleanUp { removals } => {
            let words: Vec<String> = removals.iter().map(Removal::words).collect();
            (words.join(", "), model.theme.text)
        }
        other => match other.strategy_words() {
            Some(words) => (words, model.theme.dim),
            None => return Vec::new(),
        },
    };
    cells::wrap(&clean(&words), width.saturating_sub(HANGING + 2))
        .into_iter()
        .map(|line| Line::styled(format!("{}{line}", " ".repeat(HANGING)), style))
        .collect()
}

/// Where a step's words begin.
const HANGING: usize = 12;

fn step_line<'a>(model: &Model, plan: &Plan, index: usize, step: &Step, width: usize) -> Line<'a> {
    let theme = &model.theme;
    let (verb, words) = intent::words_in(plan, step);
    let estimate = step
        .estimate
        .map(|estimate| format!("~{}", seconds(estimate.as_secs().max(1))));
    let tail = estimate.as_ref().map_or(0, |e| cells::width(e) + 2);
    let row = Row::new(width.saturating_sub(1))
        .text(format!("{:>2} ", index + 1), theme.dim)
        .column(verb, 8, theme.title);
    let room = row.left().saturating_sub(tail);
    let row = row.text(cells::cut(&words, room).into_owned(), theme.text);
    match estimate {
        Some(estimate) => row.right(estimate, theme.dim).line(),
        None => row.line(),
    }
}

fn basis(plan: &Plan) -> String {
    let last = match plan.basis.last_operation {
        Some(operation) => format!("operation {operation}"),
        None => "first contact".to_owned(),
    };
    let heads = match &plan.basis.schema_heads {
        Some(heads) if heads.is_empty() => ", schema at base".to_owned(),
        Some(heads) => format!(", schema at {}", clean(&heads.join(", "))),
        None => String::new(),
    };
    format!(
        "made from: {last}, {} files{heads}; refused if that changes before it starts",
        plan.basis.files.len()
    )
}
