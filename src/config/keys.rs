//! Every key that a configuration may hold, table by table.
//!
//! The parser refuses what is not listed here and proposes what is; a test holds that
//! `config.example.toml` shows each of them.

/// The keys of one kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// How the table is written, with a placeholder in capitals: `environments.NAME`.
    pub table: &'static str,
    /// The keys that it may hold; empty where the operator chooses them.
    pub keys: &'static [&'static str],
}

pub(super) const ROOT: Keys = Keys {
    table: "the file",
    keys: &[
        "github",
        "registries",
        "services",
        "environments",
        "interface",
    ],
};
pub(super) const GITHUB: Keys = Keys {
    table: "github",
    keys: &["repository", "token", "api", "poll"],
};
pub(super) const REGISTRY: Keys = Keys {
    table: "registries.HOST",
    keys: &["user", "password", "plain_http"],
};
pub(super) const SERVICE: Keys = Keys {
    table: "services.NAME",
    keys: &["image", "tags", "pin", "strategy"],
};
pub(super) const PIN: Keys = Keys {
    table: "services.NAME.pin",
    keys: &["variable", "holds", "file", "override"],
};
pub(super) const ENVIRONMENT: Keys = Keys {
    table: "environments.NAME",
    keys: &[
        "target",
        "host",
        "directory",
        "files",
        "environment_files",
        "project",
        "services",
        "layers",
        "ssh_config",
        "docker",
        "socket",
        "protected",
        "confirm",
        "gates",
        "migration",
        "backup",
        "restart",
        "health_timeout",
        "stable_for",
        "checks",
        "hooks",
    ],
};
pub(super) const GATE: Keys = Keys {
    table: "environments.NAME.gates",
    keys: &["ci", "healthy_in", "for"],
};
pub(super) const MIGRATION: Keys = Keys {
    table: "environments.NAME.migration",
    keys: &["service", "tool", "command", "heads", "down"],
};
pub(super) const BACKUP: Keys = Keys {
    table: "environments.NAME.backup",
    keys: &[
        "tool", "service", "database", "user", "command", "restore", "stop", "keep", "timeout",
    ],
};
pub(super) const CHECK: Keys = Keys {
    table: "environments.NAME.checks",
    keys: &[
        "name",
        "http",
        "method",
        "request_headers",
        "status",
        "headers",
        "body",
        "json",
        "inside",
        "from",
        "command",
        "exec",
        "attempts",
        "interval",
        "timeout",
    ],
};
pub(super) const HOOK: Keys = Keys {
    table: "environments.NAME.hooks",
    keys: &[
        "name", "when", "on", "outcome", "command", "exec", "inside", "webhook", "format",
        "timeout", "blocking", "secrets",
    ],
};
pub(super) const INTERFACE: Keys = Keys {
    table: "interface",
    keys: &["theme", "log_lines", "keys"],
};
pub(super) const SECRET: Keys = Keys {
    table: "SECRET",
    keys: &["env", "command", "file"],
};

/// All of them.
pub const TABLES: [Keys; 13] = [
    ROOT,
    GITHUB,
    REGISTRY,
    SERVICE,
    PIN,
    ENVIRONMENT,
    GATE,
    MIGRATION,
    BACKUP,
    CHECK,
    HOOK,
    INTERFACE,
    SECRET,
];

/// The tables that have `key`, other than `here`.
pub(super) fn elsewhere(key: &str, here: Keys) -> Option<&'static str> {
    TABLES
        .iter()
        .find(|t| t.table != here.table && t.table != SECRET.table && t.keys.contains(&key))
        .map(|t| t.table)
}

/// The candidate that `word` was probably meant to be, and how alike they are: 1 is the same.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<(&'a str, f64)> {
    const ALIKE: f64 = 0.75;
    const ONE_SLIP: f64 = 0.95;
    let likeness = |candidate: &str| {
        let alike = strsim::jaro_winkler(word, candidate);
        match strsim::damerau_levenshtein(word, candidate) {
            0 => 1.0,
            1 if word.len() > 2 => alike.max(ONE_SLIP),
            _ => alike,
        }
    };
    candidates
        .into_iter()
        .map(|candidate| (candidate, likeness(candidate)))
        .filter(|(_, likeness)| *likeness >= ALIKE)
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// `did you mean "…"?`, or what there is to choose from.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, candidates.clone()) {
        Some((meant, _)) => format!("did you mean {meant:?}?"),
        None => {
            let all: Vec<&str> = candidates.into_iter().collect();
            match all.len() {
                0 => "there are none".to_owned(),
                _ => format!("there are: {}", all.join(", ")),
            }
        }
    }
}
