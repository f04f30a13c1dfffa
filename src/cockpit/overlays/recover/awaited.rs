//! A recovery that a command asks for, until the environment's files tell what there is to recover: then
//! the choice opens with that in focus. Nothing is done by it.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    cockpit::{
        ages::Ages,
        cells,
        model::Model,
        overlays::{Overlay, popup},
        update::deeds,
    },
    release::{Moment, recovery::RecoveryWish},
};

use super::{Deed, Recover, Situation, Stage};

/// What is waited for.
pub struct Awaited {
    wish: RecoveryWish,
    since: Moment,
}

/// Opens the choice that a command asks for, or waits until it can be opened.
pub fn open(model: &mut Model, wish: RecoveryWish) {
    let since = model.now.moment;
    let awaited = Overlay::Awaited(Awaited { wish, since });
    model.overlays.insert(0, awaited);
    settle(model);
}

/// Opens what is waited for, once it is known what there is to recover.
pub fn settle(model: &mut Model) {
    let at = model.overlays.iter().position(|overlay| {
        matches!(overlay, Overlay::Awaited(awaited) if {
            let facts = model.fleet.environment(&awaited.wish.environment);
            facts.is_some_and(|facts| facts.files.value().is_some())
        })
    });
    let Some(Overlay::Awaited(Awaited { wish, .. })) = at.map(|at| model.overlays.remove(at))
    else {
        return;
    };
    open_at(model, wish);
}

/// Opens the choice with what a command asks for in focus.
fn open_at(model: &mut Model, wish: RecoveryWish) {
    if !super::open(model, &wish.environment) {
        deeds::nothing_to_recover(model, &wish.environment);
        return;
    }
    if let Some(Overlay::Recover(recover)) = model.overlays.first_mut()
        && let Err(why) = recover.take_up(wish)
    {
        model.complain(why);
    }
}

impl Recover {
    /// Brings what a command asks for into focus.
    ///
    /// # Errors
    /// Why that cannot be chosen, as things are.
    fn take_up(&mut self, wish: RecoveryWish) -> Result<(), String> {
        if self.situation == Situation::Unseen && wish.seen_dead {
            self.situation = Situation::SeenDead;
        }
        let asked = Deed::Recover(wish.recovery);
        let at = self.choices().iter().position(|deed| *deed == asked);
        self.wish = Some(wish);
        self.shown = false;
        self.stage = Stage::What(at.unwrap_or(0));
        let id = self.id;
        match (at, self.situation) {
            (Some(_), _) => Ok(()),
            (None, Situation::UnderWay) => Err(format!(
                "{id} is under way and not seen dead: cancel it, or wait for its end"
            )),
            (None, Situation::Unseen) => Err(format!(
                "whether {id} still runs cannot be seen from there, and unknown is not dead"
            )),
            (None, Situation::SeenDead | Situation::Interrupted) => Err(format!(
                "{id} was interrupted: nothing runs that could be cancelled"
            )),
            (None, Situation::Ended(_)) => Err(format!(
                "{id} has ended: nothing runs that could be cancelled"
            )),
        }
    }
}

/// Draws what is waited for, and why it takes time.
pub fn view(model: &Model, awaited: &Awaited, ages: &Ages, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let width = popup::text_width(area).min(76);
    let RecoveryWish {
        environment,
        recovery,
        ..
    } = &awaited.wish;
    let facts = model.fleet.environment(environment);
    let words = ages.waiting(awaited.since, facts.map(|facts| &facts.files));
    let mut lines = cells::paragraph(&words, width, theme.warning);
    lines.push(popup::fixed_keys(theme, &[("Esc", "leave it")]));
    let title = format!("Recover {environment}: {}", recovery.word());
    let size = (width, lines.len());
    let inner = popup::open(theme, &title, theme.warning, size, area, buf);
    cells::draw(lines, inner, buf);
}
