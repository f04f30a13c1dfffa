//! A target on this machine against an Engine that is changed by hand: everything is real but that.

mod logs;
mod operations;
mod seen;

use std::{path::Path, time::Duration};

use futures::StreamExt;

use super::{
    fake_engine::{FakeEngine, PROJECT},
    *,
};
use crate::release::{ServiceName, observation::Health, observed::Link};

/// Long enough for a busy machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it did not happen in time")
}

fn backend() -> ServiceName {
    "backend".parse().unwrap()
}

fn target(targets: &Targets, engine: &FakeEngine) -> ComposeTarget {
    let text = format!(
        "[services.backend]\nimage = \"acme/shop\"\npin = \"TAG\"\n\
         [environments.production]\nhost = \"local\"\ndocker = [\"true\"]\nsocket = {:?}\n\
         directory = {:?}\nproject = {PROJECT:?}\nfiles = [\"compose.yml\"]\n",
        engine.socket(),
        engine.project_directory()
    );
    let config = config::parse(&text, Path::new("flightdeck.toml")).unwrap();
    let environment = &config.environments[0];
    let config::Target::Compose(compose) = &environment.target;
    targets.target(&config, environment, compose)
}

/// The next reading that `pick` takes.
async fn next<T>(
    readings: &mut BoxStream<Reading>,
    mut pick: impl FnMut(Reading) -> Option<T>,
) -> T {
    within(async {
        loop {
            if let Some(picked) = pick(readings.next().await.expect("readings never end")) {
                return picked;
            }
        }
    })
    .await
}

async fn next_health(readings: &mut BoxStream<Reading>) -> Health {
    next(readings, |reading| match reading {
        Reading::Containers(containers) => Some(containers.health(&backend())),
        _ => None,
    })
    .await
}

async fn next_link(readings: &mut BoxStream<Reading>) -> Link {
    next(readings, |reading| match reading {
        Reading::EngineLink(link) => Some(link),
        _ => None,
    })
    .await
}
