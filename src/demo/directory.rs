//! The temporary directory that the embedded world lives in, and what is left of dead ones.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

const PREFIX: &str = "flightdeck-demo-";
/// How often its removal is tried.
const ATTEMPTS: usize = 20;

/// A directory that nobody else may enter, removed when it is dropped.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// The directory itself, locked as long as its process lives: by this others know that it is not
    /// left over.
    _lock: File,
}

impl Directory {
    /// Makes one, after removing those that dead processes have left.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn new() -> io::Result<Self> {
        let parent = parent();
        sweep(&parent);
        loop {
            let path = tempfile::Builder::new()
                .prefix(PREFIX)
                .rand_bytes(6)
                .permissions(fs::Permissions::from_mode(0o700))
                .tempdir_in(&parent)?
                .keep();
            // Another one's sweep may come before the lock: then it is gone, and another is made.
            match File::open(&path) {
                Ok(lock) if lock.try_lock().is_ok() && path.exists() => {
                    return Ok(Self { path, _lock: lock });
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }

    /// Where it is. Short, so that a socket's path in it fits into 108 bytes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // An operation that was under way may write beside us for a moment: what it adds meanwhile is
        // taken with the next attempt, or by the next one's sweep.
        for _ in 0..ATTEMPTS {
            match fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                _ => return,
            }
        }
    }
}

/// `/tmp`, where the system's own choice would make a socket's path too long.
fn parent() -> PathBuf {
    let chosen = std::env::temp_dir();
    if chosen.as_os_str().len() <= 40 {
        chosen
    } else {
        PathBuf::from("/tmp")
    }
}

/// Removes the directories of demonstrations that have died. What cannot be removed stays: the next
/// one tries again.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    let own = rustix::process::geteuid().as_raw();
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && fs::symlink_metadata(entry.path())
                .is_ok_and(|m| m.is_dir() && m.uid() == own && m.mode() & 0o077 == 0);
        if ours && is_left_over(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether nobody holds its lock.
fn is_left_over(directory: &Path) -> bool {
    File::open(directory).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_ones_directory_is_swept_and_a_living_ones_stays() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = place.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            File::open(path).unwrap()
        };
        drop(make("flightdeck-demo-dead"));
        let living = make("flightdeck-demo-living");
        living.try_lock().unwrap();
        drop(make("somebody-else"));
        sweep(place.path());
        let left: Vec<bool> = [
            "flightdeck-demo-dead",
            "flightdeck-demo-living",
            "somebody-else",
        ]
        .iter()
        .map(|name| place.path().join(name).exists())
        .collect();
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn nobody_else_may_enter_and_nothing_is_left() {
        let directory = Directory::new().unwrap();
        let path = directory.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert!(path.join("production/.flightdeck").as_os_str().len() < 80);
        drop(directory);
        assert!(!path.exists());
    }
}
