//! What has to hold after a fault, how the operator gets out of it with one command, and what holds then.

use std::fs;

use flightdeck::release::{operation::Outcome, record::Record};

use super::{
    attempt::Attempt,
    cell::{Fault, Kind},
    prepare::{Memory, REVISIONS, ledger},
    server::{Container, HEALTH_INTERVAL, wait_until, wait_until_every, words},
};

/// How the operator gets out of what a fault has left, with one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Resume,
    Back,
    Rollback,
}

impl Attempt<'_> {
    /// What holds right after the fault, whatever it was.
    pub(super) fn look(&self, outcome: Option<Outcome>) -> Result<(), String> {
        let old = &self.server.versions[self.before.from];
        let new = &self.server.versions[self.other()];
        let needs_operator = matches!(outcome, None | Some(Outcome::Stuck));
        for container in self.server.containers()? {
            match container.service.as_str() {
                // It outlives a step whose runner was killed, and whoever recovers waits for it.
                "one-off"
                    if needs_operator
                        && self.cell.fault == Fault::RunnerKilled
                        && container
                            .name
                            .ends_with(&format!("-{}", self.cell.place.step)) => {}
                "one-off" => return Err(format!("left lying: {container:?}")),
                service if !self.server.layout.released().contains(&service) => {}
                _ if container.image == old.image || container.image == new.image => {}
                _ => return Err(format!("a third image runs: {container:?}")),
            }
        }
        for (service, pin) in self.server.pins()? {
            let is_new = pin == format!("{}@{}", new.tag, new.digest);
            let is_old = pin == old.tag || pin == format!("{}@{}", old.tag, old.digest);
            if self.before.pins.get(service) != Some(&pin) && !is_new && !is_old {
                return Err(format!("a third pin of {service}: {pin}"));
            }
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

    /// The version that may be there beside the one that ran before.
    fn other(&self) -> usize {
        match self.cell.kind {
            // What was to be left still runs, or is resumed.
            Kind::Back => self.before.to,
            _ => self.goal(),
        }
    }

    fn records(&self) -> Result<Vec<Record>, String> {
        let (records, damaged) = ledger(self.server);
        let damaged = damaged - self.before.damaged;
        if damaged > 0 && self.cell.fault != Fault::DiskFull {
            return Err(format!("{damaged} more damaged lines in the ledger"));
        }
        Ok(records)
    }

    pub(super) fn holds_old(&self, why: &str) -> Result<(), String> {
        let containers = self.server.containers()?;
        if containers != self.before.containers || self.server.pins()? != self.before.pins {
            return Err(format!("{why}, and something has changed: {containers:?}"));
        }
        Ok(())
    }

    /// Whether all runs, and is pinned, as before.
    pub(super) fn is_old_in_place(&self) -> Result<bool, String> {
        let old = &self.server.versions[self.before.from];
        let released = self.server.layout.released();
        let is_old = |pin: &String| pin.split('@').next() == Some(old.tag.as_str());
        let mut containers = self.server.containers()?;
        containers.retain(|container| released.contains(&container.service.as_str()));
        Ok(self.server.pins()?.values().all(is_old)
            && containers
                .iter()
                .all(|container| container.image == old.image))
    }

    /// Whether the image that the operation brings runs, of the service that migrates.
    fn does_new_run(&self) -> Result<bool, String> {
        let new = &self.server.versions[self.before.to];
        let containers = self.server.containers()?;
        let mut backend = containers.iter().filter(|found| found.service == "backend");
        Ok(backend.any(|container| container.image == new.image))
    }

    /// One command, and it is healthy.
    pub(super) fn recover(&self) -> Result<Memory, String> {
        let way = self.way()?;
        // A recovery that never began leaves the one that it was to recover.
        let dead = match self.server.operation(self.operation).exists() {
            true => self.operation,
            false => self.before.operation,
        };
        let command: &[&str] = match (way, self.cell.kind) {
            (Way::Resume, _) => &["recover", "production", "resume", "--yes"],
            (Way::Back, _) => &["recover", "production", "back", "--yes"],
            (Way::Rollback, Kind::RollbackRestoring) => {
                &["rollback", "production", "--schema", "restore", "--yes"]
            }
            (Way::Rollback, _) if self.is_schema_ahead()? => {
                let schema = match self.does_new_run()? {
                    true => "downgrade",
                    // The image that runs does not know the way down.
                    false => "image-only",
                };
                &["rollback", "production", "--schema", schema, "--yes"]
            }
            (Way::Rollback, _) => &["rollback", "production", "--yes"],
        };
        let said = self.server.say(command)?;
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
            Some((operation, outcome)) if operation > dead && may_be(outcome) => {}
            _ => {
                return Err(format!(
                    "{}: exit code {:?}, the ledger's last is {ended:?}: {}\nbefore that: {}",
                    command.join(" "),
                    said.code,
                    said.text,
                    self.output()
                ));
            }
        }
        // The one that died has its own line by now.
        let line = records.iter().rfind(|record| record.operation.0 == dead);
        let is_told = line.is_some_and(|record| {
            matches!(
                record.outcome,
                Outcome::Interrupted | Outcome::Stuck | Outcome::Refused
            )
        });
        if !is_told {
            return Err(format!("the one that stopped is recorded as {line:?}"));
        }
        let pins = self.server.pins()?;
        let is_at = |version: &usize| {
            let start = format!("{}@", self.server.versions[*version].tag);
            let tag = &self.server.versions[*version].tag;
            pins.values()
                .all(|pin| pin == tag || pin.starts_with(&start))
        };
        match [self.before.from, self.other()].into_iter().find(is_at) {
            Some(version) => self.afterwards(version),
            None => Err(format!("after {way:?} the pins are {pins:?}")),
        }
    }

    /// In the end: healthy, one release everywhere, and nothing left of the operation.
    pub(super) fn afterwards(&self, version: usize) -> Result<Memory, String> {
        let expected = &self.server.versions[version];
        let server = self.server;
        let records = self.records()?;
        let mut seen = Vec::new();
        // Two commands a look, and the other cells need the machine.
        wait_until_every(HEALTH_INTERVAL / 4, "healthy containers", || {
            seen = server.containers()?;
            Ok(seen.iter().all(|container| container.health != "starting"))
        })?;
        self.are_called_right(&seen)?;
        for container in &seen {
            let is_released = server
                .layout
                .released()
                .contains(&container.service.as_str());
            let is_right = !is_released || container.image == expected.image;
            if container.health != "healthy" || !is_right {
                return Err(format!(
                    "in the end: {container:?}; expected {expected:?}: {}",
                    self.output()
                ));
            }
        }
        for (service, pin) in server.pins()? {
            if pin.split('@').next() != Some(expected.tag.as_str()) {
                return Err(format!(
                    "{} runs, and {service} is pinned to {pin}",
                    expected.tag
                ));
            }
        }
        if let Some(schema) = &self.before.schema {
            let found = server.schema()?;
            let goal = REVISIONS[self.before.to];
            if found != *schema && found != goal {
                return Err(format!("a third schema: {found}"));
            }
            let record = records.last();
            let recorded = record.and_then(|record| record.results.get("schema_heads").cloned());
            if recorded.as_ref().is_some_and(|recorded| *recorded != found) {
                return Err(format!(
                    "the schema is at {found}, and recorded at {recorded:?}"
                ));
            }
        }
        self.nothing_left(records.last())?;
        let status = server.say(&["status", "production"])?;
        if status.code != Some(0) {
            return Err(format!(
                "all is well, and status says {:?}: {}",
                status.code, status.text
            ));
        }
        Ok(Memory::of(server, version, &records))
    }

    /// One container of each service, by its name; Compose numbers those that are rolled.
    fn are_called_right(&self, seen: &[Container]) -> Result<(), String> {
        let server = self.server;
        let services = server.layout.services();
        let is_right = |(container, service): (&Container, &&str)| {
            let name = format!("{}-{service}", server.name());
            let number = container.name.strip_prefix(&format!("{name}-"));
            if server.layout.is_rolled(service) {
                number.is_some_and(|number| number.parse::<u32>().is_ok())
            } else {
                container.name == name
            }
        };
        if seen.len() == services.len() && seen.iter().zip(services).all(is_right) {
            return Ok(());
        }
        let names: Vec<&str> = seen
            .iter()
            .map(|container| container.name.as_str())
            .collect();
        Err(format!("containers are called {names:?}"))
    }

    fn is_schema_ahead(&self) -> Result<bool, String> {
        if self.before.schema.is_none() {
            return Ok(false);
        }
        Ok(self.server.schema()? != REVISIONS[0])
    }

    fn nothing_left(&self, last: Option<&Record>) -> Result<(), String> {
        let server = self.server;
        if let Some(unneeded) = &self.before.unneeded
            && last.is_some_and(|record| {
                record.operation.0 > self.before.operation && record.outcome == Outcome::Succeeded
            })
            && server.docker(&["image", "inspect", unneeded]).is_ok()
        {
            return Err(format!("not cleaned up: {unneeded}"));
        }
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
