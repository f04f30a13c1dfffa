//! Resolves references to secrets: a variable, a command's output, a file.
//!
//! The value goes from here into a request's header and nowhere else: no fault, log line or argument
//! list holds it. Knows nothing of what a secret is for but its key in the configuration.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use tokio::io::AsyncReadExt;

use crate::{
    config::SecretReference,
    process::Command,
    release::{Fault, FaultKind},
};

/// A password manager may ask its agent, but nobody waits for ever.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// Longer than this is no token and no password.
const LONGEST: usize = 64 * 1024;

/// Resolves the secrets of one configuration.
#[derive(Debug, Clone)]
pub struct Secrets {
    directory: PathBuf,
}

impl Secrets {
    /// For the configuration at `path`: relative files are looked for beside it.
    pub fn beside(path: &Path) -> Self {
        Self {
            directory: path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }

    /// The value that `reference` stands for, read anew. `key` is where the configuration names it, such
    /// as `github.token`; faults are about it.
    ///
    /// # Errors
    /// [`FaultKind::Invalid`] where the variable, command or file is missing, empty or not text, or the
    /// command fails; [`FaultKind::TimedOut`] where it takes over 30 s.
    pub async fn resolve(
        &self,
        key: &str,
        reference: &SecretReference,
    ) -> Result<SecretString, Fault> {
        let value = match reference {
            SecretReference::Variable(name) => variable(key, name)?,
            SecretReference::Command(words) => command(key, words).await?,
            SecretReference::File(path) => file(key, &self.directory.join(path)).await?,
        };
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(Fault::new(FaultKind::Invalid, key, "the secret is empty")
                .remedy(format!("see what {} gives", described(reference))));
        }
        Ok(SecretString::from(value.to_owned()))
    }
}

/// A reference in words, without its value.
fn described(reference: &SecretReference) -> String {
    match reference {
        SecretReference::Variable(name) => format!("the variable {name}"),
        SecretReference::Command(words) => {
            format!("the command {:?}", words.first().map_or("", String::as_str))
        }
        SecretReference::File(path) => format!("the file {}", path.display()),
    }
}

fn variable(key: &str, name: &str) -> Result<String, Fault> {
    std::env::var(name).map_err(|error| {
        let message = match error {
            std::env::VarError::NotPresent => format!("the variable {name} is not set"),
            std::env::VarError::NotUnicode(_) => format!("the variable {name} is not text"),
        };
        Fault::new(FaultKind::Invalid, key, message).remedy(format!(
            "export {name}, or change {key} in the configuration"
        ))
    })
}

async fn file(key: &str, path: &Path) -> Result<String, Fault> {
    let unreadable = |error: std::io::Error| {
        Fault::new(
            FaultKind::Invalid,
            key,
            format!("cannot read {}", path.display()),
        )
        .because(error)
        .remedy(format!(
            "put the secret there, readable for you, or change {key} in the configuration"
        ))
    };
    let mut text = String::new();
    tokio::fs::File::open(path)
        .await
        .map_err(unreadable)?
        .take(LONGEST as u64)
        .read_to_string(&mut text)
        .await
        .map_err(unreadable)?;
    Ok(text)
}

async fn command(key: &str, words: &[String]) -> Result<String, Fault> {
    let remedy = format!("run it by hand, or change {key} in the configuration");
    let Some((program, arguments)) = words.split_first() else {
        return Err(Fault::new(FaultKind::Invalid, key, "the command is empty").remedy(remedy));
    };
    let cannot_run = |error: std::io::Error| {
        Fault::new(FaultKind::Invalid, key, format!("cannot run {program:?}"))
            .because(error)
            .remedy(&remedy)
    };
    let collected = Command::new(program).args(arguments).collect(b"", LONGEST);
    let output = match tokio::time::timeout(COMMAND_TIME, collected).await {
        Ok(output) => output.map_err(cannot_run)?,
        Err(_) => {
            return Err(Fault::new(
                FaultKind::TimedOut,
                key,
                format!("{program:?} gave no answer in {} s", COMMAND_TIME.as_secs()),
            )
            .remedy(remedy));
        }
    };
    if output.status != 0 {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let last = complaint.lines().rfind(|line| !line.trim().is_empty());
        return Err(
            // Not a passing failure: tried again by itself, it would ask the operator again and again.
            Fault::new(FaultKind::Invalid, key, format!("{program:?} failed"))
                .because(match last {
                    Some(line) => line.chars().take(200).collect(),
                    None => format!("exit status {}", output.status),
                })
                .remedy(remedy),
        );
    }
    String::from_utf8(output.stdout).map_err(|_| {
        Fault::new(
            FaultKind::Invalid,
            key,
            format!("{program:?} prints no text"),
        )
        .remedy(remedy)
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    async fn run(script: &str) -> Result<String, Fault> {
        let reference = SecretReference::Command(["sh", "-c", script].map(str::to_owned).to_vec());
        Secrets::beside(Path::new("config.toml"))
            .resolve("github.token", &reference)
            .await
            .map(|secret| secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_command_gives_what_it_prints_without_the_last_line_break() {
        assert_eq!(run("printf 'a b\\n\\n'").await.unwrap(), "a b\n");
    }

    #[tokio::test]
    async fn a_failing_command_says_why_and_what_to_change_but_not_what_it_printed() {
        let fault = run("echo hidden; echo 'no agent' >&2; exit 3")
            .await
            .unwrap_err();
        let words = fault.to_string();
        assert!(
            words.contains("no agent") && words.contains("change github.token"),
            "{words}"
        );
        assert!(!words.contains("hidden"), "{words}");
        assert_eq!(run("true").await.unwrap_err().kind, FaultKind::Invalid);
    }

    #[tokio::test]
    async fn a_file_is_looked_for_beside_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), "s3cret\r\n").unwrap();
        let secrets = Secrets::beside(&directory.path().join("config.toml"));
        let found = |name: &str| SecretReference::File(name.into());
        let secret = secrets
            .resolve("github.token", &found("token"))
            .await
            .unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
        let fault = secrets
            .resolve("github.token", &found("gone"))
            .await
            .unwrap_err();
        assert!(fault.to_string().contains("gone"), "{fault}");
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_named() {
        let reference = SecretReference::Variable("FLIGHTDECK_NOT_SET_ANYWHERE".into());
        let fault = Secrets::beside(Path::new("config.toml"))
            .resolve("registries.\"ghcr.io\".password", &reference)
            .await
            .unwrap_err();
        assert!(
            fault.remedy.contains("export FLIGHTDECK_NOT_SET_ANYWHERE"),
            "{fault}"
        );
    }
}
