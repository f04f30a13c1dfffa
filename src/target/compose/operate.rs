//! Starts operations on a server. What travels was rendered before; here it is sent, once,
//! and the answer is read. After a lost reply our own claim is looked for: nothing is ever sent twice.

use std::time::Duration;

use super::{
    connection::server::Server,
    script::{
        self, Folder, Nonce, Place, Refusal, StartFailure, StartReply, find_reply, start_reply,
    },
    shell::{Shell, ShellOutput},
};
use crate::release::{
    Fault, FaultKind,
    newer::REMEDY,
    operation::{Claim, Direction, OperationId, timestamp},
    text::clean,
};

/// How often a lost reply's operation is looked for, and how long between: an upload that arrived
/// whole just before the link broke takes a moment to claim.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Uploads `folder` to `place` on `server` and starts it; returns the operation's number as soon as it
/// has claimed the environment.
///
/// # Errors
/// [`Conflict`](FaultKind::Conflict) where somebody holds the environment, with the holder in words;
/// [`TimedOut`](FaultKind::TimedOut) where it is not known whether it was started.
pub async fn start(server: &Server, place: &Place, folder: &Folder) -> Result<OperationId, Fault> {
    let nonce = Nonce::random();
    let script = script::upload(folder, &nonce, place).map_err(|error| unnameable(place, error))?;
    hand_over(server, place, &nonce, script).await
}

/// Sends `script`, which claims the environment for `nonce`; returns the operation's number. Sent once:
/// after a lost reply the nonce is looked for.
///
/// # Errors
/// As [`start`].
pub(super) async fn hand_over(
    server: &Server,
    place: &Place,
    nonce: &Nonce,
    script: Vec<u8>,
) -> Result<OperationId, Fault> {
    let connected = server.connected().await?;
    let reply = match connected.channels.run(script).await {
        Ok(output) => match start_reply(&output.stdout) {
            Ok(reply) => read_start(place, reply, &output),
            Err(error) => Err(Unsure(
                Fault::new(
                    FaultKind::Malformed,
                    place.environment.as_str(),
                    "the server's answer was lost",
                )
                .because(format!("{error}; {}", complaint(&output))),
            )),
        },
        Err(fault) => Err(Unsure(fault)),
    };
    drop(connected);
    match reply {
        Ok(reply) => reply,
        Err(Unsure(fault)) => look_for(server, place, nonce, fault).await,
    }
}

/// Whether anything was started is not known.
struct Unsure(Fault);

fn read_start(
    place: &Place,
    reply: StartReply,
    output: &ShellOutput,
) -> Result<Result<OperationId, Fault>, Unsure> {
    match reply {
        StartReply::Started(operation) => Ok(Ok(operation)),
        StartReply::Refused {
            why,
            operation,
            claim,
            newer,
            at,
        } => Ok(Err(newer.map_or_else(
            || refused(place, why, operation, claim.as_ref(), at),
            |newer| newer.fault(place.environment.as_str()),
        ))),
        StartReply::Failed(failure) => {
            let fault = failed(place, failure).because(complaint(output));
            match failure {
                StartFailure::Runner | StartFailure::Nonce => Err(Unsure(fault)),
                _ => Ok(Err(fault)),
            }
        }
    }
}

/// Looks for our own claim after `lost`.
async fn look_for(
    server: &Server,
    place: &Place,
    nonce: &Nonce,
    lost: Fault,
) -> Result<OperationId, Fault> {
    tracing::warn!(fault = %lost, %nonce, "reply lost: looking for the claim");
    let script = script::find(place, nonce).map_err(|error| unnameable(place, error))?;
    let mut was_looked = false;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let Ok(connected) = server.connected().await else {
            continue;
        };
        let Ok(output) = connected.channels.run(script.clone()).await else {
            continue;
        };
        match find_reply(&output.stdout) {
            Ok(Some(operation)) => return Ok(operation),
            Ok(None) => was_looked = true,
            Err(_) => {}
        }
    }
    let fault = if was_looked {
        Fault::new(
            FaultKind::Failed,
            place.environment.as_str(),
            "the operation did not begin: the server has no claim of it",
        )
        .remedy("nothing was changed; look whether the server is well and start it again")
    } else {
        Fault::new(
            FaultKind::TimedOut,
            place.environment.as_str(),
            "the link broke while the operation was handed over: whether it runs is not known",
        )
        .remedy("wait until the environment is live again and shows its operation before you start another")
    };
    Err(fault.because(lost))
}

fn refused(
    place: &Place,
    why: Refusal,
    operation: OperationId,
    claim: Option<&Claim>,
    at: Option<(Direction, String)>,
) -> Fault {
    let who = claim.map_or_else(
        || Claim::SOMEBODY.to_owned(),
        |claim| {
            let mut who = claim.who();
            if let Some(at) = claim.at {
                who.push_str(&format!(
                    " since {}",
                    timestamp(at).strftime("%Y-%m-%d %H:%MZ")
                ));
            }
            if !claim.reason.is_empty() {
                who.push_str(&format!(" ({})", claim.reason));
            }
            who
        },
    );
    let what = claim.map_or("operation", |claim| &claim.kind);
    let step = at.map_or_else(String::new, |(direction, step)| {
        format!(" at {} step {step}", direction.word())
    });
    let (message, remedy) = match why {
        Refusal::Held => (
            format!("held by {who}: {what} {operation} is under way"),
            "follow it, or wait for its end".to_owned(),
        ),
        Refusal::Lock => (
            format!("locked by {who}"),
            "ask them, or unlock it".to_owned(),
        ),
        Refusal::Interrupted => (
            format!("{what} {operation} of {who} was interrupted{step}"),
            "recover it first: resume, go back or abandon it".to_owned(),
        ),
        Refusal::Orphaned => (
            format!(
                "{what} {operation} of {who} lost its runner{step}, and what that step started still runs"
            ),
            "recover it: what still runs is ended first".to_owned(),
        ),
        Refusal::Unknown => (
            format!(
                "held by {who}: whether {what} {operation} still runs cannot be seen from there"
            ),
            "look on the machine or in the container where it was started; if nothing of it runs there, recover it with --seen-dead".to_owned(),
        ),
        Refusal::Format => (
            format!("operation {operation} was written by a newer flightdeck"),
            REMEDY.to_owned(),
        ),
        Refusal::Superseded => (
            format!("{what} {operation} of {who} has been since"),
            "look at its history, and plan anew".to_owned(),
        ),
        Refusal::Ask => (
            format!(
                "{what} {operation} stopped{step}, and whether that may run again only you can tell"
            ),
            "say whether to run it again or to skip it".to_owned(),
        ),
        Refusal::Ended => (
            format!("{what} {operation} has ended: nothing of it is left for this"),
            "plan anew".to_owned(),
        ),
        Refusal::Missing => (
            format!("there is no operation {operation} on the server"),
            "look at its history".to_owned(),
        ),
        Refusal::NoWayBack => (
            format!("the plan of {what} {operation} has no way back"),
            "resume it, abandon it, or roll back".to_owned(),
        ),
        Refusal::Owner => (
            format!("files of {what} {operation} can be read by the Unix user of {who} alone"),
            "let them recover it, or roll back".to_owned(),
        ),
    };
    Fault::new(FaultKind::Conflict, place.environment.as_str(), message).remedy(remedy)
}

fn failed(place: &Place, failure: StartFailure) -> Fault {
    let directory = &place.directory;
    let (kind, message, remedy) = match failure {
        StartFailure::Directory => (
            FaultKind::Missing,
            format!("{directory} is not there, or cannot be entered"),
            "correct directory in the configuration, or make it on the server".to_owned(),
        ),
        StartFailure::Setsid => (
            FaultKind::Unsupported,
            "the server has no setsid, without which an operation would end with the connection"
                .to_owned(),
            "install util-linux or busybox there".to_owned(),
        ),
        StartFailure::Logind => (
            FaultKind::Unsupported,
            "the server ends what a session has started together with the session (KillUserProcesses=yes), and an operation must outlive it"
                .to_owned(),
            "set KillUserProcesses=no in /etc/systemd/logind.conf there, or connect as a user of KillExcludeUsers".to_owned(),
        ),
        StartFailure::Write => (
            FaultKind::Permission,
            format!("{directory}/.flightdeck cannot be written"),
            "look at its owner, its mode and the free space on the server".to_owned(),
        ),
        StartFailure::Link => (
            FaultKind::Unsupported,
            format!("the file system of {directory} has no hard links, which claims need"),
            "move the project to a local file system".to_owned(),
        ),
        StartFailure::Rename => (
            FaultKind::Conflict,
            format!("a folder without a claim is in the way in {directory}/.flightdeck"),
            format!(
                "look at {directory}/.flightdeck/{}/operations on the server and move the highest number away",
                place.project
            ),
        ),
        StartFailure::Overtaken => (
            FaultKind::Conflict,
            "somebody else claimed the environment in the same moment, where one cannot see whether the other lives"
                .to_owned(),
            "nothing was started; look at what holds the environment, and plan anew".to_owned(),
        ),
        StartFailure::Nonce | StartFailure::Runner => (
            FaultKind::Failed,
            "the runner did not say whether it began".to_owned(),
            format!("look at {directory}/.flightdeck on the server"),
        ),
    };
    Fault::new(kind, place.environment.as_str(), message).remedy(remedy)
}

pub(super) fn unnameable(place: &Place, error: script::Unquotable) -> Fault {
    Fault::new(
        FaultKind::Invalid,
        place.environment.as_str(),
        "its files cannot be named",
    )
    .remedy("correct directory and project in the configuration")
    .because(error)
}

/// What the system said, in one line.
pub(super) fn complaint(output: &ShellOutput) -> String {
    let text = clean(String::from_utf8_lossy(&output.stderr).trim());
    text.chars().take(400).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place {
            environment: "production".parse().unwrap(),
            directory: "/srv/shop".into(),
            project: "shop".into(),
        }
    }

    #[test]
    fn a_refusal_names_the_holder_and_what_to_do() {
        let claim: Claim = serde_json::from_value(json!({
            "operator": "mira", "origin": "laptop", "reason": "hotfix", "kind": "promote",
            "at": 5, "nonce": "n",
        }))
        .unwrap();
        let fault = refused(&place(), Refusal::Held, OperationId(42), Some(&claim), None);
        assert_eq!(fault.kind, FaultKind::Conflict);
        assert!(
            fault
                .message
                .contains("mira from laptop since 1970-01-01 00:00Z (hotfix)"),
            "{fault}"
        );
        assert!(fault.message.contains("promote 000042"), "{fault}");
        assert_eq!(&*fault.subject, "production", "not its Compose project");

        let at = Some((Direction::Forward, "switch".to_owned()));
        let fault = refused(&place(), Refusal::Interrupted, OperationId(42), None, at);
        assert!(fault.message.contains("at forward step switch"), "{fault}");
        assert!(fault.remedy.contains("recover"), "{fault}");
    }

    #[test]
    fn only_where_nothing_can_have_begun_is_it_called_a_failure() {
        let output = ShellOutput {
            status: 1,
            stdout: Vec::new(),
            stderr: b"cannot create\n".to_vec(),
        };
        for (failure, is_sure) in [
            (StartFailure::Directory, true),
            (StartFailure::Setsid, true),
            (StartFailure::Write, true),
            (StartFailure::Link, true),
            (StartFailure::Rename, true),
            (StartFailure::Overtaken, true),
            (StartFailure::Nonce, false),
            (StartFailure::Runner, false),
        ] {
            let read = read_start(&place(), StartReply::Failed(failure), &output);
            assert_eq!(read.is_ok(), is_sure, "{failure:?}");
        }
    }
}
