//! What remains when something goes wrong: a log file, and reports of panics that reach the operator.
//!
//! The log is a file a day in the state directory, written by a thread of its own. Crates that we build
//! on are kept at warnings whatever the level: at `debug` they log headers, and headers hold tokens.
//! A panic's report is kept until the terminal is ours no longer; printed from the hook, it would land
//! in the alternate screen and vanish.

use std::{
    fs, io,
    io::IsTerminal,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use color_eyre::config::{HookBuilder, Theme};
use tokio::sync::Notify;
use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::EnvFilter;

use crate::release::text;

/// So many days' files are kept.
const LOG_FILES: usize = 7;
const LOG_NAME: &str = "flightdeck";

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what may be wrong.
    Warn,
    /// And what was done: connections, operations.
    Info,
    /// And how.
    Debug,
    /// And every step of it.
    Trace,
}

impl LogLevel {
    fn filter(self) -> EnvFilter {
        let ours = match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        };
        let others = if self == Self::Error { "error" } else { "warn" };
        EnvFilter::new(format!("flightdeck={ours},{others}"))
    }
}

/// The log file's thread. Dropping it writes out what waits: to be kept until the very end.
pub struct Log {
    /// The directory of the log files; `None` where none could be written.
    pub directory: Option<PathBuf>,
    _writer: Option<WorkerGuard>,
}

/// Where the log files lie: `~/.local/state/flightdeck` unless `$XDG_STATE_HOME` says otherwise.
pub fn log_directory() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "flightdeck")
        .and_then(|dirs| dirs.state_dir().map(Path::to_owned))
}

/// Starts logging to `directory`. Where that fails the program runs without a log: a full disk must not
/// keep anybody from a rollback.
///
/// # Errors
/// None; why there is no log is returned beside it.
pub fn start_log(directory: Option<PathBuf>, level: LogLevel) -> (Log, Option<io::Error>) {
    let opened = directory
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no home directory"))
        .and_then(|directory| Ok((open(&directory)?, directory)));
    match opened {
        Ok((appender, directory)) => {
            let (writer, guard) = tracing_appender::non_blocking(appender);
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(level.filter())
                .with_writer(writer)
                .with_ansi(false)
                .finish();
            let failed = tracing::subscriber::set_global_default(subscriber)
                .err()
                .map(io::Error::other);
            let log = Log {
                directory: Some(directory),
                _writer: Some(guard),
            };
            (log, failed)
        }
        Err(error) => {
            let log = Log {
                directory: None,
                _writer: None,
            };
            (log, Some(error))
        }
    }
}

fn open(directory: &Path) -> io::Result<RollingFileAppender> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(LOG_NAME)
        .filename_suffix("log")
        .max_log_files(LOG_FILES)
        .build(directory)
        .map_err(io::Error::other)
}

/// Reports of panics, kept until they can be shown. Cloning gives another handle to the same ones.
#[derive(Debug, Clone, Default)]
pub struct Panics {
    reports: Arc<Mutex<Vec<String>>>,
    happened: Arc<Notify>,
}

impl Panics {
    /// Becomes the program's panic hook and installs the reports of errors.
    ///
    /// # Errors
    /// If hooks were installed before.
    pub fn install(&self) -> color_eyre::Result<()> {
        let builder = HookBuilder::default().display_env_section(false).theme(
            if io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
                Theme::dark()
            } else {
                Theme::new()
            },
        );
        let (_, errors) = builder.into_hooks();
        errors.install()?;
        // A panic's message can hold text from outside: the report is cleaned, so it has no colours.
        let (panic, _) = HookBuilder::default()
            .display_env_section(false)
            .theme(Theme::new())
            .panic_section("this is a bug in flightdeck; operations on servers go on without it")
            .into_hooks();
        let panics = self.clone();
        std::panic::set_hook(Box::new(move |info| {
            let report: Vec<String> = panic
                .panic_report(info)
                .to_string()
                .lines()
                .map(text::clean)
                .collect();
            tracing::error!(
                thread = std::thread::current().name(),
                "panic: {}",
                report.join(" ⏎ ")
            );
            panics.keep(report.join("\n"));
        }));
        Ok(())
    }

    fn keep(&self, report: String) {
        self.reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(report);
        self.happened.notify_one();
    }

    /// Waits until something, anywhere, has panicked. Cancel-safe. One waiter.
    pub async fn happened(&self) {
        self.happened.notified().await;
    }

    /// Takes the reports. To be called when the terminal has been restored.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_waits_for_the_terminal_and_wakes_the_front_door() {
        let panics = Panics::default();
        panics.keep("report".to_owned());
        panics.happened().await;
        assert_eq!(panics.take(), ["report"]);
        assert!(panics.take().is_empty());
    }

    #[test]
    fn what_others_log_in_detail_is_left_out() {
        assert_eq!(
            LogLevel::Trace.filter().to_string(),
            "flightdeck=trace,warn"
        );
        assert_eq!(
            LogLevel::Error.filter().to_string(),
            "flightdeck=error,error"
        );
    }
}
