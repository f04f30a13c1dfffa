//! What the ledger says of an image's past: which ones it proves bad and by what, which it never saw healthy.

use crate::release::{
    ServiceName,
    operation::Outcome,
    plan::PlanKind,
    record::{Record, Release, ServiceRelease},
};

/// Images that the ledger proves bad, or that an operator marked so.
#[derive(Debug, Clone, PartialEq)]
pub struct Bad<'a> {
    /// The operation that proves or marks it.
    pub record: &'a Record,
    /// Of the release that was asked about, the services that are to blame.
    pub release: Release,
}

impl Bad<'_> {
    /// Why, in words: `marked bad by mira (it loses mails), operation 000042`.
    pub fn words(&self) -> String {
        why(self.record, self.is_left())
    }

    /// The same with what it is about: `backend v2 failed here at switch, operation 000042`.
    pub fn sentence(&self) -> String {
        let verb = match self.record.kind {
            PlanKind::MarkBad => "was ",
            _ if self.is_left() => "was ",
            _ => "",
        };
        format!("{} {verb}{}", named(&self.release), self.words())
    }

    /// Whether it is bad because a rollback left it.
    fn is_left(&self) -> bool {
        let mut services = self.release.services.iter();
        services.any(|(name, image)| self.record.left(name, image))
    }
}

fn why(record: &Record, is_left: bool) -> String {
    let by = |deed: &str| {
        let reason = match record.reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        format!(
            "{deed} by {}{reason}, operation {}",
            record.operator, record.operation
        )
    };
    match record.kind {
        PlanKind::MarkBad => by("marked bad"),
        _ if is_left => by("rolled back from"),
        _ => format!(
            "failed here at {}, operation {}",
            record.step.as_deref().unwrap_or("an unknown step"),
            record.operation
        ),
    }
}

/// The images of `release` that count as bad, by the operation that says most of why.
pub fn bad<'a>(records: &'a [Record], release: &Release) -> Vec<Bad<'a>> {
    let mut found: Vec<Bad<'a>> = Vec::new();
    for (name, image) in &release.services {
        let Some(record) = proof(records, name, image) else {
            continue;
        };
        let part = (name.clone(), image.clone());
        // A rollback that is stuck has left one image, and failed with another.
        let is_left = record.left(name, image);
        let is_same = |bad: &&mut Bad<'_>| {
            bad.record.operation == record.operation && bad.is_left() == is_left
        };
        match found.iter_mut().find(is_same) {
            Some(bad) => bad.release.services.extend([part]),
            None => found.push(Bad {
                record,
                release: Release {
                    services: [part].into(),
                    ..Release::default()
                },
            }),
        }
    }
    found
}

/// The mark by which what `record` brought is bad by now. What failed by itself says so in its own record.
pub fn mark<'a>(records: &'a [Record], record: &Record) -> Option<Bad<'a>> {
    let brought = record.after.changed_since(&record.before);
    let bad = record.brings_release().then(|| bad(records, &brought))?;
    bad.into_iter()
        .find(|bad| bad.record.kind == PlanKind::MarkBad)
}

/// The record that proves an image bad, unless it was proven healthy since.
///
/// A failure is refuted by any sight of the image in a healthy release. What an operator has judged, by a
/// mark or by rolling back, was healthy to all that flightdeck can see: that is refuted only by somebody
/// who brings the image anew, and it holds: at the end of that, or later, where just then it was restarted.
/// That another service is promoted beside it says nothing.
fn proof<'a>(
    records: &'a [Record],
    service: &ServiceName,
    image: &ServiceRelease,
) -> Option<&'a Record> {
    let (mut was_well, mut left) = (false, None);
    for record in records.iter().rev() {
        if record.left(service, image) && !is_taken_back(records, record) {
            // That it was marked or has failed says more than that it was left.
            left = left.or(Some(record));
        } else if record.proves_bad(service, image)
            && (record.kind == PlanKind::MarkBad || !was_well)
        {
            return Some(record);
        }
        if brought(record, service, image)
            && (record.proves_healthy().is_some() || (was_well && record.was_verified()))
        {
            return left;
        }
        was_well |= super::seen_healthy(record).any(|(release, _)| release.runs(service, image));
    }
    left
}

/// Whether an operator took an operation back after all, by a recovery or by one of that. No rollback goes
/// back by itself.
fn is_taken_back(records: &[Record], record: &Record) -> bool {
    records
        .iter()
        // A damaged line could name itself.
        .filter(|later| later.operation > record.operation)
        .filter(|later| later.recovers == Some(record.operation))
        .any(|later| later.outcome == Outcome::WentBack || is_taken_back(records, later))
}

/// Whether somebody set out to bring the image. An adoption only found it.
fn brought(record: &Record, service: &ServiceName, image: &ServiceRelease) -> bool {
    matches!(record.kind, PlanKind::Promote | PlanKind::Rollback)
        && record
            .after
            .changed_since(&record.before)
            .runs(service, image)
}

/// What an operator has to know of the past of `release` before it is brought back, a sentence each;
/// nothing of what is proven healthy.
pub fn past(records: &[Record], release: &Release) -> Vec<String> {
    let bad = bad(records, release);
    let mut sentences: Vec<String> = bad.iter().map(Bad::sentence).collect();
    for (name, image) in &release.services {
        let is_said = bad
            .iter()
            .any(|bad| bad.release.services.contains_key(name));
        if !is_said && !is_seen_healthy(records, name, image) {
            let words = unproven(records, name, image);
            sentences.push(format!("{name} {} was {words}", image.label()));
        }
    }
    if sentences.is_empty()
        && release.services.len() > 1
        && !super::is_proven_healthy(records, release)
    {
        sentences.push(format!(
            "{} were each recorded healthy here, but never together",
            named(release)
        ));
    }
    sentences
}

/// The same of one image, in a few words.
pub fn past_of(records: &[Record], service: &ServiceName, image: &ServiceRelease) -> String {
    if let Some(record) = proof(records, service, image) {
        return why(record, record.left(service, image));
    }
    if is_seen_healthy(records, service, image) {
        return "recorded healthy here".to_owned();
    }
    unproven(records, service, image).to_owned()
}

fn is_seen_healthy(records: &[Record], service: &ServiceName, image: &ServiceRelease) -> bool {
    records
        .iter()
        .flat_map(super::seen_healthy)
        .any(|(release, _)| release.runs(service, image))
}

fn unproven(records: &[Record], service: &ServiceName, image: &ServiceRelease) -> &'static str {
    let was_released = records
        .iter()
        .any(|record| record.after.runs(service, image));
    if was_released {
        "released here, but not seen healthy"
    } else {
        "never recorded healthy here"
    }
}

/// Its services with their versions: `backend v1, frontend v2`.
fn named(release: &Release) -> String {
    let services = release.services.iter();
    let named: Vec<String> = services
        .map(|(name, image)| format!("{name} {}", image.label()))
        .collect();
    named.join(", ")
}
