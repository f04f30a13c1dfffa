//! The names that a plan's things have on a server.

use crate::{
    release::{
        ServiceName,
        plan::{ImageName, Plan},
    },
    target::compose::pin::keep,
};

/// How docker is asked for an image: by digest where there is one, since a tag beside it means nothing.
pub(super) fn image(name: &ImageName) -> String {
    match name {
        ImageName::Id(id) => id.to_string(),
        ImageName::Reference(reference) => match &reference.digest {
            Some(digest) => format!("{}@{digest}", reference.repository),
            None => reference.to_string(),
        },
    }
}

/// The keep tag of what an operation brings in.
pub(super) fn keep_tag(project: &str, service: &ServiceName, operation: &str) -> String {
    format!("{}:{operation}", keep::repository(project, service))
}

/// The keep tag of what ran before it.
pub(super) fn keep_tag_before(project: &str, service: &ServiceName, operation: &str) -> String {
    format!("{}:{operation}-before", keep::repository(project, service))
}

/// The file that an operation saves the database in, relative to the project's directory: its handle.
pub(super) fn backup(project: &str, operation: u64) -> String {
    format!(".flightdeck/{project}/backups/{operation:06}.dump")
}

/// The number that the plan's operation gets: the one after its basis, or it is refused.
pub(super) fn operation(plan: &Plan) -> u64 {
    plan.basis.last_operation.map_or(0, |id| id.0) + 1
}

/// The name of each file's copy in a release's directory: its own, with a number before it where two
/// have the same.
pub(super) fn copies(files: &[String]) -> Vec<(&str, String)> {
    let base = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    files
        .iter()
        .enumerate()
        .map(|(index, path)| {
            let name = base(path);
            let shared = files.iter().filter(|other| base(other) == name).count() > 1;
            // `files` is the list of them.
            if shared || name == "files" {
                (path.as_str(), format!("{}-{name}", index + 1))
            } else {
                (path.as_str(), name)
            }
        })
        .collect()
}
