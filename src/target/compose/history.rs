//! Reads the end of an environment's ledger.

use super::{
    connection::server::Server,
    script::{self, LedgerShape, Place, read_ledger},
    shell::Shell,
};
use crate::release::{Fault, FaultKind, record::Ledger};

/// An operation can have several lines, of which the last counts: of a few it was written again by
/// whoever recovered it.
const LINES_AN_OPERATION: usize = 2;

/// The last `n` records of the environment at `place`, oldest first, and which lines of all its ledger could
/// not be read.
///
/// # Errors
/// The link's faults, and a directory that cannot be entered.
pub async fn history(server: &Server, place: &Place, n: usize) -> Result<Ledger, Fault> {
    let subject = place.environment.as_str();
    let lines = n.saturating_mul(LINES_AN_OPERATION).max(1);
    let script = script::history(place, lines).map_err(|error| {
        Fault::new(FaultKind::Invalid, subject, "its ledger cannot be named")
            .remedy("correct directory and project in the configuration")
            .because(error)
    })?;
    let connected = server.connected().await?;
    let output = connected.channels.run(script).await?;
    if output.status != 0 {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(
            Fault::new(FaultKind::Missing, subject, "its ledger cannot be read")
                .remedy(format!(
                    "look at {} on {}",
                    place.directory,
                    server.host().label()
                ))
                .because(said.trim()),
        );
    }
    let mut ledger = read(&output.stdout);
    let older = ledger.records.len().saturating_sub(n);
    ledger.records.drain(..older);
    Ok(ledger)
}

/// Reads what the script printed: where the ledger is damaged, a line `-`, its last lines.
fn read(told: &[u8]) -> Ledger {
    const BETWEEN: &[u8] = b"\n-\n";
    let between = told
        .windows(BETWEEN.len())
        .position(|window| window == BETWEEN);
    let Some(at) = between else {
        return Ledger::default();
    };
    let shape = LedgerShape::read(&told[..at]);
    shape.complete(read_ledger(&told[at + BETWEEN.len()..]), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::compose::connection::channel::Channels;

    #[tokio::test]
    async fn history_reaches_into_the_older_half_of_the_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join(".flightdeck/shop");
        std::fs::create_dir_all(&state).unwrap();
        std::fs::write(state.join("ledger.1.jsonl"), "1\n2\n3\n").unwrap();
        std::fs::write(state.join("ledger.jsonl"), "4\n5\n").unwrap();
        let place = Place {
            environment: "production".parse().unwrap(),
            directory: directory.path().display().to_string(),
            project: "shop".into(),
        };
        let output = Channels::Local
            .run(script::history(&place, 4).unwrap())
            .await
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(told.split_once("\n-\n").unwrap().1, "2\n3\n4\n5\n");
        let ledger = read(&output.stdout);
        assert_eq!(ledger.damaged, 5, "all of it, not only what was read");
        let places: Vec<String> = ledger.damaged_at.iter().map(ToString::to_string).collect();
        assert_eq!(places[0], "ledger.1.jsonl line 1");
        assert_eq!(places[4], "ledger.jsonl line 2");
    }

    #[tokio::test]
    async fn an_environment_that_was_never_seen_has_no_history() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place {
            environment: "production".parse().unwrap(),
            directory: directory.path().display().to_string(),
            project: "it's a shop".into(),
        };
        let output = Channels::Local
            .run(script::history(&place, 10).unwrap())
            .await
            .unwrap();
        assert_eq!((output.status, &*output.stdout), (0, &b""[..]));

        let elsewhere = Place {
            directory: "/nowhere; echo".into(),
            ..place
        };
        let output = Channels::Local
            .run(script::history(&elsewhere, 10).unwrap())
            .await
            .unwrap();
        assert_ne!(output.status, 0);
    }
}
