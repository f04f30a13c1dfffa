//! What is to become of an operation that runs or was interrupted. The first choice is to leave it.

use crossterm::event::KeyEvent;
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::{
    cockpit::{
        cells,
        model::{Effect, Model},
        panes::nothing,
    },
    release::{
        EnvironmentName,
        operation::{Liveness, OperationId, OperationState, Recovery},
        text::clean,
    },
};

use super::{
    Overlay,
    popup::{self, Choice},
};

/// A choice about an operation.
pub struct Recover {
    environment: EnvironmentName,
    id: OperationId,
    words: String,
    choices: Vec<(String, Option<Recovery>)>,
    at: usize,
}

impl Recover {
    /// The choice that `operation` leaves.
    pub fn of(environment: EnvironmentName, operation: &OperationState) -> Self {
        let before = operation.plan.as_ref().map_or_else(
            || "the release before".to_owned(),
            |plan| plan.before.changed_since(&plan.after).label(),
        );
        let kind = clean(&operation.claim.kind);
        let operator = clean(&operation.claim.operator);
        let id = operation.id;
        let (words, choices) = if operation.liveness == Liveness::Dead {
            (
                format!(
                    "{kind} {id} of {operator}'s on {environment} was interrupted: its runner is gone \
                     and nothing goes on by itself."
                ),
                vec![
                    ("leave it".to_owned(), None),
                    (format!("go back to {before}"), Some(Recovery::Back)),
                    ("go on where it stopped".to_owned(), Some(Recovery::Resume)),
                    (
                        "abandon it: leave everything as it is and record that".to_owned(),
                        Some(Recovery::Abandon),
                    ),
                ],
            )
        } else {
            (
                format!("{kind} {id} of {operator}'s is under way on {environment}."),
                vec![
                    ("let it go on".to_owned(), None),
                    (
                        format!("cancel it and go back to {before}"),
                        Some(Recovery::Cancel),
                    ),
                ],
            )
        };
        Self {
            environment,
            id,
            words,
            choices,
            at: 0,
        }
    }
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Recover(recover)) = model.overlays.last_mut() else {
        return None;
    };
    let taken = match popup::choose(key, recover.at, recover.choices.len())? {
        Choice::Moved(at) => {
            recover.at = at;
            return Some(nothing());
        }
        Choice::Taken(at) => recover.choices.get(at).and_then(|(_, recovery)| *recovery),
    };
    let (environment, id) = (recover.environment.clone(), recover.id);
    model.overlays.pop();
    let (Some(recovery), Some(permit)) = (taken, model.permit) else {
        return Some(nothing());
    };
    let ticket = model.ticket();
    crate::cockpit::panes::operations::open(model, environment.clone(), id);
    let confirmed = permit.confirm((id, recovery));
    Some(vec![Effect::Recover(ticket, environment, confirmed)])
}

/// Draws the choice.
pub fn view(model: &Model, recover: &Recover, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = popup::text_width(area).min(72);
    let mut lines: Vec<Line<'_>> = cells::wrap(&recover.words, width.saturating_sub(2))
        .into_iter()
        .map(|line| Line::styled(format!(" {line}"), theme.text))
        .collect();
    lines.push(Line::default());
    for (index, (words, _)) in recover.choices.iter().enumerate() {
        let style = if index == recover.at {
            theme.cursor
        } else {
            theme.text
        };
        lines.push(Line::styled(format!(" [ {words} ]"), style));
    }
    let title = format!("Operation {}", recover.id);
    let inner = popup::open(
        theme,
        &title,
        theme.warning,
        (width, lines.len()),
        area,
        buf,
    );
    cells::draw(lines, inner, buf);
}
