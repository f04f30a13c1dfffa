//! The front door: who was called, with which arguments, which face to show; mints the permit.

use std::{
    io::{self, IsTerminal, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use flightdeck::{
    cli::{self, Arguments, Command, Exit, Failure, Next, Output, Session},
    clock::Clock,
    cockpit::{OpenAt, Options},
    config::locate,
    demo,
    diagnostics::{self, Panics},
    fleet::world::{Operator, Settings, World},
    release::{Permit, text},
    target::compose::connection::askpass,
};

/// What a panic exits with, as Rust's own runtime does.
const PANICKED: u8 = 101;

fn main() -> ExitCode {
    // Another life of this program: ssh starts it to ask the operator. It has no arguments of ours.
    if let Some(socket) = std::env::var_os(askpass::VARIABLE) {
        return askpass::client_main(socket);
    }
    // The embedded world's operations run on this machine and call us by that name.
    if demo::docker::is_called() {
        return demo::docker::main();
    }
    let arguments = Arguments::parse();
    let (log, no_log) = diagnostics::start_log(diagnostics::log_directory(), arguments.log_level);
    let panics = Panics::default();
    if let Err(error) = panics.install() {
        say(&format!("error reports cannot be shown in full: {error}"));
    }
    if let Some(error) = no_log {
        say(&format!("no log is written: {error}"));
    }
    // Without a provider no TLS client can be made.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::warn!("another TLS provider was installed before");
    }
    // What unwinds inside gives the terminal back; only then are reports shown.
    let ended = catch_unwind(AssertUnwindSafe(|| run(arguments, &panics)));
    let reports = panics.take();
    for report in &reports {
        say(report);
    }
    if let (false, Some(directory)) = (reports.is_empty(), &log.directory) {
        say(&format!("the log is in {}", directory.display()));
    }
    match ended {
        Ok(exit) if reports.is_empty() => exit,
        _ => ExitCode::from(PANICKED),
    }
}

/// Says something on standard error; where nobody listens, in vain.
fn say(words: &str) {
    let _nobody_listens = writeln!(io::stderr(), "{words}");
}

fn run(arguments: Arguments, panics: &Panics) -> ExitCode {
    let json = arguments.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("error: no threads to run on: {error}"));
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
                tracing::error!("{}", text::clean(&words));
                say(&words);
            }
            if let Some(value) = failure.value().filter(|_| json) {
                // Where nobody reads it, the exit code tells.
                let _nobody_reads = print_value(&value);
            }
            failure.exit().into()
        }
    }
}

/// Prints what a program reads in place of an answer.
fn print_value(value: &serde_json::Value) -> io::Result<()> {
    let mut output = Output::standard(true);
    output.value(value)?;
    output.flush()
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
        Some(Command::Demo(wishes)) => demonstrate(wishes).await,
        Some(Command::Watch) => cockpit(world(config, false)?, None, None).await,
        None => cockpit(world(config, true)?, Some(Permit::mint()), None).await,
        Some(command) => {
            let permit = Permit::mint();
            let interactive = io::stdin().is_terminal() && !output.json;
            let world = world(config, interactive)?;
            let mut session = Session {
                world: world.clone(),
                clock: Clock::system(),
                interactive,
                output,
            };
            match session.run(command, permit).await? {
                Next::Exit(exit) => Ok(exit),
                Next::Plan(request) => {
                    cockpit(world, Some(permit), Some(OpenAt::Plan(request))).await
                }
                Next::Recovery(wish) => {
                    cockpit(world, Some(permit), Some(OpenAt::Recovery(wish))).await
                }
            }
        }
    }
}

/// The clients of everything that the configuration names. `asking`: whether somebody can answer ssh.
fn world(explicit: Option<PathBuf>, asking: bool) -> Result<Arc<World>, Failure> {
    let config = Arc::new(locate::load(explicit)?);
    let settings = Settings {
        asking,
        cache_directory: locate::cache_directory(),
        operator: Operator::of_this_process(),
        clock: Clock::system(),
    };
    Ok(Arc::new(World::new(config, settings)?))
}

/// Shows the cockpit until it is left; without a permit it is watch mode.
async fn cockpit(
    world: Arc<World>,
    permit: Option<Permit>,
    open_at: Option<OpenAt>,
) -> Result<Exit, Failure> {
    let options = Options {
        open_at,
        ..Options::new(permit)
    };
    show(world, options).await
}

async fn show(world: Arc<World>, options: Options) -> Result<Exit, Failure> {
    match flightdeck::cockpit::run(world, options).await {
        Ok(()) => Ok(Exit::Ok),
        Err(report) => Err(Failure::Usage(format!("{report:#}"))),
    }
}

/// Shows the cockpit over the embedded world, which ends with it.
async fn demonstrate(wanted: cli::Demo) -> Result<Exit, Failure> {
    let options = demo::Options {
        seed: wanted.seed,
        speed: wanted.speed,
        still: wanted.still,
        ..demo::Options::default()
    };
    let demo = demo::start(options, Clock::system()).await?;
    let settings = Settings {
        asking: false,
        cache_directory: demo.cache_directory(),
        operator: Operator::of_this_process(),
        clock: Clock::system(),
    };
    let world = World::new(Arc::new(demo.config.clone()), settings)?;
    let options = Options {
        guidance: Some(demo.guidance.clone()),
        banner: Some("DEMO"),
        ..Options::new(Some(Permit::mint()))
    };
    show(Arc::new(world), options).await
}
