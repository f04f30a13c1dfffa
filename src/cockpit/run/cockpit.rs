//! What the loop turns: the model with what carries out its effects.

use color_eyre::eyre::WrapErr;
use crossterm::event::Event;
use ratatui::{Terminal, layout::Rect};
use tokio::sync::mpsc;

use crate::{
    clock::Clock,
    cockpit::{
        ages::Ages,
        input::AnswerFilter,
        model::{Effect, Model, Msg, visible_tags},
        overlays,
        tasks::Tasks,
        terminal::Screen,
        update::update,
        view::view,
    },
    release::{EnvironmentName, Moment, text::clean},
};

use super::drive::{KEYS_A_FRAME, Outside};

pub(super) struct Cockpit {
    pub(super) model: Model,
    pub(super) tasks: Tasks,
    pub(super) outside: Outside,
    pub(super) clock: Clock,
    pub(super) filter: AnswerFilter,
    pub(super) leaving: bool,
}

impl Cockpit {
    pub(super) fn update(&mut self, message: Msg) -> Vec<Effect> {
        update(&mut self.model, message, self.clock.now())
    }

    pub(super) fn take_in<S: Screen>(
        &mut self,
        event: Event,
        terminal: &mut Terminal<S>,
    ) -> color_eyre::Result<()> {
        if let Some(event) = self.filter.pass(event, self.clock.moment()) {
            let effects = self.update(Msg::Input(event));
            self.carry_out(effects, terminal)?;
        }
        Ok(())
    }

    pub(super) fn drain<S: Screen>(
        &mut self,
        done: &mut mpsc::Receiver<Msg>,
        terminal: &mut Terminal<S>,
    ) -> color_eyre::Result<()> {
        for _ in 0..KEYS_A_FRAME {
            let Ok(message) = done.try_recv() else {
                break;
            };
            let effects = self.update(message);
            self.carry_out(effects, terminal)?;
        }
        Ok(())
    }

    /// Draws the model; returns when the first text on the screen changes.
    pub(super) fn draw<S: Screen>(
        &mut self,
        terminal: &mut Terminal<S>,
    ) -> color_eyre::Result<Option<Moment>> {
        self.model.now = self.clock.now();
        let ages = Ages::new(self.model.now, self.model.policy);
        let model = &self.model;
        terminal
            .draw(|frame| {
                let area = frame.area();
                if let Some(position) = view(model, &ages, area, frame.buffer_mut()) {
                    frame.set_cursor_position(position);
                }
            })
            .wrap_err("the terminal cannot be written to")?;
        if let (Some((repository, tags)), Some(feeds)) =
            (visible_tags(&self.model), &self.outside.feeds)
        {
            feeds.want(&repository, tags);
        }
        self.update(Msg::Shown);
        Ok(ages.next())
    }

    pub(super) fn carry_out<S: Screen>(
        &mut self,
        effects: Vec<Effect>,
        terminal: &mut Terminal<S>,
    ) -> color_eyre::Result<()> {
        for effect in effects {
            match effect {
                Effect::Plan(ticket, request) => self.tasks.plan(ticket, &self.model, request),
                Effect::Start(ticket, plan) => self.tasks.start(ticket, *plan),
                Effect::Recover(ticket, environment, recovery) => {
                    self.tasks.recover(ticket, environment, recovery);
                }
                Effect::Lock(ticket, environment, lock) => {
                    self.tasks.lock(ticket, environment, lock);
                }
                Effect::Unlock(ticket, environment, unlock) => {
                    self.tasks.unlock(ticket, environment, unlock);
                }
                Effect::Answer(answerer, answer) => {
                    answerer.answer(answer);
                }
                Effect::Refresh => {
                    if let Some(feeds) = &self.outside.feeds {
                        feeds.refresh();
                    }
                }
                Effect::Copy(text) => terminal.backend_mut().copy(&text)?,
                Effect::OpenUrl(ticket, url) if self.outside.browser => {
                    self.tasks.open_url(ticket, url);
                }
                Effect::OpenUrl(_, url) => {
                    terminal.backend_mut().copy(&url)?;
                    self.model
                        .say(format!("no browser here: copied {}", clean(&url)));
                }
                Effect::Redraw => redraw(terminal)?,
                Effect::Suspend => {
                    if terminal.backend_mut().suspend()? {
                        redraw(terminal)?;
                    } else {
                        self.model.say("there is no shell to go back to");
                    }
                }
                Effect::Quit => self.leaving = true,
            }
        }
        Ok(())
    }

    /// What goes on without the cockpit, in words.
    pub(super) fn farewell(&self) -> Vec<String> {
        let goes_on = |what: &str, environment: &EnvironmentName| {
            format!(
                "{what} on {environment} goes on without the cockpit; open it again to follow it"
            )
        };
        let mut lines: Vec<String> = Vec::new();
        let open = self
            .model
            .operations
            .open()
            .filter(|f| f.plan.is_some() && f.end.is_none());
        for (environment, operation) in self.model.operations.under_way(&self.model.fleet) {
            let facts = self.model.fleet.environment(&environment.name);
            // Whether a newer flightdeck's goes on nobody here can say.
            let is_newer = facts.is_some_and(|facts| facts.is_newer(operation.id));
            if !operation.liveness.is_interrupted() && !is_newer {
                let what = format!("{} {}", clean(&operation.claim.kind), operation.id);
                lines.push(goes_on(&what, &environment.name));
            }
        }
        // What was just started may not have been seen in the server's files yet.
        if let Some(followed) = open
            && !lines
                .iter()
                .any(|line| line.contains(&followed.id.to_string()))
        {
            lines.push(goes_on(&followed.id.to_string(), &followed.environment));
        }
        if let Some(title) = overlays::plan::starting(&self.model) {
            lines.push(format!(
                "whether this began is not known: {title}; look before you try again"
            ));
        }
        lines
    }
}

/// Forgets what is on the screen, so that the next frame is drawn whole. `Terminal::clear` would ask
/// the terminal where its cursor is and wait for the answer.
fn redraw<S: Screen>(terminal: &mut Terminal<S>) -> color_eyre::Result<()> {
    let size = terminal.size()?;
    terminal.resize(Rect::new(0, 0, size.width, size.height))?;
    Ok(())
}
