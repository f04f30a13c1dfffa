//! `[[environments.NAME.hooks]]`: what is done or told before and after an operation.

use std::collections::BTreeMap;

use super::{
    list::{command, exec, named, one_of, refuse_foreign},
    reader::{self, Fields, Value},
    service::is_variable,
};
use crate::config::{
    HookAction, HookRule, SecretReference, WebhookAddress, keys, problem::Problems,
};
use crate::release::{
    hook::{HookWhen, NotificationFormat},
    operation::Outcome,
    plan::PlanKind,
};

/// How long a hook may take, unless configured, in seconds.
const TIMEOUT: u64 = 30;

/// The deeds that hooks can be tied to, and whether they are unless configured.
const DEEDS: [(&str, PlanKind, bool); 6] = [
    ("promote", PlanKind::Promote, true),
    ("rollback", PlanKind::Rollback, true),
    ("migrate", PlanKind::Migrate, true),
    ("restore", PlanKind::Restore, true),
    ("adopt", PlanKind::Adopt, false),
    ("clean_up", PlanKind::CleanUp, false),
];

/// The outcomes that a hook can be tied to: all that can be told. What was interrupted has nobody to tell it.
const OUTCOMES: [(&str, Outcome); 6] = [
    ("succeeded", Outcome::Succeeded),
    ("went_back", Outcome::WentBack),
    ("stuck", Outcome::Stuck),
    ("refused", Outcome::Refused),
    ("cancelled", Outcome::Cancelled),
    ("abandoned", Outcome::Abandoned),
];

/// Reads the hooks.
pub(super) fn read(fields: &Fields<'_>, p: &mut Problems) -> Vec<HookRule> {
    let example = "[[environments.production.hooks]] with when = \"after\" and command = \"…\"";
    named(fields, "hooks", example, p, hook, |hook| &hook.name)
}

fn hook(value: &Value<'_>, environment: &Fields<'_>, p: &mut Problems) -> Option<HookRule> {
    let fields = Fields::open(
        value,
        value.span(),
        format!("a hook of {}", environment.name()),
        keys::HOOK,
        p,
    )?;
    let name = fields.text("name", p);
    let when = when(&fields, p);
    let on = on(&fields, p);
    let timeout = fields.seconds("timeout", 1..=3600, TIMEOUT, p);
    let outcomes = words_of(&fields, "outcome", &OUTCOMES, p);
    let blocking = fields.flag("blocking", p);
    let secrets = secrets(&fields, p);
    let kind = one_of(
        &fields,
        ["command", "exec", "webhook"],
        "a hook is one of command, exec and webhook",
        "write command = \"…\", exec = [\"…\"] or webhook = { env = \"VARIABLE\" }",
        p,
    )?;
    let foreign: &[&str] = match kind {
        "command" => &["inside", "format"],
        "exec" => &["format"],
        _ => &["inside", "secrets"],
    };
    refuse_foreign(&fields, kind, foreign, p);
    let (action, own_name) = match kind {
        "command" => {
            let (command, first) = command(&fields, p)?;
            (HookAction::Command(command), first)
        }
        "exec" => {
            let (service, command, first) = exec(&fields, p)?;
            if secrets.len() > 1
                && let Some(span) = fields.key_span("secrets")
            {
                p.disagree(
                    span,
                    "a command in a container is given one secret: on its standard input",
                    "take the others away, or run a command on the server, which is given files",
                );
            }
            (HookAction::Exec { service, command }, first)
        }
        _ => (webhook(&fields, p)?, "webhook".to_owned()),
    };
    let when = when?;
    // What is only the default must never keep anybody from going back.
    let blocks_rollback = when == HookWhen::Before
        && blocking == Some(true)
        && fields.get("on").is_some()
        && on.contains(&PlanKind::Rollback);
    for (key, other) in [("blocking", HookWhen::After), ("outcome", HookWhen::Before)] {
        if when == other
            && let Some(span) = fields.key_span(key)
        {
            let why = match other {
                HookWhen::After => "what fails after an operation changes nothing",
                HookWhen::Before => "before an operation there is no outcome",
            };
            p.add(span, why, format!("take {key:?} away"));
        }
    }
    Some(HookRule {
        name: name.map_or(own_name, |name| (*name.get_ref()).to_owned()),
        when,
        on,
        outcomes,
        action,
        timeout,
        blocking: blocking.unwrap_or(true),
        blocks_rollback,
        secrets,
    })
}

fn when(fields: &Fields<'_>, p: &mut Problems) -> Option<HookWhen> {
    let word = fields
        .required("when", "when = \"before\" or when = \"after\"", p)
        .and_then(|value| reader::text(value, "when", p))?;
    match *word.get_ref() {
        "before" => Some(HookWhen::Before),
        "after" => Some(HookWhen::After),
        other => {
            p.add(
                word.span(),
                format!("{other:?} is not when a hook runs"),
                "write \"before\" or \"after\"",
            );
            None
        }
    }
}

fn on(fields: &Fields<'_>, p: &mut Problems) -> Vec<PlanKind> {
    if fields.get("on").is_none() {
        let usual = DEEDS.iter().filter(|(_, _, usual)| *usual);
        return usual.map(|(_, kind, _)| *kind).collect();
    }
    let known = DEEDS.map(|(word, kind, _)| (word, kind));
    words_of(fields, "on", &known, p)
}

/// A list of words out of those that are known.
fn words_of<T: Copy>(
    fields: &Fields<'_>,
    key: &str,
    known: &[(&str, T)],
    p: &mut Problems,
) -> Vec<T> {
    let mut found = Vec::new();
    let Some(list) = fields.list(key, p) else {
        return found;
    };
    if list.is_empty()
        && let Some(value) = fields.get(key)
    {
        p.add(
            value.span(),
            format!("{key:?} names nothing"),
            "leave it out for the default",
        );
    }
    for item in list {
        match known.iter().find(|(word, _)| word == item.get_ref()) {
            Some((_, value)) => found.push(*value),
            None => p.add(
                item.span(),
                format!("{:?} is not known here", item.get_ref()),
                keys::did_you_mean(item.get_ref(), known.iter().map(|(word, _)| *word)),
            ),
        }
    }
    found
}

fn secrets(fields: &Fields<'_>, p: &mut Problems) -> BTreeMap<String, SecretReference> {
    let mut secrets = BTreeMap::new();
    let Some(value) = fields.get("secrets") else {
        return secrets;
    };
    for (name, value) in reader::entries(value, "secrets", p) {
        if !is_variable(name.get_ref()) {
            p.add(
                name.span(),
                format!("{:?} is not a secret's name", name.get_ref()),
                "use letters, digits and '_': it becomes the file $FD_SECRETS/NAME",
            );
        }
        if let Some(secret) = super::secret(value, name.get_ref(), p) {
            secrets.insert((*name.get_ref()).to_owned(), secret);
        }
    }
    secrets
}

fn webhook(fields: &Fields<'_>, p: &mut Problems) -> Option<HookAction> {
    let format = match fields.text("format", p) {
        None => NotificationFormat::Json,
        Some(word) => match *word.get_ref() {
            "slack" => NotificationFormat::Slack,
            "json" => NotificationFormat::Json,
            other => {
                p.add(
                    word.span(),
                    format!("{other:?} is not a webhook's format"),
                    "write \"slack\" (a text alone) or \"json\" (everything as fields)",
                );
                return None;
            }
        },
    };
    let value = fields.get("webhook")?;
    let address = if value.get_ref().is_str() {
        // Most of them carry their secret in the path: whatever is wrong with one, it is not shown.
        p.hide(value.span());
        WebhookAddress::Literal(fields.url("webhook", p)?)
    } else {
        WebhookAddress::Secret(super::secret(value, "webhook", p)?)
    };
    Some(HookAction::Webhook { address, format })
}
