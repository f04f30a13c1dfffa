//! An image that has never been on the server and takes longer to start than the configuration gives
//! anybody: it says so itself, and the first promotion waits for it.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::world;
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
};

/// Serves after twelve seconds. Without the start period it would be called unhealthy after two.
const SLOW: &str = r#"
HEALTHCHECK --interval=1s --timeout=2s --retries=2 --start-period=40s CMD ["health"]
CMD ["sh", "-c", "sleep 12 & wait $!; exec backend"]
"#;

/// A backend from a repository of its own, of which the server has the former version alone.
struct Server {
    world: RealWorld,
    compose: Compose,
    repository: String,
    /// The digests of what was pushed there.
    pushed: Vec<String>,
    directory: PathBuf,
    parent: tempfile::TempDir,
}

impl Server {
    fn up(world: &RealWorld, compose: Compose, strategy: &str) -> Self {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let name = format!("shop-slow-{}-{}", std::process::id(), compose.series());
        let name = name.replace('.', "");
        let mut server = Self {
            world: world.clone(),
            compose,
            repository: format!("acme/{name}"),
            pushed: Vec::new(),
            directory: parent.path().join(name),
            parent,
        };
        for (tag, instructions) in [(version::CANDIDATE, SLOW), (version::FORMER, "")] {
            let digest = server.push(tag, instructions);
            server.pushed.push(digest);
        }
        fs::create_dir(&server.directory).expect("the project's directory");
        let image = format!("{}/{}", world.registry(), server.repository);
        let lay = |name: &str, text: String| {
            fs::write(server.directory.join(name), text).expect("a file of the project");
        };
        lay(
            "docker-compose.yml",
            format!("services:\n  backend:\n    image: {image}:${{BACKEND_IMAGE_TAG}}\n"),
        );
        lay(".env", format!("BACKEND_IMAGE_TAG={}\n", version::FORMER));
        run(&mut server.docker(&["compose", "up", "-d", "--wait", "--quiet-pull"]));
        fs::write(
            server.configuration(),
            format!(
                r#"{login}

[services.backend]
image = "{image}"
pin = "BACKEND_IMAGE_TAG"
strategy = "{strategy}"

[environments.staging]
host = "{host}"
ssh_config = "{ssh_config}"
directory = "{directory}"
health_timeout = "5s"
stable_for = "0s"
"#,
                login = world.registry_table(world.registry()),
                host = world.host(compose),
                ssh_config = world.ssh_config().display(),
                directory = server.directory.display(),
            ),
        )
        .expect("the configuration");
        server
    }

    /// Builds an image from the backend's, pushes it and takes it away from the Engine; its digest.
    fn push(&self, tag: &str, instructions: &str) -> String {
        let registry = self.world.registry();
        let image = format!("{registry}/{}:{tag}", self.repository);
        let mut build = self.docker(&["build", "-q", "-t", &image, "-"]);
        let mut child = build
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("docker starts");
        let mut input = child.stdin.take().expect("its standard input");
        // The label makes it another image than the one that it is built from.
        let text = format!(
            "FROM {registry}/acme/shop-backend:{tag}\nLABEL repository={}\n{instructions}",
            self.repository
        );
        input.write_all(text.as_bytes()).expect("the Dockerfile");
        drop(input);
        assert!(child.wait().expect("docker ends").success(), "{image}");
        run(&mut self.docker(&["push", "-q", &image]));
        let format = "{{join .RepoDigests \" \"}}";
        let digests = run(&mut self.docker(&["image", "inspect", "--format", format, &image]));
        run(&mut self.docker(&["rmi", &image]));
        let (_, digest) = digests.trim().split_once('@').expect("one digest");
        digest.to_owned()
    }

    fn configuration(&self) -> PathBuf {
        self.parent.path().join("flightdeck.toml")
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut docker = self.world.docker(self.compose);
        docker.args(arguments);
        if self.directory.exists() {
            docker.current_dir(&self.directory);
        }
        docker
    }

    fn flightdeck(&self, arguments: &[&str]) -> String {
        let (_, password) = self.world.registry_login();
        let program = world::program(
            &self.configuration(),
            self.parent.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        );
        run(&mut program.command())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        let down = ["compose", "down", "-v", "--timeout", "1"];
        let _ = self.docker(&down).output();
        let name = self.directory.file_name().and_then(|name| name.to_str());
        let kept = format!("flightdeck.keep/{}/*", name.unwrap_or("none"));
        let pulled = format!("{}/{}", self.world.registry(), self.repository);
        for reference in [kept, pulled] {
            let filter = format!("reference={reference}");
            let mut list = self.docker(&["images", "-q", "--no-trunc", "--filter", &filter]);
            if let Ok(output) = list.output() {
                let ids = String::from_utf8_lossy(&output.stdout);
                let _ = self.docker(&["rmi", "-f"]).args(ids.lines()).output();
            }
        }
        let (user, password) = self.world.registry_login();
        for digest in &self.pushed {
            let manifest = format!(
                "http://{}/v2/{}/manifests/{digest}",
                self.world.registry(),
                self.repository
            );
            let login = format!("{user}:{password}");
            let mut delete = Command::new("curl");
            let _ = delete
                .args(["-fsS", "-X", "DELETE", "-u", &login, &manifest])
                .output();
        }
    }
}

#[test]
fn a_slow_image_is_waited_for_the_first_time_too() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for (compose, strategy) in [(Compose::V226, "recreate"), (Compose::V240, "rolling")] {
        let server = Server::up(&world, compose, strategy);
        let plan = server.flightdeck(&["promote", "staging", version::CANDIDATE, "--dry-run"]);
        let words = "backend may take 40 s to start, as its health check says: what is not healthy is given up \
                     after 70 s, not after the 5 s of health_timeout";
        assert!(plan.contains(words), "{plan}");
        server.flightdeck(&["promote", "staging", version::CANDIDATE, "--yes"]);
        let format = "{{.Config.Image}} {{.State.Health.Status}}";
        let id = run(&mut server.docker(&["compose", "ps", "-q", "backend"]));
        let runs = run(&mut server.docker(&["inspect", "--format", format, id.trim()]));
        assert!(
            runs.contains(version::CANDIDATE) && runs.contains(" healthy"),
            "{runs}"
        );
    }
}
