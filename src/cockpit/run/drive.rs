//! The loop: signals, keys, facts, deadline → update → draw.
//!
//! Keys are drawn at once and never wait behind data; streams are drawn at most 30 times a second, 10
//! over ssh. It sleeps until the next text on the screen changes.

use std::{io, sync::Arc, task::Poll, time::Duration};

use color_eyre::eyre::{WrapErr, eyre};
use crossterm::event::Event;
use futures::{Stream, StreamExt};
use ratatui::Terminal;
use tokio::{sync::watch, time::Instant};

use crate::{
    clock::Clock,
    cockpit::{
        input::AnswerFilter,
        model::{Effect, Model, Msg},
        overlays,
        signals::Signal,
        tasks::Tasks,
        terminal::Screen,
    },
    fleet::{feeds::Feeds, inbox::Inbox, world::World},
    release::Moment,
};

use super::{OpenAt, Options, cockpit::Cockpit};

/// Keys that are taken in before the screen is drawn for them.
pub(super) const KEYS_A_FRAME: usize = 64;

/// What the loop needs beside a terminal.
pub struct Outside {
    /// The clients.
    pub world: Arc<World>,
    /// Where facts arrive.
    pub inbox: Inbox,
    /// What brings the facts; `None` where a test does.
    pub feeds: Option<Feeds>,
    /// The least time between two frames that no key asked for.
    pub between_frames: Duration,
    /// Whether there is a browser that an address can be opened in.
    pub browser: bool,
}

/// Runs the loop on any screen, with any keys and signals, until it is left. Returns what is said after:
/// which operations go on without it.
///
/// # Errors
/// Those of the screen and of the keyboard.
pub async fn drive<S: Screen>(
    terminal: &mut Terminal<S>,
    mut input: impl Stream<Item = io::Result<Event>> + Unpin,
    mut signals: impl Stream<Item = Signal> + Unpin,
    model: Model,
    options: Options,
    outside: Outside,
) -> color_eyre::Result<Vec<String>> {
    let (tasks, mut done) = Tasks::new(outside.world.clone());
    let clock = outside.world.clock.clone();
    let mut guidance = options.guidance;
    let mut cockpit = Cockpit {
        model,
        tasks,
        outside,
        clock,
        filter: AnswerFilter::default(),
        leaving: false,
    };
    if let Some(at) = options.open_at {
        let environment = at.environment().clone();
        cockpit.model.environments.choose(environment);
        match at {
            OpenAt::Plan(request) => {
                let effects = overlays::plan::open(&mut cockpit.model, request);
                cockpit.carry_out(effects, terminal)?;
            }
            OpenAt::Recovery(wish) => overlays::recover::awaited::open(&mut cockpit.model, wish),
        }
    }
    if let Some(guidance) = &guidance {
        cockpit.model.guidance.clone_from(&guidance.borrow());
    }
    let mut next_change = cockpit.draw(terminal)?;
    let mut drawn = Instant::now();
    // Something is newer than the screen and waits for its frame.
    let mut waiting = false;
    loop {
        let frame_at = drawn + cockpit.outside.between_frames;
        let dirty = cockpit.model.dirty.clone();
        let inbox = cockpit.outside.inbox.clone();
        let mut at_once = false;
        tokio::select! {
            biased;
            asked = signals.next() => match asked {
                Some(Signal::Suspend) => {
                    cockpit.carry_out(vec![Effect::Suspend], terminal)?;
                    at_once = true;
                }
                Some(Signal::Leave) | None => cockpit.leaving = true,
            },
            event = input.next() => {
                let Some(event) = event else {
                    return Err(eyre!("the terminal is gone"));
                };
                cockpit.take_in(event.wrap_err("the keyboard cannot be read")?, terminal)?;
                for _ in 1..KEYS_A_FRAME {
                    let Poll::Ready(Some(event)) = what_is_there(&mut input).await else {
                        break;
                    };
                    cockpit.take_in(event.wrap_err("the keyboard cannot be read")?, terminal)?;
                }
                at_once = true;
            }
            Some(message) = done.recv() => {
                let effects = cockpit.update(message);
                cockpit.carry_out(effects, terminal)?;
                cockpit.drain(&mut done, terminal)?;
                waiting = true;
            }
            facts = inbox.take() => {
                let effects = cockpit.update(Msg::Facts(facts));
                cockpit.carry_out(effects, terminal)?;
                waiting = true;
            }
            line = changed(&mut guidance) => {
                cockpit.update(Msg::Guidance(line));
                waiting = true;
            }
            () = dirty.marked(), if !waiting => waiting = true,
            () = tokio::time::sleep_until(frame_at), if waiting => {}
            () = until(next_change, &cockpit.clock), if !waiting => {
                cockpit.update(Msg::Wake);
                at_once = true;
            }
        }
        if cockpit.leaving {
            return Ok(cockpit.farewell());
        }
        cockpit.tasks.reconcile(&cockpit.model);
        if at_once || (waiting && Instant::now() >= frame_at) {
            cockpit.model.dirty.take();
            next_change = cockpit.draw(terminal)?;
            drawn = Instant::now();
            waiting = false;
        }
    }
}

/// The next event, if it is there already. Asked with the task's own waker: crossterm's stream keeps the
/// first waker that it is given until it has used it, so that any other would leave the next key
/// unanswered.
async fn what_is_there<T>(input: &mut (impl Stream<Item = T> + Unpin)) -> Poll<Option<T>> {
    std::future::poll_fn(|context| Poll::Ready(input.poll_next_unpin(context))).await
}

async fn changed(guidance: &mut Option<watch::Receiver<String>>) -> String {
    if let Some(receiver) = guidance {
        if receiver.changed().await.is_ok() {
            return receiver.borrow_and_update().clone();
        }
        // Who led through the demo has gone.
        *guidance = None;
        return String::new();
    }
    std::future::pending().await
}

async fn until(moment: Option<Moment>, clock: &Clock) {
    match moment {
        Some(moment) => tokio::time::sleep(moment.since(clock.moment())).await,
        None => std::future::pending().await,
    }
}
