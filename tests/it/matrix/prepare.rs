//! Where a cell begins: a server is brought there from where the last one left it.

use std::{collections::BTreeMap, fs};

use flightdeck::{
    plan::history,
    release::{
        operation::Outcome,
        record::{Record, Release},
    },
    target::compose::script::read_ledger,
};
use serde_json::{Value, json};

use super::{
    attempt::kill_runner,
    cell::Kind,
    server::{Container, Layout, Server, wait_until, words},
};

/// What an environment is before a cell.
#[derive(Debug, Clone)]
pub struct Before {
    pub containers: Vec<Container>,
    pub pins: BTreeMap<&'static str, String>,
    pub schema: Option<String>,
    /// Which of the versions runs, and which one the cell leads to.
    pub from: usize,
    pub to: usize,
    /// The newest operation.
    pub operation: u64,
    /// How many lines of the ledger are damaged: a full disk may have left some.
    pub damaged: usize,
    /// What the cell does: the arguments of flightdeck.
    pub command: Vec<String>,
    /// An image that nothing needs.
    pub unneeded: Option<String>,
}

/// What a server remembers between cells.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// The version that runs, healthy.
    pub runs: Option<usize>,
    /// Whether the ledger proves that the other one was healthy.
    pub can_roll_back: bool,
}

impl Memory {
    /// A version runs, and the ledger is this.
    pub fn of(server: &Server, version: usize, records: &[Record]) -> Self {
        Self {
            runs: Some(version),
            can_roll_back: is_healthy_in(records, server, 1 - version.min(1)),
        }
    }
}

/// Whether the ledger proves that a version was healthy.
pub fn is_recorded_healthy(server: &Server, version: usize) -> bool {
    is_healthy_in(&ledger(server).0, server, version)
}

fn is_healthy_in(records: &[Record], server: &Server, version: usize) -> bool {
    let tag = &server.versions[version].tag;
    let is_that = |proven: &history::Proven| brings(&proven.release, tag);
    history::healthy(records).iter().any(is_that)
}

fn brings(release: &Release, tag: &str) -> bool {
    let mut services = release.services.values();
    services.all(|service| service.tag.as_ref().is_some_and(|own| own.as_str() == tag))
}

pub const REVISIONS: [&str; 3] = ["a1f30c5d7e21", "c9e2b4a86f13", "d4b7e91f3a05"];

fn schema_number(server: &Server) -> Result<usize, String> {
    let schema = server.schema()?;
    let found = REVISIONS.iter().position(|revision| *revision == schema);
    found.ok_or_else(|| format!("the schema is at {schema}"))
}

/// The newest operation's number; 0 where there is none.
pub fn newest(server: &Server) -> u64 {
    let claims = fs::read_dir(server.state().join("claims"))
        .into_iter()
        .flatten()
        .flatten();
    claims
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .max()
        .unwrap_or(0)
}

/// The ledger; and how many of its lines are damaged.
pub fn ledger(server: &Server) -> (Vec<Record>, usize) {
    let bytes = fs::read(server.state().join("ledger.jsonl")).unwrap_or_default();
    let ledger = read_ledger(&bytes);
    (ledger.records, ledger.damaged)
}

/// Brings a server to where a cell of that kind begins, and says where that is.
pub fn prepare(server: &Server, memory: &mut Memory, kind: Kind) -> Result<Before, String> {
    let mut before = preparing(server, *memory, kind)?;
    *memory = Memory::default();
    before.containers = server.containers()?;
    before.pins = server.pins()?;
    before.schema = (server.layout == Layout::Migrating)
        .then(|| server.schema())
        .transpose()?;
    before.operation = newest(server);
    (_, before.damaged) = ledger(server);
    Ok(before)
}

fn preparing(server: &Server, memory: Memory, kind: Kind) -> Result<Before, String> {
    let Memory {
        runs,
        can_roll_back,
    } = memory;
    if kind == Kind::Adopt {
        server.lay(0)?;
        return Ok(towards(0, 0, &["adopt", "production"]));
    }
    let adopt = || -> Result<usize, String> {
        server.lay(0)?;
        server.must(&["adopt", "production", "--yes"])?;
        Ok(0)
    };
    let from = match runs {
        Some(runs) => runs,
        None => adopt()?,
    };
    let to = 1 - from.min(1);
    let promote = |version: usize| {
        server.must(&[
            "promote",
            "production",
            &server.versions[version].tag,
            "--yes",
        ])
    };
    // To the old version and the old schema.
    let downwards = || -> Result<usize, String> {
        if from == 0 && schema_number(server)? == 0 {
            return Ok(0);
        }
        if can_roll_back && from == 1 {
            server.must(&["rollback", "production", "--schema", "downgrade", "--yes"])?;
            return Ok(0);
        }
        adopt()
    };
    Ok(match kind {
        Kind::Adopt => towards(from, from, &["adopt", "production"]),
        Kind::Promote | Kind::PromoteSeveral => towards(
            from,
            to,
            &["promote", "production", &server.versions[to].tag],
        ),
        Kind::Rollback | Kind::RollbackSeveral => {
            let rollback = ["rollback", "production"];
            if can_roll_back {
                towards(from, to, &rollback)
            } else {
                promote(to)?;
                towards(to, from, &rollback)
            }
        }
        Kind::MarkBad => {
            let brought = |version: usize| {
                let (records, _) = ledger(server);
                let tag = &server.versions[version].tag;
                let found = records.iter().rfind(|record| {
                    record.outcome == Outcome::Succeeded && brings(&record.after, tag)
                });
                found.map(|record| record.operation.to_string())
            };
            let (runs, operation) = match brought(to) {
                Some(operation) => (from, operation),
                None => {
                    adopt()?;
                    promote(1)?;
                    (1, brought(0).ok_or("the adoption is not recorded")?)
                }
            };
            towards(runs, runs, &["mark-bad", "production", &operation])
        }
        Kind::CleanUp => {
            let clean_up = ["clean-up", "production", "--older-than", "0s"];
            let mut before = towards(from, from, &clean_up);
            before.unneeded = Some(server.unneeded_image()?);
            before
        }
        Kind::Resume | Kind::Back => {
            die_switching(server, to)?;
            towards(from, to, &["recover", "production", kind.word()])
        }
        Kind::PromoteMigrating | Kind::Migrate => {
            downwards()?;
            let word = if kind == Kind::Migrate {
                "migrate"
            } else {
                "promote"
            };
            towards(0, 1, &[word, "production", &server.versions[1].tag])
        }
        Kind::RollbackDowngrading | Kind::RollbackRestoring => {
            if !(can_roll_back && from == 1 && schema_number(server)? == 1) {
                downwards()?;
                promote(1)?;
            }
            let schema = if kind == Kind::RollbackDowngrading {
                "downgrade"
            } else {
                "restore"
            };
            towards(1, 0, &["rollback", "production", "--schema", schema])
        }
        Kind::Restore => {
            downwards()?;
            server.must(&["migrate", "production", &server.versions[1].tag, "--yes"])?;
            towards(0, 0, &["restore", "production"])
        }
    })
}

fn towards(from: usize, to: usize, command: &[&str]) -> Before {
    Before {
        containers: Vec::new(),
        pins: BTreeMap::new(),
        schema: None,
        from,
        to,
        operation: 0,
        damaged: 0,
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        unneeded: None,
    }
}

/// A promotion dies between the old container and the new one.
fn die_switching(server: &Server, version: usize) -> Result<(), String> {
    let stops = server.stops()?;
    stops.lay("forward.switch.middle", "")?;
    let operation = newest(server) + 1;
    let mut promotion = server.start(&[
        "promote",
        "production",
        &server.versions[version].tag,
        "--yes",
    ])?;
    stops
        .wait(|| promotion.has_ended())
        .map_err(|error| format!("{error}: {}", promotion.said()))?;
    kill_runner(server, operation, None, true)?;
    stops.go()?;
    promotion.wait()?;
    wait_until("the end of what it has started", || {
        Ok(server.processes().is_empty())
    })
}

/// The plan of that kind, as `--dry-run` tells it; of a recovery what is left of the dead one's.
pub fn plan(server: &Server, kind: Kind, before: &Before) -> Result<Value, String> {
    if kind.recovers() {
        let path = server.operation(before.operation).join("plan.json");
        let text = fs::read_to_string(path).map_err(words)?;
        let plan: Value = serde_json::from_str(&text).map_err(words)?;
        let forward = plan["forward"].as_array().cloned().unwrap_or_default();
        let left: Vec<Value> = match kind {
            Kind::Back => Vec::new(),
            _ => forward
                .into_iter()
                .skip_while(|step| step["id"] != "switch")
                .collect(),
        };
        return Ok(json!({ "forward": left, "back": plan["back"], "on_failure": "go_back" }));
    }
    let mut arguments = vec!["--json"];
    arguments.extend(before.command.iter().map(String::as_str));
    arguments.push("--dry-run");
    let text = server.must(&arguments)?;
    let mut value: Value = serde_json::from_str(&text).map_err(words)?;
    Ok(value["plan"].take())
}
