//! What is seen of it, and how it is told.

use super::*;

#[tokio::test]
async fn containers_are_seen_before_the_link_is_live_and_follow_events() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "starting", "create");
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();

    assert!(matches!(
        next_link(&mut readings).await,
        Link::Connecting { .. }
    ));
    assert_eq!(next_health(&mut readings).await, Health::Starting);
    assert_eq!(next_link(&mut readings).await, Link::Live);
    let requests = engine.requests();
    let position = |path: &str| requests.iter().position(|r| r.starts_with(path)).unwrap();
    assert!(position("/events") < position("/containers/json"));

    engine.container("one", "backend", "healthy", "health_status: healthy");
    assert_eq!(next_health(&mut readings).await, Health::Healthy);
    engine.container("one", "backend", "healthy", "destroy");
    assert_eq!(next_health(&mut readings).await, Health::Missing);
}

#[tokio::test]
async fn a_burst_of_events_is_not_a_burst_of_looks() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    assert_eq!(next_health(&mut readings).await, Health::Missing);
    let looks = engine.count("/containers/json");

    for n in 0..50 {
        engine.container(&format!("c{n}"), "backend", "healthy", "start");
    }
    next(&mut readings, |reading| match reading {
        Reading::Containers(containers) => (containers.containers.len() == 50).then_some(()),
        _ => None,
    })
    .await;
    let more = engine.count("/containers/json") - looks;
    assert!(more <= 5, "{more} looks for one burst");
}

#[tokio::test]
async fn a_lost_stream_of_events_is_said_and_taken_up_again() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    assert_eq!(next_health(&mut readings).await, Health::Healthy);

    engine.break_streams();
    let retry = next(&mut readings, |reading| match reading {
        Reading::EngineLink(Link::Lost { retry, .. }) => Some(retry),
        _ => None,
    })
    .await;
    assert!(retry.is_some());
    // The data was not emptied; the same containers come again with a live link.
    assert_eq!(next_health(&mut readings).await, Health::Healthy);
    assert_eq!(next_link(&mut readings).await, Link::Live);
}

#[tokio::test]
async fn without_an_engine_the_files_are_live_all_the_same() {
    let engine = FakeEngine::start();
    let directory = engine.project_directory();
    std::fs::write(format!("{directory}/.env"), "TAG=v1\n").unwrap();
    std::fs::remove_file(engine.socket()).unwrap();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    let (mut engine_fault, mut pin) = (None, None);
    next(&mut readings, |reading| {
        match reading {
            Reading::EngineLink(Link::Lost { fault, .. }) => engine_fault = Some(fault),
            Reading::Files(files) => pin = files.pins.get(&backend()).cloned(),
            _ => {}
        }
        (engine_fault.is_some() && pin.is_some()).then_some(())
    })
    .await;
    assert_eq!(pin.as_deref(), Some("v1"));
    let fault = engine_fault.unwrap();
    assert!(
        fault.message.contains("no Docker Engine listens"),
        "{fault}"
    );
    assert!(
        fault.kind.is_passing(),
        "an Engine that comes back is found"
    );
}

#[tokio::test]
async fn what_changes_in_the_files_is_told() {
    let engine = FakeEngine::start();
    let file = format!("{}/.env", engine.project_directory());
    std::fs::write(&file, "TAG=v1\n").unwrap();
    let targets = Targets::new(false, Clock::system());
    let mut readings = target(&targets, &engine).readings();
    let mut next_pin = async || {
        next(&mut readings, |reading| match reading {
            Reading::Files(files) => Some(files.pins.get(&backend()).cloned()),
            _ => None,
        })
        .await
    };
    assert_eq!(next_pin().await.as_deref(), Some("v1"));
    std::fs::write(&file, "export TAG=\"v22\"\n").unwrap();
    assert_eq!(next_pin().await.as_deref(), Some("v22"));
}

#[tokio::test]
async fn nobody_reading_costs_nothing_and_dropping_ends_it() {
    let engine = FakeEngine::start();
    let targets = Targets::new(false, Clock::system());
    let target = target(&targets, &engine);
    assert_eq!(
        engine.requests().len(),
        0,
        "nothing is asked before it is wanted"
    );
    let mut readings = target.readings();
    assert_eq!(next_health(&mut readings).await, Health::Missing);
    drop(readings);
    let looks = engine.count("/containers/json");
    engine.container("one", "backend", "healthy", "start");
    let mut again = target.readings();
    assert_eq!(next_health(&mut again).await, Health::Healthy);
    assert_eq!(engine.count("/containers/json"), looks + 1);
}
