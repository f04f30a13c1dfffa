use std::time::Duration;

use super::{super::feed::POLL, *};
use crate::{release::FaultKind, time_by_hand::TimeByHand};

async fn world(time: &TimeByHand) -> World {
    let world = World::at(Access::Anybody, 1000, Password::None, time.clock()).await;
    for n in 1..=3 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&n.to_string()));
    }
    world
}

impl Watched {
    /// Waits until all is known, letting rows that wait to be told together be told.
    async fn all_in(&mut self, time: &TimeByHand, fake: &Fake) -> Arc<Versions> {
        fake.wait_for("GET /v2/shop/blobs/", 3).await;
        loop {
            time.pass(Duration::from_millis(100)).await;
            let reading = futures::poll!(self.readings.next());
            if let std::task::Poll::Ready(Some(VersionsReading::Versions(all))) = reading
                && all.versions.iter().all(|v| v.details.value().is_some())
            {
                return all;
            }
        }
    }
}

#[tokio::test]
async fn a_registry_that_asks_us_to_wait_is_left_alone_for_so_long() {
    let time = TimeByHand::begin();
    let world = world(&time).await;
    world
        .fake
        .instead("/tags/list", 429, &[("retry-after", "30")]);
    let mut watched = world.watch("v{date}.{n}");
    let lost = watched.link(|link| matches!(link, Link::Lost { .. })).await;
    let Link::Lost {
        since,
        fault,
        retry,
    } = lost
    else {
        unreachable!("it was asked for");
    };
    assert_eq!(fault.kind, FaultKind::RateLimited);
    assert_eq!(retry, Some(since.after(Duration::from_secs(30))));
    // Impatience changes nothing.
    watched.refresh();
    time.pass(Duration::from_secs(29)).await;
    assert_eq!(world.fake.requests("GET /v2/shop/tags/list").len(), 1);
    time.pass(Duration::from_secs(1)).await;
    let versions = watched.versions(|v| v.complete).await;
    assert_eq!(versions.versions.len(), 3);
}

#[tokio::test]
async fn a_limit_in_the_middle_pauses_the_filling_in_and_loses_nothing() {
    let time = TimeByHand::begin();
    let world = world(&time).await;
    world.fake.instead("/blobs/", 429, &[("retry-after", "5")]);
    let mut watched = world.watch("v{date}.{n}");
    assert_eq!(watched.lost().await.kind, FaultKind::RateLimited);
    time.pass(Duration::from_secs(5)).await;
    watched
        .link(|link| matches!(link, Link::Polled { .. }))
        .await;
    // The one that was refused was asked once more.
    world.fake.wait_for("GET /v2/shop/blobs/", 4).await;
    watched.all_in(&time, &world.fake).await;
}

#[tokio::test]
async fn a_poll_asks_what_is_on_the_screen_and_finds_what_is_new_and_gone() {
    let time = TimeByHand::begin();
    let world = world(&time).await;
    let mut watched = world.watch("v{date}.{n}");
    watched.want(&["v20260123.2"]);
    watched.all_in(&time, &world.fake).await;
    assert_eq!(world.fake.requests("HEAD ").len(), 3);

    let moved = world.fake.push("v20260123.2", &image("moved"));
    world.fake.push("v20260123.4", &image("4"));
    world.fake.remove("v20260123.1");
    time.pass(POLL).await;
    // The one that is wanted and the new one; not the one that nobody looks at.
    world.fake.wait_for("HEAD ", 5).await;
    world.fake.wait_for("GET /v2/shop/blobs/", 5).await;
    time.pass(Duration::from_millis(100)).await;
    let all = watched
        .versions(|all| revision(all, "v20260123.2") == Some("moved"))
        .await;
    assert_eq!(tags(&all), ["v20260123.4", "v20260123.3", "v20260123.2"]);
    assert_eq!(
        version(&all, "v20260123.2")
            .digest
            .value()
            .unwrap()
            .as_str(),
        moved
    );
    assert_eq!(world.fake.requests("HEAD ").len(), 5);
}

#[tokio::test]
async fn a_refresh_asks_everything_again_at_once() {
    let time = TimeByHand::begin();
    let world = world(&time).await;
    let mut watched = world.watch("v{date}.{n}");
    watched.all_in(&time, &world.fake).await;
    watched.refresh();
    world.fake.wait_for("HEAD ", 6).await;
    assert_eq!(world.fake.requests("GET /v2/shop/tags/list").len(), 2);
    assert_eq!(world.fake.requests("GET /v2/shop/blobs/").len(), 3);
}

#[tokio::test]
async fn a_registry_that_goes_away_is_tried_again_until_it_is_back() {
    let time = TimeByHand::begin();
    let world = world(&time).await;
    let mut watched = world.watch("v{date}.{n}");
    watched.all_in(&time, &world.fake).await;

    // Three refusals in a row are more than a hiccup.
    for _ in 0..3 {
        world.fake.instead("/tags/list", 502, &[]);
    }
    time.pass(POLL).await;
    let fault = loop {
        time.pass(Duration::from_millis(500)).await;
        let reading = futures::poll!(watched.readings.next());
        if let std::task::Poll::Ready(Some(VersionsReading::Link(Link::Lost { fault, .. }))) =
            reading
        {
            break fault;
        }
    };
    assert_eq!(fault.kind, FaultKind::Failed);
    assert!(fault.to_string().contains("502"), "{fault}");
    loop {
        time.pass(Duration::from_millis(500)).await;
        let reading = futures::poll!(watched.readings.next());
        if let std::task::Poll::Ready(Some(VersionsReading::Link(Link::Polled { .. }))) = reading {
            break;
        }
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_with_the_next_attempt() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    let repository: Repository = "127.0.0.1:1/shop".parse().unwrap();
    let catalogue = catalogue(
        &world.fake,
        world.cache.path(),
        Password::None,
        Clock::system(),
    );
    let (_wanted, receiver) = watch::channel(Wanted::default());
    let mut readings = catalogue.watch(&repository, &TagConvention::default(), receiver);
    loop {
        match readings.next().await.unwrap() {
            VersionsReading::Link(Link::Lost { fault, retry, .. }) => {
                assert_eq!(fault.kind, FaultKind::Unreachable);
                assert!(retry.is_some());
                break;
            }
            VersionsReading::Link(_) => {}
            VersionsReading::Versions(versions) => panic!("rows out of nowhere: {versions:?}"),
        }
    }
}
