//! `steps.sh`: the functions that all steps share, with the environment's own values before them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{Environment, Host, Pin, Service},
    release::ServiceName,
};

use super::super::script::{Unquotable, quote};

/// Its name in the operation's folder.
pub(super) const NAME: &str = "steps.sh";

pub(super) const FRAGMENTS: [&str; 12] = [
    include_str!("sh/common.sh"),
    include_str!("sh/look.sh"),
    include_str!("sh/snapshot.sh"),
    include_str!("sh/last_words.sh"),
    include_str!("sh/pull.sh"),
    include_str!("sh/migrate.sh"),
    include_str!("sh/pin.sh"),
    include_str!("sh/switch.sh"),
    include_str!("sh/health.sh"),
    include_str!("sh/check.sh"),
    include_str!("sh/http.sh"),
    include_str!("sh/observe.sh"),
];

/// The whole of it.
pub(super) fn text(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<String, Unquotable> {
    let mut text = head(environment, services)?;
    // The steps run in the folder; people would type in the project's directory.
    text.push_str("cd -P -- \"$FD_FOLDER/../../../..\" || exit 1\n");
    for fragment in FRAGMENTS {
        text.push_str(&bare(fragment));
    }
    Ok(text)
}

/// `$project`, and `docker` and `compose` as functions. `docker` uses `$limit`, in seconds; `compose` uses `$override`, and for its files the
/// variables `$file_1` … and `$environment_1` …, which may be pointed elsewhere.
pub(in super::super) fn head(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<String, Unquotable> {
    let compose = super::compose(environment);
    let mut text = format!(
        "set -u\nunset CDPATH\nLC_ALL=C\nexport LC_ALL\nlimit=\noverride=\nproject={}\n",
        quote(&compose.project)?
    );
    text.push_str(&docker(&compose.host)?);
    // What is exported for one login must not win over the files.
    let mut unset: BTreeSet<&str> = [
        "COMPOSE_FILE",
        "COMPOSE_PROJECT_NAME",
        "COMPOSE_ENV_FILES",
        "COMPOSE_DISABLE_ENV_FILE",
    ]
    .into();
    for service in services.values() {
        if let Pin::Variable { variable, .. } = &service.pin {
            unset.insert(variable);
        }
    }
    text.push_str("unset");
    for variable in unset {
        text.push(' ');
        text.push_str(&quote(variable)?);
    }
    text.push('\n');
    for (index, file) in compose.environment_files.iter().enumerate() {
        text.push_str(&format!("environment_{}={}\n", index + 1, quote(file)?));
    }
    for (index, file) in compose.files.iter().enumerate() {
        text.push_str(&format!("file_{}={}\n", index + 1, quote(file)?));
    }
    text.push_str("compose() {\n");
    // Arguments are laid before what is there: the last first.
    if reads_environment_by_itself(&compose.files, &compose.environment_files) {
        text.push_str(
            "[ \"$environment_1\" = .env ] || set -- --env-file \"$environment_1\" \"$@\"\n",
        );
    } else {
        for number in (1..=compose.environment_files.len()).rev() {
            text.push_str(&format!(
                "[ ! -e \"$environment_{number}\" ] || set -- --env-file \"$environment_{number}\" \"$@\"\n"
            ));
        }
    }
    text.push_str("[ -z \"$override\" ] || set -- -f \"$override\" \"$@\"\n");
    let ours: BTreeSet<&str> = services
        .values()
        .filter_map(|service| match &service.pin {
            Pin::Override { file } => Some(file.as_str()),
            Pin::Variable { .. } => None,
        })
        .collect();
    for (index, file) in compose.files.iter().enumerate().rev() {
        let number = index + 1;
        if ours.contains(file.as_str()) {
            // Not there before the first switch.
            text.push_str(&format!("[ ! -e \"$file_{number}\" ] || "));
        }
        text.push_str(&format!("set -- -f \"$file_{number}\" \"$@\"\n"));
    }
    text.push_str("docker compose -p \"$project\" \"$@\"\n}\n");
    Ok(text)
}

/// Whether Compose finds the environment files without being told.
pub(super) fn reads_environment_by_itself(files: &[String], environment_files: &[String]) -> bool {
    environment_files == [".env"] && files.first().is_some_and(|file| !file.contains('/'))
}

fn docker(host: &Host) -> Result<String, Unquotable> {
    let mut text = String::new();
    let mut command = String::new();
    for word in &host.docker {
        command.push_str(&quote(word)?);
        command.push(' ');
    }
    if let Some(socket) = &host.socket {
        let address = if socket.contains("://") {
            socket.clone()
        } else {
            format!("unix://{socket}")
        };
        let address = quote(&address)?;
        if host.docker.len() > 1 {
            // sudo drops what is exported.
            command.push_str(&format!("-H {address} "));
        } else {
            text.push_str(&format!("DOCKER_HOST={address}\nexport DOCKER_HOST\n"));
        }
    }
    text.push_str(&format!(
        "docker() {{\ncommand ${{limit:+timeout \"$limit\"}} {command}\"$@\"\n}}\n"
    ));
    Ok(text)
}

/// A script without its comments and its indentation, neither of which has to travel.
pub(in super::super) fn bare(script: &str) -> String {
    script
        .lines()
        .map(|line| line.trim_start_matches('\t'))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(|line| [line, "\n"])
        .collect()
}
