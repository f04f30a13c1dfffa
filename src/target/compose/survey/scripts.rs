//! The two scripts of a survey.

use std::collections::BTreeMap;

use crate::{
    config::{Environment, Pin, Probe, Service, Target},
    plan::schema,
    release::{
        ServiceName,
        plan::{BackupTool, Deed, Request},
    },
};

use super::{
    super::{
        docker,
        pin::{Rendered, keep},
        render::library,
        script::{Unquotable, printf, quote},
    },
    files, storage,
};

const CLAIM: &str = include_str!("../../../../assets/claim.sh");
const COMMON: &str = include_str!("../render/sh/common.sh");
const POSTGRES: &str = include_str!("../render/sh/postgres.sh");
const SURVEY: &str = include_str!("survey.sh");

/// No answer of Compose's or the Engine's is longer.
const LONG: &str = "8388608";
const SHORT: &str = "65536";

/// A script under construction.
struct Script(String);

impl Script {
    fn new(
        environment: &Environment,
        services: &BTreeMap<ServiceName, Service>,
    ) -> Result<Self, Unquotable> {
        let Target::Compose(compose) = &environment.target;
        let mut text = library::head(environment, services)?;
        // Not steps of an operation, and yet they share its functions.
        text.push_str("FD_FOLDER=/nowhere\nFD_OPERATION=0\n");
        text.push_str(&docker::bare(COMMON));
        text.push_str(&docker::bare(SURVEY));
        text.push_str(&format!(
            "open_survey\ndirectory={}\n",
            directory(&compose.directory)?
        ));
        text.push_str("enter \"$directory\" || exit 3\nlogical=$PWD\ndirectory=$(pwd -P)\n");
        Ok(Self(text))
    }

    fn collect<'a>(
        &mut self,
        name: &str,
        most: &str,
        command: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unquotable> {
        self.0.push_str(&format!("collect {name} {most}"));
        for word in command {
            self.0.push(' ');
            self.0.push_str(&quote(word)?);
        }
        self.0.push('\n');
        Ok(())
    }

    /// One function called on the last line: a script that was cut off runs nothing.
    fn finish(mut self) -> Vec<u8> {
        self.0.push_str("close_survey\n");
        format!(
            "__flightdeck() {{\n[ \"${{1-}}\" = complete ] || return 1\n{}}}\n__flightdeck complete\n",
            self.0
        )
        .into_bytes()
    }
}

/// What is there.
pub(super) fn first(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    neighbours: &[Environment],
    request: &Request,
) -> Result<Vec<u8>, Unquotable> {
    let Target::Compose(compose) = &environment.target;
    let mut script = Script::new(environment, services)?;
    script.0.push_str(&docker::bare(CLAIM));
    script.0.push_str(&format!(
        "root=.flightdeck/{}\nif command -v sha256sum >/dev/null; then algorithm=sha256; else algorithm='cksum'; fi\nhere\n",
        quote(&compose.project)?
    ));
    script.collect("containers", LONG, ["containers"])?;
    script.collect("config", LONG, ["compose", "config", "--format", "json"])?;
    script.collect("hashes", SHORT, ["compose", "config", "--hash", "*"])?;
    let mut repositories: Vec<String> = Vec::new();
    for name in &environment.services {
        if let Some(service) = services.get(name) {
            repositories.push(familiar(service.repository.as_str()).to_owned());
        }
        repositories.push(keep::repository(&compose.project, name));
    }
    repositories.sort();
    repositories.dedup();
    let words = repositories.iter().map(String::as_str);
    script.collect("images", LONG, ["images"].into_iter().chain(words))?;
    script.collect(
        "compose-version",
        SHORT,
        ["docker", "compose", "version", "--short"],
    )?;
    script.collect(
        "engine-version",
        SHORT,
        ["docker", "version", "--format", "{{.Server.Version}}"],
    )?;
    script.collect("place", SHORT, ["place"])?;
    let all = files(environment, services);
    let words = all.iter().map(String::as_str);
    script.collect("files", LONG, ["files"].into_iter().chain(words))?;
    for (number, file) in pin_files(environment, services).iter().enumerate() {
        script.collect(&format!("pin-{number}"), LONG, ["bytes_of", file])?;
    }
    script.collect("ledger", LONG, ["ledger"])?;
    script.collect("operation", SHORT, ["operation"])?;
    for service in asked_inside(environment) {
        let name = format!("means-{service}");
        script.collect(&name, SHORT, ["means_in", service.as_str()])?;
    }
    if let Some(migration) = &environment.migration {
        let heads = schema::heads_command(migration);
        if !heads.is_empty() {
            in_service(&mut script, "heads", &migration.service, &heads)?;
        }
        if let Deed::Migrate { to: Some(to), .. } = &request.deed
            && schema::is_revision(to)
        {
            let path = schema::path_command(migration, to, "current");
            if !path.is_empty() {
                in_service(&mut script, "path", &migration.service, &path)?;
            }
        }
    }
    if storage::asks_for_backups(environment, request) {
        backups(&mut script, environment)?;
    }
    if let Deed::CleanUp { .. } = request.deed {
        script.collect("users", LONG, ["users"])?;
        script.collect("unique-sizes", LONG, ["unique_sizes"])?;
        for (number, neighbour) in neighbours.iter().enumerate() {
            let Target::Compose(compose) = &neighbour.target;
            script.0.push_str(&format!(
                "collect {} {LONG} ledger_of {} {}\n",
                storage::neighbour_part(number),
                directory(&compose.directory)?,
                quote(&compose.project)?
            ));
        }
    }
    Ok(script.finish())
}

/// What there is for backups.
fn backups(script: &mut Script, environment: &Environment) -> Result<(), Unquotable> {
    script.collect("backups", LONG, ["backups"])?;
    if let Some(BackupTool::PgDump {
        service,
        database,
        user,
    }) = environment.backup.as_ref().map(|backup| &backup.tool)
    {
        script.0.push_str(&docker::bare(POSTGRES));
        let words = ["database_size", service.as_str(), database, user];
        script.collect("database", SHORT, words)?;
    }
    Ok(())
}

/// What Compose makes of the candidate pins, and how far back the schema would go.
pub(super) fn second(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    candidates: &[Rendered],
    path_from: Option<&str>,
) -> Result<Vec<u8>, Unquotable> {
    let Target::Compose(compose) = &environment.target;
    let mut script = Script::new(environment, services)?;
    for (number, candidate) in candidates.iter().enumerate() {
        script.0.push_str(&format!(
            "{} >\"$scratch/candidate-{number}\" || exit 1\n",
            printf(&candidate.bytes)
        ));
        for (kind, list) in [
            ("environment", &compose.environment_files),
            ("file", &compose.files),
        ] {
            for (index, file) in list.iter().enumerate() {
                if file == &candidate.file {
                    script.0.push_str(&format!(
                        "{kind}_{}=$scratch/candidate-{number}\n",
                        index + 1
                    ));
                }
            }
        }
    }
    script.collect("config", LONG, ["compose", "config", "--format", "json"])?;
    script.collect("hashes", SHORT, ["compose", "config", "--hash", "*"])?;
    if let (Some(migration), Some(from)) = (&environment.migration, path_from) {
        let path = schema::path_command(migration, from, "current");
        if !path.is_empty() {
            in_service(&mut script, "path", &migration.service, &path)?;
        }
    }
    Ok(script.finish())
}

fn in_service(
    script: &mut Script,
    name: &str,
    service: &ServiceName,
    command: &[String],
) -> Result<(), Unquotable> {
    let words = ["in_service", service.as_str()];
    let command = command.iter().map(String::as_str);
    script.collect(name, SHORT, words.into_iter().chain(command))
}

/// The files that pin services of this environment, each once.
pub(super) fn pin_files(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in &environment.services {
        if let Some(service) = services.get(name) {
            let (Pin::Variable { file, .. } | Pin::Override { file }) = &service.pin;
            if !found.contains(file) {
                found.push(file.clone());
            }
        }
    }
    found
}

/// The services in whose containers an HTTP check is asked.
pub(super) fn asked_inside(environment: &Environment) -> Vec<&ServiceName> {
    let mut found: Vec<&ServiceName> = environment
        .checks
        .iter()
        .filter_map(|check| match &check.probe {
            Probe::Http { inside, .. } => inside.as_ref(),
            _ => None,
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A repository as the Engine writes it: Docker Hub's have no registry before them.
fn familiar(repository: &str) -> &str {
    repository
        .strip_prefix("docker.io/library/")
        .or_else(|| repository.strip_prefix("docker.io/"))
        .unwrap_or(repository)
}

/// A directory as a shell word; `~` is the server's home.
fn directory(path: &str) -> Result<String, Unquotable> {
    match path.strip_prefix('~') {
        Some("") => Ok("\"$HOME\"".to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(format!("\"$HOME\"{}", quote(rest)?)),
        _ => quote(path),
    }
}
