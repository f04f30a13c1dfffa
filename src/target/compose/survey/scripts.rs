//! The two scripts of a survey.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::{AskedFrom, Compose, Environment, HookAction, Migration, Pin, Probe, Service, Target},
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
        script::{Unquotable, directory, printf, quote},
    },
    copies, files, storage,
};

const CLAIM: &str = concat!(
    include_str!("../../../../assets/newer.sh"),
    include_str!("../../../../assets/claim.sh")
);
const COMMON: &str = include_str!("../render/sh/common.sh");
const HEADS: &str = include_str!("../render/sh/heads.sh");
const POSTGRES: &str = include_str!("../render/sh/postgres.sh");
const SURVEY: &str = include_str!("survey.sh");
const FIRST: &str = include_str!("first.sh");

/// No answer of Compose's or the Engine's is longer.
const LONG: &str = "8388608";
const SHORT: &str = "65536";

/// A script under construction.
struct Script(String);

impl Script {
    fn new(
        environment: &Environment,
        services: &BTreeMap<ServiceName, Service>,
        request: &Request,
    ) -> Result<Self, Unquotable> {
        let Target::Compose(compose) = &environment.target;
        let mut text = library::head(environment, services)?;
        // Not steps of an operation, and yet they share its functions.
        text.push_str("FD_FOLDER=/nowhere\nFD_OPERATION=0\n");
        text.push_str(&patience(request));
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
    let mut script = Script::new(environment, services, request)?;
    for part in [HEADS, FIRST, CLAIM] {
        script.0.push_str(&docker::bare(part));
    }
    script.0.push_str(&format!(
        "{}if command -v sha256sum >/dev/null; then algorithm=sha256; else algorithm='cksum'; fi\nhere\n",
        root(compose)?
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
    let variables = pin_variables(environment, services);
    let words = variables.iter().map(String::as_str);
    script.collect(
        "surroundings",
        SHORT,
        ["surroundings"].into_iter().chain(words),
    )?;
    script.collect("ledger", LONG, ["ledger"])?;
    script.collect("operation", SHORT, ["operation"])?;
    for (service, programs) in looked_into(environment) {
        let name = format!("means-{service}");
        let words = ["means_in", service.as_str()];
        script.collect(&name, SHORT, words.into_iter().chain(programs))?;
    }
    if let Some(migration) = &environment.migration {
        ask_schema(&mut script, migration, services, request)?;
    }
    if storage::asks_for_backups(environment, request) {
        backups(&mut script, environment, request)?;
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

/// How long a command in a running container may take, in seconds. A server under load takes its time, and
/// what is not told costs the operator a choice; but a container that hangs must not hold up a rollback.
fn patience(request: &Request) -> String {
    let seconds = match request.deed {
        Deed::Rollback { .. } => 20,
        _ => 40,
    };
    format!("patience={seconds}\n")
}

fn root(compose: &Compose) -> Result<String, Unquotable> {
    Ok(format!("root=.flightdeck/{}\n", quote(&compose.project)?))
}

/// The files that are another now than with a release, and their copies.
pub(super) fn copies(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    wanted: &[copies::Wanted],
    request: &Request,
) -> Result<Vec<u8>, Unquotable> {
    let mut script = Script::new(environment, services, request)?;
    collect_copies(&mut script, environment, wanted)?;
    Ok(script.finish())
}

fn collect_copies(
    script: &mut Script,
    environment: &Environment,
    wanted: &[copies::Wanted],
) -> Result<(), Unquotable> {
    let Target::Compose(compose) = &environment.target;
    script.0.push_str(&root(compose)?);
    for (number, wanted) in wanted.iter().enumerate() {
        let copy = ["copy_of", &wanted.path, &wanted.hash];
        script.collect(&format!("copy-{number}"), LONG, copy)?;
        let now = ["cat", "--", &wanted.path];
        script.collect(&format!("now-{number}"), LONG, now)?;
    }
    Ok(())
}

/// Where the schema is, what the image that runs knows of it, and what a chosen one does.
fn ask_schema(
    script: &mut Script,
    migration: &Migration,
    services: &BTreeMap<ServiceName, Service>,
    request: &Request,
) -> Result<(), Unquotable> {
    let tool = schema::tool(migration);
    if let Some(heads) = tool.heads() {
        let words = [
            "heads_in",
            migration.service.as_str(),
            library::heads_format(heads.format),
        ];
        let command = heads.command.iter().map(String::as_str);
        script.collect("heads", SHORT, words.into_iter().chain(command))?;
    }
    let (Some(history), false) = (tool.history(), request.deed == Deed::Adopt) else {
        return Ok(());
    };
    in_service(script, "history", &migration.service, &history)?;
    let (Deed::Promote { versions, .. } | Deed::Migrate { versions, .. }) = &request.deed else {
        return Ok(());
    };
    if let (Some(version), Some(service), true) = (
        versions.get(&migration.service),
        services.get(&migration.service),
        tool.history_needs_no_database(),
    ) {
        let image = format!("{}@{}", service.repository, version.digest);
        let words = ["image_says", &image];
        let command = history.iter().map(String::as_str);
        script.collect("candidate", LONG, words.into_iter().chain(command))?;
    }
    Ok(())
}

/// What there is for backups.
fn backups(
    script: &mut Script,
    environment: &Environment,
    request: &Request,
) -> Result<(), Unquotable> {
    script.collect("backups", LONG, ["backups"])?;
    if let Some(BackupTool::PgDump {
        service,
        database,
        user,
    }) = environment.backup.as_ref().map(|backup| &backup.tool)
        && storage::asks_database(request)
    {
        script.0.push_str(&docker::bare(POSTGRES));
        let words = ["database_size", service.as_str(), database, user];
        script.collect("database", SHORT, words)?;
    }
    Ok(())
}

/// What Compose makes of the candidate pins, what the revisions that are to be undone say of that, and what
/// `wanted` were.
pub(super) fn second(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    candidates: &[Rendered],
    undo: &[Vec<String>],
    wanted: &[copies::Wanted],
    request: &Request,
) -> Result<Vec<u8>, Unquotable> {
    let Target::Compose(compose) = &environment.target;
    let mut script = Script::new(environment, services, request)?;
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
                    // Compose takes the first one's directory for the project's.
                    if kind == "file" && index == 0 {
                        let place = file.rsplit_once('/').map_or(".", |(place, _)| place);
                        script
                            .0
                            .push_str(&format!("project_directory={}\n", quote(place)?));
                    }
                }
            }
        }
    }
    if !candidates.is_empty() {
        script.collect("config", LONG, ["compose", "config", "--format", "json"])?;
        script.collect("hashes", SHORT, ["compose", "config", "--hash", "*"])?;
    }
    collect_copies(&mut script, environment, wanted)?;
    if let Some(migration) = &environment.migration {
        for (number, command) in undo.iter().enumerate() {
            in_service(
                &mut script,
                &format!("undo-{number}"),
                &migration.service,
                command,
            )?;
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
    script.collect(name, LONG, words.into_iter().chain(command))
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

/// The variables that pin services of this environment, each after its file.
fn pin_variables(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
) -> Vec<String> {
    let pins = environment
        .services
        .iter()
        .filter_map(|name| match &services.get(name)?.pin {
            Pin::Variable { file, variable, .. } => Some([file.clone(), variable.clone()]),
            Pin::Override { .. } => None,
        });
    pins.flatten().collect()
}

/// The services in whose containers programs are looked for, and which: what a check asks with inside
/// them, and what the server itself may lack.
pub(super) fn looked_into(
    environment: &Environment,
) -> BTreeMap<&ServiceName, BTreeSet<&'static str>> {
    let mut found: BTreeMap<&ServiceName, BTreeSet<&'static str>> = BTreeMap::new();
    let mut reads_json = false;
    for check in &environment.checks {
        let Probe::Http(http) = &check.probe else {
            continue;
        };
        reads_json |= !http.json.is_empty() && http.from != AskedFrom::Here;
        if let AskedFrom::Container(service) = &http.from {
            let programs = found.entry(service).or_default();
            programs.extend(["curl", "wget"]);
            if !http.json.is_empty() {
                programs.extend(["jq", "python3"]);
            }
        }
    }
    let notifies = environment
        .hooks
        .iter()
        .any(|hook| matches!(hook.action, HookAction::Webhook { .. }));
    for service in &environment.services {
        if reads_json {
            let programs = found.entry(service).or_default();
            programs.extend(["jq", "python3"]);
        }
        if notifies {
            found.entry(service).or_default().insert("curl");
        }
    }
    found
}

/// A repository as the Engine writes it: Docker Hub's have no registry before them.
fn familiar(repository: &str) -> &str {
    repository
        .strip_prefix("docker.io/library/")
        .or_else(|| repository.strip_prefix("docker.io/"))
        .unwrap_or(repository)
}
