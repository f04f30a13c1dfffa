//! shellcheck, which looks at what travels to servers.

use std::process::Command;

/// A call of it for POSIX sh. `None`, and a word of it, where it is not installed.
///
/// # Panics
/// Where it is not installed and the whole is to be tried.
pub fn shellcheck() -> Option<Command> {
    if Command::new("shellcheck")
        .arg("--version")
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("FLIGHTDECK_REAL").is_none(),
            "shellcheck is not installed"
        );
        eprintln!("not run: shellcheck is not installed");
        return None;
    }
    let mut command = Command::new("shellcheck");
    command.arg("--shell=sh");
    Some(command)
}
