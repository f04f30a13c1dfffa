//! What was tried, and what held.

use std::{collections::BTreeMap, fmt};

use super::cell::Cell;

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
            None => write!(f, ": held, {} s", self.seconds),
            Some(failure) => write!(f, ": FAILED: {failure}"),
        }
    }
}

/// Kinds down, faults across: held of tried. Then what failed.
pub fn table(tried: &[Tried]) -> String {
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
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
    let mut kinds: Vec<&str> = counts
        .keys()
        .map(|(kind, _)| *kind)
        .filter(|kind| *kind != "all")
        .collect();
    kinds.dedup();
    kinds.push("all");
    let mut faults: Vec<&str> = counts
        .keys()
        .map(|(_, fault)| *fault)
        .filter(|fault| *fault != "all")
        .collect();
    faults.sort_unstable();
    faults.dedup();
    faults.push("all");
    text.push_str(&format!("{:30}", ""));
    for kind in &kinds {
        text.push_str(&format!("{kind:>22}"));
    }
    text.push('\n');
    for fault in &faults {
        text.push_str(&format!("{fault:30}"));
        for kind in &kinds {
            let cell = match counts.get(&(*kind, *fault)) {
                Some((held, tried)) => format!("{held}/{tried}"),
                None => "-".to_owned(),
            };
            text.push_str(&format!("{cell:>22}"));
        }
        text.push('\n');
    }
    for tried in tried.iter().filter(|tried| tried.failure.is_some()) {
        text.push_str(&format!("{tried}\n"));
    }
    text
}
