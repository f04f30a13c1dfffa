//! `flightdeck clean-up`: remove images, backups and containers that nothing needs any more.

use std::time::Duration;

use crate::release::{
    Permit,
    plan::{CLEAN_UP_KEEP, CLEAN_UP_OLDER_THAN, Deed, Request},
};

use super::{Failure, Next, Session, deed::DeedFlags};

/// Remove images, backups and containers that nothing needs any more.
///
/// What runs stays, what is pinned, and the last healthy releases of every configured environment on that
/// server. The plan tells what goes and what that frees.
#[derive(Debug, clap::Args)]
pub struct CleanUp {
    /// Where
    environment: String,
    /// How many healthy releases stay beside the one that runs
    #[arg(long, value_name = "COUNT", default_value_t = CLEAN_UP_KEEP as u16, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Only images that were made so long ago; 7d unless said
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    #[command(flatten)]
    flags: DeedFlags,
}

fn age(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no age: write \"7d\", \"36h\" or \"0s\"");
    let age: jiff::SignedDuration = match text.strip_suffix('d') {
        // A day is 24 hours here: no calendar is asked.
        Some(days) => jiff::SignedDuration::from_hours(
            days.parse::<u32>()
                .map(|days| i64::from(days) * 24)
                .map_err(|_| bad())?,
        ),
        None => text.parse().map_err(|_| bad())?,
    };
    Duration::try_from(age).map_err(|_| bad())
}

impl CleanUp {
    pub(super) async fn run(self, session: &mut Session, permit: Permit) -> Result<Next, Failure> {
        let request = Request {
            environment: session.environment(&self.environment)?.name.clone(),
            deed: Deed::CleanUp {
                keep: self.keep.into(),
                older_than: self.older_than.unwrap_or(CLEAN_UP_OLDER_THAN),
            },
            reason: self.flags.reason.clone(),
            overrides: Vec::new(),
        };
        session.carry_out(request, &self.flags, &[], permit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_written_as_people_write_it() {
        let hours = |hours: u64| Ok(Duration::from_secs(hours * 3600));
        assert_eq!(age("7d"), hours(168));
        assert_eq!(age("36h"), hours(36));
        assert_eq!(age("0s"), hours(0));
        for bad in ["", "d", "a week", "-3d", "-3h", "7"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
