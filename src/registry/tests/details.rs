use super::{super::cache::Cache, *};
use crate::release::{Digest, FaultKind, version::Known};

#[tokio::test]
async fn an_index_with_attestations_has_the_details_of_its_image() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    let image = world.fake.push("inner", &image("abc"));
    let index = world.fake.put_manifest(
        "v20260123.1",
        &json!({
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "annotations": {"org.opencontainers.image.source": "https://github.com/acme/shop"},
            "manifests": [
                {"digest": format!("sha256:{}", "0".repeat(64)),
                 "platform": {"os": "unknown", "architecture": "unknown"},
                 "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
                {"digest": image, "platform": {"os": "linux", "architecture": "amd64"}},
            ],
        }),
    );
    world.fake.remove("inner");
    let versions = world.list().await.unwrap();
    let version = version(&versions, "v20260123.1");
    assert_eq!(version.digest.value().unwrap().as_str(), index);
    let details = version.details.value().unwrap();
    assert_eq!(details.revision.as_deref(), Some("abc"));
    assert_eq!(
        details.source.as_deref(),
        Some("https://github.com/acme/shop")
    );
    assert_eq!(
        details.created,
        Some("2026-01-23T10:00:00Z".parse().unwrap())
    );
}

#[tokio::test]
async fn a_registry_that_tells_no_digests_has_its_manifests_hashed() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    let digest = world.fake.push("v20260123.1", &image("abc"));
    world.fake.tell_no_digests();
    let versions = world.list().await.unwrap();
    let version = version(&versions, "v20260123.1");
    assert_eq!(version.digest.value().unwrap().as_str(), digest);
    assert_eq!(revision(&versions, "v20260123.1"), Some("abc"));
}

#[tokio::test]
async fn labels_cannot_draw_on_the_terminal() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    world
        .fake
        .push("v20260123.1", &image("\u{1b}[31mabc\u{7}\r\ndef\u{202e}"));
    let versions = world.list().await.unwrap();
    assert_eq!(revision(&versions, "v20260123.1"), Some("abc  def"));
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_one_rows_fault() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    world.fake.push("v20260123.2", &image("abc"));
    let other = world.fake.push("v20260123.1", &image("def"));
    world.fake.corrupt(&other);
    let versions = world.list().await.unwrap();
    assert_eq!(revision(&versions, "v20260123.2"), Some("abc"));
    let version = version(&versions, "v20260123.1");
    assert!(version.digest.value().is_some());
    assert!(
        matches!(&version.details, Known::Failed(f) if f.kind == FaultKind::Malformed),
        "{version:?}"
    );
}

#[tokio::test]
async fn a_second_start_asks_no_digest_again_what_it_says() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    for n in 1..=20 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&n.to_string()));
    }
    let first = world.list().await.unwrap();
    assert_eq!(world.fake.requests("GET /v2/shop/blobs/").len(), 20);

    let again = catalogue(
        &world.fake,
        world.cache.path(),
        Password::None,
        Clock::system(),
    );
    let (_wanted, receiver) = watch::channel(Wanted::default());
    let mut watched = Watched {
        readings: again.watch(&world.repository(), &TagConvention::default(), receiver),
        wanted: _wanted,
    };
    assert_eq!(*watched.all().await, first);
    assert_eq!(world.fake.requests("GET /v2/shop/blobs/").len(), 20);
    assert_eq!(world.fake.requests("GET /v2/shop/manifests/").len(), 20);
}

#[tokio::test]
async fn how_long_an_image_may_take_to_start_is_known_without_asking_again() {
    use std::time::Duration;
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    let mut slow = image("abc");
    slow["config"]["Healthcheck"] =
        json!({"Test": ["CMD", "health"], "StartPeriod": 300_000_000_000_u64});
    let slow: Digest = world.fake.push("v20260123.1", &slow).parse().unwrap();
    let quick: Digest = world
        .fake
        .push("v20260122.1", &image("def"))
        .parse()
        .unwrap();
    let (repository, start_period) = (world.repository(), Some(Duration::from_secs(300)));
    // Listed before, and kept; or never seen.
    let versions = world.list().await.unwrap();
    let listed = version(&versions, "v20260123.1").details.value().unwrap();
    assert_eq!(listed.start_period, start_period);
    let asked = world.fake.requests("").len();
    let details = |digest: Digest| {
        let (catalogue, repository) = (&world.catalogue, &repository);
        async move { catalogue.details(repository, &digest).await.unwrap() }
    };
    assert_eq!(details(slow.clone()).await.start_period, start_period);
    assert_eq!(details(quick).await.start_period, None);
    assert_eq!(world.fake.requests("").len(), asked);
    let elsewhere = tempfile::tempdir().unwrap();
    let again = catalogue(
        &world.fake,
        elsewhere.path(),
        Password::None,
        Clock::system(),
    );
    let details = again.details(&repository, &slow).await.unwrap();
    assert_eq!(details.start_period, start_period);
    assert_eq!(world.fake.requests("").len(), asked + 2);
}

#[tokio::test]
async fn a_feed_keeps_what_it_has_read() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    world.fake.push("v20260123.1", &image("abc"));
    let mut watched = world.watch("v{date}.{n}");
    watched.all().await;
    let cache = Cache::of(world.cache.path(), &world.repository());
    // The file is written in the background: wait for its directory to be made and filled.
    while cache.load().await.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(watched);
    world.list().await.unwrap();
    assert_eq!(world.fake.requests("GET /v2/shop/blobs/").len(), 1);
}
