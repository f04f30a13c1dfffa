//! `steps.sh`: the functions that all steps share, with the environment's own values before them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::super::{
    docker,
    script::{self, Unquotable, quote},
};
use crate::{
    config::{Environment, Pin, Service},
    release::{ServiceName, plan::HeadsFormat},
};

/// Its name in the operation's folder.
pub const NAME: &str = "steps.sh";

const FRAGMENTS: &[&str] = &[
    include_str!("sh/common.sh"),
    include_str!("sh/containers.sh"),
    include_str!("sh/images.sh"),
    include_str!("sh/snapshot.sh"),
    include_str!("sh/pin.sh"),
    include_str!("sh/heads.sh"),
    include_str!("sh/migrate.sh"),
    include_str!("sh/postgres.sh"),
    include_str!("sh/backup.sh"),
    include_str!("sh/stopping.sh"),
    include_str!("sh/lost.sh"),
    include_str!("sh/restore.sh"),
    include_str!("sh/clean_up.sh"),
    include_str!("sh/health.sh"),
    include_str!("sh/check.sh"),
    include_str!("sh/hook.sh"),
    include_str!("sh/switch.sh"),
    include_str!("sh/roll.sh"),
    include_str!("sh/observe.sh"),
];

/// Variables of Compose's own that would make it read another project than the configured one, or take
/// away more than it is told to.
const MISLEADING: [&str; 5] = [
    "COMPOSE_FILE",
    "COMPOSE_PROJECT_NAME",
    "COMPOSE_ENV_FILES",
    "COMPOSE_DISABLE_ENV_FILE",
    "COMPOSE_REMOVE_ORPHANS",
];

/// The whole of it. Its last act before the step's own is to enter the project's directory, by the path
/// that is configured or that the containers were made in: they are labelled with it.
pub(super) fn text(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    health_timeout: Duration,
) -> Result<String, Unquotable> {
    let mut text = head(environment, services)?;
    text.push_str(&format!("health_timeout={}\n", health_timeout.as_secs()));
    for fragment in FRAGMENTS {
        text.push_str(&docker::bare(fragment));
    }
    let directory = script::directory(&super::compose(environment).directory)?;
    text.push_str(&format!(
        "enter {directory} || fail \"cannot enter the project's directory\"\n"
    ));
    Ok(text)
}

/// `$project`, and `docker` and `compose` as functions, for scripts in the project's directory. `docker`
/// uses `$limit`, in seconds; `compose` uses `$override`, and for its files the variables `$file_1` … and
/// `$environment_1` …, which may be pointed elsewhere.
/// Variables that pin `services` are unset: the process environment would win over the files.
///
/// # Errors
/// A NUL byte in a path, name or command.
pub fn head(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Result<String, Unquotable> {
    let compose = super::compose(environment);
    let mut text = format!(
        "set -u\nunset CDPATH\nLC_ALL=C\nexport LC_ALL\nlimit=\nonly=\noverride=\nproject_directory=\nproject={}\n",
        quote(&compose.project)?
    );
    text.push_str(&docker::function(&compose.host)?);
    // What is exported for one login must not win over the files.
    let mut unset: BTreeSet<&str> = MISLEADING.into();
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
    text.push_str(
        "[ -z \"$project_directory\" ] || set -- --project-directory \"$project_directory\" \"$@\"\n",
    );
    text.push_str("docker compose -p \"$project\" \"$@\"\n}\n");
    Ok(text)
}

/// Whether Compose finds the environment files without being told.
pub(super) fn reads_environment_by_itself(files: &[String], environment_files: &[String]) -> bool {
    environment_files == [".env"] && files.first().is_some_and(|file| !file.contains('/'))
}

/// The name by which `read_heads` knows a format.
pub fn heads_format(format: HeadsFormat) -> &'static str {
    match format {
        HeadsFormat::Lines => "lines",
        HeadsFormat::Django => "django",
        HeadsFormat::Rails => "rails",
        HeadsFormat::Flyway => "flyway",
    }
}
