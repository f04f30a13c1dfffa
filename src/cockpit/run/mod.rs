//! Opening the cockpit on the operator's terminal, and leaving it.

mod cockpit;
mod drive;

pub use drive::{Outside, drive};

use std::{
    io::{self, IsTerminal},
    sync::Arc,
    time::Duration,
};

use color_eyre::eyre::{WrapErr, eyre};
use crossterm::event::EventStream;
use ratatui::Terminal;
use tokio::sync::watch;

use crate::{
    config::Config,
    fleet::{feeds, inbox::Inbox, world::World},
    release::{EnvironmentName, Permit, plan::Request, recovery::RecoveryWish},
};

use super::{
    keymap::Keymap,
    model::Model,
    signals,
    terminal::{FrameBackend, OwnTerminal},
    theme::Theme,
};

/// What a command opens the cockpit with. Nothing is begun by that.
#[derive(Debug)]
pub enum OpenAt {
    /// A plan.
    Plan(Request),
    /// What is to become of an operation.
    Recovery(RecoveryWish),
}

impl OpenAt {
    pub(super) fn environment(&self) -> &EnvironmentName {
        match self {
            Self::Plan(request) => &request.environment,
            Self::Recovery(wish) => &wish.environment,
        }
    }
}

/// How a cockpit is opened.
pub struct Options {
    /// The right to change things; without one it is watch mode.
    pub permit: Option<Permit>,
    /// What it opens with.
    pub open_at: Option<OpenAt>,
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
