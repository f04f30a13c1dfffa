//! The directory of our sockets: only ours (0700), with a path short enough for sockets, and swept away
//! by the next one who comes if we die before we can do it.

use std::{
    fs::{DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

const PREFIX: &str = "flightdeck-";
/// So many letters and digits follow it.
const RANDOM: usize = 8;
/// Held locked by the living owner.
const LOCK: &str = "lock";
/// What the lock is called until it is held.
const BEING_LOCKED: &str = "lock.new";
/// A socket's path must be shorter than 108 bytes, of which ssh takes 17 for a temporary name and we
/// up to 12 for a name of ours.
const LONGEST_PATH: usize = 108 - 1 - 17 - 12 - 1;
/// A directory without a lock may be being made; after this it never will be.
const BEING_MADE: Duration = Duration::from_secs(60);

/// A directory for sockets; removed when dropped.
#[derive(Debug)]
pub struct SocketDirectory {
    path: PathBuf,
    _lock: File,
}

impl SocketDirectory {
    /// Makes one, after sweeping those of the dead.
    ///
    /// # Errors
    /// Those of making a directory where sockets can be.
    pub fn make() -> io::Result<Self> {
        let mut error = io::Error::other("no directory for sockets has a path short enough");
        for base in bases() {
            match Self::make_in(&base) {
                Ok(made) => return Ok(made),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    fn make_in(base: &Path) -> io::Result<Self> {
        sweep(base);
        let name: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(RANDOM)
            .collect();
        let path = base.join(format!("{PREFIX}{name}"));
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(io::Error::other(format!(
                "{} is too long for sockets",
                path.display()
            )));
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        // Locked before it has its name: a lock that can be seen is held or its owner is dead.
        let being_made = path.join(BEING_LOCKED);
        let lock = File::create_new(&being_made)?;
        lock.lock()?;
        std::fs::rename(&being_made, path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    /// A path in it, for a socket; `name` is at most 12 bytes long.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for SocketDirectory {
    fn drop(&mut self) {
        // Whoever comes next sweeps what cannot be removed now.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn bases() -> impl Iterator<Item = PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .into_iter()
        .chain([std::env::temp_dir(), PathBuf::from("/tmp")])
        .filter(|base| base.is_absolute())
}

/// Whether it is a name that [`SocketDirectory::make`] gives: somebody may keep files of his own in a
/// directory whose name begins like ours.
fn is_our_name(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Removes a directory of ours with what we lay in there, and nothing else: with anything more in it,
/// it stays.
fn remove(path: &Path) {
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let is_ours = entry.file_type().is_ok_and(|kind| {
            use std::os::unix::fs::FileTypeExt as _;
            let name = entry.file_name();
            kind.is_socket() || (kind.is_file() && (name == LOCK || name == BEING_LOCKED))
        });
        if is_ours {
            // What cannot be removed keeps the directory, which the next one sweeps.
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let _ = std::fs::remove_dir(path);
}

/// Removes what dead owners left. Errors leave things as they are: nothing depends on it.
fn sweep(base: &Path) {
    let ours = rustix::process::getuid().as_raw();
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let is_candidate = entry.file_name().to_str().is_some_and(is_our_name);
        let Some(metadata) = is_candidate
            .then(|| std::fs::symlink_metadata(entry.path()).ok())
            .flatten()
            .filter(|metadata| {
                metadata.is_dir() && metadata.uid() == ours && metadata.mode() & 0o777 == 0o700
            })
        else {
            continue;
        };
        let is_dead = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
            Err(_) => metadata.modified().is_ok_and(|made| {
                SystemTime::now()
                    .duration_since(made)
                    .is_ok_and(|age| age > BEING_MADE)
            }),
        };
        if is_dead {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_owner_left_is_swept_and_the_living_is_spared() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let living = SocketDirectory::make_in(base.path()).unwrap();
        let mode = std::fs::metadata(&living.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);

        let dead = base.path().join("flightdeck-dead0000");
        let private = |path: &Path| DirBuilder::new().mode(0o700).create(path).unwrap();
        private(&dead);
        File::create(dead.join(LOCK)).unwrap();
        std::os::unix::net::UnixListener::bind(dead.join("s-1")).unwrap();
        let being_made = base.path().join("flightdeck-new00000");
        private(&being_made);

        let second = SocketDirectory::make_in(base.path()).unwrap();
        assert!(!dead.exists());
        assert!(being_made.exists() && living.path.exists());
        drop(living);
        assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 2);
        drop(second);
    }

    #[test]
    fn a_directory_of_somebody_elses_with_such_a_name_keeps_what_is_in_it() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let theirs = [
            "flightdeck-checkout",
            "flightdeck-12345678",
            "flightdeck-87654321",
        ];
        for (name, mode) in theirs.into_iter().zip([0o700, 0o755, 0o700]) {
            let path = base.path().join(name);
            DirBuilder::new().mode(mode).create(&path).unwrap();
            // A lock that nobody holds: the owner of one of ours would be dead.
            File::create(path.join(LOCK)).unwrap();
            std::fs::write(path.join("notes"), "of a year").unwrap();
        }
        drop(SocketDirectory::make_in(base.path()).unwrap());
        for name in theirs {
            let notes = std::fs::read_to_string(base.path().join(name).join("notes"));
            assert_eq!(notes.unwrap(), "of a year", "{name}");
        }
    }

    #[test]
    fn a_path_too_long_for_sockets_is_refused() {
        let base = tempfile::tempdir_in("/tmp").unwrap();
        let long = base.path().join("x".repeat(90));
        std::fs::create_dir(&long).unwrap();
        assert!(SocketDirectory::make_in(&long).is_err());
    }
}
