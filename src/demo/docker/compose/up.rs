//! `docker compose up`: recreates what differs, in Compose's order, and waits for health.

use std::{sync::Arc, time::Duration};

use super::{bring, containers, recipe};
use crate::demo::{
    docker::{
        console::{Complaint, Console, Ended},
        container::STOP,
        options::{Options, flag, value},
        project::{Project, Service},
    },
    shared::Shared,
    world::{
        catalogue::Version,
        container::{Container, Health, State},
    },
};

const CREATE: Duration = Duration::from_millis(150);
const REMOVE: Duration = Duration::from_millis(80);

/// When an image is pulled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pull {
    Always,
    Missing,
    Never,
}

/// How a container stands to what its service says now.
enum Difference {
    /// There is none.
    Missing,
    /// There is one that was made from something else.
    Other(Found),
    /// There is one that was made from this.
    None(Found),
}

struct Found {
    id: String,
    name: String,
    runs: bool,
}

/// `docker compose up -d …`.
pub async fn up(
    shared: &Arc<Shared>,
    console: &Console,
    project: &Project,
    words: &[String],
) -> Ended {
    let known = [
        flag(&["-d", "--detach"]),
        flag(&["--wait"]),
        flag(&["--no-deps"]),
        flag(&["--no-build"]),
        flag(&["--force-recreate"]),
        flag(&["--no-recreate"]),
        flag(&["--no-start"]),
        flag(&["--remove-orphans"]),
        flag(&["--quiet-pull"]),
        flag(&["-y", "--yes"]),
        value(&["--pull"]),
        value(&["--wait-timeout"]),
        value(&["-t", "--timeout"]),
        value(&["--scale"]),
    ];
    let options = Options::parse(words, &known, false)?;
    if !options.has("-d") && !options.has("--wait") && !options.has("--no-start") {
        return Err(Complaint::new(
            "the embedded world runs services in the background only: add -d",
        ));
    }
    let policy = match options.get("--pull") {
        Some("always") => Some(Pull::Always),
        Some("never") => Some(Pull::Never),
        Some("missing") => Some(Pull::Missing),
        None => None,
        Some(other) => {
            return Err(Complaint::new(format!("invalid --pull option \"{other}\"")));
        }
    };
    let chosen = project.in_order(&options.arguments, !options.has("--no-deps"))?;
    let mut started = Vec::new();
    for service in chosen {
        let is_named = options.arguments.is_empty() || options.arguments.contains(&service.name);
        let policy = policy.unwrap_or(match service.pull_policy.as_deref() {
            Some("always") => Pull::Always,
            Some("never") => Pull::Never,
            _ => Pull::Missing,
        });
        let up = Up {
            shared,
            console,
            project,
            recreate: if options.has("--force-recreate") && is_named {
                Some(true)
            } else {
                options.has("--no-recreate").then_some(false)
            },
            start: !options.has("--no-start"),
        };
        let version = up.image(service, policy).await?;
        up.dependencies(service, options.has("--no-deps")).await?;
        started.push(up.converge(service, &version).await?);
    }
    if !options.has("--wait") {
        return Ok(0);
    }
    let limit = options
        .number("--wait-timeout")?
        .filter(|seconds| *seconds > 0);
    let all = async {
        for (id, name) in &started {
            console.err(format!(" Container {name}  Waiting")).await;
            wait_for(shared, id, name, true).await?;
            console.err(format!(" Container {name}  Healthy")).await;
        }
        Ok(0)
    };
    match limit {
        None => all.await,
        Some(seconds) => tokio::time::timeout(Duration::from_secs(seconds), all)
            .await
            .unwrap_or_else(|_| {
                Err(Complaint::new(format!(
                    "application not healthy after {seconds}s"
                )))
            }),
    }
}

struct Up<'a> {
    shared: &'a Arc<Shared>,
    console: &'a Console,
    project: &'a Project,
    /// Whatever differs: `Some(true)` for all that are named, `Some(false)` for none.
    recreate: Option<bool>,
    start: bool,
}

impl Up<'_> {
    /// The image of a service, pulled where the policy says so.
    async fn image(&self, service: &Service, policy: Pull) -> Result<Arc<Version>, Complaint> {
        let find = || {
            self.shared.with(|world, _| {
                let image = world.engine.image(&service.image);
                image.map(|image| Arc::clone(&image.version))
            })
        };
        let here = find();
        if policy == Pull::Always || (policy == Pull::Missing && here.is_none()) {
            self.console.err(format!(" {} Pulling", service.name)).await;
            bring(self.shared, self.console, service).await?;
            self.console.err(format!(" {} Pulled", service.name)).await;
        }
        find().ok_or_else(|| Complaint::of_engine(format!("No such image: {}", service.image)))
    }

    /// Waits for what a service depends on, as it says.
    async fn dependencies(&self, service: &Service, none: bool) -> Result<(), Complaint> {
        for (wanted, condition) in service.depends_on.iter().filter(|_| !none && self.start) {
            if condition != "service_healthy" {
                continue;
            }
            let found = self.shared.with(|world, _| {
                let found = containers(world, self.project, wanted);
                found.first().map(|c| (c.id.clone(), c.recipe.name.clone()))
            });
            if let Some((id, name)) = found {
                wait_for(self.shared, &id, &name, true)
                    .await
                    .map_err(|complaint| {
                        Complaint::new(format!("dependency failed to start: {}", complaint.text))
                    })?;
            }
        }
        Ok(())
    }

    /// Makes the service's container what it should be; returns its ID and name.
    async fn converge(
        &self,
        service: &Service,
        version: &Arc<Version>,
    ) -> Result<(String, String), Complaint> {
        let say = async |name: &str, what: &str| {
            self.console.err(format!(" Container {name}  {what}")).await;
        };
        let canonical = service
            .container_name
            .clone()
            .unwrap_or_else(|| format!("{}-{}-1", self.project.name, service.name));
        match self.difference(service, version) {
            Difference::None(found) => {
                if found.runs || !self.start {
                    say(&found.name, "Running").await;
                } else {
                    say(&found.name, "Starting").await;
                    self.start(&found.id).await;
                    say(&found.name, "Started").await;
                }
                Ok((found.id, found.name))
            }
            Difference::Missing => {
                say(&canonical, "Creating").await;
                let id = self.create(service, version, canonical.clone()).await?;
                say(&canonical, "Created").await;
                self.start_new(&id, &canonical).await;
                Ok((id, canonical))
            }
            Difference::Other(old) => {
                say(&old.name, "Recreate").await;
                let temporary = format!("{}_{}", &old.id[..12], old.name);
                let id = self.create(service, version, temporary).await?;
                self.shared.pause(STOP).await;
                self.shared
                    .change(|world, now| world.engine.stop(&old.id, now));
                self.shared.pause(REMOVE).await;
                self.shared
                    .change(|world, now| world.engine.remove(&old.id, now));
                self.shared.pause(REMOVE).await;
                self.shared
                    .change(|world, now| world.engine.rename(&id, &old.name, now));
                say(&old.name, "Recreated").await;
                self.start_new(&id, &old.name).await;
                Ok((id, old.name))
            }
        }
    }

    fn difference(&self, service: &Service, version: &Version) -> Difference {
        let hash = service.hash();
        self.shared.with(|world, _| {
            let Some(container) = containers(world, self.project, &service.name)
                .first()
                .copied()
            else {
                return Difference::Missing;
            };
            let found = Found {
                id: container.id.clone(),
                name: container.recipe.name.clone(),
                runs: matches!(container.state, State::Running | State::Restarting),
            };
            let label = container
                .recipe
                .labels
                .get("com.docker.compose.config-hash");
            let differs =
                label != Some(&hash) || container.recipe.version.image_id != version.image_id;
            if self.recreate.unwrap_or(differs) {
                Difference::Other(found)
            } else {
                Difference::None(found)
            }
        })
    }

    async fn create(
        &self,
        service: &Service,
        version: &Arc<Version>,
        name: String,
    ) -> Result<String, Complaint> {
        self.shared.pause(CREATE).await;
        self.shared.change(|world, now| {
            if let Some(other) = world.engine.containers.iter().find(|c| c.recipe.name == name) {
                return Err(Complaint::of_engine(format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                    other.id
                )));
            }
            let recipe = recipe(self.project, service, version, name);
            Ok(world.engine.create(recipe, now))
        })
    }

    async fn start_new(&self, id: &str, name: &str) {
        if self.start {
            self.console
                .err(format!(" Container {name}  Starting"))
                .await;
            self.start(id).await;
            self.console
                .err(format!(" Container {name}  Started"))
                .await;
        }
    }

    async fn start(&self, id: &str) {
        self.shared.pause(CREATE).await;
        self.shared.change(|world, now| world.engine.start(id, now));
    }
}

/// Waits until a container is healthy, or runs where it has no health check.
///
/// # Errors
/// It is unhealthy, or has ended: in Compose's words.
pub async fn wait_for(
    shared: &Shared,
    id: &str,
    name: &str,
    fails_on_end: bool,
) -> Result<(), Complaint> {
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        let look = |c: &Container| {
            (
                c.state,
                c.health,
                c.exit_code,
                c.recipe.health_check.is_empty(),
            )
        };
        let seen = shared.with(|world, _| world.engine.container(id).map(look));
        match seen {
            None => return Err(Complaint::of_engine(format!("No such container: {id}"))),
            Some((State::Running, Some(Health::Healthy), ..)) => return Ok(()),
            Some((State::Running, None, _, true)) => return Ok(()),
            Some((_, Some(Health::Unhealthy), ..)) => {
                return Err(Complaint::new(format!("container {name} is unhealthy")));
            }
            Some((State::Exited, _, code, _)) if fails_on_end => {
                return Err(Complaint::new(format!("container {name} exited ({code})")));
            }
            Some(_) => {}
        }
        if changes.changed().await.is_err() {
            return Err(Complaint::new("the embedded world has ended"));
        }
    }
}
