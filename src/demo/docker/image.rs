//! `docker pull`, `tag`, `images`, `image …`.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    console::{Complaint, Console, Ended},
    options::{Options, flag, value},
    template,
};
use crate::{
    demo::{
        engine::{filters::Filters, json},
        shared::Shared,
        world::{catalogue::Version, engine::LocalImage},
    },
    release::{ImageReference, time::short_age},
};

/// `docker pull [-q] REFERENCE`.
pub async fn pull(shared: &Arc<Shared>, console: &Console, words: &[String]) -> Ended {
    let known = [flag(&["-q", "--quiet"]), value(&["--platform"])];
    let options = Options::parse(words, &known, false)?;
    let [name] = options.arguments.as_slice() else {
        return Err(Complaint::new(
            "\"docker pull\" requires exactly 1 argument.",
        ));
    };
    let reference: ImageReference = name
        .parse()
        .map_err(|_| Complaint::new("invalid reference format"))?;
    let quiet = options.has("-q");
    let progress = if quiet {
        Progress::Quiet
    } else {
        Progress::Out(console)
    };
    let version = fetch(shared, &reference, progress)
        .await
        .map_err(Complaint::of_engine)?;
    if !quiet {
        console.out(format!("Digest: {}", version.digest)).await;
    }
    console.out(name).await;
    Ok(0)
}

/// Where a pull tells how it gets on.
#[derive(Clone, Copy)]
pub enum Progress<'a> {
    /// On standard output, as `docker pull` does.
    Out(&'a Console),
    /// On standard error, as Compose does.
    Err(&'a Console),
    /// Nowhere.
    Quiet,
}

impl Progress<'_> {
    async fn say(self, line: impl AsRef<str>) {
        match self {
            Self::Out(console) => console.out(line).await,
            Self::Err(console) => console.err(format!(" {}", line.as_ref())).await,
            Self::Quiet => {}
        }
    }
}

/// Brings an image onto the Engine as a pull does, in a pull's time.
///
/// # Errors
/// In the Engine's words.
pub async fn fetch(
    shared: &Arc<Shared>,
    reference: &ImageReference,
    progress: Progress<'_>,
) -> Result<Arc<Version>, String> {
    let version = shared.with(|world, now| {
        let found = world.catalogue.find(reference, world.pipeline.time(now));
        found.cloned().ok_or_else(|| {
            let wanted = reference.tag.as_ref().map_or("latest", |t| t.as_str());
            let wanted = reference.digest.as_ref().map_or(wanted, |d| d.as_str());
            format!(
                "manifest for {} not found: manifest unknown: {wanted}",
                reference.repository
            )
        })
    })?;
    let is_here = shared.with(|world, _| world.engine.images.contains_key(&version.image_id));
    let from = version.repository.path();
    progress
        .say(format!("{}: Pulling from {from}", version.tag))
        .await;
    if is_here {
        progress.say("Status: Image is up to date").await;
    } else {
        for n in 0..4_u64 {
            let seed = shared.with(|world, _| world.seed);
            let layer = seed.hex(version.image_id.as_str(), n, 12);
            shared.pause(Duration::from_millis(450)).await;
            progress.say(format!("{layer}: Pull complete")).await;
        }
        progress.say("Status: Downloaded newer image").await;
    }
    shared.change(|world, now| world.engine.pulled(&version, reference, now));
    Ok(version)
}

/// `docker tag SOURCE TARGET`.
pub fn tag(shared: &Shared, words: &[String]) -> Ended {
    let options = Options::parse(words, &[], false)?;
    let [source, target] = options.arguments.as_slice() else {
        return Err(Complaint::new(
            "\"docker tag\" requires exactly 2 arguments.",
        ));
    };
    let parsed: ImageReference = target.parse().map_err(|_| {
        Complaint::new(format!("Error parsing reference: \"{target}\" is not a valid repository/tag: invalid reference format"))
    })?;
    if parsed.digest.is_some() {
        return Err(Complaint::new(
            "refusing to create a tag with a digest reference",
        ));
    }
    let tag = parsed.tag.as_ref().map_or("latest", |tag| tag.as_str());
    let name = format!("{}:{tag}", parsed.repository);
    shared.change(|world, _| {
        let Some(image) = world.engine.image(source) else {
            return Err(Complaint::of_engine(format!("No such image: {source}")));
        };
        let id = image.version.image_id.clone();
        world.engine.tag(&id, &name);
        Ok(0)
    })
}

/// `docker image inspect`, `ls`, `rm`, `tag`, `pull`, `prune`.
pub async fn image(shared: &Arc<Shared>, console: &Console, words: &[String]) -> Ended {
    let (command, rest) = words
        .split_first()
        .ok_or_else(|| Complaint::new("Usage:  docker image COMMAND"))?;
    match command.as_str() {
        "inspect" => inspect(shared, console, rest).await,
        "ls" | "list" => list(shared, console, rest).await,
        "rm" => remove(shared, console, rest).await,
        "tag" => tag(shared, rest),
        "pull" => pull(shared, console, rest).await,
        "prune" => prune(shared, console, rest).await,
        other => Err(Complaint::new(format!(
            "docker: 'image {other}' is not a docker command."
        ))),
    }
}

async fn inspect(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let options = Options::parse(words, &[value(&["--format", "-f"])], false)?;
    print_inspected(
        console,
        &options,
        |name| shared.with(|world, _| world.engine.image(name).map(json::image)),
        "image",
    )
    .await
}

/// Prints each argument's JSON, or what the template makes of it; complains of those that are missing.
pub async fn print_inspected(
    console: &Console,
    options: &Options,
    find: impl Fn(&str) -> Option<Value>,
    what: &str,
) -> Ended {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in &options.arguments {
        match find(name) {
            Some(value) => found.push(value),
            None => missing.push(name),
        }
    }
    match options.get("--format") {
        Some("json") => {
            for value in &found {
                console.out(value.to_string()).await;
            }
        }
        Some(template) => {
            for value in &found {
                let text =
                    template::render(template, value).map_err(|e| Complaint::with_code(e, 64))?;
                console.out(text).await;
            }
        }
        None => console.out(format!("{:#}", Value::Array(found))).await,
    }
    for name in &missing {
        let text = if what == "object" {
            format!("Error: No such object: {name}")
        } else {
            format!("Error response from daemon: No such {what}: {name}")
        };
        console.err(text).await;
    }
    Ok(u8::from(!missing.is_empty()))
}

/// `docker images` and `docker image ls`.
pub async fn list(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [
        flag(&["-q", "--quiet"]),
        flag(&["-a", "--all"]),
        flag(&["--no-trunc"]),
        flag(&["--digests"]),
        value(&["--filter", "-f"]),
        value(&["--format"]),
    ];
    let options = Options::parse(words, &known, false)?;
    let filters = Filters::from_pairs(options.all("--filter")).map_err(Complaint::new)?;
    let images: Vec<LocalImage> = shared.with(|world, _| {
        let images = world.engine.images.values();
        images
            .filter(|image| filters.take_image(image))
            .cloned()
            .collect()
    });
    let mut rows = Vec::new();
    for image in &images {
        rows.extend(image_rows(image, options.has("--no-trunc"), shared));
    }
    if let [name] = options.arguments.as_slice() {
        rows.retain(|row| {
            let repository = row["Repository"].as_str().unwrap_or_default();
            let tag = row["Tag"].as_str().unwrap_or_default();
            repository == name || format!("{repository}:{tag}") == *name
        });
    }
    match (options.get("--format"), options.has("-q")) {
        (Some("json"), _) => {
            for row in &rows {
                console.out(row.to_string()).await;
            }
        }
        (Some(template), _) => {
            for row in &rows {
                let text =
                    template::render(template, row).map_err(|e| Complaint::with_code(e, 64))?;
                console.out(text).await;
            }
        }
        (None, true) => {
            for row in &rows {
                console.out(row["ID"].as_str().unwrap_or_default()).await;
            }
        }
        (None, false) => {
            console
                .out("REPOSITORY   TAG   IMAGE ID   CREATED   SIZE")
                .await;
            for row in &rows {
                let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
                let columns = ["Repository", "Tag", "ID", "CreatedSince", "Size"].map(text);
                console.out(columns.join("   ")).await;
            }
        }
    }
    Ok(0)
}

/// One row a tag; one without a tag for an image that has none.
fn image_rows(image: &LocalImage, whole_ids: bool, shared: &Shared) -> Vec<Value> {
    let v = &image.version;
    let id = if whole_ids {
        v.image_id.as_str()
    } else {
        v.image_id.short()
    };
    let age = shared.now().duration_since(v.created);
    let age = short_age(Duration::try_from(age).unwrap_or_default(), true).0;
    let row = |repository: &str, tag: &str| {
        let digest = image
            .digests
            .iter()
            .find_map(|d| d.strip_prefix(repository)?.strip_prefix('@'));
        serde_json::json!({
            "Repository": repository,
            "Tag": tag,
            "ID": id,
            "Digest": digest.unwrap_or("<none>"),
            "CreatedAt": v.created.to_string(),
            "CreatedSince": format!("{age} ago"),
            "Size": format!("{}MB", v.size / 1_000_000),
        })
    };
    if image.tags.is_empty() {
        return vec![row(v.repository.as_str(), "<none>")];
    }
    let tags = image.tags.iter().filter_map(|tag| tag.rsplit_once(':'));
    tags.map(|(repository, tag)| row(repository, tag)).collect()
}

/// `docker system df -v --format …`, of which only images are asked.
pub async fn disk_usage(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [flag(&["-v", "--verbose"]), value(&["--format"])];
    let options = Options::parse(words, &known, false)?;
    let format = options
        .get("--format")
        .filter(|_| options.arguments == ["df"] && options.has("-v"))
        .ok_or_else(|| Complaint::new("the embedded world knows `docker system df -v --format`"))?;
    let images: Vec<Value> = shared.with(|world, _| {
        let images = world.engine.images.values();
        images
            .map(|image| {
                // Its layers of the application itself: the others are shared by all versions.
                let own = image.version.size / 8;
                serde_json::json!({
                    "ID": image.version.image_id,
                    "UniqueSize": format!("{}.{}MB", own / 1_000_000, own / 100_000 % 10),
                })
            })
            .collect()
    });
    let text = template::render(format, &serde_json::json!({ "Images": images }))
        .map_err(|e| Complaint::with_code(e, 64))?;
    console.out(text).await;
    Ok(0)
}

/// `docker rmi` and `docker image rm`.
pub async fn remove(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [flag(&["-f", "--force"]), flag(&["--no-prune"])];
    let options = Options::parse(words, &known, false)?;
    let mut code = 0;
    for name in &options.arguments {
        let removed = shared.change(|world, _| {
            let image = world
                .engine
                .image(name)
                .ok_or_else(|| format!("No such image: {name}"))?;
            let id = image.version.image_id.clone();
            let in_use = world.engine.containers.iter().find(|c| c.recipe.version.image_id == id);
            let is_tag = image.tags.contains(name);
            if let (Some(container), false) = (in_use, is_tag && image.tags.len() + image.digests.len() > 1) {
                return Err(format!(
                    "conflict: unable to remove repository reference \"{name}\" (must force) - container {} is using its referenced image {}",
                    &container.id[..12],
                    id.short()
                ));
            }
            let Some(image) = world.engine.images.get_mut(&id) else {
                return Err(format!("No such image: {name}"));
            };
            image.tags.remove(name);
            if !is_tag || (image.tags.is_empty() && in_use_by_none(&world.engine.containers, &id)) {
                world.engine.images.remove(&id);
            }
            Ok(format!("Untagged: {name}"))
        });
        match removed {
            Ok(line) => console.out(line).await,
            Err(text) => {
                console
                    .err(format!("Error response from daemon: {text}"))
                    .await;
                code = 1;
            }
        }
    }
    Ok(code)
}

fn in_use_by_none(
    containers: &[crate::demo::world::container::Container],
    id: &crate::release::ImageId,
) -> bool {
    containers.iter().all(|c| c.recipe.version.image_id != *id)
}

/// `docker image prune -f`: what has no tag and no container. Plain prune takes images that were pulled
/// by digest, too.
async fn prune(shared: &Shared, console: &Console, words: &[String]) -> Ended {
    let known = [
        flag(&["-f", "--force"]),
        flag(&["-a", "--all"]),
        value(&["--filter"]),
    ];
    let options = Options::parse(words, &known, false)?;
    if !options.has("-f") {
        return Err(Complaint::new("the embedded world asks nothing: add -f"));
    }
    let all = options.has("-a");
    let pruned: Vec<String> = shared.change(|world, _| {
        let containers = &world.engine.containers;
        let gone: Vec<_> = world
            .engine
            .images
            .iter()
            .filter(|(id, image)| (all || image.tags.is_empty()) && in_use_by_none(containers, id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            world.engine.images.remove(id);
        }
        gone.iter().map(|id| format!("deleted: {id}")).collect()
    });
    if !pruned.is_empty() {
        console.out("Deleted Images:").await;
    }
    for line in pruned {
        console.out(line).await;
    }
    console.out("Total reclaimed space: 0B").await;
    Ok(0)
}
