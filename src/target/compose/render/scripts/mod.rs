//! Each step's script, the basis, and the files that steps give to Compose.

mod basis;
mod database;
mod words;

use std::collections::BTreeMap;

use self::words::{list_of, pair, pairs};
use super::{RenderError, checks, hooks, library, names};
use crate::{
    config::{Compose, Environment},
    release::{
        ServiceName,
        operation::Direction,
        plan::{HeadsQuery, ImageName, Intent, PinFile, Plan, PlanKind, Removal, Step},
    },
    target::compose::{
        docker::quoted as words,
        script::{Scripts, quote},
    },
};

/// Steps and basis begin so; the runner starts them in the operation's folder.
fn begin() -> String {
    format!(". ./{}\n", library::NAME)
}

pub(super) fn scripts(plan: &Plan, environment: &Environment) -> Result<Scripts, RenderError> {
    let render = |direction: Direction| -> Result<BTreeMap<String, String>, RenderError> {
        plan.steps(direction)
            .iter()
            .map(|step| Ok((step.id.clone(), script(plan, environment, direction, step)?)))
            .collect()
    };
    Ok(Scripts {
        basis: Some(basis::basis(plan)?),
        forward: render(Direction::Forward)?,
        back: render(Direction::Back)?,
        closing: render(Direction::Closing)?,
    })
}

/// Compose files that steps need beside their scripts: path in the folder, and text.
pub(super) fn overrides(plan: &Plan) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for direction in Direction::ALL {
        for step in plan.steps(direction) {
            if let Intent::Migrate { service, image, .. }
            | Intent::KnowsSchema { service, image, .. } = &step.intent
            {
                files.push((
                    override_path(direction, step),
                    image_override(service, image),
                ));
            }
        }
    }
    files
}

fn override_path(direction: Direction, step: &Step) -> String {
    format!("{}/{}.yml", direction.word(), step.id)
}

/// `docker compose run` has no `--pull` before Compose 2.32, so its policy is part of this.
pub(super) fn image_override(service: &ServiceName, image: &ImageName) -> String {
    format!(
        "services:\n  \"{service}\":\n    image: \"{}\"\n    pull_policy: never\n",
        names::image(image)
    )
}

fn script(
    plan: &Plan,
    environment: &Environment,
    direction: Direction,
    step: &Step,
) -> Result<String, RenderError> {
    let compose = super::compose(environment);
    let body = match &step.intent {
        Intent::Pull { reference, .. } => {
            format!(
                "pull {}\n",
                quote(&names::image(&ImageName::Reference(reference.clone())))?
            )
        }
        Intent::Keep { service, image } => format!(
            "keep {} {}\n",
            quote(&names::image(image))?,
            names::keep_tag(&compose.project, service, "\"$FD_OPERATION\"")
        ),
        Intent::Snapshot { keep, .. } if direction == Direction::Back => {
            format!("last_words{}\n", pairs(keep)?)
        }
        Intent::Snapshot { files, keep } => snapshot(plan.kind, compose, files, keep)?,
        Intent::Migrate {
            service,
            image,
            command,
            heads,
            ..
        } => {
            database::with_image(plan, compose, direction, step, image)?
                + &database::migrate(compose, step, service, command, heads.as_ref())?
        }
        Intent::KnowsSchema {
            service,
            image,
            heads,
            at,
        } => {
            let at = at.as_deref().unwrap_or_default().join(" ");
            format!(
                "{}knows_schema {} {} {}\n",
                database::with_image(plan, compose, direction, step, image)?,
                quote(&plan.image_label(service, image))?,
                quote(&at)?,
                database::asked("once", service, heads)?
            )
        }
        Intent::Backup { tool } => database::backup(tool)?,
        Intent::Restore { tool, from } => database::restore(tool, from)?,
        Intent::Stop { services } => format!("stop_services{}\n", list_of(services)),
        Intent::Start { services } => format!("start_services{}\n", list_of(services)),
        Intent::CleanUp { removals } => clean_up(removals)?,
        Intent::Pin { files } => pin(files)?,
        Intent::Switch {
            services,
            expected,
            dependencies,
            ..
        } => {
            let flags = if *dependencies { "''" } else { "--no-deps" };
            let expected: String = services
                .iter()
                .map(|service| pair(service, expected.get(service)))
                .collect::<Result<_, _>>()?;
            format!("switch {flags}{expected}\n")
        }
        Intent::Roll {
            service,
            expected,
            replicas,
            stable_for,
            dependencies,
            ..
        } => {
            let flags = if *dependencies { "''" } else { "--no-deps" };
            let image = quote(&names::image(expected))?;
            let seconds = stable_for.as_secs();
            format!("roll {flags} {seconds} {replicas} {service} {image}\n")
        }
        Intent::Restart { services } => format!("restart{}\n", list_of(services)),
        Intent::Health {
            services,
            stable_for,
        } => format!("health {}{}\n", stable_for.as_secs(), list_of(services)),
        Intent::Check { .. } => checks::script(step)?,
        Intent::Hook(hook) => hooks::hook(plan, step, hook)?,
        Intent::Notify(notification) => hooks::notify(plan, step, notification)?,
        Intent::Observe { services, heads } => observe(services, heads.as_ref())?,
        // No plan of this version's has it.
        Intent::Unknown => "fail 'only a newer flightdeck knows this step'\n".to_owned(),
    };
    Ok(begin() + &body)
}

fn snapshot(
    kind: PlanKind,
    compose: &Compose,
    files: &[String],
    keep: &BTreeMap<ServiceName, ImageName>,
) -> Result<String, RenderError> {
    // A copy for later is no reason to keep somebody from rolling back now.
    let otherwise = match kind {
        PlanKind::Rollback => "say",
        _ => "fail",
    };
    let mut text = String::new();
    for (path, name) in names::copies(files) {
        let path = quote(path)?;
        text.push_str(&format!(
            "snapshot_file {path} {} || {otherwise} 'cannot be copied: '{path}\n",
            quote(&name)?
        ));
    }
    for (service, image) in keep {
        text.push_str(&format!(
            "snapshot_image {service} {} {}\n",
            quote(&names::image(image))?,
            names::keep_tag_before(&compose.project, service, "\"$FD_OPERATION\"")
        ));
    }
    if !keep.is_empty() {
        let services: Vec<ServiceName> = keep.keys().cloned().collect();
        text.push_str(&format!("snapshot_health{}\n", list_of(&services)));
    }
    Ok(text)
}

fn clean_up(removals: &[Removal]) -> Result<String, RenderError> {
    let mut text = String::new();
    if removals
        .iter()
        .any(|removal| matches!(removal, Removal::Image { .. }))
    {
        text.push_str("image_users\n");
    }
    for removal in removals {
        match removal {
            Removal::Image {
                id,
                references,
                all,
                ..
            } => {
                let references: Vec<String> = references.iter().map(ToString::to_string).collect();
                let all = if *all { "all" } else { "some" };
                text.push_str(&format!(
                    "remove_image {id} {all} {}\n",
                    words(&references)?
                ));
            }
            Removal::Container { id, name } => {
                text.push_str(&format!(
                    "remove_container {} {}\n",
                    quote(id)?,
                    quote(name)?
                ));
            }
            Removal::Backup { handle, .. } => {
                text.push_str(&format!("remove_backup {}\n", quote(handle)?));
            }
        }
    }
    Ok(text)
}

fn pin(files: &[PinFile]) -> Result<String, RenderError> {
    let mut arguments = Vec::new();
    for file in files {
        arguments.push(words(&[
            file.path.clone(),
            file.expected.clone().unwrap_or_default(),
            file.attachment.clone().unwrap_or_default(),
        ])?);
    }
    let mut text = String::new();
    // All of them are looked at before the first is written.
    for arguments in &arguments {
        text.push_str(&format!("pin_stands {arguments} || :\n"));
    }
    for arguments in &arguments {
        text.push_str(&format!("pin {arguments}\n"));
    }
    Ok(text)
}

fn observe(
    services: &[ServiceName],
    heads: Option<&(ServiceName, HeadsQuery)>,
) -> Result<String, RenderError> {
    let mut text = format!("observe{}\n", list_of(services));
    if let Some((service, heads)) = heads {
        text.push_str(&format!(
            "note_heads schema_heads {}\n",
            database::asked("inside", service, heads)?
        ));
    }
    Ok(text)
}
