//! GitHub on loopback, and what the pipeline makes of it.

mod fake;

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::BoxStream};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Pipeline, RunsReading};
use crate::{
    config::{GitHub, SecretReference},
    release::{
        Fault, FaultKind,
        observed::Link,
        workflow::{RunState, Runs},
    },
    secrets::Secrets,
    time_by_hand::TimeByHand,
};
use fake::{Fake, REVISION, job, run};

const SLOW: Duration = Duration::from_secs(60);

/// A repository that is watched, while time is moved by hand.
struct Watched {
    time: TimeByHand,
    fake: Fake,
    pipeline: Pipeline,
    readings: BoxStream<'static, RunsReading>,
    refresh: watch::Sender<u64>,
    directory: TempDir,
}

impl Watched {
    async fn new(token: Option<&str>, prepare: impl FnOnce(&Fake)) -> Self {
        // Another test may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let time = TimeByHand::begin();
        let fake = Fake::start().await;
        prepare(&fake);
        let directory = tempfile::tempdir().unwrap();
        let token = token.map(|token| {
            std::fs::write(directory.path().join("token"), token).unwrap();
            SecretReference::File("token".into())
        });
        let github = GitHub {
            owner: "acme".into(),
            name: "shop".into(),
            token,
            api: format!("http://{}/api/v3/", fake.address).parse().unwrap(),
            poll: SLOW,
        };
        let secrets = Secrets::beside(&directory.path().join("config.toml"));
        let pipeline = Pipeline::new(&github, secrets, time.clock());
        let (refresh, receiver) = watch::channel(0);
        Self {
            readings: pipeline.watch(receiver),
            time,
            fake,
            pipeline,
            refresh,
            directory,
        }
    }

    async fn runs(&mut self, is_so: impl Fn(&Runs) -> bool) -> Arc<Runs> {
        loop {
            if let RunsReading::Runs(runs) = self.readings.next().await.unwrap()
                && is_so(&runs)
            {
                return runs;
            }
        }
    }

    /// The next link that is not the first connecting.
    async fn link(&mut self) -> Link {
        loop {
            match self.readings.next().await.unwrap() {
                RunsReading::Link(Link::Connecting { .. }) | RunsReading::Runs(_) => {}
                RunsReading::Link(link) => return link,
            }
        }
    }

    /// The next loss, and how long until the next attempt.
    async fn lost(&mut self) -> (Fault, Option<Duration>) {
        match self.link().await {
            Link::Lost { fault, retry, .. } => {
                let now = self.time.clock().moment();
                (fault, retry.map(|retry| retry.since(now)))
            }
            link => panic!("not lost: {link:?}"),
        }
    }
}

fn two_runs(fake: &Fake) {
    fake.set(|answers| {
        answers.runs = vec![
            run(7, "in_progress", None),
            run(6, "completed", Some("success")),
        ];
        answers.jobs.insert(7, vec![job(70, "in_progress", None)]);
        answers
            .jobs
            .insert(6, vec![job(60, "completed", Some("success"))]);
    });
}

#[tokio::test]
async fn runs_come_first_and_their_jobs_follow() {
    let mut watched = Watched::new(Some("t0ken"), two_runs).await;
    let first = watched.runs(|_| true).await;
    assert_eq!(first.runs.len(), 2);
    assert!(first.runs.iter().all(|run| run.jobs.is_empty()));
    let all = watched
        .runs(|runs| runs.runs.iter().all(|r| !r.jobs.is_empty()))
        .await;
    assert_eq!(all.runs[0].state, RunState::InProgress);
    assert_eq!(all.runs[0].jobs[0].state, RunState::InProgress);
    assert_eq!(
        (all.runs[1].number, all.runs[1].actor.as_str()),
        (6, "mira")
    );
}

#[tokio::test]
async fn what_has_not_changed_costs_nothing_and_what_has_ended_is_not_asked_again() {
    let mut watched = Watched::new(Some("t0ken"), two_runs).await;
    watched.link().await;
    assert_eq!(watched.fake.asked()[0], "200 runs");
    assert_eq!(watched.fake.asked().len(), 3);

    // A run is under way: asked again soon.
    watched.time.pass(Duration::from_secs(5)).await;
    watched.link().await;
    assert_eq!(watched.fake.asked()[3..], ["304 runs", "304 runs/7/jobs"]);

    watched.fake.set(|answers| {
        answers.runs[0] = run(7, "completed", Some("failure"));
        answers
            .jobs
            .insert(7, vec![job(70, "completed", Some("failure"))]);
    });
    watched.time.pass(Duration::from_secs(5)).await;
    let ended = watched
        .runs(|runs| runs.runs[0].jobs[0].state == RunState::Failed)
        .await;
    assert_eq!(ended.runs[0].state, RunState::Failed);
    watched.link().await;

    // All have ended: slowly, and only the list.
    let so_far = watched.fake.asked().len();
    watched.time.pass(Duration::from_secs(50)).await;
    assert_eq!(watched.fake.asked().len(), so_far);
    watched.time.pass(Duration::from_secs(10)).await;
    watched.link().await;
    assert_eq!(watched.fake.asked()[so_far..], ["304 runs"]);

    // Unless somebody asks.
    watched.refresh.send_modify(|count| *count += 1);
    watched.fake.wait_for(so_far + 2).await;
}

#[tokio::test]
async fn limits_are_told_and_kept() {
    let mut watched = Watched::new(Some("t0ken"), |fake| {
        two_runs(fake);
        fake.set(|answers| answers.remaining = Some(40));
    })
    .await;
    let runs = watched.runs(|_| true).await;
    assert_eq!(runs.limit.unwrap().remaining, 40);
    let Link::Polled { next } = watched.link().await else {
        panic!("not polled");
    };
    // Three requests a poll, thirty of forty for us, an hour: not every five seconds.
    let wait = next.since(watched.time.clock().moment());
    assert_eq!(wait, Duration::from_secs(360));
}

/// GitHub's refusal is waited out for so many seconds, not less.
async fn is_waited_out(status: u16, headers: &[(&'static str, &str)], message: &str, seconds: u64) {
    let mut watched = Watched::new(Some("t0ken"), |fake| {
        two_runs(fake);
        fake.instead(status, headers, message);
    })
    .await;
    let (fault, wait) = watched.lost().await;
    assert_eq!(fault.kind, FaultKind::RateLimited, "{fault}");
    assert_eq!(wait, Some(Duration::from_secs(seconds)));
    // Impatience changes nothing.
    watched.refresh.send_modify(|count| *count += 1);
    watched.time.pass(Duration::from_secs(seconds - 1)).await;
    assert_eq!(watched.fake.asked().len(), 1);
    watched.time.pass(Duration::from_secs(1)).await;
    assert_eq!(watched.runs(|_| true).await.runs.len(), 2);
}

#[tokio::test]
async fn retry_after_is_waited_out() {
    is_waited_out(429, &[("retry-after", "17")], "slow down", 17).await;
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_waited_out() {
    let until_reset = [
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1769263500"),
    ];
    is_waited_out(403, &until_reset, "API rate limit exceeded", 300).await;
}

#[tokio::test]
async fn a_secondary_limit_is_waited_out_for_a_minute() {
    is_waited_out(403, &[], "You have exceeded a secondary rate limit", 60).await;
}

#[tokio::test]
async fn a_private_repository_without_a_token_says_that_it_needs_one() {
    let mut watched = Watched::new(None, two_runs).await;
    let (fault, wait) = watched.lost().await;
    assert_eq!(fault.kind, FaultKind::Missing);
    assert!(fault.remedy.contains("set github.token"), "{fault}");
    assert!(wait.is_some());
}

#[tokio::test]
async fn a_token_that_is_refused_is_read_anew_when_somebody_has_corrected_it() {
    let mut watched = Watched::new(Some("old"), |fake| {
        two_runs(fake);
        fake.instead(401, &[], "Bad credentials");
    })
    .await;
    let (fault, wait) = watched.lost().await;
    assert_eq!((fault.kind, wait), (FaultKind::Authentication, None));
    assert!(fault.remedy.contains("correct github.token"), "{fault}");
    assert!(!fault.to_string().contains("old"), "{fault}");
    std::fs::write(watched.directory.path().join("token"), "t0ken\n").unwrap();
    watched.refresh.send_modify(|count| *count += 1);
    assert_eq!(watched.runs(|_| true).await.runs.len(), 2);
}

#[tokio::test]
async fn what_was_seen_stays_when_github_goes_away() {
    let mut watched = Watched::new(Some("t0ken"), two_runs).await;
    watched.link().await;
    watched.fake.instead(500, &[], "away");
    watched.fake.instead(500, &[], "away");
    watched.fake.instead(500, &[], "away");
    let so_far = watched.fake.asked().len();
    loop {
        // The attempt and its two repeats, with their waits.
        watched.time.pass(Duration::from_secs(1)).await;
        match futures::poll!(watched.readings.next()) {
            std::task::Poll::Ready(Some(RunsReading::Link(Link::Lost {
                fault, retry, ..
            }))) => {
                assert_eq!(fault.kind, FaultKind::Failed);
                assert!(retry.is_some());
                break;
            }
            std::task::Poll::Ready(reading) => panic!("not lost: {reading:?}"),
            std::task::Poll::Pending => {}
        }
    }
    assert_eq!(watched.fake.asked().len(), so_far + 3);
}

#[tokio::test]
async fn the_runs_of_a_commit_are_found_by_its_whole_hash() {
    let watched = Watched::new(Some("t0ken"), two_runs).await;
    let runs = watched.pipeline.runs_for(REVISION).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [7, 6]);
    let other = REVISION.replace('4', "5");
    assert!(watched.pipeline.runs_for(&other).await.unwrap().is_empty());
    let fault = watched.pipeline.runs_for("41d07e2").await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Invalid);
}
