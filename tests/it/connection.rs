//! The way to a server, on real ones: what each of ssh's refusals is called, and that what was lost
//! comes back by itself.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use flightdeck::{
    clock::Clock,
    config::{self, Compose, Host, Reach, Target},
    release::{FaultKind, ServiceName, observation::Health, observed::Link},
    target::{BoxStream, Chunk, LogQuery, Observe, Reading, compose::Targets},
};
use futures::StreamExt;

use crate::support::{
    project::{Application, Project, version},
    real_world::{self, RealWorld, run},
};

/// Long enough for a busy machine; a test that waits so long has failed.
const DEADLINE: Duration = Duration::from_secs(60);

fn backend() -> ServiceName {
    "backend".parse().expect("a name")
}

fn readings(
    targets: &Targets,
    world: &RealWorld,
    host: &str,
    directory: &str,
    project: &str,
) -> BoxStream<Reading> {
    let host = Host {
        reach: Reach::Ssh {
            destination: host.to_owned(),
            config: Some(world.ssh_config().to_owned()),
        },
        docker: vec!["docker".to_owned()],
        socket: None,
    };
    target(targets, world, host, directory, project).readings()
}

fn target(
    targets: &Targets,
    world: &RealWorld,
    host: Host,
    directory: &str,
    project: &str,
) -> Box<dyn Observe> {
    let text = format!(
        "[services.backend]\nimage = \"{}/acme/shop-backend\"\npin = \"BACKEND_IMAGE_TAG\"\n\
         [environments.production]\nhost = \"local\"\ndirectory = {directory:?}\nproject = {project:?}\n",
        world.registry()
    );
    let config = config::parse(&text, Path::new("flightdeck.toml")).expect("a configuration");
    let environment = &config.environments[0];
    let Target::Compose(compose) = &environment.target;
    let compose = Compose {
        host,
        ..compose.clone()
    };
    Box::new(targets.target(&config, environment, &compose))
}

/// The first reading that `pick` takes.
async fn next<T>(
    readings: &mut BoxStream<Reading>,
    what: &str,
    mut pick: impl FnMut(Reading) -> Option<T>,
) -> T {
    let found = tokio::time::timeout(DEADLINE, async {
        loop {
            let reading = readings.next().await.expect("readings never end");
            if let Some(found) = pick(reading) {
                return found;
            }
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_has_its_own_words_and_a_remedy() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let mut said = BTreeSet::new();
    for (host, kind, words, remedy) in [
        (
            "unknown-key",
            FaultKind::HostKey,
            "not known yet",
            "compare the fingerprint",
        ),
        (
            "changed-key",
            FaultKind::HostKey,
            "not the one that was known",
            "ssh-keygen",
        ),
        (
            "stranger",
            FaultKind::Authentication,
            "does not accept the login",
            "ssh-add",
        ),
        (
            "passphrase",
            FaultKind::Authentication,
            "does not accept the login",
            "ssh-add",
        ),
        ("unreachable", FaultKind::Unreachable, "refused", "port"),
        (
            "no-permission",
            FaultKind::Permission,
            "may not use the Engine's socket",
            "usermod -aG docker",
        ),
    ] {
        // Nobody to ask: as in a pipe or in watch mode.
        let targets = Targets::new(false, Clock::system());
        let host = format!("flightdeck-real-{host}");
        let mut readings = readings(&targets, &world, &host, "/srv", "nothing");
        let (fault, retry) = next(&mut readings, &host, |reading| match reading {
            Reading::EngineLink(Link::Lost { fault, retry, .. }) => Some((fault, retry)),
            _ => None,
        })
        .await;
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(words), "{fault}");
        assert!(fault.remedy.contains(remedy), "{fault}");
        assert_eq!(retry.is_some(), kind.is_passing(), "{fault}");
        said.insert(fault.message);
    }
    assert_eq!(said.len(), 5, "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_seen_whole_whatever_way_leads_to_its_engine() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let project = Project::up(
        &world,
        real_world::Compose::V226,
        Application::Plain,
        version::FORMER,
    );
    let directory = project.directory().display().to_string();
    for host in [
        "flightdeck-real",
        "flightdeck-real-jump",
        "flightdeck-real-no-forwarding",
    ] {
        let targets = Targets::new(false, Clock::system());
        let mut readings = readings(&targets, &world, host, &directory, project.name());
        let (mut health, mut pin) = (None, None);
        next(&mut readings, host, |reading| {
            match reading {
                Reading::Containers(containers) => health = Some(containers.health(&backend())),
                Reading::Files(files) => pin = files.pins.get(&backend()).cloned(),
                _ => {}
            }
            (health.is_some() && pin.is_some()).then_some(())
        })
        .await;
        assert_eq!(health, Some(Health::Healthy), "{host}");
        assert_eq!(pin.as_deref(), Some(version::FORMER), "{host}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_logs_come_by_the_docker_command_where_no_socket_can_be_reached() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let project = Project::up(
        &world,
        real_world::Compose::V226,
        Application::Plain,
        version::FORMER,
    );
    let directory = project.directory().display().to_string();
    for (login, docker) in [
        ("flightdeck-sudo", &["sudo", "-n", "docker"][..]),
        // It prints before anything of ours, and its socket may not be forwarded.
        ("flightdeck-noisy", &["docker"][..]),
    ] {
        let targets = Targets::new(false, Clock::system());
        let host = Host {
            reach: Reach::Ssh {
                destination: login.to_owned(),
                config: Some(world.servers_ssh_config().to_owned()),
            },
            docker: docker.iter().map(|word| (*word).to_owned()).collect(),
            socket: None,
        };
        let target = target(&targets, &world, host, &directory, project.name());
        let mut readings = target.readings();
        let mut becomes = async |health: Health| {
            next(&mut readings, login, |reading| match reading {
                Reading::Containers(containers) => {
                    (containers.health(&backend()) == health).then_some(())
                }
                _ => None,
            })
            .await;
        };
        becomes(Health::Healthy).await;
        let name = format!("{}-backend", project.name());
        let mut docker = world.docker(real_world::Compose::V226);
        run(docker.args(["exec", &name, "touch", "/tmp/sick"]));
        becomes(Health::Unhealthy).await;
        let mut docker = world.docker(real_world::Compose::V226);
        run(docker.args(["exec", &name, "rm", "/tmp/sick"]));
        becomes(Health::Healthy).await;

        let mut logs = target.logs(LogQuery {
            service: backend(),
            tail: 10,
        });
        let begins = tokio::time::timeout(DEADLINE, async {
            let mut seen = Vec::new();
            while let Some(chunk) = logs.next().await {
                if let Chunk::Lines { bytes, .. } = chunk {
                    seen.extend_from_slice(&bytes);
                }
                if String::from_utf8_lossy(&seen).contains("starts") {
                    break;
                }
            }
        });
        begins.await.unwrap_or_else(|_| panic!("{login}: no logs"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_is_said_and_made_again() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let targets = Targets::new(false, Clock::system());
    // No other test's connection is this user's.
    let host = "flightdeck-real-deploy";
    let mut readings = readings(&targets, &world, host, "/srv", "nothing");
    let live = |reading: Reading| matches!(reading, Reading::EngineLink(Link::Live)).then_some(());
    next(&mut readings, "live", live).await;

    let pid = std::process::id().to_string();
    let pattern = format!("ssh -N -M .* {host}$");
    let ours = run(Command::new("pgrep").args(["-P", &pid, "-f", &pattern]));
    run(Command::new("kill").arg(ours.trim()));
    let fault = next(&mut readings, "lost", |reading| match reading {
        Reading::EngineLink(Link::Lost { fault, retry, .. }) => retry.map(|_| fault),
        _ => None,
    })
    .await;
    assert_eq!(fault.kind, FaultKind::Unreachable, "{fault}");
    next(&mut readings, "live again", live).await;
}
