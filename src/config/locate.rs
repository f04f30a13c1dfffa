//! Where the configuration lies, and reading it: the only place in this room that touches a disk.

use std::{
    fmt, fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use super::{Config, ConfigError, parse};

/// The environment variable that names the configuration.
pub const VARIABLE: &str = "FLIGHTDECK_CONFIG";
/// The configuration in the working directory.
const HERE: &str = "flightdeck.toml";
/// No configuration is larger, in bytes: what is larger is another file.
const LARGEST: u64 = 1 << 20;

/// Where a configuration was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file.
    pub path: PathBuf,
    /// By which rule.
    pub by: FoundBy,
}

/// By which rule a configuration was found, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// `--config`.
    Argument,
    /// `$FLIGHTDECK_CONFIG`.
    Variable,
    /// `./flightdeck.toml`.
    WorkingDirectory,
    /// `config.toml` in the XDG configuration directory.
    ConfigDirectory,
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argument => "--config",
            Self::Variable => "$FLIGHTDECK_CONFIG",
            Self::WorkingDirectory => "the working directory",
            Self::ConfigDirectory => "the configuration directory",
        })
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none in any of the places.
    #[error(
        "no configuration: looked for {}; write one from config.example.toml, or try `flightdeck demo`",
        places.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" and ")
    )]
    NotFound {
        /// Where it was looked for.
        places: Vec<PathBuf>,
    },
    /// It was named, or is there, and cannot be read.
    #[error("cannot read the configuration {} (named by {by}): {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// By which rule it was found.
        by: FoundBy,
        /// What the system says.
        source: io::Error,
    },
    /// It was read, and something is wrong with it.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

/// Finds the configuration: the one that `--config` names, else `$FLIGHTDECK_CONFIG`, else
/// `./flightdeck.toml`, else `config.toml` in the XDG configuration directory. One that is named by
/// the first two is taken without looking whether it is there.
///
/// # Errors
/// [`LoadError::NotFound`] if none is named and none is there.
pub fn locate(explicit: Option<PathBuf>) -> Result<Located, LoadError> {
    if let Some(path) = explicit {
        return Ok(Located {
            path,
            by: FoundBy::Argument,
        });
    }
    if let Some(path) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(Located {
            path: path.into(),
            by: FoundBy::Variable,
        });
    }
    let mut places = Vec::new();
    let directory = directories::ProjectDirs::from("", "", "flightdeck").map(|dirs| {
        (
            dirs.config_dir().join("config.toml"),
            FoundBy::ConfigDirectory,
        )
    });
    for (path, by) in [
        Some((PathBuf::from(HERE), FoundBy::WorkingDirectory)),
        directory,
    ]
    .into_iter()
    .flatten()
    {
        if path.exists() {
            return Ok(Located { path, by });
        }
        places.push(path);
    }
    Err(LoadError::NotFound { places })
}

/// Finds, reads and checks the configuration.
///
/// # Errors
/// If there is none, it cannot be read, or something is wrong with it: then everything that is.
pub fn load(explicit: Option<PathBuf>) -> Result<Config, LoadError> {
    let located = locate(explicit)?;
    let text = read(&located.path).map_err(|source| LoadError::Unreadable {
        path: located.path.clone(),
        by: located.by,
        source,
    })?;
    Ok(parse(&text, &located.path)?)
}

/// Where what never changes is kept between runs: `~/.cache/flightdeck` unless `$XDG_CACHE_HOME` says
/// otherwise; under the temporary directory where there is no home.
pub fn cache_directory() -> PathBuf {
    directories::ProjectDirs::from("", "", "flightdeck").map_or_else(
        || std::env::temp_dir().join("flightdeck-cache"),
        |dirs| dirs.cache_dir().to_owned(),
    )
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "larger than 1 MiB: this is another file",
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
}
