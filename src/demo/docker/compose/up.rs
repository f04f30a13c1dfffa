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

/// A container of a service, and how it stands to what the service says now.
struct Found {
    id: String,
    name: String,
    number: u32,
    runs: bool,
    /// Whether it was made from something else.
    differs: bool,
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
        started.extend(
            up.converge(service, &version, scale(&options, service)?)
                .await?,
        );
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

/// How many containers a service is to have: `--scale NAME=NUMBER`, else one.
fn scale(options: &Options, service: &Service) -> Result<usize, Complaint> {
    let mut scale = 1;
    for given in options.all("--scale") {
        let (name, number) = given.split_once('=').unwrap_or((given, ""));
        if name == service.name {
            scale = number.parse().map_err(|_| {
                Complaint::new(format!(
                    "invalid --scale option \"{given}\". Should be SERVICE=NUM"
                ))
            })?;
        }
    }
    Ok(scale)
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

    /// Makes the service's containers what they should be, so many of them; returns their IDs and names.
    async fn converge(
        &self,
        service: &Service,
        version: &Arc<Version>,
        scale: usize,
    ) -> Result<Vec<(String, String)>, Complaint> {
        let mut found = self.found(service, version);
        let next = found.iter().map(|f| f.number).max().unwrap_or_default() + 1;
        // What was made from something else goes first.
        found.sort_by_key(|f| (f.differs, f.number));
        for surplus in found.drain(scale.min(found.len())..) {
            self.say(&surplus.name, "Stopping").await;
            self.remove(&surplus.id).await;
            self.say(&surplus.name, "Removed").await;
        }
        let missing = scale.saturating_sub(found.len());
        let mut all = Vec::new();
        for found in found {
            all.push(if self.recreate.unwrap_or(found.differs) {
                self.recreate(service, version, found).await?
            } else {
                self.keep(found).await
            });
        }
        for number in (next..).take(missing) {
            let name = service
                .container_name
                .clone()
                .unwrap_or_else(|| format!("{}-{}-{number}", self.project.name, service.name));
            self.say(&name, "Creating").await;
            let id = self.create(service, version, name.clone(), number).await?;
            self.say(&name, "Created").await;
            self.start_new(&id, &name).await;
            all.push((id, name));
        }
        Ok(all)
    }

    async fn say(&self, name: &str, what: &str) {
        self.console.err(format!(" Container {name}  {what}")).await;
    }

    async fn keep(&self, found: Found) -> (String, String) {
        if found.runs || !self.start {
            self.say(&found.name, "Running").await;
        } else {
            self.say(&found.name, "Starting").await;
            self.start(&found.id).await;
            self.say(&found.name, "Started").await;
        }
        (found.id, found.name)
    }

    async fn recreate(
        &self,
        service: &Service,
        version: &Arc<Version>,
        old: Found,
    ) -> Result<(String, String), Complaint> {
        self.say(&old.name, "Recreate").await;
        let temporary = format!("{}_{}", &old.id[..12], old.name);
        let id = self.create(service, version, temporary, old.number).await?;
        self.remove(&old.id).await;
        self.shared.pause(REMOVE).await;
        self.shared
            .change(|world, now| world.engine.rename(&id, &old.name, now));
        self.say(&old.name, "Recreated").await;
        self.start_new(&id, &old.name).await;
        Ok((id, old.name))
    }

    async fn remove(&self, id: &str) {
        self.shared.pause(STOP).await;
        self.shared.change(|world, now| world.engine.stop(id, now));
        self.shared.pause(REMOVE).await;
        self.shared
            .change(|world, now| world.engine.remove(id, now));
    }

    fn found(&self, service: &Service, version: &Version) -> Vec<Found> {
        let hash = service.hash();
        self.shared.with(|world, _| {
            containers(world, self.project, &service.name)
                .into_iter()
                .map(|container| {
                    let label = |name: &str| {
                        let name = format!("com.docker.compose.{name}");
                        container.recipe.labels.get(&name)
                    };
                    Found {
                        id: container.id.clone(),
                        name: container.recipe.name.clone(),
                        number: label("container-number")
                            .and_then(|number| number.parse().ok())
                            .unwrap_or(1),
                        runs: matches!(container.state, State::Running | State::Restarting),
                        differs: label("config-hash") != Some(&hash)
                            || container.recipe.version.image_id != version.image_id,
                    }
                })
                .collect()
        })
    }

    async fn create(
        &self,
        service: &Service,
        version: &Arc<Version>,
        name: String,
        number: u32,
    ) -> Result<String, Complaint> {
        self.shared.pause(CREATE).await;
        self.shared.change(|world, now| {
            if let Some(other) = world.engine.containers.iter().find(|c| c.recipe.name == name) {
                return Err(Complaint::of_engine(format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to remove (or rename) that container to be able to reuse that name.",
                    other.id
                )));
            }
            let recipe = recipe(self.project, service, version, name, number);
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
