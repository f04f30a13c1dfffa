//! A step in words: what it does and on what, short enough for a line.

use crate::release::{
    check::{Check, HttpMeans},
    hook::{Hook, HookCommand},
    operation::Outcome,
    plan::{BackupTool, ImageName, Intent, PinFile, Plan, RestoreFrom, Step, counted},
    text::clean,
};

/// The step's verb, and on what; digests in their short form.
pub fn words(step: &Step) -> (&'static str, String) {
    let (verb, words) = long_words(&step.intent);
    (verb, short_digests(&words))
}

/// As [`words`], with an image that is named by its ID called as its plan calls its release.
pub fn words_in(plan: &Plan, step: &Step) -> (&'static str, String) {
    let (verb, words) = words(step);
    let (service, ImageName::Id(id)) = (match &step.intent {
        Intent::Keep { service, image } | Intent::KnowsSchema { service, image, .. } => {
            (service, image)
        }
        _ => return (verb, words),
    }) else {
        return (verb, words);
    };
    let releases = [&plan.after, &plan.before];
    let release = releases
        .into_iter()
        .filter_map(|release| release.services.get(service))
        .find(|release| release.image_id.as_ref() == Some(id));
    match release {
        Some(release) => (
            verb,
            words.replacen(id.short(), &clean(&release.label()), 1),
        ),
        None => (verb, words),
    }
}

/// `sha256:41d07e2a41d0…` for a digest in full: the exact commands are a key away.
fn short_digests(text: &str) -> String {
    const HEAD: &str = "sha256:";
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(HEAD) {
        let (before, digest) = rest.split_at(at + HEAD.len());
        short.push_str(before);
        let hex = digest
            .bytes()
            .take_while(u8::is_ascii_hexdigit)
            .take(64)
            .count();
        rest = digest;
        if hex == 64 {
            short.push_str(&digest[..12]);
            short.push('…');
            rest = &digest[64..];
        }
    }
    short.push_str(rest);
    short
}

fn long_words(intent: &Intent) -> (&'static str, String) {
    match intent {
        Intent::Pull { reference, .. } => ("pull", reference.to_string()),
        Intent::Keep { service, image } => ("keep", format!("{service}: {}", image.label())),
        Intent::Migrate {
            command, summary, ..
        } => {
            let command = command.join(" ");
            ("migrate", clean(&format!("{command}  {summary}")))
        }
        Intent::KnowsSchema { image, at, .. } => {
            let at = at.as_ref().map_or_else(
                || "where the database is".to_owned(),
                |heads| {
                    format!(
                        "the database's revision {}",
                        crate::plan::schema::words(heads)
                    )
                },
            );
            (
                "schema",
                clean(&format!("see that {} knows {at}", image.label())),
            )
        }
        Intent::Backup { tool } => ("backup", clean(&backup_words(tool))),
        Intent::Restore { tool, from } => ("restore", clean(&restore_words(tool, from))),
        Intent::Stop { services } => ("stop", listed(services)),
        Intent::Start { services } => ("start", listed(services)),
        Intent::CleanUp { removals } => ("remove", counted(removals)),
        Intent::Pin { files } => ("pin", pins(files)),
        Intent::Switch {
            services,
            dependencies,
            ..
        } => {
            let alone = if *dependencies { "" } else { ", nothing else" };
            ("switch", format!("recreate {}{alone}", listed(services)))
        }
        Intent::Roll {
            service,
            replicas,
            stable_for,
            ..
        } => {
            let several = if *replicas == 1 {
                String::new()
            } else {
                format!(" ({replicas} containers)")
            };
            (
                "roll",
                format!(
                    "{service}{several}: new beside old, healthy for {} s, then the old goes",
                    stable_for.as_secs()
                ),
            )
        }
        Intent::Restart { services } => ("restart", listed(services)),
        Intent::Health {
            services,
            stable_for,
        } => (
            "health",
            format!(
                "{} healthy, then {} s without a restart",
                listed(services),
                stable_for.as_secs()
            ),
        ),
        Intent::Check {
            name,
            check,
            attempts,
            interval,
            ..
        } => (
            "check",
            clean(&format!(
                "{name}: {} {attempts} × {} s",
                check_words(check),
                interval.as_secs()
            )),
        ),
        Intent::Hook(hook) => ("hook", clean(&hook_words(hook))),
        Intent::Notify(notification) => (
            "tell",
            clean(&format!(
                "{}{}",
                notification.name,
                outcome_words(&notification.outcomes)
            )),
        ),
        // On the way back nothing is copied: what failed is heard before it goes.
        Intent::Snapshot { files, keep } if files.is_empty() => {
            let services: Vec<_> = keep.keys().collect();
            (
                "words",
                format!("keep what {} said last", listed(&services)),
            )
        }
        Intent::Snapshot { files, keep } => ("snapshot", snapshot_words(files.len(), keep.len())),
        Intent::Unknown => ("newer", "only a newer flightdeck knows".to_owned()),
        Intent::Observe { services, .. } => {
            ("observe", format!("record what {} run", listed(services)))
        }
    }
}

fn snapshot_words(files: usize, images: usize) -> String {
    match images {
        0 => format!("copy {}", several(files, "file")),
        _ => format!(
            "copy {}, keep {}",
            several(files, "file"),
            several(images, "image")
        ),
    }
}

fn several(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn pins(files: &[PinFile]) -> String {
    let words: Vec<String> = files
        .iter()
        .map(|file| {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            match (&file.attachment, file.summary.is_empty()) {
                (None, _) => format!("{name} is taken away"),
                (Some(_), true) => name.to_owned(),
                (Some(_), false) => format!("{name}  {}", file.summary.join("  ")),
            }
        })
        .collect();
    clean(&words.join("; "))
}

fn backup_words(tool: &BackupTool) -> String {
    match tool {
        BackupTool::PgDump {
            service, database, ..
        } => format!("pg_dump of {database} in {service}"),
        BackupTool::Command { backup, .. } => backup.clone(),
    }
}

fn restore_words(tool: &BackupTool, from: &RestoreFrom) -> String {
    let from = match from {
        RestoreFrom::Handle(handle) => handle.as_str(),
        RestoreFrom::OwnBackup => "what was saved before, if the database was touched",
    };
    match tool {
        BackupTool::PgDump {
            service, database, ..
        } => format!("{database} in {service} from {from}"),
        BackupTool::Command { restore, .. } => match restore {
            Some(restore) => format!("{restore}  {from}"),
            None => from.to_owned(),
        },
    }
}

fn check_words(check: &Check) -> String {
    match check {
        Check::Http(http) => {
            // What is expected first: an address may be too long for the line.
            let mut words = http.status.to_string();
            for field in &http.json {
                words.push_str(&format!(", {field}"));
            }
            words.push_str(&format!(" from {} {}", http.method.word(), http.url));
            match &http.means {
                HttpMeans::Here => words.push_str(", asked from here"),
                HttpMeans::CurlIn(service)
                | HttpMeans::WgetIn(service)
                | HttpMeans::AnyIn(service) => words.push_str(&format!(", in {service}")),
                HttpMeans::Curl | HttpMeans::Wget => {}
            }
            words + ","
        }
        Check::Command { command } => format!("{command},"),
        Check::Exec { service, command } => format!("in {service}: {},", command.join(" ")),
    }
}

fn hook_words(hook: &Hook) -> String {
    let command = match &hook.act {
        HookCommand::Command(command) => command.clone(),
        HookCommand::Exec { service, command } => format!("in {service}: {}", command.join(" ")),
    };
    let outcomes = outcome_words(&hook.outcomes);
    if hook.name == command {
        return command + &outcomes;
    }
    format!("{}{outcomes}: {command}", hook.name)
}

/// After which outcomes alone.
fn outcome_words(outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return String::new();
    }
    let words: Vec<&str> = outcomes.iter().map(|outcome| outcome.words()).collect();
    format!(" (if it ends {})", words.join(" or "))
}

fn listed<T: std::fmt::Display>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(ToString::to_string).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::ImageName;

    #[test]
    fn on_the_way_back_nothing_is_copied_but_what_failed_is_heard() {
        let id = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
        let words = Intent::Snapshot {
            files: Vec::new(),
            keep: [("backend".parse().unwrap(), ImageName::Id(id))].into(),
        };
        assert_eq!(
            long_words(&words),
            ("words", "keep what backend said last".to_owned())
        );
    }

    #[test]
    fn only_whole_digests_are_shortened() {
        let digest = format!("sha256:{}", "41d07e2a".repeat(8));
        assert_eq!(
            short_digests(&format!("a@{digest} and {digest}!")),
            "a@sha256:41d07e2a41d0… and sha256:41d07e2a41d0…!"
        );
        assert_eq!(short_digests("sha256:41d0 é"), "sha256:41d0 é");
    }
}
