//! The loop: signals, keys, facts, deadline → update → draw.
//!
//! Keys are drawn at once and never wait behind data; streams are drawn at most 30 times a second, 10
//! over ssh. It sleeps until the next text on the screen changes.

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use color_eyre::eyre::{WrapErr, eyre};
use crossterm::event::{Event, EventStream};
use futures::{Stream, StreamExt};
use ratatui::{Terminal, layout::Rect};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    clock::Clock,
    config::Config,
    fleet::{
        feeds::{self, Feeds},
        inbox::Inbox,
        world::World,
    },
    release::{EnvironmentName, Moment, Permit, operation::Liveness, plan::Request, text::clean},
};

use super::{
    ages::Ages,
    input::AnswerFilter,
    keymap::Keymap,
    model::{Effect, Model, Msg, visible_tags},
    overlays,
    signals::{self, Signal},
    tasks::Tasks,
    terminal::{FrameBackend, OwnTerminal, Screen},
    theme::Theme,
    update::update,
    view::view,
};

/// Keys that are taken in before the screen is drawn for them.
const KEYS_A_FRAME: usize = 64;

/// How a cockpit is opened.
pub struct Options {
    /// The right to change things; without one it is watch mode.
    pub permit: Option<Permit>,
    /// A plan that it opens with.
    pub open_at: Option<Request>,
    /// A line that leads through the demo.
    pub guidance: Option<watch::Receiver<String>>,
    /// A badge in the header, such as `DEMO`.
    pub banner: Option<&'static str>,
}

impl Options {
    /// An ordinary cockpit; `permit` is `None` for watch mode.
    pub fn new(permit: Option<Permit>) -> Self {
        Self {
            permit,
            open_at: None,
            guidance: None,
            banner: None,
        }
    }
}

/// Opens the cockpit on the operator's terminal; returns when it is left. Dropped, it gives the terminal
/// back.
///
/// # Errors
/// No terminal, or a theme or keys in the configuration that make no sense.
pub async fn run(world: Arc<World>, options: Options) -> color_eyre::Result<()> {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = theme(&world.config, no_color)?;
    if no_color {
        // Crossterm would write empty colour sequences, which also wipe bold and reverse.
        crossterm::style::force_color_output(true);
    }
    let keymap = Keymap::new(&world.config.interface.keys)?;
    let signals = signals::listen().wrap_err("signals cannot be listened for")?;
    let over_ssh = std::env::var_os("SSH_TTY").is_some();
    let inbox = Inbox::default();
    let outside = Outside {
        feeds: Some(feeds::start(&world, &inbox)),
        world: world.clone(),
        inbox,
        between_frames: Duration::from_millis(if over_ssh { 100 } else { 33 }),
        browser: !over_ssh
            && ["DISPLAY", "WAYLAND_DISPLAY"]
                .iter()
                .any(|name| std::env::var_os(name).is_some()),
    };
    let farewell = {
        if !io::stdout().is_terminal() {
            return Err(eyre!(
                "the cockpit needs a terminal to draw on; `flightdeck status` prints text"
            ));
        }
        let _own = OwnTerminal::take().wrap_err("the cockpit needs a terminal")?;
        let mut terminal = Terminal::new(FrameBackend::new(io::stdout()))?;
        let size = terminal.size()?;
        let mut model = Model::new(
            world.config.clone(),
            options.permit,
            keymap,
            theme,
            world.clock.now(),
            size,
        );
        model.banner = options.banner;
        let input = EventStream::new();
        drive(&mut terminal, input, signals, model, options, outside).await?
    };
    for line in farewell {
        eprintln!("{line}");
    }
    Ok(())
}

fn theme(config: &Config, no_color: bool) -> color_eyre::Result<Theme> {
    let name = match &config.interface.theme {
        _ if no_color => "monochrome",
        Some(name) => name,
        None => "default",
    };
    // What has a dot or a slash is a file's path; a built-in theme's name has neither.
    if !name.contains(['/', '.']) {
        return Ok(Theme::built_in(name)?);
    }
    let beside = config.path.parent().unwrap_or(&config.path).join(name);
    let text = std::fs::read_to_string(&beside)
        .wrap_err_with(|| format!("the theme {} cannot be read", beside.display()))?;
    Ok(Theme::parse(name, &text)?)
}

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
    if let Some(request) = options.open_at {
        cockpit
            .model
            .environments
            .choose(request.environment.clone());
        let effects = overlays::plan::open(&mut cockpit.model, request);
        cockpit.carry_out(effects, terminal)?;
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

struct Cockpit {
    model: Model,
    tasks: Tasks,
    outside: Outside,
    clock: Clock,
    filter: AnswerFilter,
    leaving: bool,
}

impl Cockpit {
    fn update(&mut self, message: Msg) -> Vec<Effect> {
        update(&mut self.model, message, self.clock.now())
    }

    fn take_in<S: Screen>(
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

    fn drain<S: Screen>(
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
    fn draw<S: Screen>(
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

    fn carry_out<S: Screen>(
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
    fn farewell(&self) -> Vec<String> {
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
            if operation.liveness != Liveness::Dead {
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
