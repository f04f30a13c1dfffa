//! A step's own script: calls of the library's functions with the step's values.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use crate::{
    config::Environment,
    plan::steps::MARGIN,
    release::{
        ServiceName,
        operation::Direction,
        plan::{Check, HttpMeans, ImageName, Intent, PinFile, Plan, PlanKind, Step},
    },
};

use super::{
    super::{
        pin::{hash::Algorithm, keep},
        script::{Unquotable, quote},
    },
    library,
};

/// A script under construction: a call a line.
struct Script(String);

impl Script {
    fn new() -> Self {
        Self(format!(". \"$FD_FOLDER/{}\"\n", library::NAME))
    }

    /// A call with its arguments quoted.
    fn call<'a>(
        &mut self,
        function: &str,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Unquotable> {
        self.0.push_str(function);
        for argument in arguments {
            self.0.push(' ');
            self.0.push_str(&quote(argument)?);
        }
        self.0.push('\n');
        Ok(())
    }

    /// A call whose last argument is a keep tag of this operation's.
    fn call_with_tag(
        &mut self,
        function: &str,
        arguments: &[&str],
        repository: &str,
        suffix: &str,
    ) -> Result<(), Unquotable> {
        self.call(function, arguments.iter().copied())?;
        self.0.pop();
        let _ = writeln!(self.0, " {}:\"$FD_OPERATION\"{suffix}", quote(repository)?);
        Ok(())
    }
}

/// What an image is called towards the Engine: by digest alone, since a tag beside it says nothing.
pub(super) fn engine_name(image: &ImageName) -> String {
    match image {
        ImageName::Id(id) => id.to_string(),
        ImageName::Reference(reference) => match &reference.digest {
            Some(digest) => format!("{}@{digest}", reference.repository),
            None => reference.to_string(),
        },
    }
}

/// The name of the container that migrates; `$FD_OPERATION` is put in by the shell.
fn migration_name(project: &str) -> Result<String, Unquotable> {
    Ok(format!("fd-{}-\"$FD_OPERATION\"-migrate", quote(project)?))
}

pub(super) fn of(
    step: &Step,
    direction: Direction,
    plan: &Plan,
    environment: &Environment,
) -> Result<String, Unquotable> {
    let project = &super::compose(environment).project;
    let mut script = Script::new();
    match &step.intent {
        Intent::Snapshot { keep, .. } if direction == Direction::Back => {
            last_words(&mut script, keep, plan, project)?;
        }
        Intent::Snapshot { files, keep } => snapshot(&mut script, files, keep, plan, project)?,
        Intent::Pull { reference, .. } => {
            let name = engine_name(&ImageName::Reference(reference.clone()));
            script.call("pull", [name.as_str()])?;
        }
        Intent::Keep { service, image } => {
            script.call_with_tag(
                "keep",
                &[&engine_name(image)],
                &keep::repository(project, service),
                "",
            )?;
        }
        Intent::Migrate { .. } => migrate(&mut script, step, plan, environment)?,
        Intent::Pin { files } => pin(&mut script, files, plan)?,
        Intent::Switch {
            services,
            expected,
            dependencies,
        } => {
            let wait = seconds(step.limit.saturating_sub(MARGIN));
            let mut up = vec![
                "up",
                "-d",
                "--wait",
                "--wait-timeout",
                &wait,
                "--pull",
                "never",
                "--no-build",
            ];
            if !dependencies {
                up.push("--no-deps");
            }
            up.extend(services.iter().map(ServiceName::as_str));
            script.call("compose", up)?;
            script.0.pop();
            script
                .0
                .push_str(" || fail 'docker compose up did not succeed'\n");
            for (service, image) in expected {
                script.call("expect", [service.as_str(), &engine_name(image)])?;
            }
            script.call("mark", services.iter().map(ServiceName::as_str))?;
        }
        Intent::Restart { services } => {
            let words = ["restart", "--no-deps"];
            let names = services.iter().map(ServiceName::as_str);
            script.call("compose", words.into_iter().chain(names))?;
        }
        Intent::Health {
            services,
            stable_for,
        } => {
            let wait = seconds(
                step.limit
                    .saturating_sub(MARGIN)
                    .saturating_sub(*stable_for),
            );
            let stable = seconds(*stable_for);
            for (function, time) in [("wait_healthy", &wait), ("stay_stable", &stable)] {
                let names = services.iter().map(ServiceName::as_str);
                script.call(function, [time.as_str()].into_iter().chain(names))?;
            }
            let _ = writeln!(
                script.0,
                "say 'healthy, and nothing restarted for {stable} s'"
            );
        }
        Intent::Check {
            name,
            check,
            attempts,
            interval,
        } => {
            ask(&mut script, check)?;
            script.call(
                "check",
                [name.as_str(), &attempts.to_string(), &seconds(*interval)],
            )?;
        }
        Intent::Observe { services, heads } => {
            script.call("observe", services.iter().map(ServiceName::as_str))?;
            if let Some((service, command)) = heads {
                let words = command.iter().map(String::as_str);
                script.call("observe_heads", [service.as_str()].into_iter().chain(words))?;
            }
        }
    }
    Ok(script.0)
}

fn snapshot(
    script: &mut Script,
    files: &[String],
    keep: &BTreeMap<ServiceName, ImageName>,
    plan: &Plan,
    project: &str,
) -> Result<(), Unquotable> {
    script.call("begin", [])?;
    for (index, file) in files.iter().enumerate() {
        script.call("copy", [format!("{:02}", index + 1).as_str(), file])?;
    }
    // A rollback is not kept from starting by what it leaves behind.
    let must = if plan.kind == PlanKind::Rollback {
        "may"
    } else {
        "must"
    };
    for (service, image) in keep {
        script.call_with_tag(
            "keep_running",
            &[must, &engine_name(image)],
            &keep::repository(project, service),
            "-before",
        )?;
    }
    if !keep.is_empty() {
        script.call("note_health", keep.keys().map(ServiceName::as_str))?;
    }
    Ok(())
}

fn last_words(
    script: &mut Script,
    services: &BTreeMap<ServiceName, ImageName>,
    plan: &Plan,
    project: &str,
) -> Result<(), Unquotable> {
    for service in services.keys() {
        script.call("last_words", [service.as_str()])?;
    }
    let migrates = |step: &Step| matches!(step.intent, Intent::Migrate { .. });
    if plan.forward.iter().any(migrates) {
        let _ = writeln!(script.0, "await_migration {}", migration_name(project)?);
    }
    // Whatever could not be taken down: the way back begins.
    script.0.push_str("exit 0\n");
    Ok(())
}

fn migrate(
    script: &mut Script,
    step: &Step,
    plan: &Plan,
    environment: &Environment,
) -> Result<(), Unquotable> {
    let Intent::Migrate {
        service,
        image,
        command,
        heads,
        ..
    } = &step.intent
    else {
        return Ok(());
    };
    let compose = super::compose(environment);
    // The candidate's variables, where it is the candidate that migrates: the pin is not written yet.
    if let ImageName::Reference(_) = image {
        for pin in pins_after(plan, step) {
            let Some(attachment) = &pin.attachment else {
                continue;
            };
            let number = compose
                .environment_files
                .iter()
                .position(|file| is_file(&pin.path, file));
            if let Some(number) = number {
                let _ = writeln!(
                    script.0,
                    "environment_{}=$FD_FOLDER/attachments/{}",
                    number + 1,
                    quote(attachment)?
                );
            }
        }
    }
    match image {
        ImageName::Reference(_) => {
            script.call("use_image", [service.as_str(), &engine_name(image)])?;
        }
        ImageName::Id(id) => {
            // Compose takes a name only; a bare ID it would ask a registry for.
            let repository = keep::repository(&compose.project, service);
            script.call_with_tag("keep", &[id.as_str()], &repository, "-migrate")?;
            script.call_with_tag("use_image", &[service.as_str()], &repository, "-migrate")?;
        }
    }
    let _ = write!(
        script.0,
        "migrate {} {}",
        migration_name(&compose.project)?,
        quote(service.as_str())?
    );
    for word in command {
        script.0.push(' ');
        script.0.push_str(&quote(word)?);
    }
    script.0.push('\n');
    if !heads.is_empty() {
        let words = heads.iter().map(String::as_str);
        script.call("note_heads", [service.as_str()].into_iter().chain(words))?;
    }
    Ok(())
}

/// The pin files that are written after `step`.
fn pins_after<'a>(plan: &'a Plan, step: &Step) -> impl Iterator<Item = &'a PinFile> {
    let at = plan.forward.iter().position(|s| s.id == step.id);
    plan.forward
        .iter()
        .skip(at.unwrap_or(plan.forward.len()))
        .filter_map(|step| match &step.intent {
            Intent::Pin { files } => Some(files),
            _ => None,
        })
        .flatten()
}

/// Whether an absolute path is that of a file as the configuration names it.
pub(super) fn is_file(path: &str, configured: &str) -> bool {
    let configured = configured.trim_start_matches("./");
    path == configured
        || path
            .strip_suffix(configured)
            .is_some_and(|before| before.ends_with('/'))
}

fn pin(script: &mut Script, files: &[PinFile], plan: &Plan) -> Result<(), Unquotable> {
    use secrecy::ExposeSecret;
    for file in files {
        let attachment = file.attachment.as_deref().unwrap_or_default();
        let bytes = plan
            .attachments
            .iter()
            .find(|a| a.name == attachment)
            .map(|a| a.bytes.expose_secret());
        let known = file
            .expected
            .as_deref()
            .or_else(|| plan.basis.files.values().next().map(String::as_str));
        let algorithm = known.and_then(Algorithm::of).unwrap_or(Algorithm::Sha256);
        let wanted = bytes.map_or_else(|| "absent".to_owned(), |b| algorithm.fingerprint(b));
        script.call(
            "pin",
            [
                file.path.as_str(),
                &algorithm.to_string(),
                file.expected.as_deref().unwrap_or("absent"),
                &wanted,
                attachment,
            ],
        )?;
    }
    Ok(())
}

/// `ask`, as a function: one attempt.
fn ask(script: &mut Script, check: &Check) -> Result<(), Unquotable> {
    match check {
        Check::Http {
            url,
            status,
            body,
            means,
        } => {
            let (function, inside) = match means {
                HttpMeans::Curl => ("with_curl", None),
                HttpMeans::Wget => ("with_wget", None),
                HttpMeans::CurlIn(service) => ("with_curl", Some(service)),
                HttpMeans::WgetIn(service) => ("with_wget", Some(service)),
            };
            match inside {
                None => script.0.push_str("on_its_way() {\n\"$@\"\n}\n"),
                Some(service) => {
                    let _ = write!(
                        script.0,
                        "on_its_way() {{\nin_container {} \"$@\"\n}}\n",
                        quote(service.as_str())?
                    );
                }
            }
            script.0.push_str("ask() {\n");
            let status = status.to_string();
            script.call(
                function,
                [url.as_str(), &status, body.as_deref().unwrap_or_default()],
            )?;
        }
        Check::Command { command } => {
            script.0.push_str("ask() {\n");
            script.call("sh", ["-c", command])?;
        }
        Check::Exec { service, command } => {
            script.0.push_str("ask() {\n");
            let words = command.iter().map(String::as_str);
            script.call("in_container", [service.as_str()].into_iter().chain(words))?;
        }
    }
    script.0.push_str("}\n");
    Ok(())
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> String {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).to_string()
}
