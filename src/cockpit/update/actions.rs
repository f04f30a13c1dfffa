//! The actions that belong to no single pane.

use crate::cockpit::{
    keymap::Action,
    model::{Effect, Model},
    overlays::{self, Overlay, help::Help, message::Message, palette::Palette, search::Search},
    panes::{Motion, Pane, logs, nothing, pipelines},
};

use super::deeds;

const fn motion(
    name: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
    run: fn(&mut Model) -> Vec<Effect>,
) -> Action {
    Action {
        name,
        help,
        hint: None,
        keys,
        changes: false,
        run,
    }
}

/// What works everywhere, except where text is typed.
pub const EVERYWHERE: &[Action] = &[
    Action {
        name: "emergency",
        help: "roll back now: the environment under the cursor to its last healthy release",
        hint: None,
        keys: &["!"],
        changes: true,
        run: deeds::emergency,
    },
    Action {
        name: "quit",
        help: "leave; operations go on without the cockpit",
        hint: None,
        keys: &["q"],
        changes: false,
        run: quit,
    },
    Action {
        name: "redraw",
        help: "draw the screen anew",
        hint: None,
        keys: &["ctrl-l"],
        changes: false,
        run: |_| vec![Effect::Redraw],
    },
    Action {
        name: "suspend",
        help: "back to the shell until `fg`",
        hint: None,
        keys: &["ctrl-z"],
        changes: false,
        run: |_| vec![Effect::Suspend],
    },
    Action {
        name: "close",
        help: "close what is open on top",
        hint: None,
        keys: &["esc"],
        changes: false,
        run: close,
    },
    Action {
        name: "copy",
        help: "copy what is under the cursor",
        hint: None,
        keys: &["y"],
        changes: false,
        run: copy,
    },
    motion("up", "up", &["k", "up"], |m| moved(m, Motion::Up)),
    motion("down", "down", &["j", "down"], |m| moved(m, Motion::Down)),
    motion(
        "left",
        "left: the environment or repository before",
        &["h", "left"],
        |m| moved(m, Motion::Left),
    ),
    motion(
        "right",
        "right: the next environment or repository",
        &["l", "right"],
        |m| moved(m, Motion::Right),
    ),
    motion("page-up", "a page up", &["pageup", "ctrl-b"], |m| {
        moved(m, Motion::PageUp)
    }),
    motion("page-down", "a page down", &["pagedown", "ctrl-f"], |m| {
        moved(m, Motion::PageDown)
    }),
    motion("first", "to the first row", &["g", "home"], |m| {
        moved(m, Motion::First)
    }),
    motion("last", "to the last row", &["G", "end"], |m| {
        moved(m, Motion::Last)
    }),
];

/// What works where no overlay is open.
pub const COCKPIT: &[Action] = &[
    Action {
        name: "promote",
        help: "bring the version under pane 2's cursor to the environment under pane 1's",
        hint: Some("promote"),
        keys: &["p"],
        changes: true,
        run: deeds::promote,
    },
    Action {
        name: "migrate",
        help: "migrate the schema of the environment under the cursor",
        hint: Some("migrate"),
        keys: &["m"],
        changes: true,
        run: deeds::migrate,
    },
    Action {
        name: "roll-back",
        help: "roll the environment under the cursor back; during an operation: cancel and go back",
        hint: Some("roll back"),
        keys: &["r"],
        changes: true,
        run: deeds::roll_back,
    },
    Action {
        name: "recover",
        help: "what is to become of the last operation: resume it, take it back, abandon it, cancel it",
        hint: None,
        keys: &["u"],
        changes: true,
        run: deeds::recover,
    },
    Action {
        name: "lock",
        help: "lock the environment under the cursor with a message, or unlock it",
        hint: None,
        keys: &["K"],
        changes: true,
        run: deeds::lock,
    },
    Action {
        name: "adopt",
        help: "record what runs in an environment that flightdeck has never seen",
        hint: None,
        keys: &["A"],
        changes: true,
        run: deeds::adopt,
    },
    Action {
        name: "clean-up",
        help: "remove what nothing needs any more: old images, backups beyond their number",
        hint: None,
        keys: &["C"],
        changes: true,
        run: deeds::clean_up,
    },
    Action {
        name: "logs",
        help: "the logs of the service under the cursor",
        hint: Some("logs"),
        keys: &["L"],
        changes: false,
        run: logs::show_chosen_service,
    },
    Action {
        name: "refresh",
        help: "ask everything anew",
        hint: None,
        keys: &["R"],
        changes: false,
        run: |model| {
            model.say("asking everything anew");
            vec![Effect::Refresh]
        },
    },
    Action {
        name: "open",
        help: "open the address of the run under the cursor, or copy it",
        hint: None,
        keys: &["o"],
        changes: false,
        run: open,
    },
    Action {
        name: "search",
        help: "search: versions by their tag, lines of the logs",
        hint: Some("search"),
        keys: &["/"],
        changes: false,
        run: search,
    },
    Action {
        name: "palette",
        help: "find an action by its name",
        hint: Some("command"),
        keys: &[":"],
        changes: false,
        run: |model| {
            model.overlays.push(Overlay::Palette(Palette::default()));
            nothing()
        },
    },
    Action {
        name: "help",
        help: "all keys",
        hint: Some("help"),
        keys: &["?"],
        changes: false,
        run: |model| {
            model.overlays.push(Overlay::Help(Help::default()));
            nothing()
        },
    },
    motion("environments", "to pane 1", &["1"], |m| {
        focus(m, Pane::Environments)
    }),
    motion("versions", "to pane 2", &["2"], |m| {
        focus(m, Pane::Versions)
    }),
    motion("pipelines", "to pane 3", &["3"], |m| {
        focus(m, Pane::Pipelines)
    }),
    motion("operations", "to pane 4", &["4"], |m| {
        focus(m, Pane::Operations)
    }),
    motion("logs-pane", "to pane 5", &["5"], |m| focus(m, Pane::Logs)),
    motion("next-pane", "to the next pane", &["tab"], |m| turn(m, 1)),
    motion("previous-pane", "to the pane before", &["backtab"], |m| {
        turn(m, 4)
    }),
    Action {
        name: "details",
        help: "the fault of the environment under the cursor in all its words",
        hint: None,
        keys: &["i"],
        changes: false,
        run: details,
    },
];

/// Leaves, unless the server is taking a claim at this moment: then whether it began would not be known.
fn quit(model: &mut Model) -> Vec<Effect> {
    if overlays::plan::starting(model).is_some() {
        model.complain(
            "the server is taking the claim: wait for its answer, or Ctrl-C to leave now",
        );
        return nothing();
    }
    vec![Effect::Quit]
}

fn moved(model: &mut Model, motion: Motion) -> Vec<Effect> {
    match model.overlays.last_mut() {
        Some(overlay) => overlay.motion(motion),
        None => model.focus.motion(model, motion),
    }
    nothing()
}

fn focus(model: &mut Model, pane: Pane) -> Vec<Effect> {
    model.focus = pane;
    nothing()
}

fn turn(model: &mut Model, by: usize) -> Vec<Effect> {
    let at = model.focus.number() - 1;
    model.focus = Pane::ALL[(at + by) % Pane::ALL.len()];
    nothing()
}

/// Closes the overlay on top, else the open operation; never quits.
fn close(model: &mut Model) -> Vec<Effect> {
    if !model.overlays.is_empty() {
        return overlays::close(model);
    }
    if model.focus == Pane::Versions && !model.versions.needle.is_empty() {
        model.versions.needle.clear();
    } else if model.operations.close() && model.logs.source == logs::Source::Operation {
        let source = super::super::panes::environments::chosen_service(model)
            .map_or(logs::Source::Nothing, |(e, s)| logs::Source::Service(e, s));
        logs::show(model, source);
    }
    nothing()
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let text = match model.overlays.last() {
        Some(Overlay::Commands(commands)) => Some(commands.text()),
        Some(Overlay::Message(message)) => Some(message.paragraphs.join("\n")),
        Some(_) => None,
        None => model.focus.copied(model),
    };
    match text {
        Some(text) => {
            let lines = text.lines().count();
            model.say(if lines > 1 {
                format!("{lines} lines copied")
            } else {
                format!("copied {text}")
            });
            vec![Effect::Copy(text)]
        }
        None => {
            model.say("there is nothing to copy here");
            nothing()
        }
    }
}

fn open(model: &mut Model) -> Vec<Effect> {
    let url = pipelines::under_cursor(model).map(|run| run.url.clone());
    match url {
        Some(url) => {
            let ticket = model.ticket();
            vec![Effect::OpenUrl(ticket, url)]
        }
        None => {
            model.say("no workflow run is known");
            nothing()
        }
    }
}

fn search(model: &mut Model) -> Vec<Effect> {
    let pane = if model.focus == Pane::Operations && model.operations.open().is_some() {
        Pane::Logs
    } else {
        model.focus
    };
    match pane.needle(model).map(ToOwned::to_owned) {
        Some(before) => {
            let search = Search::of(pane, &before);
            model.overlays.push(Overlay::Search(search));
        }
        None => model.say("versions (2) and logs (5) can be searched"),
    }
    nothing()
}

fn details(model: &mut Model) -> Vec<Effect> {
    use crate::{cockpit::panes::environments, release::observed::Link};
    let Some(environment) = environments::chosen(model) else {
        return nothing();
    };
    let fault = model
        .fleet
        .environment(&environment.name)
        .and_then(|facts| match (&facts.containers.link, &facts.files.link) {
            (Link::Lost { fault, .. }, _) | (_, Link::Lost { fault, .. }) => Some(fault.clone()),
            _ => None,
        });
    match fault {
        Some(fault) => {
            let message = Message::of(environment.name.to_string(), &fault);
            model.overlays.push(Overlay::Message(message));
        }
        None => {
            let words = format!("the link to {} is well", environment.name);
            model.say(words);
        }
    }
    nothing()
}
