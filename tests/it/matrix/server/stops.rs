//! Stops: where an operation waits for the test, or fails for it. They stand in
//! `hooks/`, which lie before the real commands in the PATH of every step.

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use rustix::{io::Errno, process::Pid};

use super::command::{DEADLINE, breathe, output, words};

const HOOKS: [(&str, &str); 5] = [
    ("stop.sh", include_str!("hooks/stop.sh")),
    ("sh", include_str!("hooks/sh")),
    ("docker", include_str!("hooks/docker")),
    ("mv", include_str!("hooks/mv")),
    ("ln", include_str!("hooks/ln")),
];

/// Lays the hooks; returns their directory.
pub fn lay_hooks(home: &Path) -> Result<PathBuf, String> {
    let hooks = home.join("hooks");
    fs::create_dir(&hooks).map_err(words)?;
    for (name, text) in HOOKS {
        let path = hooks.join(name);
        fs::write(&path, text).map_err(words)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(words)?;
    }
    Ok(hooks)
}

/// Where operations stop for the test.
pub struct Stops {
    directory: PathBuf,
    reached: OwnedFd,
    go: OwnedFd,
}

impl Stops {
    /// None is laid; those of an earlier cell are gone.
    pub fn fresh(home: &Path) -> Result<Self, String> {
        let directory = home.join("stops");
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(words)?;
        }
        fs::create_dir(&directory).map_err(words)?;
        let open = |name: &str| -> Result<OwnedFd, String> {
            let path = directory.join(name);
            output(Command::new("mkfifo").arg(&path))?;
            // Read and write: neither side waits for the other to open it.
            let file = fs::File::options()
                .read(true)
                .write(true)
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(&path)
                .map_err(words)?;
            Ok(file.into())
        };
        Ok(Self {
            reached: open("reached")?,
            go: open("go")?,
            directory,
        })
    }

    /// Lays what the hooks look for.
    pub fn lay(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.directory.join(name), text).map_err(words)
    }

    /// Takes it away again.
    pub fn lift(&self, name: &str) -> Result<(), String> {
        fs::remove_file(self.directory.join(name)).map_err(words)
    }

    /// Puts the steps of an operation back as they were before their limits were made short.
    pub fn restore_limits(&self, operation: &Path) -> Result<(), String> {
        for list in ["forward", "back"] {
            let whole = self.directory.join(format!("{list}.steps"));
            if whole.exists() {
                fs::copy(whole, operation.join(list).join("steps")).map_err(words)?;
            }
        }
        Ok(())
    }

    /// Waits until somebody has come to a stop, or `gone` says that nobody will; returns the parent of
    /// the one who waits there.
    pub fn wait(&self, mut gone: impl FnMut() -> bool) -> Result<Pid, String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let mut buffer = [0; 256];
            match rustix::io::read(&self.reached, &mut buffer) {
                Ok(read) => {
                    let text = String::from_utf8_lossy(&buffer[..read]);
                    let parent = text
                        .split_whitespace()
                        .nth(1)
                        .and_then(|word| word.parse().ok());
                    return parent
                        .and_then(Pid::from_raw)
                        .ok_or_else(|| format!("a stop said {text:?}"));
                }
                Err(Errno::AGAIN) => breathe(),
                Err(error) => return Err(words(error)),
            }
            if gone() {
                return Err("the stop was never reached".to_owned());
            }
            if Instant::now() > until {
                return Err("the stop was not reached in time".to_owned());
            }
        }
    }

    /// Lets whoever waits go on.
    pub fn go(&self) -> Result<(), String> {
        rustix::io::write(&self.go, b"go\n")
            .map(drop)
            .map_err(words)
    }
}
