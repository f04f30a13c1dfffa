//! What speaks against every plan, before one is made.

use std::collections::BTreeMap;

use super::super::docker;
use super::{
    frames::Part,
    pins::Pins,
    read::{FileState, ServerFile, first_line, place},
};
use crate::{
    config::{Environment, Pin, Service, Target},
    release::{Fault, FaultKind, ServiceName, survey::Survey},
};

fn fault(environment: &Environment, kind: FaultKind, message: impl AsRef<str>) -> Fault {
    Fault::new(kind, environment.name.as_str(), message)
}

/// Refuses a server that lacks what an operation needs.
pub(super) fn first(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
) -> Result<(), Fault> {
    let Target::Compose(compose) = &environment.target;
    let version_line = place(parts, "docker").unwrap_or_default();
    let version = first_line(parts, "compose-version");
    let part = |name: &str| parts.get(name).cloned().unwrap_or_default();
    if version_line.to_ascii_lowercase().contains("podman") {
        return Err(fault(
            environment,
            FaultKind::Unsupported,
            "docker on this server is podman's stand-in, whose Compose behaves otherwise",
        )
        .because(version_line)
        .remedy("install Docker Engine, or name its command as the host's docker"));
    }
    let containers = part("containers");
    if containers.status != 0 {
        return Err(docker::trouble(
            &compose.host,
            environment.name.as_str(),
            &containers.complaint,
        ));
    }
    if version.is_empty() {
        return Err(fault(
            environment,
            FaultKind::Unsupported,
            format!(
                "`{} compose` does not answer on this server: Compose v2 is needed",
                compose.host.docker.join(" ")
            ),
        )
        .because(part("compose-version").complaint)
        .remedy("install the docker-compose-plugin; the old docker-compose will not do"));
    }
    if version.trim_start_matches('v').starts_with("1.") {
        return Err(fault(
            environment,
            FaultKind::Unsupported,
            format!("Compose {version} is too old: version 2 is needed"),
        )
        .remedy("install the docker-compose-plugin"));
    }
    if place(parts, "setsid").is_none() {
        return Err(fault(
            environment,
            FaultKind::Unsupported,
            "there is no setsid on this server: an operation could not outlive our connection",
        )
        .remedy("install util-linux, or busybox with setsid"));
    }
    if place(parts, "writable").is_none() {
        return Err(fault(
            environment,
            FaultKind::Permission,
            format!("{} may not be written by this user", compose.directory),
        )
        .remedy("give the deploying user's group write permission on it"));
    }
    if let Some(state) = place(parts, "state") {
        return Err(fault(
            environment,
            FaultKind::Permission,
            format!(
                "{}/{state} may not be written by this user",
                compose.directory
            ),
        )
        .remedy(
            "somebody else has made it: give .flightdeck to the group of those who deploy \
             (chgrp -R GROUP .flightdeck; chmod -R g+rwX .flightdeck)",
        ));
    }
    Ok(())
}

/// Refuses a project whose containers were made from another directory or other files than the
/// configured ones: what we would switch is not what runs.
pub(super) fn other_project(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    survey: &Survey,
    logical: &str,
) -> Result<(), Fault> {
    let Target::Compose(compose) = &environment.target;
    let ours: Vec<&str> = services
        .values()
        .filter_map(|service| match &service.pin {
            Pin::Override { file } => Some(file.as_str()),
            Pin::Variable { .. } => None,
        })
        .collect();
    let base = compose
        .files
        .first()
        .and_then(|file| file.rsplit_once('/'))
        .map_or("", |(folder, _)| folder);
    for container in &survey.containers.containers {
        if !environment.services.contains(&container.service) {
            continue;
        }
        let directories =
            [survey.directory.as_str(), logical].map(|directory| join(directory, base));
        let made_in = container.working_directory.trim_end_matches('/');
        if !made_in.is_empty() && !directories.iter().any(|known| known == made_in) {
            return Err(fault(
                environment,
                FaultKind::Conflict,
                format!(
                    "project {} runs from {made_in} and not from {}",
                    compose.project, survey.directory
                ),
            )
            .remedy("correct the environment's directory or its project's name"));
        }
        let named: Vec<&str> = container
            .config_files
            .split(',')
            .map(|file| file.rsplit('/').next().unwrap_or(file))
            .filter(|file| !file.is_empty())
            .collect();
        let last = |file: &&String| file.rsplit('/').next().unwrap_or(file.as_str()).to_owned();
        let all: Vec<String> = compose.files.iter().map(|file| last(&file)).collect();
        let without_ours: Vec<String> = compose
            .files
            .iter()
            .filter(|file| !ours.contains(&file.as_str()))
            .map(|file| last(&file))
            .collect();
        if !named.is_empty() && named != all && named != without_ours {
            return Err(fault(
                environment,
                FaultKind::Conflict,
                format!(
                    "{} runs from the compose files {} and not from {}",
                    container.name,
                    container.config_files,
                    compose.files.join(", ")
                ),
            )
            .remedy(
                "name all its compose files in the environment, in the order that is used by hand",
            ));
        }
    }
    Ok(())
}

fn join(directory: &str, base: &str) -> String {
    let base = base.trim_start_matches("./");
    if base.is_empty() {
        directory.to_owned()
    } else if base.starts_with('/') {
        base.to_owned()
    } else {
        format!("{directory}/{base}")
    }
}

/// Refuses pin files that could not be replaced as they are.
pub(super) fn unwritable_pins(
    environment: &Environment,
    pins: &Pins,
    files: &[ServerFile],
) -> Result<(), Fault> {
    for candidate in &pins.candidates {
        let Some(file) = files.iter().find(|file| file.name == candidate.file) else {
            continue;
        };
        let (message, remedy) = match file.state {
            FileState::Fine => continue,
            FileState::Directory => (
                format!(
                    "{} cannot be changed: neither it nor its directory may be written by this user",
                    file.path
                ),
                "give the deploying user's group write permission on the file or its directory",
            ),
            FileState::Owner => (
                format!(
                    "{} belongs to another user and may not be written by this one",
                    file.path
                ),
                "give the deploying user's group write permission on the file",
            ),
        };
        return Err(fault(environment, FaultKind::Permission, message).remedy(remedy));
    }
    Ok(())
}
