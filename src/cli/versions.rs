//! `flightdeck versions`: the versions in the registry and where each one runs.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    config::{Service, keys::did_you_mean},
    fleet::Fleet,
    release::{
        EnvironmentName, Fault, Now, Repository, ServiceName,
        time::short_age,
        version::{Known, Version, Versions as List, WhereItRuns},
    },
};

use super::{Attendant, Exit, Failure, Session};

/// Show the versions in the registry, newest first, and where each one runs.
#[derive(Debug, clap::Args)]
pub struct Versions {
    /// Only of these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// So many of each repository at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 15)]
    limit: usize,
}

/// A repository, the services that come from it, and what its registry answered.
struct Answer {
    repository: Repository,
    services: Vec<ServiceName>,
    list: Result<List, Fault>,
}

impl Versions {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let services = self.chosen(session)?;
        let names = session.environments(&[])?;
        let attendant = Attendant::start(&session.world, &names, session.interactive)?;
        let mut fleet = Fleet::new(session.world.config.clone());
        let (answers, ()) = tokio::join!(
            answers(session, &services, self.limit),
            attendant.settle(&mut fleet, &names, &session.clock)
        );
        let now = session.clock.now();
        let unseen: Vec<&EnvironmentName> = names
            .iter()
            .filter(|name| {
                fleet
                    .environment(name)
                    .is_none_or(|facts| facts.containers.last.is_none())
            })
            .collect();
        let mut first_fault = None;
        let mut values = Vec::new();
        for answer in answers {
            let runs = fleet.where_it_runs(&answer.repository);
            if session.output.json {
                values.push(value(&answer, &runs, self.limit));
            } else {
                print(session, &answer, &runs, self.limit, now)?;
            }
            first_fault = first_fault.or(answer.list.err());
        }
        if session.output.json {
            session
                .output
                .value(&json!({ "repositories": values, "unseen_environments": unseen }))?;
        } else if !unseen.is_empty() {
            let names: Vec<&str> = unseen.iter().map(|name| name.as_str()).collect();
            session.output.line(format!(
                "what runs in {} could not be seen",
                names.join(", ")
            ))?;
        }
        Ok(first_fault.map_or(Exit::Ok, |fault| Failure::from(fault).exit()))
    }

    /// The services that were named, or all.
    fn chosen(&self, session: &Session) -> Result<Vec<Service>, Failure> {
        let all = &session.world.config.services;
        if self.services.is_empty() {
            return Ok(all.values().cloned().collect());
        }
        self.services
            .iter()
            .map(|name| {
                let found = all.values().find(|s| s.name.as_str() == name);
                found.cloned().ok_or_else(|| {
                    let known = all.keys().map(ServiceName::as_str);
                    Failure::Usage(format!(
                        "{name:?} is no service of the configuration; {}",
                        did_you_mean(name, known)
                    ))
                })
            })
            .collect()
    }
}

/// Each repository's versions, asked for at once.
async fn answers(session: &Session, services: &[Service], limit: usize) -> Vec<Answer> {
    let repositories: BTreeSet<&Repository> = services.iter().map(|s| &s.repository).collect();
    join_all(repositories.into_iter().filter_map(|repository| {
        let own: Vec<&Service> = services
            .iter()
            .filter(|s| s.repository == *repository)
            .collect();
        let convention = &own.first()?.tags;
        let names = own.iter().map(|s| s.name.clone()).collect();
        Some(async move {
            Answer {
                list: session
                    .world
                    .catalogue
                    .list(repository, convention, limit)
                    .await,
                repository: repository.clone(),
                services: names,
            }
        })
    }))
    .await
}

fn print(
    session: &mut Session,
    answer: &Answer,
    runs: &WhereItRuns,
    limit: usize,
    now: Now,
) -> Result<(), Failure> {
    let services: Vec<&str> = answer.services.iter().map(|s| s.as_str()).collect();
    let output = &mut session.output;
    output.line(format!("{}  {}", services.join(", "), answer.repository))?;
    let list = match &answer.list {
        Ok(list) => list,
        Err(fault) => {
            output.line(format!("  {fault}"))?;
            return Ok(());
        }
    };
    let rows: Vec<[String; 5]> = list
        .versions
        .iter()
        .take(limit)
        .map(|version| row(version, runs, now))
        .collect();
    output.table(["  TAG", "CREATED", "REVISION", "DIGEST", "RUNS IN"], &rows)?;
    if list.versions.len() > limit {
        output.line(format!("  and {} older", list.versions.len() - limit))?;
    }
    Ok(())
}

fn row(version: &Version, runs: &WhereItRuns, now: Now) -> [String; 5] {
    let details = version.details.value();
    let dash = || "-".to_owned();
    [
        format!("  {}", version.tag),
        details
            .and_then(|d| d.created)
            .map_or_else(dash, |at| short_age(now.age(at), false).0),
        details
            .and_then(|d| d.revision.as_deref())
            .map_or_else(dash, |revision| revision.chars().take(7).collect()),
        match &version.digest {
            Known::Known(digest) => digest.short().to_owned(),
            Known::Pending => dash(),
            Known::Failed(fault) => fault.message.to_string(),
        },
        environments(version, runs)
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    ]
}

fn environments<'a>(version: &Version, runs: &'a WhereItRuns) -> &'a [EnvironmentName] {
    version
        .digest
        .value()
        .and_then(|digest| runs.get(digest))
        .map_or(&[], Vec::as_slice)
}

fn value(answer: &Answer, runs: &WhereItRuns, limit: usize) -> Value {
    let versions = answer.list.as_ref().ok().map(|list| {
        list.versions
            .iter()
            .take(limit)
            .map(|version| {
                let details = version.details.value();
                json!({
                    "tag": version.tag,
                    "digest": version.digest.value(),
                    "created": details.and_then(|d| d.created),
                    "revision": details.and_then(|d| d.revision.as_deref()),
                    "runs_in": environments(version, runs),
                })
            })
            .collect::<Vec<_>>()
    });
    json!({
        "repository": answer.repository,
        "services": answer.services,
        "versions": versions,
        "total": answer.list.as_ref().ok().map(|list| list.versions.len()),
        "fault": answer.list.as_ref().err(),
    })
}
