//! `docker compose restart`, `stop` and `start`.

use super::containers;
use crate::demo::{
    docker::{
        console::{Console, Ended},
        container::STOP,
        options::{Options, flag, value},
        project::Project,
    },
    shared::Shared,
};

/// Stops, starts, or does both to the containers of services.
pub async fn power(
    shared: &Shared,
    console: &Console,
    project: &Project,
    what: &str,
    words: &[String],
) -> Ended {
    let known = [value(&["-t", "--timeout"]), flag(&["--no-deps"])];
    let options = Options::parse(words, &known, false)?;
    for service in project.in_order(&options.arguments, false)? {
        let found: Vec<(String, String)> = shared.with(|world, _| {
            let found = containers(world, project, &service.name);
            found
                .iter()
                .map(|c| (c.id.clone(), c.recipe.name.clone()))
                .collect()
        });
        for (id, name) in found {
            if what != "start" {
                console.err(format!(" Container {name}  Stopping")).await;
                shared.pause(STOP).await;
                shared.change(|world, now| world.engine.stop(&id, now));
            }
            if what != "stop" {
                shared.change(|world, now| world.engine.start(&id, now));
                console.err(format!(" Container {name}  Started")).await;
            }
        }
    }
    Ok(0)
}
