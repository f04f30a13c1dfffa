//! A step in words: what it does and on what, short enough for a line.

use crate::release::{
    plan::{Check, ImageName, Intent, PinFile, Step},
    text::clean,
};

/// The step's verb, and on what.
pub fn words(step: &Step) -> (&'static str, String) {
    match &step.intent {
        Intent::Pull { reference, .. } => ("pull", reference.to_string()),
        Intent::Keep { service, image } => ("keep", format!("{service}: {}", short(image))),
        Intent::Migrate {
            command, summary, ..
        } => {
            let command = command.join(" ");
            ("migrate", clean(&format!("{command}  {summary}")))
        }
        Intent::Pin { files } => ("pin", pins(files)),
        Intent::Switch {
            services,
            dependencies,
            ..
        } => {
            let alone = if *dependencies { "" } else { ", nothing else" };
            ("switch", format!("recreate {}{alone}", listed(services)))
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
        } => (
            "check",
            clean(&format!(
                "{name}: {} {attempts} × {} s",
                check_words(check),
                interval.as_secs()
            )),
        ),
        Intent::Snapshot { files, keep } => (
            "snapshot",
            format!("copy {} files, keep {} images", files.len(), keep.len()),
        ),
        Intent::Observe { services, .. } => {
            ("observe", format!("record what {} run", listed(services)))
        }
    }
}

fn short(image: &ImageName) -> String {
    match image {
        ImageName::Reference(reference) => match (&reference.tag, &reference.digest) {
            (Some(tag), _) => tag.to_string(),
            (None, Some(digest)) => digest.short().to_owned(),
            (None, None) => reference.to_string(),
        },
        ImageName::Id(id) => id.short().to_owned(),
    }
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

fn check_words(check: &Check) -> String {
    match check {
        Check::Http { url, status, .. } => format!("GET {url} is {status},"),
        Check::Command { command } => format!("{command},"),
        Check::Exec { service, command } => format!("in {service}: {},", command.join(" ")),
    }
}

fn listed<T: std::fmt::Display>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(ToString::to_string).collect();
    words.join(", ")
}
