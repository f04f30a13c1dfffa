//! Several services as one release, rolled where they may be, on real servers: what somebody sees who asks
//! all the time, and what a plain `docker compose up -d` makes of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use super::world;
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
};

/// Asks the service `backend` all the time, at each address that its name has, as clients do; and says each
/// time what was answered, or "nobody".
const ASKER: &str = r#"
import http.client, socket, time
while True:
    answer = "nobody"
    try:
        found = socket.getaddrinfo("backend", 8000, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        found = []
    for address in sorted({entry[4][0] for entry in found}):
        try:
            connection = http.client.HTTPConnection(address, 8000, timeout=2)
            connection.request("GET", "/api/v1/status/")
            answer = connection.getresponse().read().decode().strip()
            break
        except (OSError, http.client.HTTPException):
            pass
    print(answer, flush=True)
    time.sleep(0.02)
"#;

/// A backend, a frontend that depends on it, and somebody who asks the backend.
struct Shop {
    world: RealWorld,
    compose: Compose,
    directory: PathBuf,
    parent: tempfile::TempDir,
}

impl Shop {
    #[track_caller]
    fn up(world: &RealWorld, compose: Compose) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let parent = tempfile::tempdir().expect("a temporary directory");
        let name = format!("shop-services-{}-{number}", std::process::id());
        let directory = parent.path().join(name);
        fs::create_dir(&directory).expect("the project's directory");
        let shop = Self {
            world: world.clone(),
            compose,
            directory,
            parent,
        };
        let registry = world.registry();
        shop.write(
            "docker-compose.yml",
            &format!(
                r#"services:
  backend:
    image: {registry}/acme/shop-backend:${{BACKEND_IMAGE_TAG}}
    stop_grace_period: 3s
    environment:
      MAIL_FROM: ${{MAIL_FROM}}
  frontend:
    image: {registry}/acme/shop-backend:${{FRONTEND_IMAGE_TAG}}
    depends_on:
      backend:
        condition: service_healthy
  asker:
    image: {registry}/acme/shop-migrating:{former}
    healthcheck: {{ disable: true }}
    init: true
    volumes: ["./asker.py:/asker.py:ro"]
    command: ["python3", "/asker.py"]
"#,
                former = version::FORMER
            ),
        );
        shop.write("asker.py", ASKER);
        let former = version::FORMER;
        shop.write(
            ".env",
            &format!(
                "MAIL_FROM=shop@example.com\nBACKEND_IMAGE_TAG={former}\nFRONTEND_IMAGE_TAG={former}\n"
            ),
        );
        let (user, _) = world.registry_login();
        fs::write(
            shop.configuration(),
            format!(
                r#"[registries."{registry}"]
user = "{user}"
password = {{ env = "REGISTRY_PASSWORD" }}
plain_http = true

[services.frontend]
image = "{registry}/acme/shop-backend"
pin = "FRONTEND_IMAGE_TAG"

[services.backend]
image = "{registry}/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"
strategy = "rolling"

[environments.staging]
host = "{host}"
ssh_config = "{ssh_config}"
directory = "{directory}"
health_timeout = "60s"
stable_for = "4s"
"#,
                host = world.host(compose),
                ssh_config = world.ssh_config().display(),
                directory = shop.directory.display(),
            ),
        )
        .expect("the configuration");
        run(&mut shop.compose(&["up", "-d", "--wait", "--quiet-pull", "backend", "frontend"]));
        run(&mut shop.compose(&["up", "-d", "--quiet-pull"]));
        shop
    }

    fn configuration(&self) -> PathBuf {
        self.parent.path().join("flightdeck.toml")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).expect("a file of the project");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).expect("a file of the project")
    }

    fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = self.docker(&["compose"]);
        command.args(arguments);
        command
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.docker(self.compose);
        command.args(arguments).current_dir(&self.directory);
        command
    }

    /// flightdeck, to its end.
    fn flightdeck(&self, arguments: &[&str]) -> Output {
        let (_, password) = self.world.registry_login();
        let program = world::program(
            &self.configuration(),
            self.parent.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        );
        Command::new(&program.file)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment)
            .current_dir(&program.directory)
            .output()
            .expect("flightdeck starts")
    }

    /// The same where it has to end with that code; what it printed.
    #[track_caller]
    fn ends_with(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.flightdeck(arguments);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    /// All that the asker was answered.
    fn answers(&self) -> Vec<String> {
        // Compose's own `logs` puts control sequences before each line.
        let asker = self.only("asker");
        let said = run(&mut self.docker(&["logs", &asker]));
        said.lines().map(str::to_owned).collect()
    }

    /// Holds that a service has one container, with that tag; its ID.
    #[track_caller]
    fn one(&self, service: &str, tag: &str) -> String {
        let id = self.only(service);
        let reference = run(&mut self.docker(&["inspect", "--format", "{{.Config.Image}}", &id]));
        assert!(
            reference.contains(&format!(":{tag}")),
            "{service}: {reference}"
        );
        id
    }

    /// The ID of a service's only container.
    #[track_caller]
    fn only(&self, service: &str) -> String {
        let ids = run(&mut self.compose(&["ps", "-a", "-q", service]));
        assert_eq!(ids.lines().count(), 1, "containers of {service}: {ids}");
        ids.trim().to_owned()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        let _ = self
            .compose(&["down", "-v", "--remove-orphans", "--timeout", "1"])
            .output();
        let name = self.directory.file_name().and_then(|name| name.to_str());
        let kept = format!("reference=flightdeck.keep/{}/*", name.unwrap_or("none"));
        let list = [
            "images",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            "--filter",
            &kept,
        ];
        if let Ok(output) = self.docker(&list).output() {
            let names = String::from_utf8_lossy(&output.stdout);
            let _ = self.docker(&["rmi"]).args(names.lines()).output();
        }
    }
}

fn nobody(answers: &[String]) -> usize {
    answers.iter().filter(|answer| *answer == "nobody").count()
}

#[test]
fn whoever_asks_a_rolled_service_is_always_answered() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    for compose in Compose::ALL {
        let shop = Shop::up(&world, compose);
        shop.ends_with(0, &["adopt", "staging", "--yes"]);
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

        // A version that does not hold is never alone, and the old one is never stopped.
        let crashing = format!("backend={}", version::CRASHING);
        let said = shop.ends_with(1, &["promote", "staging", &crashing, "--yes"]);
        assert!(said.contains("went back at roll-backend"), "{said}");
        assert!(said.contains("out of handles"), "{said}");
        assert_eq!(shop.only("backend"), backend, "{compose:?}: {said}");
        assert_eq!(nobody(&shop.answers()), 0, "{compose:?}: {said}");

        // The instrument can tell.
        run(&mut shop.compose(&["stop", "backend"]));
        while nobody(&shop.answers()) == 0 {}
    }
}

#[test]
fn where_one_service_fails_all_of_the_release_go_back() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let shop = Shop::up(&world, Compose::V240);
    let env = shop.read(".env");
    let versions = [
        format!("backend={}", version::CANDIDATE),
        format!("frontend={}", version::UNHEALTHY),
    ];
    let said = shop.ends_with(
        1,
        &["promote", "staging", &versions[0], &versions[1], "--yes"],
    );
    assert!(said.contains("went back at switch-2"), "{said}");
    assert_eq!(shop.read(".env"), env);
    for service in ["backend", "frontend"] {
        shop.one(service, version::FORMER);
    }
    assert_eq!(nobody(&shop.answers()), 0, "{said}");
}

#[test]
fn a_rollback_takes_the_files_back_where_the_operator_says_so() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let shop = Shop::up(&world, Compose::V226);
    shop.ends_with(0, &["adopt", "staging", "--yes"]);
    let file = shop.read("docker-compose.yml");
    // Somebody changes the files, and releases with them.
    let changed = file.replace(
        "      MAIL_FROM:",
        "      API_TOKEN: hush-7f3a\n      MAIL_FROM:",
    );
    shop.write("docker-compose.yml", &changed);
    let env = shop.read(".env");
    shop.write(
        ".env",
        &env.replace("shop@example.com", "secret-9c41@example.com"),
    );
    shop.ends_with(0, &["promote", "staging", version::CANDIDATE, "--yes"]);

    let said = shop.ends_with(0, &["rollback", "staging", "--dry-run"]);
    assert!(
        said.contains("changed since that release, and kept"),
        "{said}"
    );
    assert!(said.contains("MAIL_FROM was another"), "{said}");
    let said = shop.ends_with(0, &["rollback", "staging", "--with-files", "--dry-run"]);
    assert!(
        said.contains("services.backend.environment.API_TOKEN"),
        "{said}"
    );
    assert!(
        !said.contains("hush-7f3a") && !said.contains("secret-9c41"),
        "{said}"
    );
    assert_eq!(shop.read("docker-compose.yml"), changed);

    shop.ends_with(0, &["rollback", "staging", "--with-files", "--yes"]);
    assert_eq!(shop.read("docker-compose.yml"), file);
    let now = shop.read(".env");
    assert!(now.contains("MAIL_FROM=shop@example.com\n"), "{now}");
    assert!(
        now.contains(&format!("BACKEND_IMAGE_TAG={}@sha256:", version::FORMER)),
        "{now}"
    );
    let backend = shop.one("backend", version::FORMER);
    let variables = run(&mut shop.docker(&["inspect", "--format", "{{.Config.Env}}", &backend]));
    assert!(!variables.contains("API_TOKEN"), "{variables}");
    run(&mut shop.compose(&["up", "-d"]));
    assert_eq!(shop.only("backend"), backend);
    assert!(Path::new(&shop.directory).join(".flightdeck").is_dir());
}
