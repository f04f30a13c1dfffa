//! Its containers' logs.

use super::*;

/// The log's text without timestamps, container names and notes, until `lines` lines have come.
async fn read_log(logs: &mut BoxStream<Chunk>, lines: usize) -> Vec<String> {
    let mut read = Vec::new();
    within(async {
        while read.len() < lines {
            if let Chunk::Lines { bytes, .. } = logs.next().await.expect("logs never end") {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                assert!(text.ends_with('\n'), "only whole lines");
                read.extend(
                    text.lines()
                        .map(|line| line.split_once(' ').unwrap().1.to_owned()),
                );
            }
        }
    })
    .await;
    read
}

#[tokio::test]
async fn a_log_goes_on_over_a_break_without_gap_or_repeat() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    for n in 0..10 {
        engine.log("one", 1, 1000 + n, &format!("old {n}"));
    }
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 2,
    };
    let mut logs = target(&targets, &engine).logs(query);
    assert_eq!(read_log(&mut logs, 2).await, ["old 8", "old 9"]);

    engine.log("one", 1, 1010, "out");
    engine.log("one", 2, 1010, "err");
    assert_eq!(read_log(&mut logs, 2).await, ["out", "err"]);

    engine.break_streams();
    engine.log("one", 2, 1010, "err again");
    engine.log("one", 1, 1011, "after");
    let mut read = read_log(&mut logs, 2).await;
    read.sort();
    assert_eq!(read, ["after", "err again"]);
}

#[tokio::test]
async fn a_terminals_line_that_never_ends_is_shown_and_not_kept() {
    let engine = FakeEngine::start();
    engine.container_with_terminal("one", "backend");
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 2,
    };
    let mut logs = target(&targets, &engine).logs(query);
    within(engine.asked("/containers/one/logs", 1)).await;
    engine.log("one", 1, 1000, "first words");
    engine.write("one", 1, 1001, &"\rprogress".repeat(10_000));
    let read = read_log(&mut logs, 2).await;
    assert_eq!(read[0], "first words");
    assert!(read[1].starts_with("\rprogress") && read[1].len() < 70_000);
}

#[tokio::test]
async fn a_container_to_come_is_read_from_its_first_line() {
    let engine = FakeEngine::start();
    engine.container("one", "backend", "healthy", "create");
    engine.container("other", "database", "healthy", "create");
    let targets = Targets::new(false, Clock::system());
    let query = LogQuery {
        service: backend(),
        tail: 0,
    };
    let mut logs = target(&targets, &engine).logs(query);
    within(engine.asked("/containers/one/logs", 1)).await;

    engine.log("two", 1, 1000, "first words");
    engine.container("two", "backend", "starting", "start");
    assert_eq!(read_log(&mut logs, 1).await, ["first words"]);
}
