//! A switch dies while the Engine stops the old container, which runs until it has ended: whatever comes
//! next does not take it for one that goes on running.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
};

use flightdeck::release::operation::OperationId;

use super::shop::Shop;
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
    waiting::eventually,
};

/// A service that takes longer to stop than an operator does to go back.
const SLOW_TO_STOP: &str = "    stop_grace_period: 25s
    command: [\"sh\", \"-c\", \"trap 'sleep 18; exit 0' TERM; backend & wait\"]
";

#[test]
fn what_is_being_stopped_is_not_taken_for_what_runs() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let shop = Shop::up(&world, Compose::V240, "", SLOW_TO_STOP);
    shop.ends_with(0, &["adopt", "staging", "--yes"]);
    for deed in [
        &["recover", "staging", "back", "--yes"][..],
        &["rollback", "staging", "--yes"],
    ] {
        let events = killed(&shop);
        let said = shop.ends_with(0, deed);
        let frontend = shop.one("frontend", version::FORMER);
        eventually("its end", || events.tell("die"));
        let state = "{{.State.Status}} {{.State.Health.Status}}";
        let seen = run(&mut shop.docker(&["inspect", "--format", state, &frontend]));
        assert_eq!(seen.trim(), "running healthy", "{deed:?}: {said}");
    }
}

/// A promotion of the frontend dies, with all that runs of it, while its old container is being stopped.
#[track_caller]
fn killed(shop: &Shop) -> Events {
    let events = Events::of(shop, &shop.one("frontend", version::FORMER));
    let operation = OperationId(shop.newest().0 + 1);
    let frontend = format!("frontend={}", version::CANDIDATE);
    let mut child = shop.start(&["promote", "staging", &frontend, "--yes"]);
    eventually("the old container's stop", || events.tell("kill"));
    shop.kill(operation, "supervisor");
    shop.kill(operation, "pid");
    shop.kill_step(operation);
    child.kill().expect("it follows");
    child.wait().expect("it has ended");
    assert!(!events.tell("die"), "it has stopped too soon");
    events
}

/// What happens to a container from now on.
struct Events {
    docker: Child,
    file: PathBuf,
}

impl Events {
    fn of(shop: &Shop, container: &str) -> Self {
        let file = shop.beside("events");
        let output = File::create(&file).expect("a file");
        let (since, filter) = ("--since=0s", format!("--filter=container={container}"));
        let docker = shop
            .docker(&["events", since, &filter, "--format", "{{.Action}}"])
            .stdout(output)
            .stdin(Stdio::null())
            .spawn()
            .expect("docker");
        Self { docker, file }
    }

    fn tell(&self, action: &str) -> bool {
        let told = fs::read_to_string(&self.file).expect("what was told");
        told.lines().any(|line| line == action)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // It may have ended with the Engine.
        let _ = self.docker.kill();
        let _ = self.docker.wait();
    }
}
