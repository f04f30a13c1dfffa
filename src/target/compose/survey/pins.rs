//! The pin files of a plan: what forward makes of them, and what back does.

use std::collections::BTreeMap;

use secrecy::SecretSlice;

use super::{
    super::pin::{self, Rendered, hash::Algorithm, keep},
    copies::Found,
    read::ServerFile,
};
use crate::{
    config::{Environment, Service, Target},
    plan::{Wanted, running},
    release::{
        Fault, FaultKind, ImageReference, ServiceName,
        plan::{Attachment, PinFile},
        record::ServiceRelease,
        survey::Survey,
    },
};

/// The pin files as they would become, and as they were.
pub(super) struct Pins {
    /// What forward writes.
    pub candidates: Vec<Rendered>,
    candidate_pins: Vec<PinFile>,
    former_pins: Vec<PinFile>,
    attachments: Vec<Attachment>,
}

impl Pins {
    pub(super) fn render(
        environment: &Environment,
        services: &BTreeMap<ServiceName, Service>,
        wanted: &Wanted,
        survey: &Survey,
        files: &[ServerFile],
        restored: &[Found],
    ) -> Result<Self, Fault> {
        let now: BTreeMap<String, Option<Vec<u8>>> = files
            .iter()
            .map(|file| (file.name.clone(), file.bytes.clone()))
            .collect();
        let mut base = now.clone();
        base.extend(
            restored
                .iter()
                .map(|found| (found.file.clone(), found.then.clone())),
        );
        let mut candidates = rendered(environment, services, &wanted.pins, survey, &base)?;
        for found in restored {
            let summary = format!("as with that release: {}", found.changed.differs.join(", "));
            match candidates.iter_mut().find(|known| known.file == found.file) {
                Some(known) => known.summary.push(summary),
                None => candidates.push(Rendered {
                    file: found.file.clone(),
                    bytes: found.then.clone().unwrap_or_default(),
                    summary: vec![summary],
                }),
            }
        }
        let before = running::release(environment, services, survey);
        // What runs and is not what its pin says: going back pins what ran, not what the file said.
        let drifted: BTreeMap<ServiceName, ServiceRelease> = before
            .services
            .into_iter()
            .filter(|(name, release)| {
                wanted.pins.contains_key(name) && !running::is_pinned(name, release, survey)
            })
            .collect();
        let returned = rendered(environment, services, &drifted, survey, &now).unwrap_or_default();

        let mut pins = Self {
            candidates: Vec::new(),
            candidate_pins: Vec::new(),
            former_pins: Vec::new(),
            attachments: Vec::new(),
        };
        for (index, candidate) in candidates.iter().enumerate() {
            let Some(file) = files.iter().find(|file| file.name == candidate.file) else {
                continue;
            };
            let number = index + 1;
            let algorithm = survey
                .files
                .values()
                .find_map(|known| Algorithm::of(known))
                .unwrap_or(Algorithm::Sha256);
            let attachment = pins.attach(format!("candidate-{number}"), &candidate.bytes);
            pins.candidate_pins.push(PinFile {
                path: file.path.clone(),
                expected: file.fingerprint.clone(),
                attachment: Some(attachment),
                summary: candidate.summary.clone(),
            });
            let former = returned
                .iter()
                .find(|returned| returned.file == candidate.file);
            let (bytes, summary) = match former {
                Some(returned) => (Some(&returned.bytes), returned.summary.clone()),
                None => {
                    let read = restored.iter().find(|found| found.file == candidate.file);
                    let now = read.and_then(|found| found.now.as_ref());
                    (file.bytes.as_ref().or(now), Vec::new())
                }
            };
            let attachment = bytes.map(|bytes| pins.attach(format!("former-{number}"), bytes));
            pins.former_pins.push(PinFile {
                path: file.path.clone(),
                expected: Some(algorithm.fingerprint(&candidate.bytes)),
                attachment,
                summary,
            });
        }
        pins.candidates = candidates;
        Ok(pins)
    }

    fn attach(&mut self, name: String, bytes: &[u8]) -> String {
        self.attachments.push(Attachment {
            name: name.clone(),
            bytes: SecretSlice::from(bytes.to_vec()),
        });
        name
    }

    pub(super) fn into_survey(self, survey: &mut Survey) {
        survey.candidate_pins = self.candidate_pins;
        survey.former_pins = self.former_pins;
        survey.attachments = self.attachments;
    }
}

fn rendered(
    environment: &Environment,
    services: &BTreeMap<ServiceName, Service>,
    releases: &BTreeMap<ServiceName, ServiceRelease>,
    survey: &Survey,
    now: &BTreeMap<String, Option<Vec<u8>>>,
) -> Result<Vec<Rendered>, Fault> {
    let mut images: Vec<(&Service, ImageReference)> = Vec::new();
    for (name, release) in releases {
        if let Some(service) = services.get(name) {
            images.push((service, pinnable(environment, name, release, survey)?));
        }
    }
    let images: Vec<(&Service, &ImageReference)> = images
        .iter()
        .map(|(service, reference)| (*service, reference))
        .collect();
    pin::render(now, &images)
}

/// The reference that pins a release's image: by digest where the server knows the image by it, or will
/// once it was pulled; else by the keep tag that it has there.
fn pinnable(
    environment: &Environment,
    name: &ServiceName,
    release: &ServiceRelease,
    survey: &Survey,
) -> Result<ImageReference, Fault> {
    let Target::Compose(compose) = &environment.target;
    let here = running::image_here(release, survey);
    let known_by_digest = release.digest.is_some()
        && here.is_none_or(|image| image.digest_in(&release.repository) == release.digest.as_ref());
    if known_by_digest {
        return Ok(release.reference());
    }
    here.and_then(|image| keep::of(&compose.project, name, &image.tags))
        .cloned()
        .ok_or_else(|| {
            Fault::new(
                FaultKind::Invalid,
                environment.name.as_str(),
                format!(
                    "{name} {} has no digest of a registry and no keep tag: there is nothing to pin it by",
                    release.label()
                ),
            )
            .remedy("adopt what runs while it runs: that gives it a keep tag; or promote from a registry")
        })
}
