//! All that is on the screen, with one owner, and the words in which the loop and the update speak.
//!
//! No I/O here: what has to be done outside is returned as [`Effect`]s, what has to be kept running is
//! read off the model by [`wants`].

use std::{collections::BTreeSet, sync::Arc};

use crossterm::event::Event;
use ratatui::layout::{Rect, Size};

use crate::{
    config::Config,
    fleet::{
        Fact, Fleet,
        log_buffer::{Dirty, LogBuffer},
    },
    release::{
        Confirmed, EnvironmentName, Fault, Now, Permit, Repository, ServiceName, Tag,
        observed::Policy,
        operation::{OperationId, Progress},
        plan::{Plan, Request},
        record::ServiceRelease,
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
    },
    target::{Answerer, LogQuery, RenderedPlan},
};

use super::{
    keymap::Keymap,
    layout::{self, Layout},
    overlays::Overlay,
    panes::{Pane, environments, logs, operations, pipelines, versions},
    theme::Theme,
};

/// What the loop tells the update.
#[derive(Debug)]
pub enum Msg {
    /// A key, a paste, a new size.
    Input(Event),
    /// What is newly known outside.
    Facts(Vec<Fact>),
    /// What following an operation tells; its output goes to its buffer and is never a message.
    Progress(EnvironmentName, OperationId, Progress),
    /// An effect has been done.
    Done(Ticket, Outcome),
    /// The line that leads through the demo.
    Guidance(String),
    /// The model is on the screen as it is now.
    Shown,
    /// A text on the screen changes.
    Wake,
}

/// Tells which question an [`Outcome`] answers. One that nobody waits for any more is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Why there is no plan, and what could be asked for instead.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why.
    pub fault: Fault,
    /// Where nothing is recorded that a rollback could return to: the images that lie on the server.
    pub images: Vec<(ServiceName, ServiceRelease)>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            images: Vec::new(),
        }
    }
}

/// What came of an effect.
#[derive(Debug)]
pub enum Outcome {
    /// A plan was made, with the commands of its steps.
    Planned(Box<Plan>, RenderedPlan),
    /// A plan was refused.
    Refused(Refusal),
    /// An operation was started, or refused.
    Started(EnvironmentName, Result<OperationId, Fault>),
    /// An operation was told to recover, with the operation that does it where that is another; or
    /// that failed.
    Recovered(EnvironmentName, Result<Option<OperationId>, Fault>),
    /// Something was copied, opened, …: words for the operator.
    Said(Result<String, Fault>),
}

/// A deed that the update asks the loop for, once.
#[derive(Debug)]
pub enum Effect {
    /// Survey the server and make a plan. Changes nothing.
    Plan(Ticket, Request),
    /// Start what was confirmed.
    Start(Ticket, Box<Confirmed<Plan>>),
    /// Recover an operation.
    Recover(Ticket, EnvironmentName, Confirmed<RecoveryRequest>),
    /// Lock an environment by hand.
    Lock(Ticket, EnvironmentName, Confirmed<LockRequest>),
    /// End a lock by hand.
    Unlock(Ticket, EnvironmentName, Confirmed<UnlockRequest>),
    /// Answer a question of a server's; `None` is "no".
    Answer(Answerer, Option<secrecy::SecretString>),
    /// Ask everything anew.
    Refresh,
    /// Put a text on the operator's clipboard.
    Copy(String),
    /// Open an address, or copy it where nothing can be opened.
    OpenUrl(Ticket, String),
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back until the operator comes again.
    Suspend,
    /// Leave.
    Quit,
}

/// A stream that has to run as long as the model wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// A service's logs.
    Logs(EnvironmentName, LogQuery),
    /// An operation, from its first line.
    Operation(EnvironmentName, OperationId),
}

/// A line for the operator, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// Whether something went wrong.
    pub bad: bool,
}

/// All that is on the screen.
pub struct Model {
    /// What is known of the world.
    pub fleet: Fleet,
    /// How freshness is judged.
    pub policy: Policy,
    /// The time of the last message.
    pub now: Now,
    /// The terminal's size.
    pub size: Size,
    /// The pane that takes the keys.
    pub focus: Pane,
    /// Pane 1.
    pub environments: environments::State,
    /// Pane 2.
    pub versions: versions::State,
    /// Pane 3.
    pub pipelines: pipelines::State,
    /// Pane 4.
    pub operations: operations::State,
    /// Pane 5.
    pub logs: logs::State,
    /// What is open over the panes; the last one is on top.
    pub overlays: Vec<Overlay>,
    /// A line for the operator.
    pub notice: Option<Notice>,
    /// The right to change things; `None` in watch mode.
    pub permit: Option<Permit>,
    /// Which keys run which actions.
    pub keymap: Arc<Keymap>,
    /// How everything looks.
    pub theme: Theme,
    /// A badge in the header, such as `DEMO`.
    pub banner: Option<&'static str>,
    /// The line that leads through the demo; empty if there is none.
    pub guidance: String,
    /// Marked by every buffer that has new lines.
    pub dirty: Arc<Dirty>,
    tickets: u64,
}

impl Model {
    /// A cockpit that knows nothing yet.
    pub fn new(
        config: Arc<Config>,
        permit: Option<Permit>,
        keymap: Keymap,
        theme: Theme,
        now: Now,
        size: Size,
    ) -> Self {
        let dirty = Arc::new(Dirty::default());
        Self {
            environments: environments::State::new(&config),
            versions: versions::State::default(),
            pipelines: pipelines::State::default(),
            operations: operations::State::default(),
            logs: logs::State::new(&config, &dirty),
            fleet: Fleet::new(config),
            policy: Policy::default(),
            now,
            size,
            focus: Pane::Environments,
            overlays: Vec::new(),
            notice: None,
            permit,
            keymap: Arc::new(keymap),
            theme,
            banner: None,
            guidance: String::new(),
            dirty,
            tickets: 0,
        }
    }

    /// Where everything is on the screen now.
    pub fn layout(&self) -> Layout {
        layout::of(self, Rect::new(0, 0, self.size.width, self.size.height))
    }

    /// A ticket that was never given before.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Tells the operator something.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: false,
        });
    }

    /// Tells the operator that something went wrong.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice {
            text: text.into(),
            bad: true,
        });
    }

    /// A buffer for log lines that wakes this cockpit.
    pub fn new_buffer(&self) -> Arc<LogBuffer> {
        Arc::new(LogBuffer::new(
            self.fleet.config.interface.log_lines,
            self.dirty.clone(),
        ))
    }

    /// Where a stream's lines go; `None` if it is not wanted any more.
    pub fn buffer(&self, want: &Want) -> Option<Arc<LogBuffer>> {
        match want {
            Want::Logs(..) => (self.logs.want().as_ref() == Some(want)).then(|| self.logs.buffer()),
            Want::Operation(environment, id) => self
                .operations
                .followed(environment, *id)
                .map(|followed| followed.output.clone()),
        }
    }
}

/// The streams that have to run for what is on the screen.
pub fn wants(model: &Model) -> BTreeSet<Want> {
    let mut wants: BTreeSet<Want> = model.logs.want().into_iter().collect();
    wants.extend(model.operations.want());
    wants
}

/// The tags that are on the screen, whose digests and dates are wanted first.
pub fn visible_tags(model: &Model) -> Option<(Repository, Vec<Tag>)> {
    versions::visible_tags(model)
}
