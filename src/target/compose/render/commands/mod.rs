//! What a person could type instead. To be read, copied and tried: no secrets, and nothing that only
//! the program itself could do.

mod check;
mod database;
mod roll;

use super::{library, names, scripts};
use crate::{
    config::{Compose, Environment, Target},
    release::{
        ServiceName,
        hook::{Hook, HookCommand},
        operation::Direction,
        plan::{ImageName, Intent, PinFile, Plan, Removal, Step},
        text::clean,
    },
    target::{
        RenderedPlan,
        compose::{docker, script::quote},
    },
};

/// The commands of each step, as a person in a shell on the server could type them.
pub fn commands(plan: &Plan, environment: &Environment) -> RenderedPlan {
    let Target::Compose(compose) = &environment.target;
    let people = People {
        plan,
        compose,
        health_timeout: plan.health_timeout.as_secs(),
        operation: names::operation(plan),
    };
    let list = |direction: Direction| {
        plan.steps(direction)
            .iter()
            .map(|step| (step.id.clone(), people.step(direction, step)))
            .collect()
    };
    RenderedPlan {
        forward: list(Direction::Forward),
        back: list(Direction::Back),
        closing: list(Direction::Closing),
    }
}

struct People<'a> {
    plan: &'a Plan,
    compose: &'a Compose,
    health_timeout: u64,
    operation: u64,
}

impl People<'_> {
    fn step(&self, direction: Direction, step: &Step) -> Vec<String> {
        let project = &self.compose.project;
        let operation = self.operation.to_string();
        match &step.intent {
            Intent::Pull { reference, .. } => {
                let image = names::image(&ImageName::Reference(reference.clone()));
                vec![self.docker(&["pull", &image])]
            }
            Intent::Keep { service, image } => vec![self.docker(&[
                "tag",
                &names::image(image),
                &names::keep_tag(project, service, &operation),
            ])],
            Intent::Snapshot { keep, .. } if direction == Direction::Back => keep
                .keys()
                .map(|service| self.docker_compose(&["logs", "--tail", "200", service.as_str()]))
                .collect(),
            Intent::Snapshot { files, keep } => {
                let release = format!(".flightdeck/{project}/releases/{:06}", self.operation);
                let mut commands = Vec::new();
                if !files.is_empty() {
                    let mut words = vec!["cp"];
                    words.extend(files.iter().map(String::as_str));
                    words.push(&release);
                    commands.push(line(&["mkdir", "-p", &release]));
                    commands.push(line(&words));
                }
                commands.extend(keep.iter().map(|(service, image)| {
                    self.docker(&[
                        "tag",
                        &names::image(image),
                        &names::keep_tag_before(project, service, &operation),
                    ])
                }));
                commands
            }
            Intent::Migrate {
                service,
                image,
                command,
                heads,
                ..
            } => self.migrate(step, service, image, command, heads.as_ref()),
            Intent::KnowsSchema {
                service,
                image,
                heads,
                ..
            } => vec![
                image_file(step, service, image),
                self.once(step, service, heads),
            ],
            Intent::Backup { tool } => self.backup(tool),
            Intent::Restore { tool, from } => self.restore(tool, from),
            Intent::Stop { services } => {
                let mut words = vec!["stop"];
                words.extend(services.iter().map(ServiceName::as_str));
                vec![self.docker_compose(&words)]
            }
            Intent::Start { services } => services
                .iter()
                .map(|service| format!("{} $({})", self.docker(&["start"]), self.ids_of(service)))
                .collect(),
            Intent::CleanUp { removals } => removals
                .iter()
                .map(|removal| self.removal(removal))
                .collect(),
            Intent::Pin { files } => files.iter().flat_map(pin).collect(),
            Intent::Switch {
                services,
                dependencies,
                ..
            } => {
                let timeout = self.health_timeout.to_string();
                let mut words = vec![
                    "up",
                    "-d",
                    "--wait",
                    "--wait-timeout",
                    &timeout,
                    "--pull",
                    "never",
                    "--no-build",
                ];
                if !dependencies {
                    words.push("--no-deps");
                }
                words.extend(services.iter().map(ServiceName::as_str));
                vec![self.docker_compose(&words)]
            }
            Intent::Roll {
                service,
                replicas,
                dependencies,
                ..
            } => self.roll(direction, service, *replicas, *dependencies),
            Intent::Restart { services } => {
                let mut words = vec!["restart"];
                words.extend(services.iter().map(ServiceName::as_str));
                vec![self.docker_compose(&words)]
            }
            Intent::Health {
                services,
                stable_for,
            } => {
                let mut words = vec!["ps"];
                words.extend(services.iter().map(ServiceName::as_str));
                let mut commands = vec![self.docker_compose(&words)];
                if !stable_for.is_zero() {
                    commands.push(format!("sleep {}", stable_for.as_secs()));
                    commands.push(self.docker_compose(&words));
                }
                commands
            }
            Intent::Check { check, timeout, .. } => self.check(check, timeout.as_secs()),
            Intent::Hook(hook) => self.hook(hook),
            Intent::Notify(notification) => vec![
                format!("# {}: its address is a secret", clean(&notification.name)),
                line(&[
                    "curl",
                    "-H",
                    "Content-Type: application/json",
                    "--data",
                    "{\"text\":…}",
                ]) + " \"$ADDRESS\"",
            ],
            // No plan of this version's has it; one of a newer version's is shown, and never rendered.
            Intent::Unknown => Vec::new(),
            Intent::Observe { services, heads } => {
                let mut words = vec!["images"];
                words.extend(services.iter().map(ServiceName::as_str));
                let mut commands = vec![self.docker_compose(&words)];
                if let Some((service, heads)) = heads {
                    commands.push(self.exec(service, &heads.command));
                }
                commands
            }
        }
    }

    fn removal(&self, removal: &Removal) -> String {
        match removal {
            Removal::Image { references, .. } => {
                let references: Vec<String> = references.iter().map(ToString::to_string).collect();
                let mut words = vec!["image", "rm"];
                words.extend(references.iter().map(String::as_str));
                self.docker(&words)
            }
            Removal::Container { name, .. } => self.docker(&["rm", name]),
            Removal::Backup { handle, .. } => line(&["rm", handle]),
        }
    }

    /// The command that prints the IDs of a service's containers.
    fn ids_of(&self, service: &ServiceName) -> String {
        let project = format!("label=com.docker.compose.project={}", self.compose.project);
        let service = format!("label=com.docker.compose.service={service}");
        self.docker(&["ps", "-aq", "--filter", &project, "--filter", &service])
    }

    fn hook(&self, hook: &Hook) -> Vec<String> {
        let mut commands = Vec::new();
        let secrets = hook.secrets.join(", ");
        match &hook.act {
            HookCommand::Command(command) => {
                if !secrets.is_empty() {
                    commands.push(format!("# with the secret files {secrets} in $FD_SECRETS"));
                }
                commands.push(clean(command));
            }
            HookCommand::Exec { service, command } => {
                if !secrets.is_empty() {
                    commands.push(format!("# with the secret {secrets} on its standard input"));
                }
                commands.push(self.exec(service, command));
            }
        }
        commands
    }

    fn exec(&self, service: &ServiceName, command: &[String]) -> String {
        let mut words = vec!["exec", "-T", service.as_str()];
        words.extend(command.iter().map(String::as_str));
        self.docker_compose(&words)
    }

    fn docker(&self, words: &[&str]) -> String {
        let command = docker::words(&self.compose.host);
        let docker = command.iter().map(String::as_str);
        line(&docker.chain(words.iter().copied()).collect::<Vec<_>>())
    }

    fn docker_compose(&self, words: &[&str]) -> String {
        let compose = compose_words(self.compose);
        let compose = compose.iter().map(String::as_str);
        line(&compose.chain(words.iter().copied()).collect::<Vec<_>>())
    }
}

/// `docker compose` with all that says which project is meant.
pub fn compose_words(compose: &Compose) -> Vec<String> {
    let mut words = docker::words(&compose.host);
    words.extend(["compose", "-p"].map(str::to_owned));
    words.push(compose.project.clone());
    for file in &compose.files {
        words.extend(["-f".to_owned(), file.clone()]);
    }
    if !library::reads_environment_by_itself(&compose.files, &compose.environment_files) {
        for file in &compose.environment_files {
            words.extend(["--env-file".to_owned(), file.clone()]);
        }
    }
    words
}

/// Writes the Compose file that gives a service another image.
fn image_file(step: &Step, service: &ServiceName, image: &ImageName) -> String {
    let text = scripts::image_override(service, image).replace('\n', "\\n");
    format!("printf {} >{}.yml", word(&text), step.id)
}

/// What holds secrets is not shown: only what changes in it.
fn pin(file: &PinFile) -> Vec<String> {
    if file.attachment.is_none() {
        return vec![line(&["rm", &file.path])];
    }
    if file.summary.is_empty() {
        return vec![format!("# {} as it was before", clean(&file.path))];
    }
    file.summary
        .iter()
        .map(|change| format!("# in {}: {}", clean(&file.path), clean(change)))
        .collect()
}

fn line(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|text| word(text)).collect();
    words.join(" ")
}

/// A word to be shown: what a terminal could trip over is cleaned first, and with it the only byte that
/// cannot be quoted.
fn word(text: &str) -> String {
    let text = clean(text);
    quote(&text).unwrap_or(text)
}
