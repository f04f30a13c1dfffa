//! Hooks and notifications as calls of `sh/hook.sh`. No secret comes here: only names of files.

use serde_json::json;

use crate::{
    release::{
        hook::{Hook, HookCommand, HookWhen, Notification, NotificationFormat, NotificationMeans},
        operation::Outcome,
        plan::{Plan, Step},
        text::clean,
    },
    target::compose::{
        docker::quoted as words,
        script::{Unquotable, quote},
    },
};

/// The file in a notification's secrets that curl reads its address from.
pub const CURL: &str = "curl";
/// The file in a notification's secrets that wget reads its address from.
pub const ADDRESS: &str = "address";

/// What the runner's limit of a hook has over the hook's own.
const MARGIN: u64 = 5;

/// The script of a hook, without its beginning.
pub(super) fn hook(plan: &Plan, step: &Step, hook: &Hook) -> Result<String, Unquotable> {
    let mut text = told_of(plan, hook.when, &hook.outcomes)?;
    let seconds = seconds(step);
    text.push_str(&format!("secrets_of {}", step.id));
    for secret in &hook.secrets {
        text.push_str(&format!(" {}", quote(secret)?));
    }
    text.push('\n');
    match &hook.act {
        HookCommand::Command(command) => {
            text.push_str(&format!("hook_command {seconds} {}\n", quote(command)?));
        }
        HookCommand::Exec { service, command } => {
            let secret = hook.secrets.first().map_or("", String::as_str);
            text.push_str(&format!(
                "hook_exec {seconds} {service} {} {}\n",
                quote(secret)?,
                words(command)?
            ));
        }
    }
    Ok(text)
}

/// The script of a notification, without its beginning.
pub(super) fn notify(
    plan: &Plan,
    step: &Step,
    notification: &Notification,
) -> Result<String, Unquotable> {
    let mut text = told_of(plan, notification.when, &notification.outcomes)?;
    let (tool, service, file) = match &notification.means {
        NotificationMeans::Curl => ("curl", "", CURL),
        NotificationMeans::Wget => ("wget", "", ADDRESS),
        NotificationMeans::CurlIn(service) => ("curl", service.as_str(), CURL),
    };
    text.push_str(&format!(
        "secrets_of {} {file}\nnotify {tool} {} {} {} {} {}\n",
        step.id,
        quote(service)?,
        seconds(step),
        notification.format.word(),
        quote(&inside_quotes(&told(plan, notification.format)))?,
        quote(&fields(plan))?,
    ));
    Ok(text)
}

fn seconds(step: &Step) -> u64 {
    step.limit.as_secs().saturating_sub(MARGIN).max(1)
}

/// What a hook is told of the operation, and after which outcomes alone it runs.
fn told_of(plan: &Plan, when: HookWhen, outcomes: &[Outcome]) -> Result<String, Unquotable> {
    let mut text = String::new();
    if when == HookWhen::After && !outcomes.is_empty() {
        text.push_str("only_after");
        for outcome in outcomes {
            text.push_str(&format!(" {}", word_of(*outcome)));
        }
        text.push('\n');
    }
    let versions: Vec<String> = plan
        .after
        .changed_since(&plan.before)
        .services
        .iter()
        .map(|(name, release)| format!("{name}={}", release.label()))
        .collect();
    for (name, value) in [
        ("FD_ENVIRONMENT", plan.environment.to_string()),
        ("FD_KIND", kind(plan)),
        ("FD_VERSIONS", versions.join(" ")),
        ("FD_OPERATOR", plan.operator.clone()),
        ("FD_REASON", plan.reason.clone()),
    ] {
        text.push_str(&format!("{name}={}\nexport {name}\n", quote(&value)?));
    }
    Ok(text)
}

/// As the runner writes it.
fn word_of(outcome: Outcome) -> String {
    word(&json!(outcome))
}

/// As plans write it.
fn kind(plan: &Plan) -> String {
    word(&json!(plan.kind))
}

fn word(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What people read: the runner adds what became of it.
fn told(plan: &Plan, format: NotificationFormat) -> String {
    let mut text = format!("{} by {}", plan.title(), plan.operator);
    if !plan.reason.is_empty() {
        text.push_str(&format!(" ({})", plan.reason));
    }
    let text = clean(&text);
    match format {
        // Else a reason could call everybody, or hide an address behind a word.
        NotificationFormat::Slack => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;"),
        NotificationFormat::Json => text,
    }
}

/// The fields that are known before it runs, without the braces.
fn fields(plan: &Plan) -> String {
    let services: serde_json::Map<String, serde_json::Value> = plan
        .after
        .changed_since(&plan.before)
        .services
        .iter()
        .map(|(name, release)| {
            let before = plan.before.services.get(name).map(|s| s.label());
            let change = json!({ "before": before, "after": release.label() });
            (name.to_string(), change)
        })
        .collect();
    let text = json!({
        "environment": plan.environment,
        "kind": plan.kind,
        "services": services,
        "operator": plan.operator,
        "origin": plan.origin,
        "reason": plan.reason,
    })
    .to_string();
    // An object's text is in braces.
    text[1..text.len() - 1].to_owned()
}

/// A text as JSON writes it, without its quotes.
fn inside_quotes(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::fixture;

    proptest! {
        #[test]
        fn whoever_typed_it_and_whatever_it_is_json_again(
            operator in any::<String>(), origin in any::<String>(), reason in any::<String>(),
        ) {
            let mut plan = fixture::World::new().plan(fixture::promote(2)).unwrap();
            (plan.operator, plan.origin, plan.reason) = (operator, origin, reason);
            // As sh/hook.sh puts it together.
            let text = inside_quotes(&told(&plan, NotificationFormat::Json));
            let body = format!("{{{},\"event\":\"before\",\"text\":\"{text} begins\"}}", fields(&plan));
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            for (name, meant) in [("operator", &plan.operator), ("origin", &plan.origin), ("reason", &plan.reason)] {
                prop_assert_eq!(&body[name], &json!(meant));
            }
            let text = body["text"].as_str().unwrap();
            prop_assert_eq!(clean(text), text);
            let slack = told(&plan, NotificationFormat::Slack);
            prop_assert!(!slack.contains(['<', '>']), "{slack}");
        }
    }
}
