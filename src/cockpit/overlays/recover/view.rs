//! How the choice about an operation is drawn: how it stands, what can be chosen, and the steps that the
//! choice in focus will run.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
};

use crate::{
    cockpit::{
        cells,
        model::Model,
        overlays::{plan::intent, popup},
        theme::Theme,
    },
    release::{
        operation::Direction,
        plan::{OnFailure, Step},
        recovery::{self, Recovery, StoppedStep},
    },
};

use super::{Deed, Known, Recover, Situation, Stage};

/// Draws the choice; returns where the terminal's cursor goes, if a word is typed.
pub fn view(model: &Model, recover: &Recover, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let width = popup::text_width(area).min(76);
    let known = Known::of(model, recover);
    let has_ended = has_ended(model, recover);
    let words = if has_ended {
        let Recover { kind, id, .. } = recover;
        format!("{kind} {id} has ended meanwhile: nothing of it runs that could be cancelled.")
    } else {
        standing(recover, known)
    };
    let mut lines = wrapped(&words, width, theme.text);
    lines.push(Line::default());
    let mut typed_at = None;
    let shown = match &recover.stage {
        Stage::What(at) => {
            for (index, deed) in recover.choices().iter().enumerate() {
                let words = deed_words(recover, known, *deed);
                lines.push(choice(theme, &words, index == *at));
            }
            match recover.choices().get(*at) {
                Some(Deed::Recover(recovery)) => Some((*recovery, recover.said_of_step(*recovery))),
                Some(Deed::SeeDead) => {
                    lines.push(Line::default());
                    lines.extend(wrapped(&vouching(recover), width, theme.warning));
                    None
                }
                _ => None,
            }
        }
        Stage::Ask(recovery, at) => {
            let step = known
                .and_then(|known| known.course(*recovery)?.ask)
                .map_or_else(|| "that step".to_owned(), |step| step.id.clone());
            let words = format!(
                "{step} is a command of your own: whether it was done, and whether it may be done twice, \
                 only you can tell."
            );
            lines.extend(wrapped(&words, width, theme.warning));
            let answers = [
                "leave it for now".to_owned(),
                format!("run {step} again"),
                format!("take {step} for done"),
            ];
            for (index, words) in answers.iter().enumerate() {
                lines.push(choice(theme, words, index == *at));
            }
            let stopped_step = if *at == 2 {
                StoppedStep::Skip
            } else {
                StoppedStep::Again
            };
            Some((*recovery, stopped_step))
        }
        Stage::Confirm(confirm) => {
            typed_at = Some(confirm);
            Some((confirm.recovery, confirm.stopped_step))
        }
    };
    if let Some((recovery, stopped_step)) = shown.filter(|_| !has_ended) {
        if typed_at.is_none() {
            lines.push(Line::default());
        }
        lines.extend(course(theme, known, recovery, stopped_step, width));
    }
    let mut cursor = None;
    if let Some(confirm) = typed_at {
        lines.push(Line::default());
        let above = lines.len();
        let (asked, typed) = confirm.lines(model, width);
        lines.extend(asked);
        cursor = typed.map(|(column, line)| (column, above + line));
    }
    let border = if typed_at.is_some_and(|confirm| confirm.words.is_some()) {
        theme.protected
    } else {
        theme.warning
    };
    let title = format!("{} {} on {}", recover.kind, recover.id, recover.environment);
    // The last lines are those that a key acts on: of too many, the first are left out.
    let height = usize::from(area.height).saturating_sub(2);
    let skipped = match recover.stage {
        Stage::Confirm(_) => lines.len().saturating_sub(height),
        Stage::What(_) | Stage::Ask(..) => 0,
    };
    lines.drain(..skipped);
    let inner = popup::open(theme, &title, border, (width, lines.len()), area, buf);
    cells::draw(lines, inner, buf);
    let (column, line) = cursor?;
    let row = u16::try_from(line.checked_sub(skipped)?).ok()?;
    (!inner.is_empty()).then(|| {
        Position::new(
            inner.x + u16::try_from(column).unwrap_or_default(),
            inner.y + row,
        )
    })
}

/// Whether what was under way when the choice was opened has ended since.
fn has_ended(model: &Model, recover: &Recover) -> bool {
    let was_under_way = matches!(recover.situation, Situation::UnderWay | Situation::Unseen);
    let facts = model.fleet.environment(&recover.environment);
    let held = facts.and_then(|facts| facts.operation());
    was_under_way && held.is_none_or(|held| held.id != recover.id || held.end.is_some())
}

fn wrapped<'a>(words: &str, width: usize, style: ratatui::style::Style) -> Vec<Line<'a>> {
    cells::wrap(words, width.saturating_sub(2))
        .into_iter()
        .map(|line| Line::styled(format!(" {line}"), style))
        .collect()
}

fn choice<'a>(theme: &Theme, words: &str, is_focused: bool) -> Line<'a> {
    let style = if is_focused { theme.cursor } else { theme.text };
    Line::styled(format!(" [ {words} ]"), style)
}

/// How the operation stands, in a sentence or two.
fn standing(recover: &Recover, known: Option<Known<'_>>) -> String {
    let Recover {
        id, kind, operator, ..
    } = recover;
    let at = known.map_or_else(String::new, |known| {
        let stopped = recovery::stopped(known.journal, known.end);
        match stopped.list() {
            Direction::Forward => format!(" {} on the way forward", stopped.place()),
            Direction::Back => format!(" {} on the way back", stopped.place()),
            Direction::Closing => format!(" {}", stopped.place()),
        }
    });
    match recover.situation {
        Situation::UnderWay => format!("{kind} {id} of {operator}'s is under way."),
        Situation::Unseen => format!(
            "{kind} {id} of {operator}'s has not ended: its journal stops{at}. Whether it still runs cannot \
             be seen from the server's shell: it was started in another container, or processes are \
             hidden there. Unknown is not dead."
        ),
        Situation::SeenDead => format!(
            "{kind} {id} of {operator}'s has not ended: its journal stops{at}. You vouch that nothing of it \
             runs any more."
        ),
        Situation::Interrupted => format!(
            "{kind} {id} of {operator}'s was INTERRUPTED{at}. Its runner is gone and nothing goes on by \
             itself. What still runs of its step is ended first."
        ),
        Situation::Ended(_) => {
            let outcome = known
                .and_then(|known| known.end)
                .map_or("has ended", |end| end.outcome.words());
            format!("{kind} {id} of {operator}'s: {outcome}{at}.")
        }
    }
}

fn before(known: Option<Known<'_>>) -> String {
    known.map_or_else(
        || "the release before".to_owned(),
        |known| known.plan.before.changed_since(&known.plan.after).label(),
    )
}

fn is_gone_back(situation: Situation) -> bool {
    matches!(situation, Situation::Ended(outcome) if recovery::has_gone_back(outcome))
}

fn deed_words(recover: &Recover, known: Option<Known<'_>>, deed: Deed) -> String {
    match deed {
        Deed::Leave if recover.situation == Situation::UnderWay => "let it go on".to_owned(),
        Deed::Leave => "leave it".to_owned(),
        Deed::RollBack => "roll back to the last healthy release instead".to_owned(),
        Deed::SeeDead => "nothing of it runs any more: I have looked".to_owned(),
        Deed::Recover(Recovery::Cancel) => match known.map(|known| known.plan.on_failure) {
            Some(OnFailure::Stay) => "cancel it; it stays as it is then".to_owned(),
            _ => format!("cancel it and go back to {}", before(known)),
        },
        Deed::Recover(Recovery::Back) => format!("go back to {}", before(known)),
        Deed::Recover(Recovery::Resume) if recover.is_over => {
            "finish it: the hooks that remain, then its record".to_owned()
        }
        Deed::Recover(Recovery::Resume) if is_gone_back(recover.situation) => {
            "do all of it once more, from its first step; no gate is asked again".to_owned()
        }
        Deed::Recover(Recovery::Resume) => "go on where it stopped".to_owned(),
        Deed::Recover(Recovery::Abandon) => {
            "abandon it: leave everything as it is and record that".to_owned()
        }
    }
}

/// What an operator answers for who says that nothing of an operation runs any more.
fn vouching(recover: &Recover) -> String {
    format!(
        "Look on the machine or in the container where it was started, for its runner and for what its \
         step started. You vouch for it, and that is recorded with your name: if anything of {} does \
         run, two operations change {} at once.",
        recover.id, recover.environment
    )
}

/// What a recovery will do, step by step.
fn course<'a>(
    theme: &Theme,
    known: Option<Known<'_>>,
    recovery: Recovery,
    stopped_step: StoppedStep,
    width: usize,
) -> Vec<Line<'a>> {
    let Some(known) = known else {
        return wrapped("reading what it was to do…", width, theme.dim);
    };
    if recovery == Recovery::Cancel {
        let words = recovery::cancelling(known.plan, known.journal);
        return wrapped(&words, width, theme.dim);
    }
    let Some(course) = known.course(recovery) else {
        return wrapped("its plan has no way back", width, theme.warning);
    };
    let head = match (recovery, course.steps.is_empty()) {
        (Recovery::Abandon, true) => "runs nothing, and records that it was abandoned",
        (Recovery::Abandon, false) => "changes nothing; looks, and records what is observed:",
        (_, true) if course.direction == Direction::Closing => {
            "no hook remains: only its end is written"
        }
        (_, true) => "all its steps have held: only its end is written",
        (_, false) => "runs:",
    };
    let hook = recovery::stopped(known.journal, known.end)
        .hook_words()
        .filter(|_| recovery == Recovery::Resume);
    let mut lines = hook.map_or_else(Vec::new, |words| wrapped(&words, width, theme.warning));
    lines.extend(wrapped(head, width, theme.dim));
    let skips = |step: &Step| {
        stopped_step == StoppedStep::Skip && course.ask.is_some_and(|ask| ask.id == step.id)
    };
    for (index, step) in course.steps.iter().filter(|step| !skips(step)).enumerate() {
        let (name, words) = intent::words(step);
        let line = format!(" {:>2} {name:<9}{words}", index + 1);
        lines.push(Line::styled(
            cells::cut(&line, width).into_owned(),
            theme.text,
        ));
    }
    lines
}
