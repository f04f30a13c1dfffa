//! The five panes. Each owns its state, its actions, its motions and its view; what concerns several
//! goes through the fleet.

pub mod environments;
pub mod logs;
pub mod operations;
pub mod pipelines;
pub mod versions;

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use crate::release::{Fault, observed::Freshness};

use super::{
    ages::Ages,
    model::{Effect, Model},
};

/// A pane, by its number's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pane {
    /// 1: where releases run.
    Environments,
    /// 2: what could run.
    Versions,
    /// 3: what built it.
    Pipelines,
    /// 4: what is and was done.
    Operations,
    /// 5: what is said while it happens.
    Logs,
}

/// A way to move a cursor or a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// To the left neighbour.
    Left,
    /// To the right neighbour.
    Right,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl Motion {
    /// Where the cursor of a list of `count` rows goes from row `at`, with pages of `page` rows.
    pub fn moved(self, at: usize, count: usize, page: usize) -> usize {
        let page = page.max(2) - 1;
        let to = match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at.saturating_add(1),
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at.saturating_add(page),
            Self::First => 0,
            Self::Last => usize::MAX,
            Self::Left | Self::Right => at,
        };
        to.min(count.saturating_sub(1))
    }
}

impl Pane {
    /// All panes in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Environments,
        Self::Versions,
        Self::Pipelines,
        Self::Operations,
        Self::Logs,
    ];

    /// Its number, which is its key.
    pub fn number(self) -> usize {
        1 + Self::ALL
            .iter()
            .position(|p| *p == self)
            .unwrap_or_default()
    }

    /// Moves what the pane's keys move.
    pub fn motion(self, model: &mut Model, motion: Motion) {
        match self {
            Self::Environments => environments::motion(model, motion),
            Self::Versions => versions::motion(model, motion),
            Self::Pipelines => pipelines::motion(model, motion),
            Self::Operations if model.operations.open().is_some() => logs::motion(model, motion),
            Self::Operations => operations::motion(model, motion),
            Self::Logs => logs::motion(model, motion),
        }
    }

    /// What `y` copies here, if there is something.
    pub fn copied(self, model: &Model) -> Option<String> {
        match self {
            Self::Environments => environments::copied(model),
            Self::Versions => versions::copied(model),
            Self::Pipelines => pipelines::copied(model),
            Self::Operations => operations::copied(model),
            Self::Logs => logs::copied(model),
        }
    }

    /// The pane's title, and what stands at the right end of its line.
    pub fn title<'a>(self, model: &'a Model, ages: &Ages) -> (Line<'a>, Line<'a>) {
        match self {
            Self::Environments => (Line::raw("Environments"), Line::default()),
            Self::Versions => versions::view::title(model, ages),
            Self::Pipelines => pipelines::view::title(model, ages),
            Self::Operations => (Line::raw("Operations"), Line::default()),
            Self::Logs => logs::view::title(model),
        }
    }

    /// Draws the pane's inside.
    pub fn view(self, model: &Model, ages: &Ages, area: Rect, buf: &mut Buffer) {
        match self {
            Self::Environments => environments::view::view(model, ages, area, buf),
            Self::Versions => versions::view::view(model, ages, area, buf),
            Self::Pipelines => pipelines::view::view(model, ages, area, buf),
            Self::Operations => operations::view::view(model, ages, area, buf),
            Self::Logs => logs::view::view(model, area, buf),
        }
    }

    /// What `/` looks for here as it is typed, and when it is done.
    pub fn search(self, model: &mut Model, needle: &str, done: bool) {
        match self {
            Self::Versions => versions::search(model, needle),
            Self::Logs => logs::search(model, needle, done),
            Self::Environments | Self::Pipelines | Self::Operations => {}
        }
    }

    /// What is looked for here now; `None` where nothing can be.
    pub fn needle(self, model: &Model) -> Option<&str> {
        match self {
            Self::Versions => Some(&model.versions.needle),
            Self::Logs => Some(&model.logs.needle),
            Self::Environments | Self::Pipelines | Self::Operations => None,
        }
    }
}

/// Nothing to be done outside.
pub fn nothing() -> Vec<Effect> {
    Vec::new()
}

/// How fresh something is, in words; `None` while it is true now.
pub fn freshness_words(freshness: &Freshness, ages: &Ages) -> Option<String> {
    let retry = |left: &Option<std::time::Duration>| match left {
        Some(left) => format!("; retry in {}", ages.left(*left)),
        None => "; not retried until something changes".to_owned(),
    };
    match freshness {
        Freshness::Fresh => None,
        Freshness::Unknown => Some("not asked yet".to_owned()),
        Freshness::Connecting { for_ } => Some(format!("connecting… {}", ages.age(*for_, true))),
        Freshness::Stale {
            age, fault: None, ..
        } => Some(format!(
            "last seen {} ago, nothing heard since",
            ages.age(*age, true)
        )),
        Freshness::Stale {
            age,
            fault: Some(fault),
            retry_in,
        } => Some(format!(
            "last seen {} ago: {}{}",
            ages.age(*age, true),
            reason(fault),
            retry(retry_in)
        )),
        Freshness::Unreachable { fault, retry_in } => {
            Some(format!("{}{}", reason(fault), retry(retry_in)))
        }
    }
}

/// Whether what is shown is not known to be true now.
pub fn is_old(freshness: &Freshness) -> bool {
    matches!(
        freshness,
        Freshness::Stale { .. } | Freshness::Unreachable { .. }
    )
}

fn reason(fault: &Fault) -> String {
    if fault.remedy.is_empty() {
        fault.message.to_string()
    } else {
        format!("{} ({})", fault.message, fault.remedy)
    }
}
