//! Pane 5: a service's container logs, or what the open operation's steps print.
//!
//! Lines live in a bounded buffer that a task fills; this pane holds which window of it is looked at.

pub mod view;

use std::sync::Arc;

use crate::{
    cockpit::{
        keymap::Action,
        model::{Effect, Model, Want},
        panes::{Motion, Pane, environments, nothing},
    },
    config::Config,
    fleet::log_buffer::{Dirty, LogBuffer},
    release::{EnvironmentName, ServiceName},
    target::LogQuery,
};

/// What the pane does by itself.
pub const ACTIONS: &[Action] = &[
    Action {
        name: "follow",
        help: "follow the newest line, or stop at this one",
        hint: Some("follow"),
        keys: &["f", "space"],
        changes: false,
        run: toggle_follow,
    },
    Action {
        name: "wrap",
        help: "wrap long lines, or cut them",
        hint: Some("wrap"),
        keys: &["w"],
        changes: false,
        run: |model| {
            model.logs.wrap = !model.logs.wrap;
            nothing()
        },
    },
    Action {
        name: "next-match",
        help: "the next line that holds what was searched for",
        hint: None,
        keys: &["n"],
        changes: false,
        run: |model| find(model, false),
    },
    Action {
        name: "previous-match",
        help: "the line before that holds what was searched for",
        hint: None,
        keys: &["N"],
        changes: false,
        run: |model| find(model, true),
    },
];

/// Lines asked for from before, a container.
const TAIL: usize = 1_000;

/// Whose lines are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A service's containers'.
    Service(EnvironmentName, ServiceName),
    /// The open operation's.
    Operation,
    /// Nobody's.
    Nothing,
}

/// The pane's state.
pub struct State {
    /// Whose lines are shown.
    pub source: Source,
    service_lines: Arc<LogBuffer>,
    /// The number after the last line shown; `None` while the newest is followed.
    pub end: Option<u64>,
    /// How many cells the lines are moved to the left.
    pub shift: usize,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// What is searched for; empty for nothing.
    pub needle: String,
}

impl State {
    /// The logs of the first service that the configuration names.
    pub fn new(config: &Config, dirty: &Arc<Dirty>) -> Self {
        let first = config
            .environments
            .first()
            .and_then(|e| Some((e.name.clone(), e.services.first()?.clone())));
        Self {
            source: first.map_or(Source::Nothing, |(e, s)| Source::Service(e, s)),
            service_lines: Arc::new(LogBuffer::new(config.interface.log_lines, dirty.clone())),
            end: None,
            shift: 0,
            wrap: false,
            needle: String::new(),
        }
    }

    /// The stream that has to run for this pane.
    pub fn want(&self) -> Option<Want> {
        match &self.source {
            Source::Service(environment, service) => Some(Want::Logs(
                environment.clone(),
                LogQuery {
                    service: service.clone(),
                    tail: TAIL,
                },
            )),
            Source::Operation | Source::Nothing => None,
        }
    }

    /// Where the service's lines are.
    pub fn buffer(&self) -> Arc<LogBuffer> {
        self.service_lines.clone()
    }
}

/// The lines that are shown now.
pub fn shown(model: &Model) -> Option<&Arc<LogBuffer>> {
    match model.logs.source {
        Source::Service(..) => Some(&model.logs.service_lines),
        Source::Operation => model.operations.open().map(|followed| &followed.output),
        Source::Nothing => None,
    }
}

/// Shows other lines, from their newest on.
pub fn show(model: &mut Model, source: Source) {
    if model.logs.source == source {
        return;
    }
    if matches!(source, Source::Service(..)) {
        model.logs.service_lines = model.new_buffer();
    }
    model.logs.source = source;
    model.logs.end = None;
    model.logs.shift = 0;
}

/// Shows the logs of the service under the cursor of pane 1 and goes there.
pub fn show_chosen_service(model: &mut Model) -> Vec<Effect> {
    match environments::chosen_service(model) {
        Some((environment, service)) => {
            show(model, Source::Service(environment, service));
            model.focus = Pane::Logs;
        }
        None => model.complain("no service is under the cursor"),
    }
    nothing()
}

fn toggle_follow(model: &mut Model) -> Vec<Effect> {
    model.logs.end = match (model.logs.end, shown(model)) {
        (None, Some(buffer)) => Some(buffer.window(None, 0).end),
        _ => None,
    };
    nothing()
}

/// Moves the window; at the newest line it follows again.
pub fn motion(model: &mut Model, motion: Motion) {
    let Some(buffer) = shown(model) else {
        return;
    };
    let around = buffer.window(model.logs.end, 0);
    let height = model.layout().height(Pane::Logs) as u64;
    let page = height.saturating_sub(1).max(1);
    let at = model.logs.end.unwrap_or(around.end);
    let first = (around.dropped + height).min(around.end);
    let to = match motion {
        Motion::Up => at.saturating_sub(1),
        Motion::Down => at.saturating_add(1),
        Motion::PageUp => at.saturating_sub(page),
        Motion::PageDown => at.saturating_add(page),
        Motion::First => 0,
        Motion::Last => u64::MAX,
        Motion::Left => {
            model.logs.shift = model.logs.shift.saturating_sub(8);
            return;
        }
        Motion::Right => {
            model.logs.shift = (model.logs.shift + 8).min(4096);
            return;
        }
    };
    model.logs.end = (to < around.end).then(|| to.max(first));
}

/// Looks for `needle` as it is typed; when that is done, goes to the newest line that holds it.
pub fn search(model: &mut Model, needle: &str, done: bool) {
    needle.clone_into(&mut model.logs.needle);
    if done && !needle.is_empty() {
        find(model, true);
    }
}

fn find(model: &mut Model, backwards: bool) -> Vec<Effect> {
    if model.logs.needle.is_empty() {
        let key = model.keymap.key_of("search");
        model.say(format!("nothing is searched for: {key} to search"));
        return nothing();
    }
    let Some(buffer) = shown(model) else {
        return nothing();
    };
    let newest = buffer.window(None, 0).end;
    // The line that was found last is the lowest of the window.
    let from = match (model.logs.end, backwards) {
        (Some(end), true) => end.saturating_sub(1),
        (Some(end), false) => end,
        (None, _) => newest,
    };
    match buffer.find(&model.logs.needle, from, backwards) {
        Some(line) => model.logs.end = Some(line + 1),
        None => {
            let way = if backwards { "before" } else { "after" };
            let text = format!("no line {way} this one holds {:?}", model.logs.needle);
            model.say(text);
        }
    }
    nothing()
}

/// The lines on the screen.
pub fn copied(model: &Model) -> Option<String> {
    let height = model.layout().height(Pane::Logs);
    let window = shown(model)?.window(model.logs.end, height);
    let lines: Vec<&str> = window.lines.iter().map(|line| &*line.text).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
