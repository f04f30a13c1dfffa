//! Where a project's files are, by the rules of Compose: flags, then variables, then what lies there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::interpolate::Variables;

/// Where a project's files are looked for, as the command line says it.
#[derive(Debug, Clone, Default)]
pub struct Location {
    /// The working directory.
    pub directory: PathBuf,
    /// `--project-directory`.
    pub project_directory: Option<PathBuf>,
    /// `-f`, in order.
    pub files: Vec<PathBuf>,
    /// `--env-file`, in order.
    pub environment_files: Vec<PathBuf>,
    /// `-p`.
    pub name: Option<String>,
    /// The process's environment, which wins over all files.
    pub environment: Variables,
    /// What stands on standard input, for a file that is named `-`.
    pub input: Option<String>,
}

pub(super) fn read(path: &Path, location: &Location) -> Result<String, String> {
    if is_input(path)
        && let Some(input) = &location.input
    {
        return Ok(input.clone());
    }
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("open {}: no such file or directory", path.display())
        }
        _ => format!("open {}: {error}", path.display()),
    })
}

/// Whether a path means standard input.
fn is_input(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.file_name().is_some_and(|name| name == "-")
}

pub(super) fn files(location: &Location) -> Result<Vec<PathBuf>, String> {
    let base = match &location.project_directory {
        Some(directory) => location.directory.join(directory),
        None => location.directory.clone(),
    };
    if !location.files.is_empty() {
        return Ok(location
            .files
            .iter()
            .map(|file| location.directory.join(file))
            .collect());
    }
    if let Some(files) = location.environment.get("COMPOSE_FILE") {
        return Ok(files.split(':').map(|file| base.join(file)).collect());
    }
    [
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
    ]
    .iter()
    .map(|name| base.join(name))
    .find(|path| path.is_file())
    .map(|path| vec![path])
    .ok_or_else(|| "no configuration file provided: not found".to_owned())
}

pub(super) fn environment_files(
    location: &Location,
    directory: &Path,
) -> Result<Vec<PathBuf>, String> {
    if location.environment_files.is_empty() {
        let usual = directory.join(".env");
        return Ok(if usual.is_file() {
            vec![usual]
        } else {
            Vec::new()
        });
    }
    location
        .environment_files
        .iter()
        .map(|file| {
            let path = location.directory.join(file);
            if path.exists() || is_input(&path) {
                Ok(path)
            } else {
                Err(format!("couldn't find env file: {}", path.display()))
            }
        })
        .collect()
}

pub(super) fn name(
    location: &Location,
    whole: &Map<String, Value>,
    variables: &Variables,
    directory: &Path,
) -> Result<String, String> {
    let written = whole.get("name").and_then(Value::as_str);
    let base = directory.file_name().unwrap_or_default().to_string_lossy();
    let name = location
        .name
        .as_deref()
        .or(variables.get("COMPOSE_PROJECT_NAME").map(String::as_str))
        .or(written)
        .unwrap_or(&base)
        .to_lowercase();
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    if name.is_empty() {
        return Err("project name must not be empty".to_owned());
    }
    Ok(name)
}
