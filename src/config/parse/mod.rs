//! From text to a checked configuration, with every problem of the file at once.

mod agree;
mod backup;
mod checks;
mod compose;
mod environment;
mod hooks;
mod list;
mod reader;
mod rules;
mod service;

use std::{collections::BTreeMap, path::Path};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use self::{
    reader::{Fields, Value},
    rules::Neighbours,
    service::Services,
};
use super::{
    Config, GitHub, Interface, Registry, SecretReference, keys,
    problem::{ConfigError, Problems},
};

/// How often workflow runs are asked for, unless configured, in seconds.
const POLL: u64 = 15;
/// Log lines kept for each pane, unless configured.
const LOG_LINES: u64 = 10_000;

/// Reads a configuration. `path` is where the text comes from: relative files are relative to its
/// directory, and problems name it.
///
/// # Errors
/// Everything that is wrong with the file, each problem with its line, column and what was meant.
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let mut p = Problems::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        p.syntax(error.span().unwrap_or(0..0), error.message());
    }
    let root = Spanned::new(root.span(), DeValue::Table(root.into_inner()));
    let config = read(&root, path, &mut p);
    match config {
        Some(config) if p.is_empty() => Ok(config),
        _ => Err(p.into_error(path.to_owned())),
    }
}

fn read(root: &Value<'_>, path: &Path, p: &mut Problems) -> Option<Config> {
    let base = path.parent().unwrap_or(Path::new(""));
    let root = Fields::open(root, 0..0, "the file", keys::ROOT, p)?;
    let github = root.get("github").map(|value| github(value, &root, p));
    let registries = registries(root.get("registries"), p);
    let services = service::read(root.get("services"), p);
    let environments = environments(&root, &services, github.is_some(), base, p);
    let interface = interface(&root, p);
    agree::all(&services, &root, &environments, p);
    Some(Config {
        path: path.to_owned(),
        github: match github {
            Some(github) => Some(github?),
            None => None,
        },
        registries,
        services: services
            .read
            .into_iter()
            .map(|(name, read)| (name, read.service))
            .collect(),
        environments: environments
            .into_iter()
            .filter_map(|e| e.environment)
            .collect(),
        interface,
    })
}

fn environments(
    root: &Fields<'_>,
    services: &Services,
    github: bool,
    base: &Path,
    p: &mut Problems,
) -> Vec<environment::Read> {
    let Some(value) = root.get("environments") else {
        p.disagree(
            0..0,
            "no environments",
            "add [environments.production] with host = \"user@server\" and directory = \"/srv/shop\"",
        );
        return Vec::new();
    };
    let entries = reader::entries(value, "environments", p);
    let neighbours = Neighbours {
        environments: entries.iter().map(|(name, _)| *name.get_ref()).collect(),
        github,
    };
    entries
        .iter()
        .filter_map(|(name, value)| environment::read(name, value, services, &neighbours, base, p))
        .collect()
}

fn github(value: &Value<'_>, root: &Fields<'_>, p: &mut Problems) -> Option<GitHub> {
    let fields = Fields::open(value, root.key_span("github")?, "[github]", keys::GITHUB, p)?;
    let repository = fields
        .required("repository", "repository = \"owner/name\"", p)
        .and_then(|value| reader::text(value, "repository", p));
    let names = repository.and_then(|repository| {
        let names = repository
            .get_ref()
            .split_once('/')
            .filter(|(owner, name)| is_github_name(owner) && is_github_name(name));
        if names.is_none() {
            p.add(
                repository.span(),
                format!("{:?} is not a repository on GitHub", repository.get_ref()),
                "write \"owner/name\"",
            );
        }
        names
    });
    let token = fields
        .get("token")
        .and_then(|value| secret(value, "token", p));
    let api = match fields.get("api") {
        Some(_) => fields.url("api", p),
        None => url::Url::parse("https://api.github.com").ok(),
    };
    let poll = fields.seconds("poll", 1..=3600, POLL, p);
    let (owner, name) = names?;
    Some(GitHub {
        owner: owner.to_owned(),
        name: name.to_owned(),
        token,
        api: api?,
        poll,
    })
}

fn is_github_name(text: &str) -> bool {
    !text.is_empty()
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn registries(value: Option<&Value<'_>>, p: &mut Problems) -> BTreeMap<String, Registry> {
    let Some(value) = value else {
        return BTreeMap::new();
    };
    reader::entries(value, "registries", p)
        .into_iter()
        .filter_map(|(host, value)| {
            if host.get_ref().is_empty() || host.get_ref().contains(['/', ' ']) {
                p.add(
                    host.span(),
                    format!("{:?} is not a registry's host", host.get_ref()),
                    "write [registries.\"ghcr.io\"]: the host as images name it, with its port",
                );
            }
            let registry = registry(&host, value, p)?;
            Some(((*host.get_ref()).to_owned(), registry))
        })
        .collect()
}

fn registry(host: &Spanned<&str>, value: &Value<'_>, p: &mut Problems) -> Option<Registry> {
    let name = format!("[registries.{:?}]", host.get_ref());
    let fields = Fields::open(value, host.span(), name, keys::REGISTRY, p)?;
    let user = fields.text("user", p);
    let password = fields
        .get("password")
        .map(|value| (value, secret(value, "password", p)));
    let login = match (user, password) {
        (Some(user), Some((_, password))) => {
            password.map(|password| ((*user.get_ref()).to_owned(), password))
        }
        (None, None) => None,
        (Some(user), None) => {
            p.disagree(
                user.span(),
                format!("{} has a user and no password", fields.name()),
                "add password = { env = \"VARIABLE\" }",
            );
            None
        }
        (None, Some((password, _))) => {
            p.disagree(
                password.span(),
                format!("{} has a password and no user", fields.name()),
                "add user = \"name\"; a registry that takes a token takes any name with it",
            );
            None
        }
    };
    Some(Registry {
        login,
        plain_http: fields.flag("plain_http", p).unwrap_or(false),
    })
}

/// Reads a reference to a secret. A secret in clear is a problem, and is never shown.
pub(super) fn secret(value: &Value<'_>, key: &str, p: &mut Problems) -> Option<SecretReference> {
    if !value.get_ref().is_table() {
        p.hide(value.span());
        p.add(
            value.span(),
            format!("{key:?} is a secret written in clear"),
            "write where it is to be found: { env = \"VARIABLE\" }, { command = [\"…\"] } or { file = \"…\" }",
        );
        return None;
    }
    let fields = Fields::open(value, value.span(), format!("{key:?}"), keys::SECRET, p)?;
    let kinds: Vec<&str> = keys::SECRET
        .keys
        .iter()
        .copied()
        .filter(|kind| fields.get(kind).is_some())
        .collect();
    match kinds[..] {
        ["env"] => {
            let name = fields.text("env", p)?;
            if !service::is_variable(name.get_ref()) {
                p.hide(name.span());
                p.add(
                    name.span(),
                    "not the name of an environment variable",
                    "name the variable that holds the secret, not the secret",
                );
                return None;
            }
            Some(SecretReference::Variable((*name.get_ref()).to_owned()))
        }
        ["command"] => fields.words("command", p).map(SecretReference::Command),
        ["file"] => {
            let file = fields.text("file", p)?;
            compose::local_file(&file, p).map(SecretReference::File)
        }
        _ => {
            p.disagree(
                value.span(),
                format!("{key:?} is found in one of env, command and file"),
                "write { env = \"VARIABLE\" }, { command = [\"…\"] } or { file = \"…\" }",
            );
            None
        }
    }
}

fn interface(root: &Fields<'_>, p: &mut Problems) -> Interface {
    let default = Interface {
        theme: None,
        log_lines: LOG_LINES as usize,
        keys: BTreeMap::new(),
    };
    let (Some(value), Some(span)) = (root.get("interface"), root.key_span("interface")) else {
        return default;
    };
    let Some(fields) = Fields::open(value, span, "[interface]", keys::INTERFACE, p) else {
        return default;
    };
    let lines = fields.number("log_lines", 100..=1_000_000, LOG_LINES, p);
    let mut bindings = BTreeMap::new();
    if let Some(value) = fields.get("keys") {
        for (action, value) in reader::entries(value, "interface.keys", p) {
            let key = action.get_ref();
            let keys = match value.get_ref() {
                DeValue::String(_) => reader::text(value, key, p).map(|text| vec![text]),
                _ => reader::list(value, key, p),
            };
            let keys: Vec<String> = keys
                .unwrap_or_default()
                .iter()
                .map(|key| (*key.get_ref()).to_owned())
                .collect();
            bindings.insert((*key).to_owned(), keys);
        }
    }
    Interface {
        theme: fields.text("theme", p).map(|t| (*t.get_ref()).to_owned()),
        log_lines: usize::try_from(lines).unwrap_or(default.log_lines),
        keys: bindings,
    }
}
