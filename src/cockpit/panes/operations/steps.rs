//! The open operation: its steps with state and seconds, the way back once it has begun, and how it
//! stands or ended, in words.

use ratatui::{buffer::Buffer, layout::Rect, style::Style, text::Line};

use crate::{
    cockpit::{
        ages::{Ages, seconds},
        cells::{self, Row},
        model::Model,
        overlays::plan::intent,
    },
    fleet::join::Recoverable,
    release::{
        EnvironmentName,
        operation::{Direction, Event, Liveness, OperationState, StepState, step_state, timestamp},
        plan::{OnFailure, OnStepFailure, Plan, Step},
        recovery,
    },
};

use super::{Followed, direction, outcome};

/// The title of the open operation's place.
pub fn title(followed: &Followed) -> String {
    match &followed.plan {
        Some(plan) => format!("{}  {}", followed.id, plan.title()),
        None => format!("{}  {}", followed.id, followed.environment),
    }
}

/// Draws the open operation.
pub fn view(model: &Model, ages: &Ages, followed: &Followed, area: Rect, buf: &mut Buffer) {
    let width = usize::from(area.width);
    let mut lines = verdict(model, ages, followed, width);
    let head = lines.len();
    let mut at = 0;
    if let Some(plan) = &followed.plan {
        for direction in Direction::ALL {
            if direction != Direction::Forward {
                if !has_begun(followed, direction) {
                    continue;
                }
                lines.push(heading(model, plan, direction));
            }
            for (index, step) in plan.steps(direction).iter().enumerate() {
                let state = step_state(&followed.journal, direction, &step.id);
                if !matches!(state, StepState::Waiting) {
                    at = lines.len() - head;
                }
                let closing = direction == Direction::Closing;
                lines.push(step_line(
                    model,
                    ages,
                    followed,
                    StepAt {
                        index,
                        step,
                        state,
                        stops: !closing && step.failure == OnStepFailure::Stops,
                    },
                    width,
                ));
            }
        }
    }
    // The verdict stays; of the steps, those round the newest.
    let steps = lines.split_off(head);
    let height = usize::from(area.height);
    let room = height.saturating_sub(lines.len());
    let visible = cells::visible(steps.len(), at, room);
    let steps = steps.into_iter().skip(visible.start).take(visible.len());
    cells::draw(lines.into_iter().chain(steps), area, buf);
}

fn has_begun(followed: &Followed, list: Direction) -> bool {
    followed.journal.iter().any(|line| match line.event {
        Event::Begin { direction, .. } | Event::StepStart { direction, .. } => direction == list,
        _ => false,
    })
}

/// What stands above the steps of another list than forward.
fn heading<'a>(model: &Model, plan: &Plan, direction: Direction) -> Line<'a> {
    match direction {
        Direction::Closing => Line::styled(
            " once it was over; what fails here changes nothing",
            model.theme.dim,
        ),
        Direction::Forward | Direction::Back => Line::styled(
            format!(
                " going back to {}",
                plan.before.changed_since(&plan.after).label()
            ),
            model.theme.warning,
        ),
    }
}

/// A step and how it stands.
struct StepAt<'a> {
    /// Its place in its list, from 0.
    index: usize,
    step: &'a Step,
    state: StepState,
    /// Whether its failure is that of its list.
    stops: bool,
}

/// How it stands, as wrapped lines.
fn verdict<'a>(model: &Model, ages: &Ages, followed: &Followed, width: usize) -> Vec<Line<'a>> {
    let theme = &model.theme;
    let (words, style) = standing(model, followed);
    // What it took, or takes, stands after the last word.
    let room = width.saturating_sub(8);
    let mut lines: Vec<Line<'a>> = cells::paragraph(&words, room, style);
    if let Some(fault) = &followed.lost {
        let words = format!("cannot be followed at the moment, it goes on: {fault}");
        lines.extend(cells::paragraph(&words, width, theme.warning));
    }
    if let (Some(end), Some(last)) = (&followed.end, lines.last_mut()) {
        let took = seconds((end.ended - end.started).max(0).unsigned_abs());
        last.push_span(ratatui::text::Span::styled(format!("  {took}"), theme.dim));
    } else if interrupted(model, followed).is_some() {
        // Nobody runs it whose time could be told.
    } else if let Some(started) = started(model, followed)
        && let Some(last) = lines.last_mut()
    {
        let running = ages.running(started);
        last.push_span(ratatui::text::Span::styled(
            format!("  {running}"),
            theme.dim,
        ));
    }
    lines
}

fn standing(model: &Model, followed: &Followed) -> (String, Style) {
    let theme = &model.theme;
    let plan = followed.plan.as_deref();
    if let Some(end) = &followed.end {
        return (
            outcome::words(plan, end),
            outcome::style(theme, end.outcome),
        );
    }
    if let Some(fault) = &followed.gone {
        return (format!("{}; {}", fault.message, fault.remedy), theme.bad);
    }
    let state = model
        .fleet
        .environment(&followed.environment)
        .and_then(|facts| facts.operation())
        .filter(|operation| operation.id == followed.id);
    let back = model.keymap.key_of("roll-back");
    if let Some(operation) = interrupted(model, followed) {
        let goes_on = match operation.liveness {
            Liveness::Orphaned => "only the step that it began still runs",
            _ => "nothing goes on",
        };
        let key = model.keymap.key_of("recover");
        let words = match recovery::stopped(&followed.journal, None).outcome_words() {
            Some(outcome) => {
                format!("INTERRUPTED among its last steps, after {outcome}; {key} to finish it")
            }
            None => {
                format!("INTERRUPTED: its runner is gone and {goes_on}; {key} to recover it")
            }
        };
        return (words, theme.bad);
    }
    if followed.plan.is_none() {
        return ("reading its plan…".to_owned(), theme.warning);
    }
    let cancelling = state.is_some_and(|s| s.cancelling)
        || followed.journal.iter().any(|l| l.event == Event::Cancel);
    let words = match (direction(&followed.journal), cancelling) {
        (Direction::Closing, _) => "over; its last steps tell of it".to_owned(),
        (Direction::Back, true) => "cancelled, going back".to_owned(),
        (Direction::Back, false) => "failed, going back".to_owned(),
        (Direction::Forward, true) => "cancelling: waits for the running step".to_owned(),
        (Direction::Forward, false) => under_way(plan, &back),
    };
    (words, theme.warning)
}

/// The operation, if nobody runs it any more.
fn interrupted<'a>(model: &'a Model, followed: &Followed) -> Option<&'a OperationState> {
    match model
        .fleet
        .environment(&followed.environment)?
        .recoverable()?
    {
        Recoverable::Interrupted(operation) => Some(operation).filter(|o| o.id == followed.id),
        Recoverable::UnderWay(_) | Recoverable::Ended(_) => None,
    }
}

/// What happens by itself if it fails, and what a cancel does: what a plan does not go back to by itself
/// a cancel does not go back to either.
fn under_way(plan: Option<&Plan>, back: &str) -> String {
    match plan.map(|p| p.on_failure) {
        Some(OnFailure::Stay) => {
            format!(
                "under way; stays as it is if it fails; {back} cancels, and it stays as it is then"
            )
        }
        Some(OnFailure::GoBack) => {
            format!("under way; goes back by itself if it fails; {back} cancels and goes back")
        }
        None => format!("under way; {back} cancels"),
    }
}

/// When it began, by our clock.
fn started(model: &Model, followed: &Followed) -> Option<jiff::Timestamp> {
    let first = followed.journal.first()?;
    Some(by_our_clock(model, &followed.environment, first.at))
}

/// A time of a server's clock as ours would have told it.
pub fn by_our_clock(model: &Model, environment: &EnvironmentName, at: i64) -> jiff::Timestamp {
    let skew = model
        .fleet
        .environment(environment)
        .and_then(|facts| facts.files.value())
        .map_or(0, |files| files.clock_skew_ms);
    let at = timestamp(at);
    at.checked_sub(jiff::SignedDuration::from_millis(skew))
        .unwrap_or(at)
}

fn step_line<'a>(
    model: &Model,
    ages: &Ages,
    followed: &Followed,
    at: StepAt<'_>,
    width: usize,
) -> Line<'a> {
    let StepAt {
        index,
        step,
        state,
        stops,
    } = at;
    let theme = &model.theme;
    let is_dead = interrupted(model, followed).is_some_and(|o| o.liveness != Liveness::Orphaned);
    let ended = followed.end.is_some() || is_dead;
    let (word, style) = match state {
        StepState::Waiting => (String::new(), theme.dim),
        StepState::Running { .. } if ended => ("not ended".to_owned(), theme.bad),
        StepState::Running { since } => (
            format!(
                "> {}",
                ages.running(by_our_clock(model, &followed.environment, since))
            ),
            theme.warning,
        ),
        StepState::Held { skipped: false } => ("ok before".to_owned(), theme.good),
        StepState::Held { skipped: true } => ("skipped".to_owned(), theme.warning),
        StepState::Done { seconds: took } => {
            (format!("ok {}", seconds(took.unsigned_abs())), theme.good)
        }
        StepState::Failed {
            seconds: took,
            exit,
        } => {
            let exit = exit.map_or_else(|| "?".to_owned(), |e| e.to_string());
            let took = seconds(took.unsigned_abs());
            if stops {
                (format!("FAIL {exit} {took}"), theme.bad)
            } else {
                (
                    format!("failed {exit}, only reported {took}"),
                    theme.warning,
                )
            }
        }
    };
    let text = if state == StepState::Waiting {
        theme.dim
    } else {
        theme.text
    };
    let verb = if width >= 60 { 10 } else { 8 };
    let (name, words) = match followed.plan.as_deref() {
        Some(plan) => intent::words_in(plan, step),
        None => intent::words(step),
    };
    let tail = cells::width(&word) + 1;
    let row = Row::new(width)
        .gap(1)
        .text(format!("{:>2} ", index + 1), theme.dim)
        .column(name, verb, text);
    let room = row.left().saturating_sub(tail + 1);
    row.text(cells::cut(&words, room).into_owned(), text)
        .right(word, style)
        .line()
}
