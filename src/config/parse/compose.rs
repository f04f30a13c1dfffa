//! Where an environment's Compose project lies: its host and how that is reached, its directory, the
//! files that Compose reads there, and its name.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{
    reader::{self, Fields},
    service::{Services, relative_file},
};
use crate::config::{Compose, Host, Pin, Reach, Target, problem::Problems};
use crate::release::ServiceName;

/// Reads it. `base` is the directory of the configuration.
pub(super) fn read(fields: &Fields<'_>, base: &Path, p: &mut Problems) -> Option<Target> {
    if let Some(kind) = fields.text("target", p)
        && *kind.get_ref() != "compose"
    {
        p.add(
            kind.span(),
            format!("{:?} is not a target", kind.get_ref()),
            "write \"compose\"",
        );
    }
    let host = host(fields, base, p);
    let directory = fields
        .required("directory", "directory = \"/srv/shop\"", p)
        .and_then(|value| reader::text(value, "directory", p))
        .and_then(|directory| project_directory(&directory, p));
    let files = relative_files(fields, "files", "docker-compose.yml", p);
    let environment_files = relative_files(fields, "environment_files", ".env", p);
    let project = project(fields, directory.as_deref(), p);
    Some(Target::Compose(Compose {
        host: host?,
        directory: directory?,
        files,
        environment_files,
        project: project?,
    }))
}

fn host(fields: &Fields<'_>, base: &Path, p: &mut Problems) -> Option<Host> {
    let destination = fields
        .required("host", "host = \"user@server\", or host = \"local\"", p)
        .and_then(|value| reader::text(value, "host", p))
        .and_then(|host| destination(&host, p));
    let config = fields
        .text("ssh_config", p)
        .and_then(|path| local_file(&path, p))
        .map(|path| base.join(path));
    let docker = match fields.get("docker") {
        None => Some(vec!["docker".to_owned()]),
        Some(_) => fields.words("docker", p),
    };
    let socket = fields
        .text("socket", p)
        .and_then(|socket| absolute(&socket, "socket", "/run/user/1000/docker.sock", p));
    let reach = match destination? {
        destination if destination == "local" => {
            if let Some(span) = fields.key_span("ssh_config") {
                p.add(span, "a local environment is not reached by ssh", "");
            }
            Reach::Local
        }
        destination => Reach::Ssh {
            destination,
            config,
        },
    };
    Some(Host {
        reach,
        docker: docker?,
        socket,
    })
}

/// What ssh is given as its destination: nothing that it would read as an option.
fn destination(host: &Spanned<&str>, p: &mut Problems) -> Option<String> {
    let text = *host.get_ref();
    let ok = !text.is_empty()
        && !text.starts_with('-')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if !ok {
        p.add(
            host.span(),
            format!("{text:?} is not a host"),
            "write what you give to ssh, such as \"deploy@shop.example.com\", or \"local\"",
        );
    }
    ok.then(|| text.to_owned())
}

/// Where the Compose project lies: absolute, or in the login's home. Without a slash at its end.
fn project_directory(directory: &Spanned<&str>, p: &mut Problems) -> Option<String> {
    let text = *directory.get_ref();
    let ok = (text.starts_with('/') || text.starts_with("~/"))
        && text.len() > 1
        && !text.contains(',')
        && !text.chars().any(char::is_control);
    if !ok {
        p.add(
            directory.span(),
            format!("{text:?} is not a directory on the server"),
            "write it from the root, such as \"/srv/shop\", or from the login's home: \"~/shop\"",
        );
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// The project's name: configured, or the directory's as Compose makes one of it.
fn project(fields: &Fields<'_>, directory: Option<&str>, p: &mut Problems) -> Option<String> {
    if let Some(project) = fields.text("project", p) {
        let text = *project.get_ref();
        let normal = project_from(text);
        if text.is_empty() || normal != text {
            p.add(
                project.span(),
                format!("{text:?} is not a Compose project's name"),
                "use lower-case letters, digits, '-' and '_', beginning with a letter or a digit",
            );
            return None;
        }
        return Some(normal);
    }
    let name = project_from(directory?.rsplit('/').next().unwrap_or_default());
    if name.is_empty() {
        p.add(
            fields.key_span("directory").unwrap_or(fields.span()),
            "the directory's name makes no name for the Compose project",
            "add project = \"name\", as `docker compose ls` shows it",
        );
        return None;
    }
    Some(name)
}

/// Compose's own rule: lower case, without what a project's name cannot hold.
fn project_from(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

fn relative_files(fields: &Fields<'_>, key: &str, default: &str, p: &mut Problems) -> Vec<String> {
    let Some(list) = fields.list(key, p) else {
        return vec![default.to_owned()];
    };
    let mut files: Vec<String> = Vec::new();
    for item in &list {
        let Some(file) = relative_file(item, p) else {
            continue;
        };
        if files.contains(&file) {
            p.add(
                item.span(),
                format!("{file} is in {key:?} twice"),
                "take one of them away",
            );
        }
        files.push(file);
    }
    if list.is_empty()
        && let Some(value) = fields.get(key)
    {
        p.add(
            value.span(),
            format!("{key:?} names no file"),
            format!("leave it out for [{default:?}]"),
        );
    }
    files
}

/// Every pin lies in a file that Compose reads here, or the pin would change nothing.
pub(super) fn pins_reach(
    fields: &Fields<'_>,
    own: &[ServiceName],
    services: &Services,
    compose: &Compose,
    p: &mut Problems,
) {
    for read in own.iter().filter_map(|name| services.read.get(name)) {
        let (file, files, key) = match &read.service.pin {
            Pin::Override { file } => (file, &compose.files, "files"),
            Pin::Variable { file, .. } => (file, &compose.environment_files, "environment_files"),
        };
        if !files.contains(file) {
            let mut suggestion = files.clone();
            suggestion.push(file.clone());
            p.disagree(
                fields.key_span(key).unwrap_or(fields.span()),
                format!(
                    "{file} pins {}, but is not among the {key:?} of {}",
                    read.service.name,
                    fields.name()
                ),
                format!("write {key} = {suggestion:?}"),
            );
        }
    }
}

/// A file on the operator's machine: absolute, or relative to the configuration. As it is written.
pub(super) fn local_file(file: &Spanned<&str>, p: &mut Problems) -> Option<PathBuf> {
    let text = *file.get_ref();
    if text.is_empty() || text.starts_with('~') || text.chars().any(char::is_control) {
        p.add(
            file.span(),
            format!("{text:?} is not a file's path"),
            "write it from the root, or relative to this file; '~' is not expanded",
        );
        return None;
    }
    Some(PathBuf::from(text))
}

fn absolute(path: &Spanned<&str>, key: &str, example: &str, p: &mut Problems) -> Option<String> {
    let text = path.get_ref().trim_start_matches("unix://");
    let ok = text.starts_with('/') && !text.chars().any(char::is_control);
    if !ok {
        p.add(
            path.span(),
            format!("{text:?} is not an absolute path"),
            format!("write {key} = {example:?}"),
        );
    }
    ok.then(|| text.to_owned())
}
