//! What an environment asks for before a switch: gates, and the schema's migration.

use std::ops::Range;

use super::{
    list::items,
    reader::{self, Fields, Value},
};
use crate::config::{GateRule, Migration, MigrationTool, keys, problem::Problems};
use crate::release::{EnvironmentName, ServiceName};

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
