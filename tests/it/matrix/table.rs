//! What was tried, and what held.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::cell::Cell;

/// What is printed between a cell that held and its seconds.
const HELD: &str = ": held, ";

/// A cell that was tried.
pub struct Tried {
    /// `None`: a server could not be laid out or prepared.
    pub cell: Option<Cell>,
    /// Why it did not hold.
    pub failure: Option<String>,
    pub seconds: u64,
}

impl Tried {
    pub fn server(error: String) -> Self {
        Self {
            cell: None,
            failure: Some(error),
            seconds: 0,
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cell {
            Some(cell) => write!(f, "{cell}")?,
            None => f.write_str("a server")?,
        }
        match &self.failure {
            None => write!(f, "{HELD}{} s", self.seconds),
            Some(failure) => write!(f, ": FAILED: {failure}"),
        }
    }
}

/// The cells that held, by what a run printed.
pub fn held(said: &str) -> impl Iterator<Item = &str> {
    said.lines()
        .filter_map(|line| line.split_once(HELD).map(|(cell, _)| cell))
}

/// Kinds down, faults across: held of tried. Then what failed.
pub fn table(tried: &[Tried]) -> String {
    let mut counts: BTreeMap<(&'static str, &'static str), (usize, usize)> = BTreeMap::new();
    for (cell, held) in tried
        .iter()
        .filter_map(|tried| Some((tried.cell.as_ref()?, tried.failure.is_none())))
    {
        let kinds = [cell.kind.word(), "all"];
        let faults = [cell.fault.word(), "all"];
        for kind in kinds {
            for fault in faults {
                let count = counts.entry((kind, fault)).or_default();
                count.0 += usize::from(held);
                count.1 += 1;
            }
        }
    }
    let mut text = String::from("held/tried\n");
    let words = |of: fn(&(&'static str, &'static str)) -> &'static str| -> Vec<&'static str> {
        let found: BTreeSet<&str> = counts.keys().map(of).collect();
        let named = found.into_iter().filter(|word| *word != "all");
        named.chain(["all"]).collect()
    };
    let (kinds, faults) = (words(|(kind, _)| kind), words(|(_, fault)| fault));
    text.push_str(&format!("{:22}", ""));
    for fault in &faults {
        text.push_str(&format!("  {fault:>8}"));
    }
    text.push('\n');
    for kind in &kinds {
        text.push_str(&format!("{kind:22}"));
        for fault in &faults {
            let cell = match counts.get(&(*kind, *fault)) {
                Some((held, tried)) => format!("{held}/{tried}"),
                None => "-".to_owned(),
            };
            text.push_str(&format!("  {cell:>width$}", width = fault.len().max(8)));
        }
        text.push('\n');
    }
    for tried in tried.iter().filter(|tried| tried.failure.is_some()) {
        text.push_str(&format!("{tried}\n"));
    }
    text
}
