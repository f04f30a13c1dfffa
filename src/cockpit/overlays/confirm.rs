//! *Confirm*: the environment's name or its short word has to be typed where it is protected: every
//! printable key is text, and Enter acts on an exact match only. Elsewhere a dialog with Cancel focused.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::Line,
};

use crate::{
    cockpit::{
        cells,
        input::LineInput,
        model::{Effect, Model},
        panes::nothing,
    },
    release::{
        confirm::Answer,
        plan::{ConfirmWords, Plan},
    },
};

use super::{
    Overlay, open_plan, open_plan_mut,
    plan::{PlanView, State},
    popup::{self, Choice},
};

/// A confirmation of the plan below it.
pub struct Confirm {
    /// Whether a word has to be typed.
    pub typed: bool,
    words: Option<ConfirmWords>,
    verb: &'static str,
    title: String,
    input: LineInput,
    /// The button in focus: 0 is Cancel.
    at: usize,
    /// Whether Enter was pressed on a word that does not match.
    wrong: bool,
}

impl Confirm {
    /// The confirmation that a plan asks for.
    pub fn of(plan: &Plan) -> Self {
        Self {
            typed: plan.confirm.is_some(),
            words: plan.confirm.clone(),
            verb: plan.kind.verb(),
            title: plan.title(),
            input: LineInput::default(),
            at: 0,
            wrong: false,
        }
    }
}

/// Takes a key.
pub fn key(model: &mut Model, key: KeyEvent) -> Option<Vec<Effect>> {
    let Some(Overlay::Confirm(confirm)) = model.overlays.last_mut() else {
        return None;
    };
    if confirm.typed {
        if key.code == KeyCode::Enter {
            let typed = confirm.input.text().to_owned();
            return Some(act(model, Answer::Typed(&typed)));
        }
        if key.code == KeyCode::Esc {
            return None;
        }
        confirm.wrong &= !confirm.input.key(key);
        return Some(nothing());
    }
    match popup::choose(key, confirm.at, 2)? {
        Choice::Moved(at) => confirm.at = at,
        Choice::Taken(0) => {
            model.overlays.pop();
        }
        Choice::Taken(_) => return Some(act(model, Answer::Button)),
    }
    Some(nothing())
}

/// Makes the confirmation, which takes a permit, and has the plan started.
fn act(model: &mut Model, answer: Answer<'_>) -> Vec<Effect> {
    let Some(permit) = model.permit else {
        model.complain("read-only: watch mode");
        return nothing();
    };
    let Some((plan, _)) = open_plan(model).and_then(PlanView::ready) else {
        return nothing();
    };
    let title = plan.title();
    let confirmed = match plan.confirm(permit, answer) {
        Ok(confirmed) => confirmed,
        Err(reason) => {
            if let Some(Overlay::Confirm(confirm)) = model.overlays.last_mut() {
                confirm.wrong = true;
            }
            model.complain(reason.to_string());
            return nothing();
        }
    };
    let ticket = model.ticket();
    model.overlays.pop();
    if let Some(view) = open_plan_mut(model) {
        view.state = State::Starting { ticket, title };
    }
    vec![Effect::Start(ticket, Box::new(confirmed))]
}

/// Draws the dialog.
pub fn view(model: &Model, confirm: &Confirm, area: Rect, buf: &mut Buffer) -> Option<Position> {
    let theme = &model.theme;
    let width = popup::text_width(area).min(72);
    let mut lines = cells::paragraph(&confirm.title, width, theme.text);
    lines.push(Line::default());
    let border = if confirm.typed {
        theme.protected
    } else {
        theme.border
    };
    let Some(words) = &confirm.words else {
        lines.push(popup::buttons(model, &["Cancel", confirm.verb], confirm.at));
        lines.push(popup::fixed_keys(theme, &popup::BUTTON_KEYS));
        let inner = popup::open(theme, "Confirm", border, (width, lines.len()), area, buf);
        cells::draw(lines, inner, buf);
        return None;
    };
    let (asked, column) = popup::word_asked_for(
        theme,
        words,
        confirm.input.text(),
        confirm.wrong,
        "Esc goes back",
        width,
    );
    let typed_at = lines.len() + 1;
    lines.extend(asked);
    let inner = popup::open(theme, "Confirm", border, (width, lines.len()), area, buf);
    cells::draw(lines, inner, buf);
    popup::cursor(inner, typed_at, column)
}
