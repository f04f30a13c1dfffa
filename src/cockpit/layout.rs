//! Where everything is on the screen, at any size. Pure: the update asks it for page heights, the view
//! for areas.

use ratatui::layout::Rect;

use super::{model::Model, panes::Pane};

/// From this size on, panes stand side by side.
const WIDE: (u16, u16) = (110, 30);
/// Environments shown above the focused pane where there is one column.
const MOST_ENVIRONMENTS: u16 = 4;

/// How a pane is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A line with the title above it, nothing at its sides.
    Rule,
    /// A box; the pane above shares its upper line, and `last` has a lower one.
    Box {
        /// Whether it is the uppermost of its column.
        first: bool,
        /// Whether it is the lowest of its column.
        last: bool,
    },
}

/// A pane's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which pane.
    pub pane: Pane,
    /// With its frame.
    pub outer: Rect,
    /// How it is framed.
    pub frame: Frame,
}

impl Place {
    /// The area inside the frame.
    pub fn inner(&self) -> Rect {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.outer;
        match self.frame {
            Frame::Rule => Rect::new(x, y.saturating_add(1), width, height.saturating_sub(1)),
            Frame::Box { last, .. } => Rect::new(
                x.saturating_add(1),
                y.saturating_add(1),
                width.saturating_sub(2),
                height.saturating_sub(1 + u16::from(last)),
            ),
        }
        .intersection(self.outer)
    }
}

/// Where everything is. An area without height is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The uppermost line.
    pub header: Rect,
    /// Environments, one a line, where the pane itself may not be shown.
    pub strip: Rect,
    /// The panes that are shown.
    pub panes: Vec<Place>,
    /// The steps of the operation that is open, if they are shown.
    pub steps: Option<Place>,
    /// The operation under way, one line.
    pub operation: Rect,
    /// What the operator should see: a notice, a fault, the demo's guidance.
    pub alert: Rect,
    /// Keys.
    pub hints: Rect,
    /// Everything below the header and above alert and hints: where overlays go.
    pub body: Rect,
}

impl Layout {
    /// The place of a pane, if it is shown.
    pub fn place(&self, pane: Pane) -> Option<&Place> {
        self.panes.iter().find(|place| place.pane == pane)
    }

    /// The lines that a pane's inner area has; 1 if it is not shown, so that motions still move.
    pub fn height(&self, pane: Pane) -> usize {
        self.place(pane)
            .map_or(1, |place| usize::from(place.inner().height.max(1)))
    }
}

/// Where everything is in `area`.
pub fn of(model: &Model, area: Rect) -> Layout {
    let alert = u16::from(model.notice.is_some() || !model.guidance.is_empty());
    if area.width >= WIDE.0 && area.height >= WIDE.1 {
        return wide(model, area, alert);
    }
    let mut left = area.height;
    let mut take = |wanted: u16, keep: u16| {
        let lines = wanted.min(left.saturating_sub(keep));
        left -= lines;
        lines
    };
    // The focused pane comes first; what surrounds it goes as the room does.
    let header = take(1, 4);
    let hints = take(1, 4);
    let alert = take(alert, 3);
    let operation = take(
        u16::from(model.operations.under_way(&model.fleet).next().is_some()),
        5,
    );
    let environments = u16::try_from(model.fleet.config.environments.len()).unwrap_or(u16::MAX);
    let strip = if model.focus == Pane::Environments {
        0
    } else {
        take(environments.min(MOST_ENVIRONMENTS), 8)
    };
    let mut y = area.y;
    let mut lines = |height: u16| {
        let rect = Rect::new(area.x, y, area.width, height);
        y += height;
        rect
    };
    let header = lines(header);
    let strip = lines(strip);
    let focused = lines(left);
    let operation = lines(operation);
    let alert = lines(alert);
    let hints = lines(hints);
    let (steps, pane) = if model.focus == Pane::Operations && model.operations.open().is_some() {
        // An open operation shows its steps above and what they print below.
        let (above, below) = split(focused, focused.height.div_ceil(2));
        (
            Some(place(Pane::Operations, above, Frame::Rule)),
            place(Pane::Logs, below, Frame::Rule),
        )
    } else {
        (None, place(model.focus, focused, Frame::Rule))
    };
    Layout {
        header,
        strip,
        panes: vec![pane],
        steps,
        operation,
        alert,
        hints,
        body: focused,
    }
}

fn wide(model: &Model, area: Rect, alert: u16) -> Layout {
    let (header, rest) = split(area, 1);
    let (body, foot) = split(rest, rest.height - 1 - alert);
    let (alert, hints) = split(foot, alert);
    // The left third shrinks first: it has short words, the right has tags and log lines.
    let left_width = (area.width / 3)
        .min(54)
        .min(area.width.saturating_sub(78))
        .max(32);
    let left = Rect {
        width: left_width,
        ..body
    };
    let right = Rect {
        x: body.x + left_width,
        width: body.width - left_width,
        ..body
    };
    let (environments, operations) = split(left, left.height * 3 / 5);
    let mut panes = vec![
        boxed(Pane::Environments, environments, true, false),
        boxed(Pane::Operations, operations, false, true),
    ];
    let mut steps = None;
    if model.operations.open().is_some() && !matches!(model.focus, Pane::Versions | Pane::Pipelines)
    {
        let (above, output) = split(right, right.height * 11 / 20);
        steps = Some(boxed(Pane::Operations, above, true, false));
        panes.push(boxed(Pane::Logs, output, false, true));
    } else {
        let (versions, rest) = split(right, right.height * 2 / 5);
        let (pipelines, logs) = split(rest, right.height / 5);
        panes.push(boxed(Pane::Versions, versions, true, false));
        panes.push(boxed(Pane::Pipelines, pipelines, false, false));
        panes.push(boxed(Pane::Logs, logs, false, true));
    }
    Layout {
        header,
        strip: Rect::ZERO,
        panes,
        steps,
        operation: Rect::ZERO,
        alert,
        hints,
        body,
    }
}

fn split(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (
        Rect { height, ..area },
        Rect {
            y: area.y + height,
            height: area.height - height,
            ..area
        },
    )
}

fn place(pane: Pane, outer: Rect, frame: Frame) -> Place {
    Place { pane, outer, frame }
}

fn boxed(pane: Pane, outer: Rect, first: bool, last: bool) -> Place {
    place(pane, outer, Frame::Box { first, last })
}
