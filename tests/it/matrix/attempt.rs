//! A cell: bring it to its place, let the fault happen, wait for its end.

use std::{fs, time::Duration};

use flightdeck::release::operation::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    after::Way,
    cell::{Cell, Fault, Kind, Place, failing_step, may_end},
    prepare::{Before, Memory, is_recorded_healthy, ledger, newest, plan},
    server::{Running, Server, Stops, output, wait_until, wait_until_every, words},
};
use crate::support::real_world::script;

/// Runs a cell on a prepared server.
pub fn run(
    server: &Server,
    memory: &mut Memory,
    cell: &Cell,
    before: &Before,
) -> Result<(), String> {
    let stops = server.stops()?;
    let mut attempt = Attempt {
        server,
        cell,
        before,
        stops: &stops,
        operation: before.operation + 1,
    };
    let found = attempt.go();
    server.empty_disk();
    server.link.count_anew(None);
    if cell.fault == Fault::RegistryGone {
        server.open_registry();
    }
    *memory = found?;
    Ok(())
}

/// A cell on its server.
pub struct Attempt<'a> {
    pub server: &'a Server,
    pub cell: &'a Cell,
    pub before: &'a Before,
    stops: &'a Stops,
    /// Its number, once it is claimed.
    pub operation: u64,
}

impl Attempt<'_> {
    fn go(&mut self) -> Result<Memory, String> {
        let mut cockpit = self.begin()?;
        let mut others = Vec::new();
        if let Fault::UploadCut(_) | Fault::Hangs = self.cell.fault {
        } else {
            let waiting = self.stops.wait(|| cockpit.has_ended());
            let waiting = waiting.map_err(|error| format!("{error}: {}", cockpit.said()))?;
            others = self.happen(&mut cockpit, waiting)?;
            self.stops.go()?;
        }
        let outcome = self.end(&mut cockpit)?;
        self.heal()?;
        for (other, code) in others {
            let said = other.wait()?;
            if let Some(code) = code
                && said.code != Some(code)
            {
                return Err(format!(
                    "the other operator got exit code {:?}, not {code}: {}",
                    said.code, said.text
                ));
            }
        }
        // Whether anything began was for the fault to decide.
        let is_before = matches!(self.cell.place.step.as_str(), "claim" | "upload");
        if is_before && !self.server.operation(self.operation).exists() {
            return self.never_began(cockpit);
        }
        if !may_end(self.cell, outcome) {
            return Err(format!("it ended {outcome:?}: {}", self.output()));
        }
        if !matches!(self.cell.fault, Fault::CockpitKilled) {
            self.cockpit_says(cockpit, outcome)?;
        }
        self.look(outcome)?;
        match outcome {
            Some(Outcome::Succeeded) => self.afterwards(self.goal()),
            Some(Outcome::WentBack | Outcome::Cancelled) => self.afterwards(self.before.from),
            // What it was to recover is as it was.
            Some(Outcome::Refused) if !self.cell.kind.recovers() => {
                self.afterwards(self.before.from)
            }
            _ => self.recover(),
        }
    }

    /// Nothing began, and whoever started it is told so. What was to be recovered still is.
    fn never_began(&self, cockpit: Running) -> Result<Memory, String> {
        if self.cell.fault == Fault::RunnerAndSupervisorKilled {
            let said = cockpit.wait()?;
            if said.code == Some(0) || said.text.contains("goes on") {
                return Err(format!("nothing began, and it is said: {}", said.text));
            }
        }
        self.holds_old("nothing began")?;
        if self.cell.kind.recovers() {
            return self.recover();
        }
        self.afterwards(self.before.from)
    }

    /// Every way that there is gets its turn. A rollback leads to another release than the one in place.
    pub fn way(&self) -> Result<Way, String> {
        let folders = [self.operation, self.before.operation];
        let folders = folders.map(|operation| self.server.operation(operation));
        let folder = folders.iter().find(|folder| folder.exists());
        let plan = folder.ok_or("no operation has a folder")?.join("plan.json");
        let plan = fs::read_to_string(plan).map_err(words)?;
        let plan: Value = serde_json::from_str(&plan).map_err(words)?;
        let is_rollback = matches!(self.cell.kind, Kind::Rollback | Kind::RollbackSeveral);
        let ways: &[Way] = match plan["on_failure"] == "go_back" {
            true if self.cell.place.is_back => &[Way::Back, Way::Resume],
            // There is nothing to go back from what was restored.
            true if self.cell.kind == Kind::Restore => &[Way::Back, Way::Resume],
            true => &[Way::Back, Way::Resume, Way::Rollback],
            // By a stuck one both releases are judged, and there may be no third.
            false if is_rollback && self.is_stuck() => &[Way::Resume, Way::Back],
            false if is_rollback => &[Way::Resume, Way::Rollback],
            false => &[Way::Resume],
        };
        // Nor to one of which nothing is recorded, as where the adoption never came about.
        let to = if is_rollback {
            self.before.to
        } else {
            self.before.from
        };
        let can_roll_back = !self.is_old_in_place()? && is_recorded_healthy(self.server, to);
        let ways: Vec<Way> = ways
            .iter()
            .copied()
            .filter(|way| *way != Way::Rollback || can_roll_back)
            .collect();
        let turn = usize::try_from(self.operation).map_err(words)?;
        Ok(ways[turn % ways.len()])
    }

    /// Whether the last operation that ended is stuck.
    fn is_stuck(&self) -> bool {
        let (records, _) = ledger(self.server);
        let last = records.last();
        last.is_some_and(|record| record.outcome == Outcome::Stuck)
    }

    /// The version that runs where it succeeds.
    pub fn goal(&self) -> usize {
        if self.cell.kind.switches() {
            self.before.to
        } else {
            self.before.from
        }
    }

    /// Lays the stops and starts the operation.
    fn begin(&self) -> Result<Running, String> {
        let place = &self.cell.place;
        if place.is_back && self.cell.kind != Kind::Back {
            let plan = plan(self.server, self.cell.kind, self.before)?;
            let failing = failing_step(&plan).ok_or("no step of the plan changes anything")?;
            self.stops.lay(&format!("forward.{failing}.fail"), "")?;
        }
        match self.cell.fault {
            Fault::Hangs => {
                self.stops
                    .lay(&format!("{}.{}.hang", place.list(), place.step), "")?;
                self.stops.lay("limit", "8")?;
            }
            Fault::UploadCut(_) => {}
            _ => self.stops.lay(&place.stop(), "")?,
        }
        if let Fault::UploadCut(part) = self.cell.fault {
            let whole = self.measure()?;
            self.server
                .link
                .count_anew(Some(whole.before + whole.upload * u64::from(part) / 1000));
        }
        let command = self.before.command.iter().map(String::as_str);
        let arguments: Vec<&str> = command.chain(["--yes"]).collect();
        self.server.start(&arguments)
    }

    /// How many bytes go to the server before the upload and with it: planning alone, measured; and the
    /// folder of the last operation, which is about as large.
    fn measure(&self) -> Result<Upload, String> {
        self.server.link.count_anew(None);
        plan(self.server, self.cell.kind, self.before)?;
        Ok(Upload {
            before: self.server.link.sent(),
            upload: 70_000,
        })
    }

    /// The fault. Returns what other operators do about it meanwhile, with the exit code that they have
    /// to get.
    fn happen(
        &self,
        cockpit: &mut Running,
        waiting: Pid,
    ) -> Result<Vec<(Running, Option<i32>)>, String> {
        let mut others = Vec::new();
        match self.cell.fault {
            Fault::CockpitKilled => cockpit.kill(),
            Fault::ConnectionCut => self.server.link.cut(),
            Fault::RunnerKilled | Fault::RunnerAndSupervisorKilled => {
                let is_claimed = self.cell.place.step != "claim";
                let with_supervisor = self.cell.fault == Fault::RunnerAndSupervisorKilled;
                let runner = (!is_claimed).then_some(waiting);
                kill_runner(self.server, self.operation, runner, with_supervisor)?;
            }
            Fault::DockerRestarted => {
                output(std::process::Command::new(script()).args(["spare-engine", "restart"]))?;
            }
            Fault::RegistryGone => self.server.close_registry(),
            Fault::DiskFull => self.server.fill_disk()?,
            Fault::SecondOperator => {
                let other = self.server.versions[2].tag.clone();
                let mut second = self
                    .server
                    .start(&["promote", "production", &other, "--yes"])?;
                wait_until("the second operator's end", || Ok(second.has_ended()))?;
                let said = second.said();
                let said_who = said.contains("under way") || said.contains("held");
                if !said_who {
                    return Err(format!(
                        "the second operator is not told who holds it: {said}"
                    ));
                }
                others.push((second, Some(3)));
            }
            Fault::Cancel => {
                let other = self
                    .server
                    .start(&["recover", "production", "cancel", "--yes"])?;
                let cancel = self.server.operation(self.operation).join("cancel");
                wait_until("the wish to cancel", || Ok(cancel.exists()))?;
                others.push((other, None));
            }
            Fault::UploadCut(_) | Fault::Hangs => {}
        }
        Ok(others)
    }

    /// Waits until the operation has ended, or all of it is gone.
    fn end(&self, cockpit: &mut Running) -> Result<Option<Outcome>, String> {
        let end = self.server.operation(self.operation).join("end.json");
        let is_upload = matches!(self.cell.place.step.as_str(), "upload" | "claim");
        // To look through all processes takes its time, and the other cells need the machine.
        wait_until_every(Duration::from_millis(300), "the operation's end", || {
            if end.exists() {
                return Ok(true);
            }
            let claimed = newest(self.server) >= self.operation;
            // Before there is a claim the cockpit is what may still come; and, where it has been cut off, what
            // it had sent.
            let may_come =
                !claimed && (!is_upload || !cockpit.has_ended() || self.server.has_sessions());
            Ok(!may_come && self.server.processes().is_empty() && !end.exists())
        })
        .map_err(|error| {
            format!(
                "{error}: {:?} runs; {}",
                self.server.processes(),
                self.output()
            )
        })?;
        // What holds the folder may write its last word.
        wait_until("nobody in the folder", || {
            Ok(self.server.processes().is_empty())
        })
        .map_err(|error| format!("{error}: left running: {:?}", self.server.processes()))?;
        match fs::read_to_string(&end) {
            Ok(text) => {
                let value: Value = serde_json::from_str(&text).map_err(words)?;
                serde_json::from_value(value["outcome"].clone())
                    .map(Some)
                    .map_err(words)
            }
            Err(_) => Ok(None),
        }
    }

    /// The fault is over.
    fn heal(&self) -> Result<(), String> {
        self.server.empty_disk();
        self.server.link.count_anew(None);
        match self.cell.fault {
            Fault::RegistryGone => self.server.open_registry(),
            Fault::Hangs => {
                let Place { step, .. } = &self.cell.place;
                self.stops
                    .lift(&format!("{}.{step}.hang", self.cell.place.list()))?;
                self.stops.lift("limit")?;
                self.stops
                    .restore_limits(&self.server.operation(self.operation))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// All that its folder tells.
    pub fn output(&self) -> String {
        let folder = self.server.operation(self.operation);
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        format!(
            "{}\n{}\n{}",
            read("journal.jsonl"),
            read("output.log"),
            read("runner.log")
        )
    }

    /// The command that started it tells its end.
    fn cockpit_says(&self, cockpit: Running, outcome: Option<Outcome>) -> Result<(), String> {
        let said = cockpit.wait()?;
        let code = match outcome {
            Some(Outcome::Succeeded) => 0,
            // As it was to be.
            Some(Outcome::WentBack) if self.cell.kind == Kind::Back => 0,
            Some(Outcome::WentBack | Outcome::Cancelled) => 1,
            Some(Outcome::Refused) => 3,
            _ => 5,
        };
        if said.code != Some(code) {
            return Err(format!(
                "it ended {outcome:?}, and its command with exit code {:?}, not {code}: {}",
                said.code, said.text
            ));
        }
        Ok(())
    }
}

struct Upload {
    before: u64,
    upload: u64,
}

fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let rest = stat.rsplit_once(") ")?.1;
    Pid::from_raw(rest.split(' ').nth(1)?.parse().ok()?)
}

/// Kills an operation's runner with SIGKILL, and its supervisor. Before there is a claim, `runner` is it.
pub fn kill_runner(
    server: &Server,
    operation: u64,
    runner: Option<Pid>,
    with_supervisor: bool,
) -> Result<(), String> {
    let (runner, supervisor) = match runner {
        Some(runner) => (Some(runner), parent(runner)),
        None => {
            let claim = server
                .state()
                .join("claims")
                .join(format!("{operation:06}"));
            let text = fs::read_to_string(claim).map_err(words)?;
            let claim: Value = serde_json::from_str(&text).map_err(words)?;
            let pid = |key: &str| {
                let number = claim[key]
                    .as_i64()
                    .and_then(|number| i32::try_from(number).ok());
                number.and_then(Pid::from_raw)
            };
            (pid("pid"), pid("supervisor"))
        }
    };
    // The supervisor first: it would take over.
    let both = [supervisor.filter(|_| with_supervisor), runner];
    for pid in both.into_iter().flatten() {
        kill_process(pid, Signal::KILL).map_err(words)?;
    }
    Ok(())
}
