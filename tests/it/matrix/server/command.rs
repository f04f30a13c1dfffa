//! Commands: what they said, how they ended, how long one waits for them.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// For what hangs; nothing is measured with it.
pub const DEADLINE: Duration = Duration::from_secs(600);

/// What a command of flightdeck's ended with.
#[derive(Debug, Clone)]
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
}

/// A command of flightdeck's that runs.
pub struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    /// Starts a command; what it says goes to the file `output`.
    pub fn start(mut command: Command, output: PathBuf) -> Result<Self, String> {
        let file = fs::File::create(&output).map_err(words)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(words)?)
            .stderr(file)
            .spawn()
            .map_err(words)?;
        Ok(Self { child, output })
    }

    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    pub fn wait(mut self) -> Result<Said, String> {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ok(Said {
                    code: status.code(),
                    text: self.said(),
                });
            }
            if Instant::now() > until {
                self.kill();
                return Err(format!("a command did not end: {}", self.said()));
            }
            breathe();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at what has no event of its own.
const BREATH: Duration = Duration::from_millis(50);

pub fn breathe() {
    std::thread::sleep(BREATH);
}

pub fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Runs a command to its end; a failure tells all that it said.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// Waits until `holds`.
pub fn wait_until(what: &str, holds: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
    wait_until_every(BREATH, what, holds)
}

/// The same, where a look costs something.
pub fn wait_until_every(
    between: Duration,
    what: &str,
    mut holds: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let until = Instant::now() + DEADLINE;
    while !holds()? {
        if Instant::now() > until {
            return Err(format!("did not come about: {what}"));
        }
        std::thread::sleep(between);
    }
    Ok(())
}
