//! What a cell of the matrix is: a kind of plan, a place in it, a fault. Pure.

use std::fmt;

use flightdeck::release::operation::Outcome;
use serde_json::Value;

use super::server::Layout;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Adopt,
    Promote,
    Rollback,
    MarkBad,
    CleanUp,
    /// Recovery of a promotion that died while it switched.
    Resume,
    Back,
    /// A promotion that saves the database and brings a revision.
    PromoteMigrating,
    /// A rollback that takes the schema back too.
    RollbackDowngrading,
    /// A rollback that brings the database back too.
    RollbackRestoring,
    Migrate,
    Restore,
    /// Of several services, one of them rolled.
    PromoteSeveral,
    RollbackSeveral,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::Adopt,
        Self::Promote,
        Self::Rollback,
        Self::MarkBad,
        Self::CleanUp,
        Self::Resume,
        Self::Back,
        Self::PromoteMigrating,
        Self::RollbackDowngrading,
        Self::RollbackRestoring,
        Self::Migrate,
        Self::Restore,
        Self::PromoteSeveral,
        Self::RollbackSeveral,
    ];

    /// Those of a project that is laid out so.
    pub fn of(layout: Layout) -> Vec<Self> {
        let mut kinds = Self::ALL.to_vec();
        kinds.retain(|kind| kind.layout() == layout);
        kinds
    }

    fn layout(self) -> Layout {
        match self {
            Self::Adopt
            | Self::Promote
            | Self::Rollback
            | Self::MarkBad
            | Self::CleanUp
            | Self::Resume
            | Self::Back => Layout::Plain,
            Self::PromoteMigrating
            | Self::RollbackDowngrading
            | Self::RollbackRestoring
            | Self::Migrate
            | Self::Restore => Layout::Migrating,
            Self::PromoteSeveral | Self::RollbackSeveral => Layout::Several,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::MarkBad => "mark-bad",
            Self::CleanUp => "clean-up",
            Self::Resume => "resume",
            Self::Back => "back",
            Self::PromoteMigrating => "promote-migrating",
            Self::RollbackDowngrading => "rollback-downgrading",
            Self::RollbackRestoring => "rollback-restoring",
            Self::Migrate => "migrate",
            Self::Restore => "restore",
            Self::PromoteSeveral => "promote-several",
            Self::RollbackSeveral => "rollback-several",
        }
    }

    /// Whether it is the recovery of an operation that died.
    pub fn recovers(self) -> bool {
        matches!(self, Self::Resume | Self::Back)
    }

    /// Whether it leads to another version than the one that ran.
    pub fn switches(self) -> bool {
        matches!(
            self,
            Self::Promote
                | Self::Rollback
                | Self::Resume
                | Self::PromoteMigrating
                | Self::RollbackDowngrading
                | Self::RollbackRestoring
                | Self::PromoteSeveral
                | Self::RollbackSeveral
        )
    }

    /// How it ends where all goes well.
    pub fn success(self) -> Outcome {
        if self == Self::Back {
            Outcome::WentBack
        } else {
            Outcome::Succeeded
        }
    }
}

/// Where in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// It is journaled, and has done nothing.
    Begin,
    /// A pin is written beside its place; the old container has ended and the new one has not begun; a
    /// migration runs; a backup is written and not looked at; both the new and the old serve.
    Middle,
    /// It has done all, and its end is not journaled.
    End,
}

impl Point {
    pub fn word(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    CockpitKilled,
    ConnectionCut,
    /// In the middle of the upload, so many thousandths of it.
    UploadCut(u16),
    RunnerKilled,
    RunnerAndSupervisorKilled,
    DockerRestarted,
    RegistryGone,
    DiskFull,
    /// The command that the step waits for does not end, nor does it heed SIGTERM.
    Hangs,
    SecondOperator,
    Cancel,
}

impl Fault {
    /// The faults that may meet any step.
    pub const ANYWHERE: [Self; 9] = [
        Self::CockpitKilled,
        Self::ConnectionCut,
        Self::RunnerKilled,
        Self::RunnerAndSupervisorKilled,
        Self::DockerRestarted,
        Self::RegistryGone,
        Self::DiskFull,
        Self::SecondOperator,
        Self::Cancel,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::CockpitKilled => "cockpit-killed",
            Self::ConnectionCut => "connection-cut",
            Self::UploadCut(_) => "upload-cut",
            Self::RunnerKilled => "runner-killed",
            Self::RunnerAndSupervisorKilled => "runner-and-supervisor-killed",
            Self::DockerRestarted => "docker-restarted",
            Self::RegistryGone => "registry-gone",
            Self::DiskFull => "disk-full",
            Self::Hangs => "hangs",
            Self::SecondOperator => "second-operator",
            Self::Cancel => "cancel",
        }
    }

    /// Whether it is worth its time there: what only the cockpit or the network notices is the same at
    /// every point of a step; and where a step, the `number`th of its list, changes nothing, one such
    /// fault stands for the others.
    fn is_tried_at(self, step: &Step, number: usize, point: Point) -> bool {
        let unnoticed = [
            Self::CockpitKilled,
            Self::ConnectionCut,
            Self::SecondOperator,
            Self::RegistryGone,
        ];
        let goes_unnoticed = !step.is_changing && step.intent != "pull";
        match point {
            Point::Begin if goes_unnoticed && unnoticed.contains(&self) => {
                unnoticed[number % unnoticed.len()] == self
            }
            Point::Begin => true,
            Point::Middle => matches!(
                self,
                Self::RunnerKilled
                    | Self::RunnerAndSupervisorKilled
                    | Self::Cancel
                    | Self::DockerRestarted
            ),
            Point::End => matches!(self, Self::RunnerKilled | Self::RunnerAndSupervisorKilled),
        }
    }

    /// Whether the operation may not even notice it.
    pub fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::CockpitKilled | Self::ConnectionCut | Self::SecondOperator
        )
    }
}

/// A place in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whether it lies on the way back, which begins because the last forward step that changes
    /// anything is said to have failed.
    pub is_back: bool,
    /// A step's id, or `upload` or `claim`.
    pub step: String,
    pub point: Point,
}

impl Place {
    /// What the hooks call it.
    pub fn stop(&self) -> String {
        format!("{}.{}.{}", self.list(), self.step, self.point.word())
    }

    pub fn list(&self) -> &'static str {
        if self.is_back { "back" } else { "forward" }
    }
}

/// One of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub kind: Kind,
    pub place: Place,
    pub fault: Fault,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { step, point, .. } = &self.place;
        write!(f, "{}/{}/", self.kind.word(), self.place.list())?;
        match self.fault {
            Fault::UploadCut(part) => write!(f, "{step}/{part}/")?,
            _ => write!(f, "{step}/{}/", point.word())?,
        }
        f.write_str(self.fault.word())
    }
}

/// A step of a plan, as `--dry-run` tells it.
struct Step {
    id: String,
    intent: String,
    is_changing: bool,
}

fn steps(plan: &Value, list: &str) -> Vec<Step> {
    let steps = plan[list].as_array().cloned().unwrap_or_default();
    let step = |step: &Value| Step {
        id: step["id"].as_str().unwrap_or_default().to_owned(),
        intent: step["intent"]["intent"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        is_changing: step["changes"] == true,
    };
    steps.iter().map(step).collect()
}

/// The forward step that is said to have failed where the way back is wanted.
pub fn failing_step(plan: &Value) -> Option<String> {
    let forward = steps(plan, "forward");
    forward
        .into_iter()
        .rfind(|step| step.is_changing)
        .map(|step| step.id)
}

fn points(step: &Step) -> Vec<Point> {
    match step.intent.as_str() {
        "pin" | "switch" | "restart" | "migrate" | "backup" | "restore" | "roll" | "clean_up" => {
            vec![Point::Begin, Point::Middle, Point::End]
        }
        _ if step.is_changing => vec![Point::Begin, Point::End],
        _ => vec![Point::Begin],
    }
}

/// All cells of a plan of that kind.
pub fn cells(kind: Kind, plan: &Value) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut add = |is_back: bool, step: &str, point: Point, fault: Fault| {
        let place = Place {
            is_back,
            step: step.to_owned(),
            point,
        };
        cells.push(Cell { kind, place, fault });
    };
    // What comes before the first step is the same script for every kind, and each tries its share of it.
    let is_own_share = |number: usize| number % 2 == kind as usize % 2;
    // What recovers goes on with what was uploaded, and was compared with its basis then.
    let parts = [50, 300, 600, 900, 990].into_iter().enumerate();
    for (_, part) in parts.filter(|(number, _)| is_own_share(*number) && !kind.recovers()) {
        add(false, "upload", Point::Begin, Fault::UploadCut(part));
    }
    for point in [Point::Begin, Point::End] {
        for (number, fault) in Fault::ANYWHERE.into_iter().enumerate() {
            // The registry and the Engine have no part in it. Whoever comes second before the first has
            // claimed is first: that race is the runner's, and its tests run it.
            let is_first = point == Point::Begin && fault == Fault::SecondOperator;
            if is_own_share(number + point as usize / 2)
                && !is_first
                && !matches!(
                    fault,
                    Fault::DockerRestarted | Fault::RegistryGone | Fault::Cancel
                )
            {
                add(false, "claim", point, fault);
            }
        }
    }
    let basis = Step {
        id: "basis".to_owned(),
        intent: String::new(),
        is_changing: false,
    };
    for fault in Fault::ANYWHERE {
        if !kind.recovers() && fault.is_tried_at(&basis, kind as usize, Point::Begin) {
            add(false, &basis.id, Point::Begin, fault);
        }
    }
    let goes_back = plan["on_failure"] == "go_back";
    for is_back in [false, true] {
        if is_back && !goes_back {
            continue;
        }
        let list = steps(plan, if is_back { "back" } else { "forward" });
        let mut is_stopped = kind == Kind::Resume && !is_back;
        for (number, step) in list.into_iter().enumerate() {
            match step.intent.as_str() {
                "stop" => is_stopped = true,
                "start" => is_stopped = false,
                _ => {}
            }
            // Where the old container has ended before, as it has in what is resumed, the switch has no
            // middle.
            let has_middle = step.intent != "switch" || !is_stopped;
            let points = points(&step).into_iter();
            for point in points.filter(|point| has_middle || *point != Point::Middle) {
                for fault in Fault::ANYWHERE
                    .into_iter()
                    .filter(|fault| fault.is_tried_at(&step, number, point))
                {
                    add(is_back, &step.id, point, fault);
                }
            }
            if matches!(
                step.intent.as_str(),
                "switch" | "restart" | "roll" | "check"
            ) {
                add(is_back, &step.id, Point::Begin, Fault::Hangs);
            }
        }
    }
    cells
}

/// How an operation may end after that fault; `None`: it is left without an end.
pub fn may_end(cell: &Cell, outcome: Option<Outcome>) -> bool {
    use Outcome::{Cancelled, Refused, Stuck, Succeeded, WentBack};
    let Some(outcome) = outcome else {
        return matches!(
            cell.fault,
            Fault::RunnerAndSupervisorKilled | Fault::DiskFull
        );
    };
    let failed = if cell.place.is_back {
        WentBack
    } else {
        cell.kind.success()
    };
    match cell.fault {
        fault if fault.is_harmless() => outcome == failed,
        Fault::UploadCut(_) => outcome == failed,
        Fault::Cancel => matches!(outcome, Cancelled | Succeeded | Stuck) || outcome == failed,
        Fault::RegistryGone => matches!(outcome, WentBack) || outcome == failed,
        Fault::RunnerKilled => matches!(outcome, WentBack | Stuck | Refused) || outcome == failed,
        Fault::Hangs => matches!(outcome, WentBack | Stuck),
        Fault::DockerRestarted | Fault::DiskFull => {
            matches!(outcome, WentBack | Stuck | Refused | Succeeded)
        }
        Fault::RunnerAndSupervisorKilled => cell.place.step == "claim" && outcome == failed,
        Fault::CockpitKilled | Fault::ConnectionCut | Fault::SecondOperator => outcome == failed,
    }
}
