//! `[services.NAME]`: where a service's images come from, and what pins its version.

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;

use super::reader::{self, Fields, Value};
use crate::config::{Pin, PinForm, Service, Strategy, keys, problem::Problems};
use crate::release::{ImageReference, Repository, ServiceName, version::TagConvention};

/// A service as it was read, and where.
pub(super) struct Read {
    pub(super) service: Service,
    /// Where its name is written.
    pub(super) span: Range<usize>,
    /// Where its pin is written.
    pub(super) pin_span: Range<usize>,
}

/// Every service that could be read, and the names of all.
pub(super) struct Services {
    pub(super) read: BTreeMap<ServiceName, Read>,
    /// Also those whose table has problems: naming them is no further problem.
    pub(super) names: Vec<ServiceName>,
}

/// Reads the table of services.
pub(super) fn read(value: Option<&Value<'_>>, p: &mut Problems) -> Services {
    let mut services = Services {
        read: BTreeMap::new(),
        names: Vec::new(),
    };
    let Some(value) = value else {
        p.disagree(
            0..0,
            "no services",
            "add [services.backend] with image = \"ghcr.io/owner/name\" and pin = \"VARIABLE\"",
        );
        return services;
    };
    for (name, value) in reader::entries(value, "services", p) {
        let Some(parsed) = reader::parse::<ServiceName>(&name, p) else {
            continue;
        };
        services.names.push(parsed.clone());
        if let Some(read) = service(&parsed, name.span(), value, p) {
            shared_pin(&services, &read, p);
            services.read.insert(parsed, read);
        }
    }
    services
}

fn service(
    name: &ServiceName,
    span: Range<usize>,
    value: &Value<'_>,
    p: &mut Problems,
) -> Option<Read> {
    let fields = Fields::open(
        value,
        span.clone(),
        format!("[services.{name}]"),
        keys::SERVICE,
        p,
    )?;
    let repository = fields
        .required("image", "image = \"ghcr.io/owner/name\"", p)
        .and_then(|image| reader::text(image, "image", p))
        .and_then(|image| repository(&image, p));
    let tags = fields
        .parsed::<TagConvention>("tags", p)
        .map(Spanned::into_inner)
        .unwrap_or_default();
    let strategy = strategy(&fields, p);
    let pin_value = fields.required(
        "pin",
        "pin = \"VARIABLE\", the variable of .env that the compose file interpolates",
        p,
    );
    let pin = pin_value.and_then(|value| pin(value, &fields, p));
    Some(Read {
        service: Service {
            name: name.clone(),
            repository: repository?,
            tags,
            pin: pin?,
            strategy,
        },
        span,
        pin_span: pin_value?.span(),
    })
}

fn strategy(fields: &Fields<'_>, p: &mut Problems) -> Strategy {
    let Some(text) = fields.text("strategy", p) else {
        return Strategy::default();
    };
    match *text.get_ref() {
        "recreate" => Strategy::Recreate,
        "rolling" => Strategy::Rolling,
        other => {
            p.add(
                text.span(),
                format!("{other:?} is not a strategy"),
                keys::did_you_mean(other, ["recreate", "rolling"]),
            );
            Strategy::default()
        }
    }
}

fn repository(image: &Spanned<&str>, p: &mut Problems) -> Option<Repository> {
    let text = image.get_ref();
    match text.parse::<ImageReference>() {
        Ok(ImageReference {
            repository,
            tag: None,
            digest: None,
        }) => Some(repository),
        Ok(reference) => {
            p.add(
                image.span(),
                "an image's tag is chosen when it is promoted, not here",
                format!("write {:?}", reference.repository.as_str()),
            );
            None
        }
        Err(_) => reader::parse::<Repository>(image, p),
    }
}

fn pin(value: &Value<'_>, service: &Fields<'_>, p: &mut Problems) -> Option<Pin> {
    if value.get_ref().is_str() {
        let name = reader::text(value, "pin", p)?;
        return Some(Pin::Variable {
            file: ".env".to_owned(),
            variable: variable(&name, p)?,
            form: PinForm::Tag,
        });
    }
    let fields = Fields::open(
        value,
        service.key_span("pin")?,
        format!("pin of {}", service.name()),
        keys::PIN,
        p,
    )?;
    let form = match fields.text("holds", p) {
        None => PinForm::Tag,
        Some(text) => match *text.get_ref() {
            "tag" => PinForm::Tag,
            "reference" => PinForm::Reference,
            other => {
                p.add(
                    text.span(),
                    format!("{other:?} is nothing that a pin holds"),
                    "\"tag\" for image: repository:${VARIABLE}, \"reference\" for image: ${VARIABLE}",
                );
                PinForm::Tag
            }
        },
    };
    match (fields.text("variable", p), fields.text("override", p)) {
        (Some(name), None) => {
            let file = match fields.text("file", p) {
                Some(file) => relative_file(&file, p)?,
                None => ".env".to_owned(),
            };
            Some(Pin::Variable {
                file,
                variable: variable(&name, p)?,
                form,
            })
        }
        (None, Some(file)) => {
            for key in ["file", "holds"] {
                if let Some(span) = fields.key_span(key) {
                    p.add(
                        span,
                        format!("an override file has no {key:?}"),
                        "it holds the service's image and nothing else",
                    );
                }
            }
            relative_file(&file, p).map(|file| Pin::Override { file })
        }
        (Some(_), Some(file)) => {
            p.add(
                file.span(),
                "a pin is a variable or an override file, not both",
                "take one of them away",
            );
            None
        }
        (None, None) => {
            p.disagree(
                fields.span(),
                format!("the {} names nothing", fields.name()),
                "add variable = \"VARIABLE\" or override = \"compose.versions.yml\"",
            );
            None
        }
    }
}

/// The name of a variable, as shells and Compose know them.
fn variable(name: &Spanned<&str>, p: &mut Problems) -> Option<String> {
    let text = *name.get_ref();
    if is_variable(text) {
        return Some(text.to_owned());
    }
    p.add(
        name.span(),
        format!("{text:?} is not a variable's name"),
        "use letters, digits and '_', not beginning with a digit",
    );
    None
}

/// Whether shells take `text` as a variable's name.
pub(super) fn is_variable(text: &str) -> bool {
    !text.is_empty()
        && !text.as_bytes()[0].is_ascii_digit()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A file relative to an environment's directory. A comma would cut it in two in the labels of Compose.
pub(super) fn relative_file(file: &Spanned<&str>, p: &mut Problems) -> Option<String> {
    let text = *file.get_ref();
    let ok = !text.is_empty()
        && !text.starts_with(['/', '~', '-'])
        && !text.ends_with('/')
        && !text.contains(',')
        && !text.chars().any(char::is_control);
    if ok {
        return Some(text.strip_prefix("./").unwrap_or(text).to_owned());
    }
    p.add(
        file.span(),
        format!("{text:?} is not a file in the environment's directory"),
        "write it relative to the directory, such as \"compose.production.yml\"",
    );
    None
}

/// Two images never have the same digest, so one variable cannot pin both.
fn shared_pin(earlier: &Services, read: &Read, p: &mut Problems) {
    let Pin::Variable { file, variable, .. } = &read.service.pin else {
        return;
    };
    let shared = earlier.read.values().find(|other| {
        matches!(&other.service.pin, Pin::Variable { file: f, variable: v, .. } if f == file && v == variable)
            && other.service.repository != read.service.repository
    });
    if let Some(other) = shared {
        p.add(
            read.pin_span.clone(),
            format!("{variable} pins {} already", other.service.name),
            "each image has a digest of its own: give each service a variable of its own",
        );
    }
}
