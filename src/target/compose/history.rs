//! Reads the end of an environment's ledger.

use super::{
    connection::server::Server,
    script::{Place, Unquotable, quote, read_ledger},
    shell::Shell,
};
use crate::release::{Fault, FaultKind, record::Ledger};

/// An operation can have several lines, of which the last counts: of a few it was written again by
/// whoever recovered it.
const LINES_AN_OPERATION: usize = 2;

/// The last `n` records of the environment at `place`, oldest first, and which lines among them could not
/// be read.
///
/// # Errors
/// The link's faults, and a directory that cannot be entered.
pub async fn history(server: &Server, place: &Place, n: usize) -> Result<Ledger, Fault> {
    let subject = server.host().label();
    let script = script(place, n).map_err(|error| {
        Fault::new(FaultKind::Invalid, subject, "its ledger cannot be named")
            .remedy("correct directory and project in the configuration")
            .because(error)
    })?;
    let connected = server.connected().await?;
    let output = connected.channels.run(script).await?;
    if output.status != 0 {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Fault::new(
            FaultKind::Missing,
            subject,
            format!("the ledger of {} cannot be read", place.project),
        )
        .remedy(format!("look at {} on the server", place.directory))
        .because(said.trim()));
    }
    let mut ledger = read_ledger(&output.stdout);
    let older = ledger.records.len().saturating_sub(n);
    ledger.records.drain(..older);
    Ok(ledger)
}

/// One function called on its last line, as all that travels. The older half of a long ledger lies in a
/// file of its own.
fn script(place: &Place, n: usize) -> Result<Vec<u8>, Unquotable> {
    let directory = quote(&place.directory)?;
    let project = quote(&place.project)?;
    let lines = n.saturating_mul(LINES_AN_OPERATION).max(1);
    Ok(format!(
        "history() {{\n\
         case $1 in '~' | '~/'*) set -- \"$HOME${{1#?}}\" \"$2\" ;; esac\n\
         cd -- \"$1\" || return 1\n\
         [ -e \".flightdeck/$2\" ] || return 0\n\
         cd -- \".flightdeck/$2\" || return 1\n\
         set --\n\
         for ledger in ledger.1.jsonl ledger.jsonl; do\n\
         [ ! -e \"$ledger\" ] || set -- \"$@\" \"$ledger\"\n\
         [ ! -e \"$ledger\" ] || [ -r \"$ledger\" ] || return 1\n\
         done\n\
         [ $# = 0 ] || cat -- \"$@\" | tail -n {lines}\n\
         }}\n\
         history {directory} {project}\n"
    )
    .into_bytes())
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
            directory: directory.path().display().to_string(),
            project: "shop".into(),
        };
        let output = Channels::Local
            .run(script(&place, 2).unwrap())
            .await
            .unwrap();
        assert_eq!(&*output.stdout, b"2\n3\n4\n5\n");
    }

    #[tokio::test]
    async fn an_environment_that_was_never_seen_has_no_history() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place {
            directory: directory.path().display().to_string(),
            project: "it's a shop".into(),
        };
        let output = Channels::Local
            .run(script(&place, 5).unwrap())
            .await
            .unwrap();
        assert_eq!((output.status, &*output.stdout), (0, &b""[..]));

        let elsewhere = Place {
            directory: "/nowhere; echo".into(),
            ..place
        };
        let output = Channels::Local
            .run(script(&elsewhere, 5).unwrap())
            .await
            .unwrap();
        assert_ne!(output.status, 0);
    }
}
