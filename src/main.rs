//! The front door: who was called, with which arguments, which face to show; mints the permit.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use flightdeck::{
    cli::{Arguments, Command, Exit, Failure, Next, Output, Session},
    clock::Clock,
    config::locate,
    demo,
    diagnostics::{self, Panics},
    fleet::world::World,
    registry::Catalogue,
    release::{Permit, plan::Request},
    secrets::Secrets,
};

/// What a panic exits with, as Rust's own runtime does.
const PANICKED: u8 = 101;

fn main() -> ExitCode {
    // The embedded world's operations run on this machine and call us by that name.
    if demo::docker::is_called() {
        return demo::docker::main();
    }
    let arguments = Arguments::parse();
    let (log, no_log) = diagnostics::start_log(diagnostics::log_directory(), arguments.log_level);
    let panics = Panics::default();
    if let Err(error) = panics.install() {
        eprintln!("error reports cannot be shown in full: {error}");
    }
    if let Some(error) = no_log {
        eprintln!("no log is written: {error}");
    }
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::warn!("another TLS provider was installed before");
    }
    // The terminal is restored by what unwinds inside; only then are reports shown.
    let ended = catch_unwind(AssertUnwindSafe(|| run(arguments, &panics)));
    let reports = panics.take();
    for report in &reports {
        eprintln!("{report}");
    }
    if let (false, Some(directory)) = (reports.is_empty(), &log.directory) {
        eprintln!("the log is in {}", directory.display());
    }
    match ended {
        Ok(exit) if reports.is_empty() => exit,
        _ => ExitCode::from(PANICKED),
    }
}

fn run(arguments: Arguments, panics: &Panics) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads to run on: {error}");
            return Exit::Failed.into();
        }
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = face(arguments) => ended,
            () = panics.happened() => Ok(Exit::Failed),
        }
    });
    // What still runs only reads, or belongs to a server: nobody waits for it.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if let Some(words) = failure.words() {
                tracing::error!("{words}");
                eprintln!("{words}");
            }
            failure.exit().into()
        }
    }
}

/// Shows the face that was asked for.
async fn face(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments {
        config,
        json,
        command,
        ..
    } = arguments;
    let mut output = Output::standard(json);
    match command {
        Some(Command::Config(command)) => command.run(config, &mut output),
        Some(Command::Demo(_)) => cockpit(None, None),
        Some(Command::Watch) => {
            world(config)?;
            cockpit(None, None)
        }
        None => {
            world(config)?;
            cockpit(Some(Permit::mint()), None)
        }
        Some(command) => {
            let permit = Permit::mint();
            let mut session = Session {
                world: world(config)?,
                clock: Clock::system(),
                interactive: io::stdin().is_terminal() && !output.json,
                output,
            };
            match session.run(command, permit).await? {
                Next::Exit(exit) => Ok(exit),
                Next::Cockpit(request) => cockpit(Some(permit), Some(request)),
            }
        }
    }
}

fn world(explicit: Option<PathBuf>) -> Result<Arc<World>, Failure> {
    let config = Arc::new(locate::load(explicit)?);
    let catalogue = Catalogue::new(
        config.registries.clone(),
        Path::new("/tmp"),
        Secrets::beside(&config.path),
        Clock::system(),
    )?;
    Ok(Arc::new(World::of(config, catalogue, BTreeMap::new())))
}

fn cockpit(_permit: Option<Permit>, _request: Option<Request>) -> Result<Exit, Failure> {
    Err(Failure::Usage("the cockpit is not there yet".to_owned()))
}
