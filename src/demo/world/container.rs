//! Containers and what becomes of them by itself: health checks that begin to succeed or fail, crashes,
//! restarts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Pace,
    catalogue::{Behaviour, Version},
    logs::{Log, Program, Stream},
};

/// How a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Never started.
    Created,
    /// Runs.
    Running,
    /// Crashed, and about to be started again by its restart policy.
    Restarting,
    /// Ended.
    Exited,
}

impl State {
    /// The Engine's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }
}

/// What a container's health check has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Its start period runs.
    Starting,
    /// It succeeds.
    Healthy,
    /// It fails.
    Unhealthy,
}

impl Health {
    /// The Engine's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What will become of a container by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Its health check begins to succeed.
    Healthy,
    /// Its health check has failed often enough.
    Unhealthy,
    /// It ends with that code.
    Crash(i64),
    /// Its restart policy starts it again.
    Restart,
}

/// What a container is created from.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// Its name, without a slash.
    pub name: String,
    /// The Compose project.
    pub project: String,
    /// The service.
    pub service: String,
    /// Whether it was made by `docker compose run`.
    pub one_off: bool,
    /// The image.
    pub version: Arc<Version>,
    /// The image as it was asked for.
    pub reference: String,
    /// Its labels, Compose's and others.
    pub labels: BTreeMap<String, String>,
    /// Its environment, `NAME=value`.
    pub environment: Vec<String>,
    /// The command and its arguments; empty for the image's own.
    pub command: Vec<String>,
    /// The health check's command as Compose resolves it; empty if there is none.
    pub health_check: Vec<String>,
    /// Whether it is started again when it ends by itself.
    pub restarts: bool,
    /// What prints.
    pub program: Program,
}

/// One container.
#[derive(Debug, Clone)]
pub struct Container {
    /// The Engine's ID, 64 hexadecimal digits.
    pub id: String,
    /// What it was created from; renaming changes the name in it.
    pub recipe: Recipe,
    /// When it was created.
    pub created: Timestamp,
    /// How it stands.
    pub state: State,
    /// What its health check has found; `None` without one, or while it does not run.
    pub health: Option<Health>,
    /// When it was started last.
    pub started: Option<Timestamp>,
    /// When it ended last.
    pub finished: Option<Timestamp>,
    /// The code that it ended with last.
    pub exit_code: i64,
    /// How often its restart policy has started it.
    pub restart_count: u64,
    /// What it has printed.
    pub log: Log,
    /// What will become of it, and when, earliest first.
    pub turns: Vec<(Timestamp, Turn)>,
}

/// How long a restart policy waits.
const RESTART_AFTER: Duration = Duration::from_secs(2);

impl Container {
    /// Starts it at `now`: it runs, and what its image does takes its course.
    pub fn start(&mut self, now: Timestamp, start: Timestamp, pace: Pace) {
        self.state = State::Running;
        self.started = Some(now);
        self.health = (!self.recipe.health_check.is_empty()).then_some(Health::Starting);
        self.turns.clear();
        let after = |seconds: f64| now + pace.scaled(Duration::from_secs_f64(seconds));
        let ready = match self.recipe.program {
            Program::Backend => 3.0,
            _ => 1.0,
        };
        let behaviour = if self.recipe.one_off {
            Behaviour::Sound
        } else {
            self.recipe.version.behaviour
        };
        match behaviour {
            Behaviour::Sound | Behaviour::FailsCheck => {
                self.turns.push((after(ready), Turn::Healthy));
            }
            Behaviour::Crashes => {
                self.turns.push((after(ready), Turn::Healthy));
                self.turns.push((after(ready + 4.0), Turn::Crash(1)));
            }
            Behaviour::Unhealthy => self.turns.push((after(8.0), Turn::Unhealthy)),
        }
        self.greet(now);
        self.log.run(
            now + pace.scaled(Duration::from_secs_f64(ready)),
            start,
            pace,
        );
    }

    fn greet(&mut self, now: Timestamp) {
        let tag = &self.recipe.version.tag;
        let lines: Vec<String> = match self.recipe.program {
            Program::Backend => vec![
                format!("INFO  shop-backend {tag} starting"),
                "INFO  connected to postgresql://db/shop".to_owned(),
                "INFO  listening on 0.0.0.0:8000".to_owned(),
            ],
            Program::Web => vec!["start worker processes".to_owned()],
            Program::Database => {
                vec!["LOG:  database system is ready to accept connections".to_owned()]
            }
            Program::Silent => Vec::new(),
        };
        for line in lines {
            self.log.say(now, Stream::Out, line);
        }
    }

    /// Ends it at `now` with `code`.
    pub fn end(&mut self, now: Timestamp, code: i64) {
        self.log.stop(now);
        self.state = State::Exited;
        self.health = None;
        self.finished = Some(now);
        self.exit_code = code;
        self.turns.clear();
    }

    /// Takes the turn that is due at `at`. Returns the Engine's events for it: the action, and its own
    /// attributes.
    pub fn turn(
        &mut self,
        at: Timestamp,
        turn: Turn,
        start: Timestamp,
        pace: Pace,
    ) -> Vec<(String, Vec<(&'static str, String)>)> {
        match turn {
            Turn::Healthy if self.health.is_none() => Vec::new(),
            Turn::Healthy => {
                self.health = Some(Health::Healthy);
                vec![("health_status: healthy".to_owned(), Vec::new())]
            }
            Turn::Unhealthy if self.health.is_none() => Vec::new(),
            Turn::Unhealthy => {
                self.health = Some(Health::Unhealthy);
                self.log.say(
                    at,
                    Stream::Err,
                    "ERROR GET /health/ 500: cannot read settings: SHOP_CURRENCY",
                );
                vec![("health_status: unhealthy".to_owned(), Vec::new())]
            }
            Turn::Crash(code) => {
                for line in [
                    "ERROR unhandled exception in worker",
                    "  File \"/app/shop/prices.py\", line 88, in refresh",
                    "    rate = rates[currency]",
                    "KeyError: 'CHF'",
                ] {
                    self.log.say(at, Stream::Err, line);
                }
                self.end(at, code);
                if self.recipe.restarts {
                    self.state = State::Restarting;
                    self.turns
                        .push((at + pace.scaled(RESTART_AFTER), Turn::Restart));
                }
                vec![("die".to_owned(), vec![("exitCode", code.to_string())])]
            }
            Turn::Restart => {
                self.restart_count += 1;
                self.start(at, start, pace);
                vec![("start".to_owned(), Vec::new())]
            }
        }
    }
}
