//! What an environment asks for before and after a switch: gates, checks, the schema's migration.

use std::ops::Range;

use toml::{Spanned, de::DeValue};

use super::{
    CheckRule, GateRule, Migration, MigrationTool, Probe, keys,
    problem::Problems,
    reader::{self, Fields, Value},
};
use crate::release::{EnvironmentName, ServiceName};

/// How often a check is asked at most, unless configured.
const ATTEMPTS: u64 = 12;
/// How long between two attempts, unless configured, in seconds.
const INTERVAL: u64 = 5;
/// The migration tools that are known.
const MIGRATION_TOOLS: [&str; 6] = ["alembic", "django", "rails", "prisma", "flyway", "command"];
/// A month: the longest time that a gate may ask for, in seconds.
const LONGEST_GATE: u64 = 31 * 24 * 3600;

/// What a gate can refer to.
pub(super) struct Neighbours<'t> {
    /// The names of all environments.
    pub(super) environments: Vec<&'t str>,
    /// Whether there is a repository whose workflow runs are known.
    pub(super) github: bool,
}

/// Reads the gates of `environment`, each with where it is written.
pub(super) fn gates(
    fields: &Fields<'_>,
    environment: &str,
    neighbours: &Neighbours<'_>,
    p: &mut Problems,
) -> Vec<(GateRule, Range<usize>)> {
    let mut gates: Vec<(GateRule, Range<usize>)> = Vec::new();
    for value in items(fields, "gates", "[\"ci\", { healthy_in = \"staging\" }]", p) {
        let Some(gate) = gate(value, fields, environment, neighbours, p) else {
            continue;
        };
        if gates.iter().any(|(earlier, _)| *earlier == gate) {
            p.add(value.span(), "this gate is there twice", "take one away");
        }
        gates.push((gate, value.span()));
    }
    gates
}

fn gate(
    value: &Value<'_>,
    environment: &Fields<'_>,
    own_name: &str,
    neighbours: &Neighbours<'_>,
    p: &mut Problems,
) -> Option<GateRule> {
    if let Some(word) = value.get_ref().as_str() {
        if word != "ci" {
            p.add(
                value.span(),
                format!("{word:?} is not a gate"),
                "write \"ci\", { ci = \"workflow\" } or { healthy_in = \"staging\", for = \"1h\" }",
            );
            return None;
        }
        needs_github(value.span(), neighbours, p);
        return Some(GateRule::Ci { workflow: None });
    }
    let gate = Fields::open(
        value,
        value.span(),
        format!("a gate of {}", environment.name()),
        keys::GATE,
        p,
    )?;
    match (gate.text("ci", p), gate.text("healthy_in", p)) {
        (Some(workflow), None) => {
            needs_github(value.span(), neighbours, p);
            if let Some(span) = gate.key_span("for") {
                p.add(span, "only healthy_in has a \"for\"", "");
            }
            Some(GateRule::Ci {
                workflow: Some((*workflow.get_ref()).to_owned()),
            })
        }
        (None, Some(name)) => {
            let at_least = gate.seconds("for", 0..=LONGEST_GATE, 0, p);
            let parsed = reader::parse::<EnvironmentName>(&name, p)?;
            if parsed.as_str() == own_name {
                p.add(
                    name.span(),
                    format!("{parsed} cannot wait for itself"),
                    "name the environment that a version runs in before this one",
                );
            } else if !neighbours.environments.contains(&parsed.as_str()) {
                let others = neighbours
                    .environments
                    .iter()
                    .copied()
                    .filter(|name| *name != own_name);
                p.disagree(
                    name.span(),
                    format!("there is no [environments.{parsed}]"),
                    keys::did_you_mean(parsed.as_str(), others),
                );
            }
            Some(GateRule::HealthyIn {
                environment: parsed,
                at_least,
            })
        }
        _ => {
            p.disagree(
                value.span(),
                "a gate is one of ci and healthy_in",
                "write { ci = \"workflow\" } or { healthy_in = \"staging\", for = \"1h\" }",
            );
            None
        }
    }
}

fn needs_github(span: Range<usize>, neighbours: &Neighbours<'_>, p: &mut Problems) {
    if !neighbours.github {
        p.disagree(
            span,
            "a ci gate needs to know whose workflow runs count",
            "add [github] with repository = \"owner/name\"",
        );
    }
}

/// Reads the checks.
pub(super) fn checks(fields: &Fields<'_>, p: &mut Problems) -> Vec<CheckRule> {
    let mut checks: Vec<CheckRule> = Vec::new();
    let example = "[[environments.production.checks]] with http = \"http://localhost/status\"";
    for value in items(fields, "checks", example, p) {
        let Some(check) = check(value, fields, p) else {
            continue;
        };
        if checks.iter().any(|earlier| earlier.name == check.name) {
            p.add(
                value.span(),
                format!("there are two checks called {:?}", check.name),
                "give each a \"name\" of its own",
            );
        }
        checks.push(check);
    }
    checks
}

fn check(value: &Value<'_>, environment: &Fields<'_>, p: &mut Problems) -> Option<CheckRule> {
    let fields = Fields::open(
        value,
        value.span(),
        format!("a check of {}", environment.name()),
        keys::CHECK,
        p,
    )?;
    let attempts = fields.number("attempts", 1..=1000, ATTEMPTS, p);
    let interval = fields.seconds("interval", 1..=600, INTERVAL, p);
    let name = fields.text("name", p);
    let kinds: Vec<&str> = ["http", "command", "exec"]
        .into_iter()
        .filter(|kind| fields.get(kind).is_some())
        .collect();
    let [kind] = kinds[..] else {
        p.disagree(
            value.span(),
            "a check is one of http, command and exec",
            "write http = \"http://localhost/status\", command = \"…\" or exec = [\"…\"]",
        );
        return None;
    };
    let foreign: &[&str] = match kind {
        "http" => &[],
        "command" => &["status", "body", "inside"],
        _ => &["status", "body"],
    };
    for key in foreign {
        if let Some(span) = fields.key_span(key) {
            p.add(span, format!("{kind} has no {key:?}"), "");
        }
    }
    let (probe, own_name) = match kind {
        "http" => http(&fields, p)?,
        "command" => {
            let command = fields.text("command", p)?;
            let first = command.get_ref().split_whitespace().next()?;
            (
                Probe::Command((*command.get_ref()).to_owned()),
                first.to_owned(),
            )
        }
        _ => exec(&fields, p)?,
    };
    Some(CheckRule {
        name: name.map_or(own_name, |name| (*name.get_ref()).to_owned()),
        probe,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        interval,
    })
}

fn http(fields: &Fields<'_>, p: &mut Problems) -> Option<(Probe, String)> {
    let status = fields.number("status", 100..=599, 200, p);
    let body = fields.text("body", p).map(|t| (*t.get_ref()).to_owned());
    let inside = fields
        .parsed::<ServiceName>("inside", p)
        .map(Spanned::into_inner);
    let url = fields.url("http", p)?;
    let path = url.path().to_owned();
    let probe = Probe::Http {
        url,
        status: u16::try_from(status).unwrap_or(200),
        body,
        inside,
    };
    Some((probe, path))
}

fn exec(fields: &Fields<'_>, p: &mut Problems) -> Option<(Probe, String)> {
    let command = fields.words("exec", p);
    let service = fields
        .required("inside", "inside = \"backend\"", p)
        .and_then(|value| reader::text(value, "inside", p))
        .and_then(|name| reader::parse::<ServiceName>(&name, p));
    let command = command?;
    let first = command.first()?.clone();
    Some((
        Probe::Exec {
            service: service?,
            command,
        },
        first,
    ))
}

/// Reads the schema's migration.
pub(super) fn migration(
    environment: &Fields<'_>,
    own: &[ServiceName],
    p: &mut Problems,
) -> Option<Migration> {
    let value = environment.get("migration")?;
    let fields = Fields::open(
        value,
        environment.key_span("migration")?,
        format!("the migration of {}", environment.name()),
        keys::MIGRATION,
        p,
    )?;
    let service = fields
        .required("service", "service = \"backend\"", p)
        .and_then(|value| reader::text(value, "service", p));
    let service = service.and_then(|name| {
        let parsed = reader::parse::<ServiceName>(&name, p)?;
        if !own.contains(&parsed) {
            p.disagree(
                name.span(),
                format!("{parsed} is not released to {}", environment.name()),
                keys::did_you_mean(parsed.as_str(), own.iter().map(ServiceName::as_str)),
            );
        }
        Some(parsed)
    });
    let tool = fields
        .required("tool", "tool = \"alembic\", or another that is known", p)
        .and_then(|value| reader::text(value, "tool", p))?;
    let command = fields.words("command", p);
    let or = |words: &[&str]| {
        command
            .clone()
            .unwrap_or_else(|| words.iter().map(|word| (*word).to_owned()).collect())
    };
    let name = *tool.get_ref();
    let own = match name {
        "command" => &["heads", "down"][..],
        "flyway" => &["down"],
        _ => &[],
    };
    let extra = ["heads", "down"]
        .into_iter()
        .filter(|key| !own.contains(key));
    for (key, span) in extra.filter_map(|key| Some((key, fields.key_span(key)?))) {
        p.add(
            span,
            format!("the migration tool {name:?} takes no {key:?}"),
            "take it away: it is for tool = \"command\"",
        );
    }
    let tool = match name {
        "alembic" => MigrationTool::Alembic {
            command: or(&["alembic"]),
        },
        "django" => MigrationTool::Django {
            command: or(&["python", "manage.py"]),
        },
        "rails" => MigrationTool::Rails {
            command: or(&["bin/rails"]),
        },
        "prisma" => MigrationTool::Prisma {
            command: or(&["npx", "prisma"]),
        },
        "flyway" => MigrationTool::Flyway {
            command: or(&["flyway"]),
            down: down(&fields, p),
        },
        "command" => {
            fields.required("command", "command = [\"./migrate\", \"up\"]", p)?;
            MigrationTool::Command {
                up: command?,
                heads: fields.words("heads", p),
                down: down(&fields, p),
            }
        }
        other => {
            p.add(
                tool.span(),
                format!("{other:?} is not a migration tool that is known"),
                keys::did_you_mean(other, MIGRATION_TOOLS),
            );
            return None;
        }
    };
    Some(Migration {
        service: service?,
        tool,
    })
}

/// The command that goes down; it has to say where the revision stands in it.
fn down(fields: &Fields<'_>, p: &mut Problems) -> Option<Vec<String>> {
    let words = fields.words("down", p)?;
    if !words.iter().any(|word| word.contains("{revision}")) {
        p.add(
            fields.get("down")?.span(),
            "nothing in it says where to go",
            "write {revision} where the revision stands: down = [\"./migrate\", \"down\", \"{revision}\"]",
        );
        return None;
    }
    Some(words)
}

/// The items of a list of tables.
fn items<'t>(
    fields: &Fields<'t>,
    key: &str,
    example: &str,
    p: &mut Problems,
) -> Vec<&'t Value<'t>> {
    match fields.get(key) {
        None => Vec::new(),
        Some(value) => match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => {
                reader::wrong_type(value, &format!("{key:?} is a list such as {example}"), p);
                Vec::new()
            }
        },
    }
}
