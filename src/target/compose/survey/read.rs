//! From a survey's parts to what the ground floor has words for. All text is cleaned or checked.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerInspectResponse, ImageInspect};
use jiff::Timestamp;

use super::{
    super::{engine::containers as engine, one_off, script::read_ledger},
    frames::Part,
    services, storage, surroundings,
};
use crate::{
    config::{Environment, Service, Target},
    plan::schema,
    release::{
        Fault, FaultKind, ServiceName,
        newer::{Newer, NewerFile},
        observation::{Containers, Image},
        operation::{Claim, Liveness, OperationId, OperationState},
        survey::{Means, SchemaRevision, Survey},
        text,
    },
};

/// One of the environment's files on the server.
#[derive(Debug, Clone)]
pub(super) struct ServerFile {
    /// As the configuration names it.
    pub name: String,
    /// Its absolute path.
    pub path: String,
    /// Its fingerprint; `None` if there is no such file.
    pub fingerprint: Option<String>,
    /// Whether it could be changed, and if not, why.
    pub state: FileState,
    /// Its bytes, where it is a pin file and exists.
    pub bytes: Option<Vec<u8>>,
}

/// Whether a file could be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// It could.
    Fine,
    /// Neither it nor its directory is ours to write.
    Directory,
    /// It belongs to another user, and is not ours to write.
    Owner,
}

/// A part that has to be there.
pub(super) fn part<'a>(
    environment: &Environment,
    parts: &'a BTreeMap<String, Part>,
    name: &str,
) -> Result<&'a Part, Fault> {
    parts
        .get(name)
        .ok_or_else(|| malformed(environment, name, "it is missing"))
}

pub(super) fn malformed(
    environment: &Environment,
    what: &str,
    why: impl std::fmt::Display,
) -> Fault {
    Fault::new(
        FaultKind::Malformed,
        environment.name.as_str(),
        format!("what the server told of its {what} cannot be understood"),
    )
    .because(why)
}

pub(super) fn lines(part: &Part) -> impl Iterator<Item = &str> {
    std::str::from_utf8(&part.bytes).unwrap_or_default().lines()
}

/// A value of the part `place`.
pub(super) fn place<'a>(parts: &'a BTreeMap<String, Part>, key: &str) -> Option<&'a str> {
    lines(parts.get("place")?).find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
}

pub(super) fn files(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    parts: &BTreeMap<String, Part>,
) -> Result<Vec<ServerFile>, Fault> {
    let directory = place(parts, "directory").unwrap_or_default();
    let part = part(environment, parts, "files")?;
    let told: Vec<Vec<&str>> = lines(part).map(|line| line.split(' ').collect()).collect();
    let pins = super::scripts::pin_files(environment, services);
    super::files(environment, services)
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            let words = told
                .iter()
                .find(|words| words.first() == Some(&number.to_string().as_str()))
                .filter(|words| words.len() == 3)
                .ok_or_else(|| {
                    malformed(environment, "files", format!("{name}: {}", part.complaint))
                })?;
            let fingerprint = (words[1] != "absent").then(|| words[1].to_owned());
            let bytes = pins
                .iter()
                .position(|pin| *pin == name)
                .filter(|_| fingerprint.is_some())
                .and_then(|pin| parts.get(&format!("pin-{pin}")))
                .map(|part| part.bytes.clone());
            Ok(ServerFile {
                path: absolute(directory, &name),
                name,
                fingerprint,
                state: match words[2] {
                    "ok" => FileState::Fine,
                    "owner" => FileState::Owner,
                    _ => FileState::Directory,
                },
                bytes,
            })
        })
        .collect()
}

fn absolute(directory: &str, file: &str) -> String {
    if file.starts_with('/') {
        file.to_owned()
    } else {
        format!("{directory}/{}", file.trim_start_matches("./"))
    }
}

pub(super) fn survey(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
    files: &[ServerFile],
    taken: Timestamp,
) -> Result<Survey, Fault> {
    let (mut containers, anonymous_volumes, migrations) = containers(environment, parts)?;
    let mut warnings = surroundings::warnings(environment, parts);
    warnings.extend(migrations.iter().map(|name| {
        format!(
            "a migration still runs, in the container {name}: where the schema will be is not known before \
             it has ended (`docker stop {name}` ends it)"
        )
    }));
    let images = images(environment, parts)?;
    containers.images = images
        .iter()
        .filter(|image| {
            containers
                .containers
                .iter()
                .any(|container| container.image_id == image.id)
        })
        .map(|image| (image.id.clone(), image.clone()))
        .collect();
    let (last_operation, operation) = operation(environment, parts)?;
    let (schema_heads, schema_trouble) = heads(parts);
    let ledger = read_ledger(&part(environment, parts, "ledger")?.bytes);
    if let Some(newer) = &ledger.newer_line {
        let fault = newer.fault(environment.name.as_str());
        return Err(fault.because("what is healthy here cannot be told"));
    }
    Ok(Survey {
        taken,
        containers,
        anonymous_volumes,
        services: services::read(environment, parts)?,
        candidate_services: BTreeMap::new(),
        compose_version: first_line(parts, "compose-version"),
        directory: place(parts, "directory").unwrap_or_default().to_owned(),
        files: files
            .iter()
            .filter_map(|file| Some((file.path.clone(), file.fingerprint.clone()?)))
            .collect(),
        candidate_pins: Vec::new(),
        former_pins: Vec::new(),
        attachments: Vec::new(),
        changed_files: Vec::new(),
        changed_settings: Vec::new(),
        images,
        means: means(environment, parts),
        warnings,
        last_operation,
        operation,
        records: ledger.records,
        schema_heads,
        schema_trouble,
        schema_history: history(environment, parts, "history").unwrap_or_default(),
        candidate_history: history(environment, parts, "candidate"),
        schema_undone: Vec::new(),
        backups: storage::backups(parts),
        clean_up: None,
    })
}

pub(super) fn first_line(parts: &BTreeMap<String, Part>, name: &str) -> String {
    let line = parts.get(name).and_then(|part| lines(part).next());
    text::clean(line.unwrap_or_default().trim())
}

/// The containers; which services have anonymous volumes; the names of those in which an operation's
/// migration runs.
fn containers(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
) -> Result<(Containers, BTreeSet<ServiceName>, Vec<String>), Fault> {
    let part = part(environment, parts, "containers")?;
    let inspected: Vec<ContainerInspectResponse> = serde_json::from_slice(&part.bytes)
        .map_err(|error| malformed(environment, "containers", error))?;
    let migrations = inspected
        .iter()
        .filter_map(|inspected| migration(environment, inspected))
        .collect();
    let mut anonymous_volumes = BTreeSet::new();
    let mut containers: Vec<_> = inspected
        .into_iter()
        .filter_map(|inspected| {
            let anonymous = has_anonymous_volume(&inspected);
            let (number, container) = engine::container(inspected)?;
            if anonymous {
                anonymous_volumes.insert(container.service.clone());
            }
            Some((number, container))
        })
        .collect();
    containers.sort_by(|(a_number, a), (b_number, b)| {
        (&a.service, a_number).cmp(&(&b.service, b_number))
    });
    let containers = Containers {
        containers: containers
            .into_iter()
            .map(|(_, container)| container)
            .collect(),
        images: BTreeMap::new(),
        engine_version: first_line(parts, "engine-version"),
    };
    Ok((containers, anonymous_volumes, migrations))
}

/// The name of a container in which a migration of flightdeck's runs.
fn migration(environment: &Environment, inspected: &ContainerInspectResponse) -> Option<String> {
    let Target::Compose(compose) = &environment.target;
    let name = inspected.name.as_deref()?.trim_start_matches('/');
    let runs = inspected.state.as_ref()?.running?;
    (runs && one_off::is_of(&compose.project, name)).then(|| text::clean(name))
}

/// Whether it has a volume that nobody named: the Engine gives such a volume 64 hexadecimal digits.
fn has_anonymous_volume(inspected: &ContainerInspectResponse) -> bool {
    inspected.mounts.iter().flatten().any(|mount| {
        mount
            .name
            .as_deref()
            .is_some_and(|name| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

fn images(environment: &Environment, parts: &BTreeMap<String, Part>) -> Result<Vec<Image>, Fault> {
    let part = part(environment, parts, "images")?;
    let inspected: Vec<ImageInspect> = serde_json::from_slice(&part.bytes)
        .map_err(|error| malformed(environment, "images", error))?;
    let mut seen = BTreeSet::new();
    Ok(inspected
        .into_iter()
        .filter_map(engine::image)
        .filter(|image| seen.insert(image.id.clone()))
        .collect())
}

fn means(environment: &Environment, parts: &BTreeMap<String, Part>) -> Means {
    let mut means = Means {
        curl: place(parts, "curl").is_some(),
        wget: place(parts, "wget").is_some(),
        wget_is_gnu: place(parts, "wget") == Some("gnu"),
        jq: place(parts, "jq").is_some(),
        python: place(parts, "python3").is_some(),
        ..Means::default()
    };
    for service in super::scripts::looked_into(environment).into_keys() {
        for line in parts
            .get(&format!("means-{service}"))
            .into_iter()
            .flat_map(lines)
        {
            match line {
                "curl" => drop(means.curl_in.insert(service.clone())),
                "wget" => drop(means.wget_in.insert(service.clone())),
                "jq" => drop(means.jq_in.insert(service.clone())),
                "python3" => drop(means.python_in.insert(service.clone())),
                _ => {}
            }
        }
    }
    means
}

fn operation(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
) -> Result<(Option<OperationId>, Option<OperationState>), Fault> {
    let mut told = lines(part(environment, parts, "operation")?);
    let Some(newest) = told.next() else {
        return Ok((None, None));
    };
    let bad = |why: &str| malformed(environment, "operations", text::clean(why));
    let newest: OperationId = newest.parse().map_err(|_| bad(newest))?;
    let head = told.next().unwrap_or_default();
    let mut words = head.split(' ');
    let (shown, holder) = words.next().zip(words.next()).ok_or_else(|| bad(head))?;
    let record = told.next().unwrap_or_default();
    let liveness = match holder {
        "ended" => return Ok((Some(newest), None)),
        "alive" | "lock" => Liveness::Alive,
        "orphaned" => Liveness::Orphaned,
        "interrupted" | "never_began" | "unbegun" => Liveness::Dead,
        _ => Liveness::Unknown,
    };
    // What it means is not to be guessed, and nothing is to be done over it.
    if holder == "format" {
        let newer = Newer {
            file: words.next().and_then(NewerFile::of),
            operation: shown.parse().ok(),
            claim: Claim::known(record.as_bytes()),
        };
        return Err(newer.fault(environment.name.as_str()));
    }
    let claim = Claim::known(record.as_bytes()).ok_or_else(|| bad(record))?;
    // A claim whose folder never came holds nothing: the next one passes it.
    if matches!(holder, "never_began" | "unbegun") {
        return Ok((Some(newest), None));
    }
    Ok((
        Some(newest),
        Some(OperationState {
            id: shown.parse().map_err(|_| bad(shown))?,
            claim,
            plan: None,
            journal: Vec::new(),
            liveness,
            cancelling: false,
            end: None,
        }),
    ))
}

/// The schema's heads, or why they could not be told.
fn heads(parts: &BTreeMap<String, Part>) -> (Option<Vec<String>>, Option<String>) {
    let Some(part) = parts.get("heads") else {
        return (None, None);
    };
    if part.status != 0 {
        return (None, Some(last_line(&part.complaint, &part.bytes)));
    }
    let mut told = lines(part);
    let heads = told.next().map(schema::heads_of_result).unwrap_or_default();
    let trouble = told
        .next()
        .filter(|ahead| !ahead.is_empty())
        .map(|ahead| format!("it is at {}, {}", text::clean(ahead), schema::UNKNOWN_HERE));
    (Some(heads), trouble)
}

/// The revisions that an image knows; `None` if it was not asked or did not answer.
fn history(
    environment: &Environment,
    parts: &BTreeMap<String, Part>,
    name: &str,
) -> Option<Vec<SchemaRevision>> {
    let migration = environment.migration.as_ref()?;
    let part = parts.get(name).filter(|part| part.status == 0)?;
    let printed = String::from_utf8_lossy(&part.bytes);
    let revisions = schema::tool(migration).revisions(&printed);
    // An image that names none has nothing to say, which is not that it knows none.
    (!revisions.is_empty()).then_some(revisions)
}

/// The last line: the others are the tool's greetings.
fn last_line(complaint: &str, bytes: &[u8]) -> String {
    let printed = String::from_utf8_lossy(bytes);
    let line = complaint
        .lines()
        .next_back()
        .or_else(|| printed.trim().lines().next_back());
    text::clean(line.unwrap_or("it says nothing"))
}
