//! What pins versions on a Compose server: variables of `.env` files, and override files. Pure: bytes
//! in, bytes out. Knows no server; the bytes may hold secrets, so none of it reaches an error's text.

pub mod dotenv;
mod expand;
pub mod hash;
pub mod keep;
pub mod overrides;

use std::collections::BTreeMap;

use crate::{
    config::{Pin, PinForm, Service},
    release::{Fault, FaultKind, ImageReference, ServiceName, Tag},
};

/// A pin file as it would become.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The file, as the configuration names it.
    pub file: String,
    /// Its bytes; they may hold secrets.
    pub bytes: Vec<u8>,
    /// What changes in it, in words that hold none.
    pub summary: Vec<String>,
}

/// What a service's pin says, in the words of its file: `BACKEND_IMAGE_TAG=v2@sha256:…`.
///
/// # Errors
/// An image that this pin cannot express.
pub fn words(service: &Service, image: &ImageReference) -> Result<String, Fault> {
    match &service.pin {
        Pin::Variable { variable, form, .. } => {
            Ok(format!("{variable}={}", value(service, *form, image)?))
        }
        Pin::Override { .. } => Ok(format!("{}: image: {image}", service.name)),
    }
}

/// What the pinning variable must hold for `image`.
fn value(service: &Service, form: PinForm, image: &ImageReference) -> Result<String, Fault> {
    match form {
        PinForm::Reference => Ok(image.to_string()),
        PinForm::Tag if image.repository != service.repository => Err(Fault::new(
            FaultKind::Invalid,
            service.name.as_str(),
            format!(
                "its pin holds a tag of {} and cannot name {image}",
                service.repository
            ),
        )
        .remedy(
            "let the variable hold the whole reference (form = \"reference\", image: ${VARIABLE}), or \
             pin by an override file",
        )),
        PinForm::Tag => {
            let digest = image.digest.as_ref();
            // With a digest the tag is for people, but a colon must be followed by one.
            let tag = match (&image.tag, digest) {
                (Some(tag), _) => Some(tag.clone()),
                (None, Some(digest)) => digest.short().parse::<Tag>().ok(),
                (None, None) => None,
            };
            let tag = tag.ok_or_else(|| {
                Fault::new(
                    FaultKind::Invalid,
                    service.name.as_str(),
                    format!("{image} has neither tag nor digest: nothing to pin"),
                )
            })?;
            Ok(digest.map_or_else(|| tag.to_string(), |digest| format!("{tag}@{digest}")))
        }
    }
}

/// The files that pin `images`, from the files as they are now: `None` for one that does not exist.
/// A file appears once, however many services it pins.
///
/// # Errors
/// A file that cannot be read as what it is, or an image that its pin cannot express.
pub fn render(
    files: &BTreeMap<String, Option<Vec<u8>>>,
    images: &[(&Service, &ImageReference)],
) -> Result<Vec<Rendered>, Fault> {
    let mut rendered: Vec<Rendered> = Vec::new();
    for (service, image) in images {
        let (Pin::Variable { file, .. } | Pin::Override { file }) = &service.pin;
        let summary = words(service, image)?;
        let position = rendered.iter().position(|r| r.file == *file);
        let now = match position {
            Some(at) => rendered[at].bytes.clone(),
            None => files.get(file).cloned().flatten().unwrap_or_default(),
        };
        let bytes = match &service.pin {
            Pin::Variable { variable, form, .. } => {
                dotenv::set(&now, variable, &value(service, *form, image)?).map_err(|error| {
                    Fault::new(
                        FaultKind::Invalid,
                        file,
                        format!("cannot set {variable} in this environment file"),
                    )
                    .because(error)
                    .remedy("correct the file on the server; Compose would not read it either")
                })?
            }
            Pin::Override { .. } => {
                let mut all = overrides::read(&now).map_err(|error| {
                    Fault::new(
                        FaultKind::Conflict,
                        file,
                        "this override file holds more than the images that flightdeck writes",
                    )
                    .because(error)
                    .remedy("name a file of its own as the service's pin")
                })?;
                all.insert(service.name.clone(), (*image).clone());
                overrides::write(&all)
            }
        };
        match position {
            Some(at) => {
                rendered[at].bytes = bytes;
                rendered[at].summary.push(summary);
            }
            None => rendered.push(Rendered {
                file: file.clone(),
                bytes,
                summary: vec![summary],
            }),
        }
    }
    Ok(rendered)
}

/// What a service's pin says now, from its file's bytes: the variable's value, or the override's image.
/// `None` if it says nothing, or the file cannot be read.
pub fn current(service: &Service, bytes: &[u8]) -> Option<String> {
    match &service.pin {
        Pin::Variable { variable, .. } => {
            let mut values = dotenv::values(bytes, &BTreeMap::new()).ok()?;
            values
                .remove(variable)
                .map(|value| crate::release::text::clean(&value))
        }
        Pin::Override { .. } => overrides::read(bytes)
            .ok()?
            .get(&service.name)
            .map(ToString::to_string),
    }
}

/// The names of services by the file that pins them.
pub fn by_file<'a>(
    services: impl IntoIterator<Item = &'a Service>,
) -> BTreeMap<&'a str, Vec<&'a ServiceName>> {
    let mut files: BTreeMap<&str, Vec<&ServiceName>> = BTreeMap::new();
    for service in services {
        let (Pin::Variable { file, .. } | Pin::Override { file }) = &service.pin;
        files.entry(file).or_default().push(&service.name);
    }
    files
}
