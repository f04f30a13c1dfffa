//! The fault matrix: every fault at every step of every kind of plan, in the real world.
//!
//! The steps come from the plans themselves. What has to hold after each cell is in [`after`]. Without
//! more, one cell of every third kind is tried, chosen by a seed that changes daily; `FLIGHTDECK_MATRIX_SEED=…`
//! chooses the same again. `FLIGHTDECK_MATRIX=whole` tries all, in an order of the seed, every fault at a step
//! once before the step's other points, and prints a table; another text there tries the cells whose name
//! contains it. `FLIGHTDECK_MATRIX_SECONDS` ends a long run early, and the table says what was not tried;
//! `FLIGHTDECK_MATRIX_HELD=FILE…`, with what earlier runs printed, goes on with the cells that have not held
//! in one of them.

mod after;
mod attempt;
mod cell;
mod link;
mod prepare;
mod server;
mod table;

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use self::{
    cell::{Cell, Fault, Kind},
    prepare::Memory,
    server::{Engine, Layout, Server, sweep_disks},
    table::Tried,
};
use crate::support::real_world::{Compose, RealWorld, run as must, script};

/// How many cells a sample has of each kind: enough that every kind is there in three days, and the
/// Engine's restart each day.
fn sample(kind: Kind, is_spare: bool, seed: u64) -> usize {
    let is_its_day = (kind as u64 + seed).is_multiple_of(3);
    usize::from(if is_spare {
        kind == Kind::Promote
    } else {
        is_its_day
    })
}

/// A worker: which projects, on which Engine, with which Compose.
#[derive(Debug, Clone, Copy)]
struct Worker {
    layout: Layout,
    is_spare: bool,
    compose: Compose,
}

#[test]
fn every_fault_leaves_the_old_release_or_the_new() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let wanted = std::env::var("FLIGHTDECK_MATRIX").unwrap_or_default();
    let seed = std::env::var("FLIGHTDECK_MATRIX_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs() / 86_400)
    });
    println!("FLIGHTDECK_MATRIX_SEED={seed}");
    sweep_disks().expect("what a killed run has left can be taken away");
    let until = std::env::var("FLIGHTDECK_MATRIX_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));

    let worker = |layout, is_spare, compose| Worker {
        layout,
        is_spare,
        compose,
    };
    let layouts = [Layout::Plain, Layout::Migrating, Layout::Several];
    // Who restarts an Engine has it alone.
    let restarting = match wanted.as_str() {
        "" => vec![worker(Layout::Plain, true, Compose::V240)],
        _ => layouts
            .map(|layout| worker(layout, true, Compose::V240))
            .to_vec(),
    };
    let mut workers = vec![
        restarting,
        vec![worker(Layout::Plain, false, Compose::V240)],
        vec![worker(Layout::Migrating, false, Compose::V500)],
        vec![worker(Layout::Several, false, Compose::V226)],
    ];
    if !wanted.is_empty() {
        // Not more: the health checks of many containers take longer than the cells wait for them.
        workers.push(vec![worker(Layout::Migrating, false, Compose::V240)]);
    }
    let earlier = std::env::var_os("FLIGHTDECK_MATRIX_HELD").unwrap_or_default();
    let earlier: Vec<String> = std::env::split_paths(&earlier)
        // Where nothing is named, one name is empty.
        .filter(|file| !file.as_os_str().is_empty())
        .map(|file| fs::read_to_string(&file).expect("what an earlier run printed"))
        .collect();
    let whole = Whole {
        world: &world,
        wanted: &wanted,
        held: earlier.iter().flat_map(|said| table::held(said)).collect(),
        seed,
        until,
        queues: Mutex::default(),
    };
    let tried: Vec<Tried> = std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter()
            .map(|turns| {
                scope.spawn(|| {
                    turns
                        .iter()
                        .flat_map(|turn| whole.work(*turn))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a worker does not panic"))
            .collect()
    });
    let queues = whole.queues.into_inner();
    let queues = queues.unwrap_or_else(PoisonError::into_inner);
    let left: usize = queues.iter().map(|(_, queue)| queue.len()).sum();
    let table = table::table(&tried);
    println!("{table}");
    if left > 0 {
        println!("{left} cells were not tried");
    }
    let failed = tried.iter().filter(|tried| tried.failure.is_some()).count();
    assert!(!tried.is_empty(), "no cell is called {wanted:?}");
    assert_eq!(failed, 0, "{table}");
}

/// The cells of a kind that are still to be tried, on the shared Engine or on the spare one.
type Queue = ((Kind, bool), VecDeque<Cell>);

struct Whole<'a> {
    world: &'a RealWorld,
    wanted: &'a str,
    /// The cells that held in earlier runs.
    held: BTreeSet<&'a str>,
    seed: u64,
    until: Option<Instant>,
    /// What is left of each kind, on the shared and on the spare Engine.
    queues: Mutex<Vec<Queue>>,
}

impl Whole<'_> {
    fn work(&self, worker: Worker) -> Vec<Tried> {
        let mut tried = Vec::new();
        let mut kinds = Kind::of(worker.layout);
        kinds.retain(|kind| self.is_wanted(*kind, worker.is_spare));
        if kinds.is_empty() {
            return tried;
        }
        let engine = match self.engine(worker) {
            Ok(engine) => engine,
            Err(error) => return vec![Tried::server(error)],
        };
        let server = Server::up(self.world, worker.compose, &engine, worker.layout);
        let server = match server {
            Ok(server) => server,
            Err(error) => return vec![Tried::server(error)],
        };
        let mut memory = Memory::default();
        loop {
            let mut any = false;
            for kind in kinds.iter().copied() {
                if self.until.is_some_and(|until| Instant::now() > until) {
                    break;
                }
                match self.one(&server, &mut memory, worker, kind) {
                    Ok(None) => {}
                    Ok(Some(cell)) => {
                        any = true;
                        tried.push(cell);
                    }
                    Err(error) => {
                        memory = Memory::default();
                        tried.push(Tried::server(format!(
                            "{} cannot be prepared: {error}",
                            kind.word()
                        )));
                    }
                }
            }
            if !any {
                return tried;
            }
        }
    }

    fn engine(&self, worker: Worker) -> Result<Engine, String> {
        let docker_host = if worker.is_spare {
            must(std::process::Command::new(script()).args(["spare-engine", "start"]))
                .trim()
                .to_owned()
        } else {
            let docker = self.world.docker(worker.compose);
            let found = docker.get_envs().find(|(key, _)| *key == "DOCKER_HOST");
            let found = found.and_then(|(_, value)| value?.to_str());
            found.ok_or("no DOCKER_HOST")?.to_owned()
        };
        Ok(Engine { docker_host })
    }

    /// The next cell of that kind; `None` where there is none left.
    fn one(
        &self,
        server: &Server,
        memory: &mut Memory,
        worker: Worker,
        kind: Kind,
    ) -> Result<Option<Tried>, String> {
        if self.is_exhausted(kind, worker.is_spare) {
            return Ok(None);
        }
        let before = prepare::prepare(server, memory, kind)?;
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if !queues
            .iter()
            .any(|(key, _)| *key == (kind, worker.is_spare))
        {
            let plan = prepare::plan(server, kind, &before)?;
            queues.push((
                (kind, worker.is_spare),
                self.choose(kind, worker.is_spare, &plan),
            ));
        }
        let queue = queues
            .iter_mut()
            .find(|(key, _)| *key == (kind, worker.is_spare));
        let cell = queue.and_then(|(_, queue)| queue.pop_front());
        drop(queues);
        let Some(cell) = cell else {
            // Prepared for nothing: the next may begin here.
            return Ok(None);
        };
        let begun = Instant::now();
        let failure = attempt::run(server, memory, &cell, &before).err();
        let tried = Tried {
            cell: Some(cell),
            failure,
            seconds: begun.elapsed().as_secs(),
        };
        println!("{tried}");
        Ok(Some(tried))
    }

    fn is_wanted(&self, kind: Kind, is_spare: bool) -> bool {
        if self.wanted.is_empty() {
            return sample(kind, is_spare, self.seed) > 0;
        }
        let named = self.wanted.split('/').next().unwrap_or_default();
        named == kind.word() || !Kind::ALL.map(Kind::word).contains(&named)
    }

    fn is_exhausted(&self, kind: Kind, is_spare: bool) -> bool {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues
            .iter()
            .any(|(key, queue)| *key == (kind, is_spare) && queue.is_empty())
    }

    fn choose(&self, kind: Kind, is_spare: bool, plan: &serde_json::Value) -> VecDeque<Cell> {
        let mut cells = cell::cells(kind, plan);
        cells.retain(|cell| (cell.fault == Fault::DockerRestarted) == is_spare);
        // A run that ends early has met as many steps with as many faults as there was time for.
        let is_held = |cell: &Cell| self.held.contains(cell.to_string().as_str());
        let (held, mut cells): (Vec<Cell>, Vec<Cell>) = cells.into_iter().partition(is_held);
        let meeting = |cell: &Cell| (cell.place.is_back, cell.place.step.clone(), cell.fault);
        let mut met: BTreeSet<_> = held.iter().map(meeting).collect();
        let mut random = fastrand::Rng::with_seed(self.seed);
        random.shuffle(&mut cells);
        let (first, others): (Vec<Cell>, Vec<Cell>) = cells
            .into_iter()
            .partition(|cell| met.insert(meeting(cell)));
        if self.wanted == "whole" {
            println!(
                "{}{}: {} cells to try, {} of them the first of their step and fault",
                kind.word(),
                if is_spare { " on the spare Engine" } else { "" },
                first.len() + others.len(),
                first.len()
            );
        }
        let mut cells = [first, others].concat();
        match self.wanted {
            "" => cells.truncate(sample(kind, is_spare, self.seed)),
            "whole" => {}
            name => cells.retain(|cell| cell.to_string().contains(name)),
        }
        cells.into()
    }
}
