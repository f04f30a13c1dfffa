//! The scripts as they travel, each one function called on its last line.

use std::fmt;

use super::{
    folder::{Access, Folder},
    quote::{Unquotable, directory, printf, quote},
};
use crate::release::{
    EnvironmentName,
    check::{CheckAnswer, CheckVerdict},
    operation::OperationId,
    text::clean,
};

const NEWER: &str = include_str!("../../../../assets/newer.sh");
const CLAIM: &str = concat!(
    include_str!("../../../../assets/newer.sh"),
    include_str!("../../../../assets/claim.sh")
);
const LEDGER_SHAPE: &str = include_str!("../../../../assets/ledger_shape.sh");
const HISTORY: &str = include_str!("../../../../assets/history.sh");
const LEDGER: &str = include_str!("../../../../assets/ledger.sh");
const UNLOCK: &str = include_str!("../../../../assets/unlock.sh");
/// The runner's parts; the last one calls them.
const RUNNER: [&str; 7] = [
    LEDGER,
    include_str!("../../../../assets/runner/hold.sh"),
    include_str!("../../../../assets/runner/recover.sh"),
    include_str!("../../../../assets/runner/steps.sh"),
    include_str!("../../../../assets/runner/lists.sh"),
    include_str!("../../../../assets/runner/end.sh"),
    include_str!("../../../../assets/runner.sh"),
];
const START: &str = include_str!("../../../../assets/start.sh");
const FOLLOWER: &str = include_str!("../../../../assets/follower.sh");
const TAIL: &str = include_str!("../../../../assets/tail.sh");
const FIND: &str = include_str!("../../../../assets/find.sh");
const VERDICT: &str = include_str!("../../../../assets/verdict.sh");
const CANCEL: &str = include_str!("../../../../assets/cancel.sh");

/// Tells our own operation from anybody else's, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one. It is no secret; it only has to be another than all before.
    pub fn random() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }

    /// As it stands in the claim's record.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where on a server an environment lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called: what refuses names it.
    pub environment: EnvironmentName,
    /// The directory of the Compose files; may begin with `~/`.
    pub directory: String,
    /// The Compose project's name.
    pub project: String,
}

/// What the host's follower watches for one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Where it lies.
    pub place: Place,
    /// What pins its versions; a pin's number in the follower's frames is its position here.
    pub pins: Vec<Pin>,
    /// Compose and environment files, to be hashed; relative to the directory or absolute.
    pub files: Vec<String>,
}

/// What pins a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The file, relative to the directory or absolute.
    pub file: String,
    /// The variable in it; `None`: the file is an override file of ours, and is shown whole.
    pub variable: Option<String>,
}

/// Uploads `folder` and starts its operation, in one round trip. The answer is for
/// [`start_reply`](super::start_reply).
///
/// # Errors
/// A NUL byte in a path or name.
pub fn upload(folder: &Folder, nonce: &Nonce, place: &Place) -> Result<Vec<u8>, Unquotable> {
    start(folder, nonce, place, "supervise")
}

/// Uploads `folder` and claims with it, without any process: a lock by hand. Its `who.json` counts,
/// whose kind has to be `lock`, its `passes`, and its `record.json` once it is unlocked.
///
/// # Errors
/// A NUL byte in a path or name.
pub fn lock(folder: &Folder, nonce: &Nonce, place: &Place) -> Result<Vec<u8>, Unquotable> {
    start(folder, nonce, place, "lock")
}

fn start(folder: &Folder, nonce: &Nonce, place: &Place, how: &str) -> Result<Vec<u8>, Unquotable> {
    let mut body = String::new();
    line(
        &mut body,
        &format!(
            "directory={} project={} nonce={nonce}",
            directory(&place.directory)?,
            quote(&place.project)?
        ),
    );
    body.push_str(&bare(START));
    line(&mut body, "prepare");
    for parent in folder.directories() {
        line(
            &mut body,
            &format!("mkdir -p {} || fail write", quote(parent)?),
        );
    }
    let runner: String = [CLAIM]
        .iter()
        .chain(&RUNNER)
        .map(|part| bare(part))
        .collect();
    place_file(&mut body, "runner.sh", Access::Shared, runner.as_bytes())?;
    for file in folder.files() {
        place_file(&mut body, &file.path, file.access, &file.bytes)?;
    }
    line(&mut body, &format!("launch {how}"));
    Ok(travelling(&body))
}

fn place_file(
    body: &mut String,
    path: &str,
    access: Access,
    bytes: &[u8],
) -> Result<(), Unquotable> {
    let path = quote(path)?;
    let text = printf(bytes);
    match access {
        Access::Shared => line(body, &format!("{text} >{path} || fail write")),
        // Made so from its first instant.
        Access::Secret => line(
            body,
            &format!("(umask \"$secret_umask\" && {text} >{path}) || fail write"),
        ),
    }
    Ok(())
}

/// The host's follower: frames for [`FrameCodec`](super::FrameCodec) until its standard input ends.
/// Environments are told apart by their position in `watched`.
///
/// # Errors
/// A NUL byte or a line end in a path or name.
pub fn follow(watched: &[Watched]) -> Result<Vec<u8>, Unquotable> {
    let mut body = bare(CLAIM) + &bare(LEDGER_SHAPE) + &bare(FOLLOWER);
    for (index, environment) in watched.iter().enumerate() {
        let place = &environment.place;
        line(
            &mut body,
            &format!(
                "environment {index} {} {}",
                one_line(&place.directory)?,
                one_line(&place.project)?
            ),
        );
        for (number, pin) in environment.pins.iter().enumerate() {
            line(
                &mut body,
                &format!(
                    "pin {index} {number} {} {}",
                    one_line(&pin.file)?,
                    one_line(pin.variable.as_deref().unwrap_or_default())?
                ),
            );
        }
        for file in &environment.files {
            line(&mut body, &format!("file {index} {}", one_line(file)?));
        }
    }
    line(&mut body, "follow");
    Ok(travelling(&body))
}

/// Follows one operation from its first byte: frames for [`FrameCodec`](super::FrameCodec) until it has
/// ended, or standard input ends.
///
/// # Errors
/// A NUL byte in a path or name.
pub fn tail(place: &Place, operation: OperationId) -> Result<Vec<u8>, Unquotable> {
    let script = bare(CLAIM) + &bare(TAIL);
    called(&script, "tail_operation", place, &operation.to_string())
}

/// Reads where the ledger is damaged, then a line `-`, then its last `lines` lines.
///
/// # Errors
/// A NUL byte in a path or name.
pub fn history(place: &Place, lines: usize) -> Result<Vec<u8>, Unquotable> {
    let script: String = [LEDGER_SHAPE, HISTORY].map(bare).concat();
    called(&script, "history", place, &lines.to_string())
}

/// Looks for the operation of `nonce`, after a reply was lost. The answer is for
/// [`find_reply`](super::find_reply).
///
/// # Errors
/// A NUL byte in a path or name.
pub fn find(place: &Place, nonce: &Nonce) -> Result<Vec<u8>, Unquotable> {
    called(&bare(FIND), "find_operation", place, nonce.as_str())
}

/// Asks an operation to cancel; `who` is JSON on one line, kept beside it. The answer is for
/// [`cancel_reply`](super::cancel_reply).
///
/// # Errors
/// A NUL byte in a path or name.
pub fn cancel(
    place: &Place,
    operation: OperationId,
    who: &serde_json::Value,
) -> Result<Vec<u8>, Unquotable> {
    let arguments = format!("{operation} {}", quote(&who.to_string())?);
    called(
        &(bare(NEWER) + &bare(CANCEL)),
        "cancel_operation",
        place,
        &arguments,
    )
}

/// Brings an operation a verdict on a check that is asked by whoever follows. The answer is for
/// [`verdict_reply`](super::verdict_reply).
///
/// # Errors
/// A NUL byte in a path or text.
pub fn verdict(place: &Place, answer: &CheckAnswer) -> Result<Vec<u8>, Unquotable> {
    let (word, why) = match &answer.verdict {
        CheckVerdict::Asking => ("asking", ""),
        CheckVerdict::Holds => ("holds", ""),
        CheckVerdict::Fails(why) => ("fails", why.as_str()),
    };
    // As the step itself calls it: see check.sh.
    let check = format!(
        "{}-{}-{}",
        answer.operation.0,
        answer.direction.word(),
        answer.step
    );
    let arguments = format!(
        "{} {} {word} {}",
        answer.operation,
        quote(&check)?,
        quote(&clean(why))?
    );
    called(
        &(bare(NEWER) + &bare(VERDICT)),
        "verdict",
        place,
        &arguments,
    )
}

/// Ends the lock by hand `operation`; `who` is JSON on one line, and goes into its ledger line. The
/// answer is for [`unlock_reply`](super::unlock_reply).
///
/// # Errors
/// A NUL byte in a path or name.
pub fn unlock(
    place: &Place,
    operation: OperationId,
    who: &serde_json::Value,
) -> Result<Vec<u8>, Unquotable> {
    let script: String = [CLAIM, LEDGER, UNLOCK].map(bare).concat();
    let arguments = format!("{operation} {}", quote(&who.to_string())?);
    called(&script, "unlock", place, &arguments)
}

/// `script`, as it travels, then a call of `function` with the place and `arguments`, which are shell words.
fn called(
    script: &str,
    function: &str,
    place: &Place,
    arguments: &str,
) -> Result<Vec<u8>, Unquotable> {
    let mut body = script.to_owned();
    line(
        &mut body,
        &format!(
            "{function} {} {} {arguments}",
            quote(&place.directory)?,
            quote(&place.project)?
        ),
    );
    Ok(travelling(&body))
}

/// One function called on the last line; it leaves the shell, which would wait for more. Neither a part of that line nor the line without its last
/// word calls anything: there is no command of such a name.
fn travelling(body: &str) -> Vec<u8> {
    format!(
        "__flightdeck() {{\n[ \"${{1-}}\" = complete ] || return 1\n{body}exit\n}}\n__flightdeck complete\n"
    )
    .into_bytes()
}

/// The follower keeps its lists a line an entry.
fn one_line(text: &str) -> Result<String, Unquotable> {
    if text.contains(['\n', '\t']) {
        return Err(Unquotable {
            shown: text.to_owned(),
        });
    }
    quote(text)
}

/// A script without its comments and its indentation, neither of which has to travel.
fn bare(script: &str) -> String {
    let mut text = String::with_capacity(script.len());
    for kept in script
        .lines()
        .map(|l| l.trim_start_matches('\t'))
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        text.push_str(kept);
        text.push('\n');
    }
    text
}

fn line(body: &mut String, text: &str) {
    body.push_str(text);
    body.push('\n');
}
