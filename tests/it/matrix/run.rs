//! One cell: bring it to its place, let the fault happen, look, recover, look again.

use std::{fs, time::Instant};

use flightdeck::{
    release::{operation::Outcome, record::Record},
    target::compose::script::read_ledger,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    cell::{Cell, Fault, Kind, Place, failing_step, may_end},
    server::{Container, DEADLINE, Running, Server, Stops, breathe, output, words},
};
use crate::support::real_world::script;

/// How the operator gets out of what a fault has left, with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Resume,
    Back,
    Rollback,
}

/// What an environment is before a cell.
#[derive(Debug, Clone)]
pub struct Before {
    containers: Vec<Container>,
    pin: String,
    schema: Option<String>,
    /// Which of the versions runs, and which one the cell leads to.
    from: usize,
    to: usize,
    /// The newest operation.
    operation: u64,
}

/// What a server remembers between cells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// The version that runs, healthy and recorded.
    recorded: Option<usize>,
    /// Whether the last operation was a promotion that succeeded.
    has_promoted: bool,
}

/// The newest operation's number; 0 where there is none.
fn newest(server: &Server) -> u64 {
    let claims = fs::read_dir(server.state().join("claims"))
        .into_iter()
        .flatten()
        .flatten();
    claims
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .max()
        .unwrap_or(0)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    let until = Instant::now() + DEADLINE;
    while !holds()? {
        if Instant::now() > until {
            return Err(format!("did not come about: {what}"));
        }
        breathe();
    }
    Ok(())
}

/// Brings a server to where a cell of that kind begins, and says where that is.
pub fn prepare(server: &Server, memory: &mut Memory, kind: Kind) -> Result<Before, String> {
    if memory.recorded.is_none() || kind == Kind::Adopt {
        server.lay(0)?;
        *memory = Memory {
            recorded: Some(0),
            has_promoted: false,
        };
        if kind != Kind::Adopt {
            server.must(&["adopt", "production", "--yes"])?;
        }
    }
    let mut from = memory.recorded.unwrap_or(0);
    let mut to = 1 - from.min(1);
    match kind {
        Kind::Adopt => to = from,
        Kind::Promote => {}
        Kind::Rollback => {
            if !memory.has_promoted {
                server.must(&["promote", "production", &server.versions[to].tag, "--yes"])?;
                (from, to) = (to, from);
            }
        }
        Kind::PromoteMigrating | Kind::Migrate => {
            if from != 0 || schema_number(server)? != 0 {
                if memory.has_promoted && from == 1 {
                    server.must(&["rollback", "production", "--schema", "downgrade", "--yes"])?;
                } else {
                    server.lay(0)?;
                    server.must(&["adopt", "production", "--yes"])?;
                }
            }
            (from, to) = (0, 1);
        }
        Kind::RollbackDowngrading => {
            if !(memory.has_promoted && from == 1 && schema_number(server)? == 1) {
                if from != 0 || schema_number(server)? != 0 {
                    server.lay(0)?;
                    server.must(&["adopt", "production", "--yes"])?;
                }
                server.must(&["promote", "production", &server.versions[1].tag, "--yes"])?;
            }
            (from, to) = (1, 0);
        }
    }
    *memory = Memory::default();
    Ok(Before {
        containers: server.containers()?,
        pin: server.pin()?,
        schema: server.is_migrating.then(|| server.schema()).transpose()?,
        from,
        to,
        operation: newest(server),
    })
}

const REVISIONS: [&str; 3] = ["a1f30c5d7e21", "c9e2b4a86f13", "d4b7e91f3a05"];

fn schema_number(server: &Server) -> Result<usize, String> {
    let schema = server.schema()?;
    let found = REVISIONS.iter().position(|revision| *revision == schema);
    found.ok_or_else(|| format!("the schema is at {schema}"))
}

/// The plan of that kind, as `--dry-run` tells it.
pub fn plan(server: &Server, kind: Kind, before: &Before) -> Result<Value, String> {
    let command = server.command(kind, before.to);
    let mut arguments = vec!["--json"];
    arguments.extend(command.iter().map(String::as_str));
    arguments.push("--dry-run");
    let text = server.must(&arguments)?;
    let mut value: Value = serde_json::from_str(&text).map_err(words)?;
    Ok(value["plan"].take())
}

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
    let recorded = found?;
    *memory = recorded;
    Ok(())
}

struct Attempt<'a> {
    server: &'a Server,
    cell: &'a Cell,
    before: &'a Before,
    stops: &'a Stops,
    operation: u64,
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
        if self.cell.place.step == "claim" || self.cell.place.step == "upload" {
            // Whether anything began was for the fault to decide.
            if newest(self.server) == self.before.operation {
                self.holds_old("nothing began")?;
                return self.afterwards(self.before.from, false);
            }
        }
        if !may_end(self.cell, outcome) {
            return Err(format!("it ended {outcome:?}: {}", self.output()));
        }
        if !matches!(self.cell.fault, Fault::CockpitKilled) {
            self.cockpit_says(cockpit, outcome)?;
        }
        self.look(outcome)?;
        match outcome {
            Some(Outcome::Succeeded) => self.afterwards(self.goal(), self.is_promotion()),
            Some(Outcome::WentBack | Outcome::Cancelled | Outcome::Refused) => {
                self.afterwards(self.before.from, false)
            }
            _ => self.recover(),
        }
    }

    fn is_promotion(&self) -> bool {
        matches!(self.cell.kind, Kind::Promote | Kind::PromoteMigrating)
    }

    /// Every way that there is gets its turn.
    fn way(&self) -> Result<Way, String> {
        let plan = fs::read_to_string(self.server.operation(self.operation).join("plan.json"));
        let plan: Value = serde_json::from_str(&plan.map_err(words)?).map_err(words)?;
        let ways: &[Way] = match plan["on_failure"] == "go_back" {
            true if self.cell.place.is_back => &[Way::Back, Way::Resume],
            true => &[Way::Back, Way::Resume, Way::Rollback],
            false if self.cell.kind == Kind::Rollback => &[Way::Resume, Way::Rollback],
            false => &[Way::Resume],
        };
        let turn = usize::try_from(self.operation).map_err(words)?;
        Ok(ways[turn % ways.len()])
    }

    /// The version that runs where it succeeds.
    fn goal(&self) -> usize {
        if self.cell.kind == Kind::Migrate {
            self.before.from
        } else {
            self.before.to
        }
    }

    /// Lays the stops and starts the operation.
    fn begin(&self) -> Result<Running, String> {
        let place = &self.cell.place;
        if place.is_back {
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
        let mut command = self.server.command(self.cell.kind, self.before.to);
        command.push("--yes".to_owned());
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
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
            Fault::RunnerKilled => self.kill_runner(waiting, false)?,
            Fault::RunnerAndSupervisorKilled => self.kill_runner(waiting, true)?,
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

    fn kill_runner(&self, waiting: Pid, with_supervisor: bool) -> Result<(), String> {
        let claim = self
            .server
            .state()
            .join("claims")
            .join(format!("{:06}", self.operation));
        let (runner, supervisor) = if self.cell.place.step == "claim" {
            (Some(waiting), parent(waiting))
        } else {
            let text = fs::read_to_string(&claim).map_err(words)?;
            let claim: Value = serde_json::from_str(&text).map_err(words)?;
            let pid = |key: &str| {
                let number = claim[key]
                    .as_i64()
                    .and_then(|number| i32::try_from(number).ok());
                number.and_then(Pid::from_raw)
            };
            (pid("pid"), pid("supervisor"))
        };
        // The supervisor first: it would take over.
        let both = [supervisor.filter(|_| with_supervisor), runner];
        for pid in both.into_iter().flatten() {
            kill_process(pid, Signal::KILL).map_err(words)?;
        }
        Ok(())
    }

    /// Waits until the operation has ended, or all of it is gone.
    fn end(&self, cockpit: &mut Running) -> Result<Option<Outcome>, String> {
        let end = self.server.operation(self.operation).join("end.json");
        let is_upload = matches!(self.cell.place.step.as_str(), "upload" | "claim");
        wait_until("the operation's end", || {
            if end.exists() {
                return Ok(true);
            }
            let claimed = newest(self.server) >= self.operation;
            // Before there is a claim the cockpit is what may still come.
            let may_come = !claimed && (!is_upload || !cockpit.has_ended());
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
            }
            _ => {}
        }
        Ok(())
    }

    fn output(&self) -> String {
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

    /// What holds right after the fault, whatever it was.
    fn look(&self, outcome: Option<Outcome>) -> Result<(), String> {
        let old = &self.server.versions[self.before.from];
        let new = &self.server.versions[self.goal()];
        for container in self.server.containers()? {
            match container.service.as_str() {
                "one-off" => return Err(format!("left lying: {container:?}")),
                "backend" if container.image == old.image || container.image == new.image => {}
                "backend" => return Err(format!("a third image runs: {container:?}")),
                _ => {}
            }
        }
        let pin = self.server.pin()?;
        let is_new = pin == format!("{}@{}", new.tag, new.digest);
        if pin != self.before.pin && !is_new {
            return Err(format!("a third pin: {pin}"));
        }
        let records = self.records()?;
        let record = records
            .iter()
            .rfind(|record| record.operation.0 == self.operation);
        match (outcome, record) {
            (Some(outcome), Some(record)) if record.outcome == outcome => Ok(()),
            (None, None) => Ok(()),
            (outcome, record) => Err(format!(
                "it ended {outcome:?}, and the ledger says {record:?}"
            )),
        }?;
        let status = self.server.say(&["status", "production"])?;
        let needs_operator = matches!(outcome, None | Some(Outcome::Stuck));
        if needs_operator && status.code != Some(5) {
            return Err(format!(
                "an operator has to come, and status says {:?}: {}",
                status.code, status.text
            ));
        }
        if outcome.is_none() && !status.text.contains("INTERRUPTED") {
            return Err(format!(
                "status does not say that it was interrupted: {}",
                status.text
            ));
        }
        Ok(())
    }

    fn records(&self) -> Result<Vec<Record>, String> {
        let bytes = fs::read(self.server.state().join("ledger.jsonl")).unwrap_or_default();
        let ledger = read_ledger(&bytes);
        if ledger.damaged > 0 && self.cell.fault != Fault::DiskFull {
            return Err(format!("{} damaged lines in the ledger", ledger.damaged));
        }
        Ok(ledger.records)
    }

    fn holds_old(&self, why: &str) -> Result<(), String> {
        let containers = self.server.containers()?;
        if containers != self.before.containers || self.server.pin()? != self.before.pin {
            return Err(format!("{why}, and something has changed: {containers:?}"));
        }
        Ok(())
    }

    /// One command, and it is healthy.
    fn recover(&self) -> Result<Memory, String> {
        let way = self.way()?;
        let words: &[&str] = match (way, self.cell.kind) {
            (Way::Resume, _) => &["recover", "production", "resume", "--yes"],
            (Way::Back, _) => &["recover", "production", "back", "--yes"],
            (Way::Rollback, Kind::RollbackDowngrading) => {
                &["rollback", "production", "--schema", "downgrade", "--yes"]
            }
            (Way::Rollback, _) => &["rollback", "production", "--yes"],
        };
        let said = self.server.say(words)?;
        let records = self.records()?;
        let ended = records
            .last()
            .map(|record| (record.operation.0, record.outcome));
        // Once back has begun, to resume is to go on with back.
        let may_be = |outcome| match way {
            Way::Rollback => outcome == Outcome::Succeeded,
            Way::Back => outcome == Outcome::WentBack,
            Way::Resume => matches!(outcome, Outcome::Succeeded | Outcome::WentBack),
        };
        match ended {
            Some((operation, outcome)) if operation > self.operation && may_be(outcome) => {}
            _ => {
                return Err(format!(
                    "{}: exit code {:?}, the ledger's last is {ended:?}: {}\nbefore that: {}",
                    words.join(" "),
                    said.code,
                    said.text,
                    self.output()
                ));
            }
        }
        // The one that died has its own line by now.
        let dead = records
            .iter()
            .rfind(|record| record.operation.0 == self.operation);
        if dead
            .is_none_or(|record| !matches!(record.outcome, Outcome::Interrupted | Outcome::Stuck))
        {
            return Err(format!("the one that stopped is recorded as {dead:?}"));
        }
        let pin = self.server.pin()?;
        let tag = pin.split('@').next().unwrap_or_default();
        let found = self
            .server
            .versions
            .iter()
            .position(|version| version.tag == tag);
        match found {
            Some(version) if version == self.before.from || version == self.goal() => {
                self.afterwards(version, false)
            }
            _ => Err(format!("after {way:?} the pin is {pin}")),
        }
    }

    /// In the end: healthy, one release everywhere, and nothing left of the operation.
    fn afterwards(&self, version: usize, has_promoted: bool) -> Result<Memory, String> {
        let expected = &self.server.versions[version];
        let server = self.server;
        let mut seen = Vec::new();
        wait_until("healthy containers", || {
            seen = server.containers()?;
            Ok(seen.iter().all(|container| container.health != "starting"))
        })?;
        let names: Vec<String> = seen
            .iter()
            .map(|container| container.name.clone())
            .collect();
        let canonical: Vec<String> = server
            .services()
            .iter()
            .map(|service| format!("{}-{service}", server.name()))
            .collect();
        if names != canonical {
            return Err(format!(
                "containers are called {names:?}, not {canonical:?}"
            ));
        }
        for container in &seen {
            let is_right = container.service != "backend" || container.image == expected.image;
            if container.health != "healthy" || !is_right {
                return Err(format!(
                    "in the end: {container:?}; expected {expected:?}: {}",
                    self.output()
                ));
            }
        }
        let pin = server.pin()?;
        if pin.split('@').next() != Some(expected.tag.as_str()) {
            return Err(format!("{} runs, and the pin is {pin}", expected.tag));
        }
        if let Some(schema) = &self.before.schema {
            let found = server.schema()?;
            let goal = REVISIONS[self.before.to];
            if found != *schema && found != goal {
                return Err(format!("a third schema: {found}"));
            }
            let record = self.records()?.pop();
            let recorded = record.and_then(|record| record.results.get("schema_heads").cloned());
            if recorded.as_ref().is_some_and(|recorded| *recorded != found) {
                return Err(format!(
                    "the schema is at {found}, and recorded at {recorded:?}"
                ));
            }
        }
        self.nothing_left()?;
        let status = server.say(&["status", "production"])?;
        if status.code != Some(0) {
            return Err(format!(
                "all is well, and status says {:?}: {}",
                status.code, status.text
            ));
        }
        Ok(Memory {
            recorded: Some(version),
            has_promoted,
        })
    }

    fn nothing_left(&self) -> Result<(), String> {
        let server = self.server;
        // A watchdog notices within a second that there is nothing left to watch.
        wait_until("nothing left running", || Ok(server.processes().is_empty()))
            .map_err(|error| format!("{error}: {:?}", server.processes()))?;
        let mut left = Vec::new();
        let mut directories = vec![server.directory()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).map_err(words)?.flatten() {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type().map_err(words)?;
                let is_left = std::os::unix::fs::FileTypeExt::is_fifo(&kind)
                    || name.ends_with(".part")
                    || name == "reserve"
                    || name.starts_with(".env.")
                    || name.starts_with("..env")
                    // The next operation sweeps it; here there was none.
                    || (name.starts_with(".new-") && self.cell.place.step != "claim");
                if is_left {
                    left.push(path.display().to_string());
                }
                if kind.is_dir() {
                    directories.push(path);
                }
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("left lying: {left:?}"))
        }
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
