//! From the follower's frames of one environment to what its files say. Pure.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    pin,
    script::{JournalLines, LedgerShape, Part, read_ledger},
};
use crate::{
    config::Service,
    release::{
        newer::{Newer, NewerFile},
        observation::Files,
        operation::{Claim, Liveness, OperationId, OperationState},
        plan::{FORMAT, Plan},
        record::Ledger,
        text::clean,
    },
};

/// What the follower has told of one environment so far.
#[derive(Debug, Default)]
pub struct Told {
    pins: Bytes,
    hashes: Bytes,
    ledger: Ledger,
    shape: LedgerShape,
    operation: Option<(OperationId, Claim)>,
    plan: Bytes,
    journal: Bytes,
    cancelling: bool,
    end: Bytes,
    liveness: Bytes,
    /// Why the environment cannot be looked at; empty if it can.
    pub fault: String,
}

impl Told {
    /// Takes one frame's part. Parts that are not of an environment are left out.
    pub fn take(&mut self, part: Part, bytes: Bytes) {
        match part {
            Part::Fault => self.fault = clean(&String::from_utf8_lossy(&bytes)),
            Part::Pin => self.pins = bytes,
            Part::Files => self.hashes = bytes,
            Part::Ledger => self.ledger = read_ledger(&bytes),
            Part::LedgerShape => self.shape = LedgerShape::read(&bytes),
            Part::Operation => {
                let operation = read_operation(&bytes);
                let is_another =
                    operation.as_ref().map(|o| o.0) != self.operation.as_ref().map(|o| o.0);
                if is_another {
                    // The other parts follow; until then those of the former one must not be taken
                    // for its own: a dead one's would make its recovery look interrupted.
                    self.liveness = Bytes::new();
                    self.plan = Bytes::new();
                    self.journal = Bytes::new();
                    self.end = Bytes::new();
                    self.cancelling = false;
                }
                self.operation = operation;
            }
            Part::Plan => self.plan = bytes,
            Part::Journal => self.journal = bytes,
            Part::Cancel => self.cancelling = !bytes.is_empty(),
            Part::End => self.end = bytes,
            Part::Liveness => self.liveness = bytes,
            Part::Clock
            | Part::Ready
            | Part::Missing
            | Part::NeverBegan
            | Part::Newer
            | Part::Output
            | Part::Difference
            | Part::Unknown => {}
        }
    }

    /// What the files say, with `services` in the order of their pins in the follower's script.
    pub fn files(&self, services: &[Service], clock_skew_ms: i64) -> Files {
        let pins = services.iter().enumerate().filter_map(|(number, service)| {
            let value = pin::current(service, &self.lines_of(number))?;
            Some((service.name.clone(), clean(&value)))
        });
        let ledger = self.shape.complete(self.ledger.clone(), true);
        Files {
            hashes: self.hashes(),
            pins: pins.collect(),
            records: ledger.records,
            damaged: ledger.damaged,
            damaged_at: ledger.damaged_at,
            newer: self.newer_operation().or(ledger.newer_line),
            operation: self.operation_state(),
            clock_skew_ms,
        }
    }

    /// The files' hashes: a line a file, its path as it is configured, a tab, and `algorithm:hex`.
    fn hashes(&self) -> BTreeMap<String, Option<String>> {
        String::from_utf8_lossy(&self.hashes)
            .lines()
            .filter_map(|line| {
                let (path, hash) = line.rsplit_once('\t')?;
                let hash = (!hash.is_empty()).then(|| clean(hash));
                Some((clean(path), hash))
            })
            .collect()
    }

    /// The lines that the follower showed of one pin's file.
    fn lines_of(&self, number: usize) -> Vec<u8> {
        let prefix = format!("{number}\t").into_bytes();
        self.pins
            .split_inclusive(|&byte| byte == b'\n')
            .filter_map(|line| line.strip_prefix(&*prefix))
            .flatten()
            .copied()
            .collect()
    }

    /// What a newer flightdeck has written of the operation, as the server judges it.
    fn newer_operation(&self) -> Option<Newer> {
        let word = self.liveness.strip_prefix(b"newer ")?;
        let (id, claim) = self.operation.clone()?;
        Some(Newer {
            file: NewerFile::of(&String::from_utf8_lossy(word)),
            operation: Some(id),
            claim: Some(claim),
        })
    }

    fn operation_state(&self) -> Option<OperationState> {
        let (id, claim) = self.operation.clone()?;
        let is_newer = self.liveness.starts_with(b"newer ");
        // The ledger's line is written before the end: what has one has ended.
        let is_recorded = self
            .ledger
            .records
            .iter()
            .any(|record| record.operation == id);
        let has_ended = !self.end.is_empty() || self.liveness.is_empty() || is_recorded;
        if has_ended && !is_newer {
            return None;
        }
        Some(OperationState {
            id,
            claim,
            plan: serde_json::from_slice::<Plan>(&self.plan)
                .ok()
                .filter(|plan| plan.v <= FORMAT)
                .map(Box::new),
            journal: JournalLines::new().push(&self.journal),
            liveness: match &*self.liveness {
                b"alive" => Liveness::Alive,
                b"orphaned" => Liveness::Orphaned,
                b"dead" => Liveness::Dead,
                _ => Liveness::Unknown,
            },
            cancelling: self.cancelling,
            end: None,
        })
    }
}

/// `42`, a line end, and the claim's record. A record that cannot be read is somebody's all the same.
fn read_operation(bytes: &[u8]) -> Option<(OperationId, Claim)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (number, record) = text.split_once('\n')?;
    let claim = Claim::known(record.as_bytes()).unwrap_or_else(Claim::unknown);
    Some((number.parse().ok()?, claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Pin, PinForm};

    fn service(name: &str, pin: Pin) -> Service {
        Service {
            name: name.parse().unwrap(),
            repository: "ghcr.io/acme/shop".parse().unwrap(),
            tags: Default::default(),
            strategy: Default::default(),
            pin,
        }
    }

    const CLAIM: &str = r#"{"v":1,"kind":"promote","operator":"mira[2J","origin":"laptop","reason":"","nonce":"n","at":5}"#;

    fn claimed(number: u64) -> Bytes {
        format!("{number}\n{CLAIM}\n").into()
    }

    #[test]
    fn pins_are_read_by_their_numbers() {
        let services = [
            service(
                "backend",
                Pin::Variable {
                    file: ".env".into(),
                    variable: "TAG".into(),
                    form: PinForm::Tag,
                },
            ),
            service(
                "worker",
                Pin::Override {
                    file: "pins.yml".into(),
                },
            ),
        ];
        let mut told = Told::default();
        told.take(Part::Pin, Bytes::from_static(b"0\texport TAG='v1'\n"));
        let files = told.files(&services, 0);
        assert_eq!(files.pins[&services[0].name], "v1");
        assert!(!files.pins.contains_key(&services[1].name));
    }

    #[test]
    fn an_operation_is_shown_until_it_has_ended() {
        let mut told = Told::default();
        told.take(Part::Operation, claimed(7));
        told.take(Part::Liveness, Bytes::from_static(b"alive"));
        let operation = told.files(&[], 0).operation.unwrap();
        assert_eq!(operation.id, OperationId(7));
        assert_eq!(operation.liveness, Liveness::Alive);
        assert!(operation.plan.is_none());

        told.take(Part::End, Bytes::from_static(b"{}"));
        assert_eq!(told.files(&[], 0).operation, None);
    }

    #[test]
    fn a_new_operation_inherits_neither_the_end_nor_the_death_of_the_former() {
        let mut told = Told::default();
        told.take(Part::Operation, claimed(7));
        told.take(Part::Cancel, Bytes::from_static(b"yes"));
        told.take(Part::End, Bytes::from_static(b"{}"));
        told.take(Part::Liveness, Bytes::from_static(b"dead"));
        told.take(Part::Operation, claimed(8));
        assert_eq!(told.files(&[], 0).operation, None, "not known to be dead");
        told.take(Part::Liveness, Bytes::from_static(b"dead"));
        let operation = told.files(&[], 0).operation.unwrap();
        assert_eq!(
            (operation.id, operation.cancelling),
            (OperationId(8), false)
        );
        assert_eq!(operation.liveness, Liveness::Dead);
    }

    #[test]
    fn what_has_a_line_in_the_ledger_has_ended() {
        let mut told = Told::default();
        told.take(Part::Operation, claimed(7));
        told.take(Part::Liveness, Bytes::from_static(b"alive"));
        let line = r#"{"v":1,"environment":"production","kind":"mark_bad","operator":"mira","origin":"laptop","operation":7,"started":1,"ended":2,"outcome":"succeeded"}"#;
        told.take(Part::Ledger, format!("{line}\n").into());
        assert_eq!(told.files(&[], 0).operation, None);
    }

    #[test]
    fn a_claim_of_a_newer_format_is_somebodys() {
        let mut told = Told::default();
        let claim = b"9\n{\"v\":2,\"operator\":\"zo\xc3\xab\",\"at\":[]}\n";
        told.take(Part::Operation, Bytes::from_static(claim));
        told.take(Part::Liveness, Bytes::from_static(b"newer claim"));
        // However it ended: what that means is not known.
        told.take(Part::End, Bytes::from_static(b"{\"v\":2}\n"));
        let files = told.files(&[], 0);
        let operation = files.operation.unwrap();
        assert_eq!(
            (&*operation.claim.kind, &*operation.claim.operator),
            ("unknown", "zoë")
        );
        assert_eq!(operation.claim.at, None);
        assert_eq!(operation.liveness, Liveness::Unknown);
        let words = files.newer.unwrap().words();
        assert!(words.contains("operation 000009"), "{words}");
        assert!(words.ends_with("its claim, by zoë"), "{words}");
    }

    #[test]
    fn a_newer_line_of_the_ledger_is_told_of_whatever_holds_the_environment() {
        let mut told = Told::default();
        assert_eq!(told.files(&[], 0).newer, None);
        let line = Bytes::from_static(b"{\"v\":2,\"operation\":8,\"operator\":\"jo\"}\n");
        told.take(Part::Ledger, line);
        told.take(Part::Operation, claimed(9));
        told.take(Part::Liveness, Bytes::from_static(b"alive"));
        let words = told.files(&[], 0).newer.unwrap().words();
        assert!(words.contains("the ledger"), "{words}");
        assert!(words.ends_with("operation 000008, by jo"), "{words}");
    }
}
