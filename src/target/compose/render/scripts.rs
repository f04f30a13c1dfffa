//! Each step's script, the basis, and the files that steps give to Compose.

use std::collections::BTreeMap;

use super::{RenderError, checks, hooks, library, names};
use crate::{
    config::{Compose, Environment},
    release::{
        ServiceName,
        operation::Direction,
        plan::{
            BackupTool, HeadsQuery, ImageName, Intent, PinFile, Plan, PlanKind, Removal,
            RestoreFrom, Step,
        },
    },
    target::compose::{
        docker::quoted as words,
        script::{Scripts, Unquotable, quote},
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
        basis: Some(basis(plan)?),
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
            with_image(plan, compose, direction, step, image)?
                + &migrate(compose, step, service, command, heads.as_ref())?
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
                with_image(plan, compose, direction, step, image)?,
                quote(&image.label())?,
                quote(&at)?,
                asked("once", service, heads)?
            )
        }
        Intent::Backup { tool } => backup(tool)?,
        Intent::Restore { tool, from } => restore(tool, from)?,
        Intent::Stop { services } => format!("stop_services{}\n", list_of(services)),
        Intent::Start { services } => format!("start_services{}\n", list_of(services)),
        Intent::CleanUp { removals } => clean_up(removals)?,
        Intent::Pin { files } => pin(files)?,
        Intent::Switch {
            services,
            expected,
            dependencies,
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

/// Makes Compose use an image that is not pinned yet.
fn with_image(
    plan: &Plan,
    compose: &Compose,
    direction: Direction,
    step: &Step,
    image: &ImageName,
) -> Result<String, RenderError> {
    let mut text = format!(
        "override=\"$FD_FOLDER\"/{}\n",
        override_path(direction, step)
    );
    if let ImageName::Reference(_) = image {
        text.push_str(&candidate_variables(plan, compose, direction, step)?);
    }
    Ok(text)
}

/// How the heads are asked for, as arguments: the answer's format, and the command that asks.
fn asked(how: &str, service: &ServiceName, heads: &HeadsQuery) -> Result<String, Unquotable> {
    Ok(format!(
        "{} {how} {service} {}",
        library::heads_format(heads.format),
        words(&heads.command)?
    ))
}

fn migrate(
    compose: &Compose,
    step: &Step,
    service: &ServiceName,
    command: &[String],
    heads: Option<&HeadsQuery>,
) -> Result<String, RenderError> {
    let ask = |result: &str| -> Result<String, Unquotable> {
        match heads {
            Some(heads) => Ok(format!(
                "note_heads {result} {}\n",
                asked("once", service, heads)?
            )),
            None => Ok(String::new()),
        }
    };
    let mut text = String::new();
    if heads.is_some() {
        // Where it was before the first run, not in the middle of one.
        text.push_str("[ -e \"$FD_FOLDER\"/results/schema_heads_before ] || ");
        text.push_str(&ask("schema_heads_before")?);
    }
    text.push_str(&format!(
        "migrate {} {service} {}\n",
        names::migration(&quote(&compose.project)?, "\"$FD_FIRST\"", &step.id),
        words(command)?
    ));
    text.push_str(&ask("schema_heads")?);
    text.push_str("exit \"$migrate_exit\"\n");
    Ok(text)
}

/// Lets Compose read the environment files as the next pin makes them: the candidate migrates with the
/// candidate's variables, and the pin is not written yet.
fn candidate_variables(
    plan: &Plan,
    compose: &Compose,
    direction: Direction,
    step: &Step,
) -> Result<String, RenderError> {
    let later = plan
        .steps(direction)
        .iter()
        .skip_while(|other| other.id != step.id);
    let pins = later.filter_map(|step| match &step.intent {
        Intent::Pin { files } => Some(files),
        _ => None,
    });
    let mut text = String::new();
    for pin in pins.flatten() {
        let number = compose
            .environment_files
            .iter()
            .position(|file| is_file(&pin.path, file));
        if let (Some(number), Some(attachment)) = (number, &pin.attachment) {
            text.push_str(&format!(
                "environment_{}=\"$FD_FOLDER\"/attachments/{}\n",
                number + 1,
                quote(attachment)?
            ));
        }
    }
    Ok(text)
}

/// Whether an absolute path is that of a file as the configuration names it.
fn is_file(path: &str, configured: &str) -> bool {
    path == configured
        || path
            .strip_suffix(configured)
            .is_some_and(|before| before.ends_with('/'))
}

fn backup(tool: &BackupTool) -> Result<String, RenderError> {
    Ok(match tool {
        BackupTool::PgDump {
            service,
            database,
            user,
        } => format!(
            "backup_postgres {service} {} {}\n",
            quote(database)?,
            quote(user)?
        ),
        BackupTool::Command { backup, .. } => format!("backup_command {}\n", quote(backup)?),
    })
}

fn restore(tool: &BackupTool, from: &RestoreFrom) -> Result<String, RenderError> {
    let (first, handle) = match from {
        RestoreFrom::Handle(handle) => (String::new(), quote(handle)?),
        RestoreFrom::OwnBackup => (
            "own_backup\n[ -n \"$handle\" ] || exit 0\n".to_owned(),
            "\"$handle\"".to_owned(),
        ),
    };
    let call = match tool {
        BackupTool::PgDump {
            service,
            database,
            user,
        } => format!(
            "restore_postgres {handle} {service} {} {}\n",
            quote(database)?,
            quote(user)?
        ),
        BackupTool::Command { restore, .. } => match restore {
            Some(restore) => format!("restore_command {handle} {}\n", quote(restore)?),
            None => "fail 'no command is configured that brings a backup back'\n".to_owned(),
        },
    };
    Ok(first + &call)
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
            asked("inside", service, heads)?
        ));
    }
    Ok(text)
}

fn basis(plan: &Plan) -> Result<String, RenderError> {
    let basis = &plan.basis;
    let services: Vec<ServiceName> = basis.images.keys().cloned().collect();
    let mut text = format!(
        "{}basis_operation {}\n",
        begin(),
        basis.last_operation.map_or(0, |id| id.0)
    );
    if !services.is_empty() {
        text.push_str(&format!("basis_look{}\n", list_of(&services)));
    }
    for (service, images) in &basis.images {
        let images: String = images.iter().map(|id| format!(" {id}")).collect();
        text.push_str(&format!("basis_images {service}{images}\n"));
    }
    for (service, made_from) in &basis.made_from {
        // No container, no label: the images tell of that.
        if !made_from.is_empty() {
            text.push_str(&format!(
                "basis_made_from {service} {}\n",
                words(made_from)?
            ));
        }
    }
    for (path, hash) in &basis.files {
        text.push_str(&format!("basis_file {} {}\n", quote(path)?, quote(hash)?));
    }
    if let (Some(heads), Some((service, query))) = (&basis.schema_heads, heads_query(plan)) {
        let heads = if heads.is_empty() {
            "base".to_owned()
        } else {
            heads.join(",")
        };
        text.push_str(&format!(
            "basis_heads {} {}\n",
            quote(&heads)?,
            asked("inside", service, query)?
        ));
    }
    text.push_str("basis_end\n");
    Ok(text)
}

/// How the schema's heads are asked for, where a step knows.
fn heads_query(plan: &Plan) -> Option<(&ServiceName, &HeadsQuery)> {
    plan.forward.iter().find_map(|step| match &step.intent {
        Intent::Migrate { service, heads, .. } => Some((service, heads.as_ref()?)),
        Intent::Observe { heads, .. } => heads.as_ref().map(|(service, heads)| (service, heads)),
        _ => None,
    })
}

fn list_of(services: &[ServiceName]) -> String {
    // A service's name is a harmless word by its type.
    services
        .iter()
        .map(|service| format!(" {service}"))
        .collect()
}

fn pairs(images: &BTreeMap<ServiceName, ImageName>) -> Result<String, Unquotable> {
    images
        .iter()
        .map(|(service, image)| pair(service, Some(image)))
        .collect()
}

fn pair(service: &ServiceName, image: Option<&ImageName>) -> Result<String, Unquotable> {
    let image = image.map(names::image).unwrap_or_default();
    Ok(format!(
        " {service}={}",
        if image.is_empty() {
            image
        } else {
            quote(&image)?
        }
    ))
}
