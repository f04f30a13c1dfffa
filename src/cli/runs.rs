//! `flightdeck runs`: workflow runs with their jobs.

use super::{Exit, Failure, Session};

/// Show workflow runs with their jobs, newest first.
#[derive(Debug, clap::Args)]
pub struct Runs {
    /// So many at most
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 10)]
    limit: usize,
}

impl Runs {
    pub(super) async fn run(self, session: &mut Session) -> Result<Exit, Failure> {
        let _ = (self.limit, session);
        Ok(Exit::Ok)
    }
}
