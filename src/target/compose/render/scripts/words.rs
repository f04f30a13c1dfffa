//! Services and images as a script's arguments.

use std::collections::BTreeMap;

use crate::{
    release::{ServiceName, plan::ImageName},
    target::compose::{
        render::names,
        script::{Unquotable, quote},
    },
};

pub(super) fn list_of(services: &[ServiceName]) -> String {
    // A service's name is a harmless word by its type.
    services
        .iter()
        .map(|service| format!(" {service}"))
        .collect()
}

pub(super) fn pairs(images: &BTreeMap<ServiceName, ImageName>) -> Result<String, Unquotable> {
    images
        .iter()
        .map(|(service, image)| pair(service, Some(image)))
        .collect()
}

pub(super) fn pair(service: &ServiceName, image: Option<&ImageName>) -> Result<String, Unquotable> {
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
