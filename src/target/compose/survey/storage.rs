//! What a survey tells of backups, and of what a clean-up has to know.

use std::collections::BTreeMap;

use super::{
    super::{one_off, pin::keep, script::read_ledger},
    frames::Part,
    read::part,
};
use crate::{
    config::{Environment, Target},
    release::{
        Fault,
        plan::{Deed, Request, SchemaChoice},
        survey::{BackupFile, Backups, CleanUp, Neighbour, User},
        text,
    },
};

/// What `timeout` says of a command that it ended.
const TIMED_OUT: i32 = 124;

/// Whether a request makes a backup, brings one back or clears them away.
pub(super) fn asks_for_backups(environment: &Environment, request: &Request) -> bool {
    environment.backup.is_some()
        && match &request.deed {
            Deed::Promote { migrate, .. } => *migrate && environment.migration.is_some(),
            Deed::Rollback { .. } => environment.migration.is_some(),
            Deed::Migrate { .. } | Deed::Restore { .. } | Deed::CleanUp { .. } => true,
            Deed::Adopt | Deed::MarkBad { .. } => false,
        }
}

/// Whether the database itself is asked: a rollback that leaves it alone does not wait for it.
pub(super) fn asks_database(request: &Request) -> bool {
    match &request.deed {
        Deed::Rollback { schema, .. } => {
            matches!(schema, SchemaChoice::Downgrade | SchemaChoice::Restore)
        }
        Deed::CleanUp { .. } => false,
        _ => true,
    }
}

fn lines(part: &Part) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(&part.bytes).into_owned();
    let lines: Vec<String> = text.lines().map(text::clean).collect();
    lines.into_iter()
}

/// What there is for backups; `None` if it was not asked for.
pub(super) fn backups(parts: &BTreeMap<String, Part>) -> Option<Backups> {
    let told = parts.get("backups")?;
    let mut backups = Backups::default();
    for line in lines(told) {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next().map(str::parse::<u64>)) {
            (Some("free"), Some(Ok(free))) => backups.free = Some(free),
            (Some("file"), Some(Ok(size))) => {
                if let (Some(readable), Some(handle)) = (words.next(), words.next()) {
                    backups.files.push(BackupFile {
                        handle: handle.to_owned(),
                        size,
                        is_readable: readable == "yes",
                    });
                }
            }
            _ => {}
        }
    }
    if let Some(database) = parts.get("database") {
        let size = lines(database).find_map(|line| line.trim().parse().ok());
        backups.database_size = size.filter(|_| database.status == 0);
        if backups.database_size.is_none() {
            let otherwise = match database.status {
                TIMED_OUT => "it did not answer in time",
                _ => "it does not tell its size",
            };
            let said = database.complaint.lines().last();
            backups.trouble = Some(said.unwrap_or(otherwise).to_owned());
        }
    }
    Some(backups)
}

/// The part that holds a neighbour's ledger.
pub(super) fn neighbour_part(number: usize) -> String {
    format!("neighbour-{number}")
}

/// What a clean-up has to know.
///
/// # Errors
/// Where the server did not tell of its containers: without them nothing is known to be unused.
pub(super) fn clean_up(
    environment: &Environment,
    neighbours: &[Environment],
    parts: &BTreeMap<String, Part>,
) -> Result<CleanUp, Fault> {
    let Target::Compose(compose) = &environment.target;
    let users = part(environment, parts, "users")?;
    if users.status != 0 {
        return Err(super::read::malformed(
            environment,
            "containers",
            &users.complaint,
        ));
    }
    let sizes = parts.get("unique-sizes").filter(|part| part.status == 0);
    let keep_tags = environment.services.iter();
    Ok(CleanUp {
        keep_tags: keep_tags
            .filter_map(|service| keep::repository(&compose.project, service).parse().ok())
            .collect(),
        containers: lines(users)
            .filter_map(|line| user(&line, &compose.project))
            .collect(),
        unique_sizes: sizes
            .into_iter()
            .flat_map(lines)
            .filter_map(|line| {
                let (id, size) = line.split_once(' ')?;
                let id = id.strip_prefix("sha256:").unwrap_or(id);
                Some((id.get(..12)?.to_owned(), human_size(size)?))
            })
            .collect(),
        neighbours: neighbours
            .iter()
            .enumerate()
            .map(|(number, neighbour)| Neighbour {
                environment: neighbour.name.clone(),
                records: parts
                    .get(&neighbour_part(number))
                    .filter(|part| part.status == 0)
                    .map(|part| read_ledger(&part.bytes).records),
            })
            .collect(),
    })
}

/// `ID IMAGE STATE /NAME PROJECT`.
fn user(line: &str, project: &str) -> Option<User> {
    let mut words = line.split(' ');
    let id = words.next()?.to_owned();
    let image_id = words.next()?.parse().ok()?;
    let state = words.next()?;
    let name = words.next()?.trim_start_matches('/').to_owned();
    let is_ours = words.next() == Some(project);
    Some(User {
        is_left_over: is_ours
            && one_off::is_of(project, &name)
            && matches!(state, "exited" | "created" | "dead"),
        id,
        name,
        image_id,
    })
}

/// `47.33MB`, as docker writes sizes, in bytes.
fn human_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        _ => return None,
    };
    // No size of an image comes near to what a float cannot hold.
    Some((number.parse::<f64>().ok()? * factor).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_writes_them() {
        for (text, size) in [
            ("0B", Some(0)),
            ("427B", Some(427)),
            ("1.586kB", Some(1586)),
            ("47.33MB", Some(47_330_000)),
            ("1.2GB", Some(1_200_000_000)),
            ("N/A", None),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(human_size(text), size, "{text:?}");
        }
    }

    #[test]
    fn only_stopped_containers_of_this_projects_operations_are_left_over() {
        let image = format!("sha256:{}", "a".repeat(64));
        for (line, is_left_over) in [
            ("exited /fd-shop-42-migrate shop", true),
            ("created /fd-shop-42-migrate shop", true),
            ("running /fd-shop-42-migrate shop", false),
            ("exited /fd-shop-42-migrate other", false),
            ("exited /fd-shop-two-1-migrate shop-two", false),
            ("exited /shop-backend-1 shop", false),
            ("exited /fd-shop-42-migrate ", false),
        ] {
            let user = user(&format!("c0ffee {image} {line}"), "shop").unwrap();
            assert_eq!(user.is_left_over, is_left_over, "{line}");
        }
    }
}
