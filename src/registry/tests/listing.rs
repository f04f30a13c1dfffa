use super::*;

#[tokio::test]
async fn a_thousand_tags_come_page_by_page_first_rows_first_and_are_filled_in() {
    let world = World::new(Access::TokenForAnybody, 100, Password::None).await;
    for n in 1..=1000 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&format!("{n:040x}")));
    }
    let pages = world.fake.gate("/tags/list");
    let mut watched = world.watch("v{date}.{n}");
    // The request without a token, then the first page.
    pages.add_permits(2);
    let first = watched.versions(|v| !v.versions.is_empty()).await;
    assert_eq!((first.versions.len(), first.complete), (100, false));
    assert_eq!(tags(&first)[..2], ["v20260123.100", "v20260123.99"]);

    pages.add_permits(9);
    let all = watched.all().await;
    assert_eq!(all.versions.len(), 1000);
    assert_eq!(tags(&all)[..2], ["v20260123.1000", "v20260123.999"]);
    assert_eq!(revision(&all, "v20260123.7"), Some(&*format!("{:040x}", 7)));
    // One token served all, and it could only read.
    assert_eq!(world.fake.scopes(), ["repository:shop:pull"]);
}

#[tokio::test]
async fn many_rows_are_told_together() {
    let time = crate::time_by_hand::TimeByHand::begin();
    let world = World::at(Access::Anybody, 1000, Password::None, time.clock()).await;
    for n in 1..=200 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&n.to_string()));
    }
    let mut watched = world.watch("v{date}.{n}");
    let first = watched.versions(|v| v.complete).await;
    assert!(first.versions.iter().all(|v| v.digest.value().is_none()));
    // Time stands still: everything arrives within one instant and waits to be told once.
    world.fake.wait_for("GET /v2/shop/blobs/", 200).await;
    time.pass(std::time::Duration::from_millis(100)).await;
    let mut readings = 0;
    while watched.readings.next().await.is_some_and(|reading| {
        readings += 1;
        !matches!(reading, VersionsReading::Versions(v)
            if v.versions.iter().filter(|v| v.details.value().is_some()).count() >= 192)
    }) {}
    assert!(readings <= 4, "{readings} readings for 200 rows");
}

#[tokio::test]
async fn what_is_on_the_screen_is_asked_first() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    for n in 1..=200 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&n.to_string()));
    }
    let pages = world.fake.gate("/tags/list");
    let mut watched = world.watch("v{date}.{n}");
    watched.want(&["v20260123.3", "v20260123.2"]);
    world.fake.wait_for("GET /v2/shop/tags/list", 1).await;
    pages.add_permits(1);
    watched.all().await;
    let heads = world.fake.requests("HEAD ");
    assert_eq!(
        heads[..3],
        [3, 2, 200].map(|n| format!("HEAD /v2/shop/manifests/v20260123.{n}"))
    );
}

#[tokio::test]
async fn tags_by_creation_are_ordered_once_their_dates_are_known() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    for (tag, day) in [("a", 3), ("b", 1), ("c", 2)] {
        let created = format!("2026-01-0{day}T00:00:00Z");
        world.fake.push(tag, &json!({ "created": created }));
    }
    let all = world.watch("created").all().await;
    assert_eq!(tags(&all), ["a", "c", "b"]);
}

#[tokio::test]
async fn what_is_no_tag_is_left_out_and_an_empty_repository_is_empty() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    let versions = world.list().await.unwrap();
    assert!(versions.complete && versions.versions.is_empty());
    world.fake.push("v20260123.1", &image("a"));
    world.fake.put_manifest("\u{1b}[2Jv20260123.2", &json!({}));
    assert_eq!(tags(&world.list().await.unwrap()), ["v20260123.1"]);
}

#[tokio::test]
async fn pages_that_lead_in_a_circle_come_to_an_end() {
    let world = World::new(Access::Anybody, 1000, Password::None).await;
    world.fake.push("v20260123.1", &image("a"));
    world.fake.lead_in_a_circle();
    assert_eq!(tags(&world.list().await.unwrap()), ["v20260123.1"]);
}
