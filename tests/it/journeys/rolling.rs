//! A rolled service on real servers: somebody asks it all the time, and is always answered, whatever dies,
//! fails or is cancelled in the middle; and in the end a plain `docker compose up -d` changes nothing.

use std::process::Child;

use flightdeck::release::operation::OperationId;

use super::shop::{Shop, nobody};
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
    waiting::eventually,
};

#[test]
fn whoever_asks_a_rolled_service_is_always_answered() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for compose in Compose::ALL {
        let shop = Shop::up(&world, compose, "", "");
        // One tag for both, which come from one repository.
        let said = shop.ends_with(0, &["promote", "staging", version::CANDIDATE, "--yes"]);
        let (backend, frontend) = (
            shop.one("backend", version::CANDIDATE),
            shop.one("frontend", version::CANDIDATE),
        );
        let answers = shop.answers();
        assert_eq!(nobody(&answers), 0, "{compose:?}: {said}");
        for tag in [version::FORMER, version::CANDIDATE] {
            assert!(answers.iter().any(|answer| answer.contains(tag)), "{tag}");
        }
        // What a person does next changes nothing.
        run(&mut shop.compose(&["up", "-d"]));
        assert_eq!(shop.only("backend"), backend, "{compose:?}");
        assert_eq!(shop.only("frontend"), frontend, "{compose:?}");
        if compose != Compose::V240 {
            continue;
        }
        // One that is healthy and crashes then is never alone.
        let crashing = format!("backend={}", version::CRASHING);
        let said = shop.ends_with(1, &["promote", "staging", &crashing, "--yes"]);
        assert!(said.contains("went back at roll-backend"), "{said}");
        assert!(said.contains("out of handles"), "{said}");
        assert_eq!(shop.only("backend"), backend, "{said}");
        assert_eq!(nobody(&shop.answers()), 0, "{said}");
    }
}

/// A backend that serves on for a while when it is told to stop.
const SLOW_TO_STOP: &str =
    "    command: [\"sh\", \"-c\", \"trap 'sleep 5; exit 0' TERM; backend & wait\"]\n";

/// Where a roll is disturbed.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// The new container is there beside the old one.
    Beside,
    /// The old one has been told to stop.
    Stopping,
}

/// Starts a promotion, and waits until it has come to that point.
#[track_caller]
fn promoting(shop: &Shop, tag: &str, point: Point) -> (Child, OperationId) {
    let before = shop.newest();
    let backend = format!("backend={tag}");
    let child = shop.start(&["promote", "staging", &backend, "--yes"]);
    let operation = OperationId(before.0 + 1);
    eventually("the roll", || match point {
        Point::Beside => shop.all("backend").len() == 2,
        Point::Stopping => shop.operation(operation).join("retired").exists(),
    });
    (child, operation)
}

/// The same, and there all of it dies: supervisor, runner, step, and whoever follows.
#[track_caller]
fn killed(shop: &Shop, tag: &str, point: Point) {
    let (mut child, operation) = promoting(shop, tag, point);
    shop.kill(operation, "supervisor");
    shop.kill(operation, "pid");
    shop.kill_step(operation);
    child.kill().expect("it follows");
    child.wait().expect("it has ended");
}

/// Holds that one container of that version is healthy under a name of Compose's, which has nothing to
/// change.
#[track_caller]
fn settled(shop: &Shop, tag: &str, after: &str) {
    let id = shop.one("backend", tag);
    let format = "{{.State.Health.Status}} {{.Name}}";
    let seen = run(&mut shop.docker(&["inspect", "--format", format, &id]));
    let (health, name) = seen.trim().split_once(' ').expect("two words");
    assert_eq!(health, "healthy", "{after}");
    let (_, number) = name.split_once("-backend-").expect("Compose's name");
    assert!(number.parse::<u32>().is_ok(), "{name} after {after}");
    run(&mut shop.compose(&["up", "-d"]));
    assert_eq!(shop.only("backend"), id, "recreated after {after}");
}

#[test]
fn whatever_happens_in_the_middle_of_a_roll_somebody_serves() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let (former, candidate) = (version::FORMER, version::CANDIDATE);
    let shop = Shop::up(&world, Compose::V240, SLOW_TO_STOP, "");

    killed(&shop, candidate, Point::Beside);
    let said = shop.ends_with(0, &["recover", "staging", "resume", "--yes"]);
    settled(&shop, candidate, &said);
    let resumed = shop.newest().to_string();

    let (child, operation) = promoting(&shop, former, Point::Stopping);
    shop.kill(operation, "pid");
    let said = Shop::said(child);
    assert!(said.contains("went back at roll-backend"), "{said}");
    settled(&shop, candidate, &said);

    killed(&shop, former, Point::Stopping);
    let said = shop.ends_with(0, &["recover", "staging", "back", "--yes"]);
    assert!(said.contains("went back"), "{said}");
    settled(&shop, candidate, &said);

    killed(&shop, former, Point::Beside);
    let said = shop.ends_with(0, &["rollback", "staging", "--to", &resumed, "--yes"]);
    settled(&shop, candidate, &said);

    let (child, _) = promoting(&shop, former, Point::Beside);
    shop.ends_with(0, &["recover", "staging", "cancel", "--yes"]);
    let said = Shop::said(child);
    assert!(said.contains("cancelled"), "{said}");
    settled(&shop, candidate, &said);

    let backend = format!("backend={}", version::UNHEALTHY);
    let said = shop.ends_with(1, &["promote", "staging", &backend, "--yes"]);
    assert!(said.contains("went back at roll-backend"), "{said}");
    assert!(said.contains("cannot read the price list"), "{said}");
    settled(&shop, candidate, &said);

    // The Engine refuses the new container: somebody has taken every name that it could have.
    let name = run(&mut shop.docker(&["inspect", "--format", "{{.Name}}", &shop.only("backend")]));
    let (stem, number) = name.trim().rsplit_once('-').expect("Compose's name");
    let own: u32 = number.parse().expect("a number");
    let image = format!("{}/acme/shop-backend:{former}", world.registry());
    for number in (1..own + 3).filter(|number| *number != own) {
        let taken = format!("{}-{number}", stem.trim_start_matches('/'));
        run(&mut shop.docker(&["create", "--name", &taken, &image]));
    }
    let backend = format!("backend={former}");
    let said = shop.ends_with(1, &["promote", "staging", &backend, "--yes"]);
    assert!(said.contains("is already in use"), "{said}");
    let taken = run(&mut shop.docker(&[
        "ps",
        "-aq",
        "--filter",
        &format!("name={stem}-"),
        "--filter",
        "status=created",
    ]));
    run(shop.docker(&["rm"]).args(taken.lines()));
    settled(&shop, candidate, &said);

    assert_eq!(nobody(&shop.answers()), 0);
    // The instrument can tell.
    run(&mut shop.compose(&["stop", "backend"]));
    eventually("nobody answers", || nobody(&shop.answers()) > 0);
}
