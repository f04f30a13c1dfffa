//! `flightdeck promote`: bring a version into an environment.

use std::collections::BTreeMap;

use futures::future::{join_all, try_join_all};

use crate::{
    config::{Environment, GateRule, keys::did_you_mean},
    release::{
        EnvironmentName, Fault, FaultKind, Permit, ServiceName, Tag,
        plan::{ChosenVersion, Deed, Request},
    },
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Bring a version into an environment.
#[derive(Debug, clap::Args)]
pub struct Promote {
    /// Where
    environment: String,
    /// A tag for every service that has it and is released there, or SERVICE=TAG for one; several
    /// services are one release
    #[arg(required = true, value_name = "TAG|SERVICE=TAG")]
    versions: Vec<String>,
    /// Pass a closed gate by its name; recorded
    #[arg(long = "override", value_name = "GATE")]
    overrides: Vec<String>,
    /// Leave the schema as it is
    #[arg(long)]
    no_migrate: bool,
    #[command(flatten)]
    flags: DeedFlags,
}

impl Promote {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let environment = session.environment(&self.environment)?.clone();
        let versions = match &self.versions[..] {
            [tag] if !tag.contains('=') => session.chosen_by_tag(&environment, tag).await?,
            versions => session.chosen(tags(&environment, versions)?).await?,
        };
        let request = Request {
            environment: environment.name.clone(),
            deed: Deed::Promote {
                versions,
                migrate: !self.no_migrate && environment.migration.is_some(),
            },
            reason: self.flags.reason.clone(),
            overrides: self.overrides,
        };
        let looked_at = gate_environments(&environment);
        session
            .carry_out(request, &self.flags, &looked_at, permit)
            .await
    }
}

impl Session {
    /// What each tag points at now, with the commit that it was built from.
    pub(super) async fn chosen(
        &self,
        tags: BTreeMap<ServiceName, Tag>,
    ) -> Result<BTreeMap<ServiceName, ChosenVersion>, Failure> {
        let chosen = tags.into_iter().map(|(name, tag)| async move {
            let service = self.world.config.services.get(&name).ok_or_else(|| {
                Fault::new(FaultKind::Invalid, name.as_str(), "is no service here")
            })?;
            let (digest, details) = self
                .world
                .catalogue
                .resolve(&service.repository, &tag)
                .await?;
            let version = ChosenVersion {
                tag,
                digest,
                revision: details.revision,
            };
            Ok::<_, Fault>((name, version))
        });
        Ok(try_join_all(chosen).await?.into_iter().collect())
    }

    /// The services of `environment` that have `tag`; says which ones have not.
    ///
    /// # Errors
    /// What is not a tag; a tag that none of them has; the registry's faults.
    async fn chosen_by_tag(
        &mut self,
        environment: &Environment,
        tag: &str,
    ) -> Result<BTreeMap<ServiceName, ChosenVersion>, Failure> {
        let tags = tags(environment, &[tag.to_owned()])?;
        let asked = tags.into_iter().map(|(name, tag)| {
            let chosen = self.chosen(BTreeMap::from([(name.clone(), tag)]));
            async move { (name, chosen.await) }
        });
        let mut versions = BTreeMap::new();
        let mut without = Vec::new();
        for (name, chosen) in join_all(asked).await {
            match chosen {
                Ok(chosen) => versions.extend(chosen),
                Err(Failure::Fault(fault)) if fault.kind == FaultKind::Missing => {
                    without.push((name, fault));
                }
                Err(failure) => return Err(failure),
            }
        }
        let named: Vec<&str> = without.iter().map(|(name, _)| name.as_str()).collect();
        if !versions.is_empty() && !named.is_empty() && !self.output.json {
            self.output.line(format!(
                "{} has no {tag}, and stays as it is",
                named.join(", ")
            ))?;
        }
        match without.into_iter().next() {
            Some((_, fault)) if versions.is_empty() => Err(fault.into()),
            _ => Ok(versions),
        }
    }
}

/// The environments that this one's gates look at.
fn gate_environments(environment: &Environment) -> Vec<EnvironmentName> {
    let mut names: Vec<EnvironmentName> = environment
        .gates
        .iter()
        .filter_map(|gate| match gate {
            GateRule::HealthyIn { environment, .. } => Some(environment.clone()),
            GateRule::Ci { .. } => None,
        })
        .collect();
    names.dedup();
    names
}

/// Which tag for which service: `TAG` for all that are released there, `SERVICE=TAG` for one.
///
/// # Errors
/// What is not a tag, a service that is not released there, a service with two tags.
pub(super) fn tags(
    environment: &Environment,
    versions: &[String],
) -> Result<BTreeMap<ServiceName, Tag>, Failure> {
    let mut tags = BTreeMap::new();
    for version in versions {
        let (services, tag) = match version.split_once('=') {
            None => (environment.services.clone(), version.as_str()),
            Some((name, tag)) => {
                let found = environment.services.iter().find(|s| s.as_str() == name);
                let service = found.ok_or_else(|| {
                    let known = environment.services.iter().map(ServiceName::as_str);
                    Failure::Usage(format!(
                        "{name:?} is not released to {}; {}",
                        environment.name,
                        did_you_mean(name, known)
                    ))
                })?;
                (vec![service.clone()], tag)
            }
        };
        let tag: Tag = tag
            .parse()
            .map_err(|error| Failure::Usage(format!("{error}")))?;
        for service in services {
            if let Some(other) = tags.insert(service.clone(), tag.clone()) {
                return Err(Failure::Usage(format!(
                    "{service} is given two tags: {other} and {tag}"
                )));
            }
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn environment() -> Environment {
        let text = "[services.a]\nimage = \"a\"\npin = \"A\"\n[services.b]\nimage = \"b\"\npin = \"B\"\n\
                    [environments.e]\nhost = \"local\"\ndirectory = \"/e\"\n";
        crate::config::parse(text, Path::new("x"))
            .unwrap()
            .environments
            .remove(0)
    }

    fn asked(versions: &[&str]) -> Result<Vec<String>, String> {
        let versions: Vec<String> = versions.iter().map(|v| (*v).to_owned()).collect();
        tags(&environment(), &versions)
            .map(|tags| tags.iter().map(|(s, t)| format!("{s}={t}")).collect())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_tag_is_for_every_service_and_a_named_one_for_its_own() {
        assert_eq!(asked(&["v1"]).unwrap(), ["a=v1", "b=v1"]);
        assert_eq!(asked(&["b=v2"]).unwrap(), ["b=v2"]);
        assert_eq!(asked(&["a=v1", "b=v2"]).unwrap(), ["a=v1", "b=v2"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_could_be() {
        assert_eq!(
            asked(&["v1", "a=v2"]).unwrap_err(),
            "a is given two tags: v1 and v2"
        );
        assert_eq!(
            asked(&["c=v1"]).unwrap_err(),
            "\"c\" is not released to e; there are: a, b"
        );
        assert!(asked(&["a=;reboot"]).unwrap_err().contains("is not a tag"));
    }
}
