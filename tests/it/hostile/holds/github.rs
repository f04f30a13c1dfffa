//! What GitHub tells of runs and jobs: what cannot be read is left out, the rest is clean, and its
//! addresses lead to pages.

use flightdeck::pipeline::document;

use super::assert_clean;

pub fn github(bytes: &[u8]) {
    let runs = document::runs(bytes).unwrap_or_default();
    let jobs = document::jobs(bytes).unwrap_or_default();
    assert_clean(&runs);
    assert_clean(&jobs);
    for job in &jobs {
        assert!(job.ended.is_none() || job.started <= job.ended, "{job:?}");
    }
    let addresses = runs.iter().map(|run| &run.url);
    for address in addresses.chain(jobs.iter().map(|job| &job.url)) {
        assert!(
            address.is_empty() || address.starts_with("http"),
            "{address}"
        );
    }
}
