//! A project of two services on a real server, and somebody who asks one of them all the time: as what a
//! release of several services, or one that is rolled, is seen by those whom it serves.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use flightdeck::{
    release::operation::{Event, OperationId},
    target::compose::script::JournalLines,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

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
pub struct Shop {
    world: RealWorld,
    compose: Compose,
    directory: PathBuf,
    parent: tempfile::TempDir,
}

impl Shop {
    /// Both services at [`version::FORMER`]; `backend` and `frontend` are what the compose file says of them
    /// besides.
    pub fn up(world: &RealWorld, compose: Compose, backend: &str, frontend: &str) -> Self {
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
    stop_grace_period: 8s
{backend}    environment:
      MAIL_FROM: ${{MAIL_FROM}}
  frontend:
    image: {registry}/acme/shop-backend:${{FRONTEND_IMAGE_TAG}}
{frontend}    depends_on:
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
        fs::write(
            shop.configuration(),
            format!(
                r#"{login}

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
health_timeout = "15s"
stable_for = "4s"
"#,
                login = world.registry_table(world.registry()),
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
        self.beside("flightdeck.toml")
    }

    /// A file that is not the project's.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).expect("a file of the project");
    }

    /// A file of the project.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).expect("a file of the project")
    }

    /// `docker compose` in its directory.
    pub fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = self.docker(&["compose"]);
        command.args(arguments);
        command
    }

    /// `docker`, likewise.
    pub fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.docker(self.compose);
        command.args(arguments).current_dir(&self.directory);
        command
    }

    fn flightdeck(&self, arguments: &[&str]) -> Command {
        let (_, password) = self.world.registry_login();
        let program = world::program(
            &self.configuration(),
            self.parent.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        );
        program.command()
    }

    /// Starts flightdeck.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.flightdeck(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flightdeck starts")
    }

    /// What it printed, to its end.
    pub fn said(child: Child) -> String {
        text(&child.wait_with_output().expect("flightdeck ends"))
    }

    /// flightdeck where it has to end with that code; what it printed.
    #[track_caller]
    pub fn ends_with(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.flightdeck(arguments).output().expect("flightdeck");
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    /// All that the asker was answered.
    pub fn answers(&self) -> Vec<String> {
        // Compose's own `logs` puts control sequences before each line.
        let asker = self.only("asker");
        let said = run(&mut self.docker(&["logs", &asker]));
        said.lines().map(str::to_owned).collect()
    }

    /// Holds that a service has one container, with that tag; its ID.
    #[track_caller]
    pub fn one(&self, service: &str, tag: &str) -> String {
        let id = self.only(service);
        let reference = run(&mut self.docker(&["inspect", "--format", "{{.Config.Image}}", &id]));
        assert!(
            reference.contains(&format!(":{tag}")),
            "{service}: {reference}"
        );
        id
    }

    /// Its name: its directory's.
    fn project(&self) -> &str {
        let name = self.directory.file_name().and_then(|name| name.to_str());
        name.expect("a name of ours")
    }

    fn state(&self) -> PathBuf {
        self.directory.join(".flightdeck").join(self.project())
    }

    /// The newest operation; 0 where there is none.
    pub fn newest(&self) -> OperationId {
        let claims = fs::read_dir(self.state().join("claims"))
            .into_iter()
            .flatten()
            .flatten();
        let newest = claims
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .max();
        newest.unwrap_or(OperationId(0))
    }

    /// The folder of an operation.
    pub fn operation(&self, id: OperationId) -> PathBuf {
        self.state().join("operations").join(id.to_string())
    }

    /// Kills a process of an operation's, by its name in the claim.
    #[track_caller]
    pub fn kill(&self, id: OperationId, role: &str) {
        let path = self.state().join("claims").join(id.to_string());
        let claim = fs::read(path).expect("the claim");
        let claim: Value = serde_json::from_slice(&claim).expect("a claim is JSON");
        let number = claim[role].as_i64().and_then(|n| i32::try_from(n).ok());
        let pid = number.and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::KILL).expect("it lives");
    }

    /// Kills what runs of the step that an operation is in.
    #[track_caller]
    pub fn kill_step(&self, id: OperationId) {
        let journal = fs::read(self.operation(id).join("journal.jsonl")).expect("the journal");
        let lines = JournalLines::new().push(&journal);
        let group = lines.iter().rev().find_map(|line| match &line.event {
            Event::StepStart { group, .. } => Pid::from_raw(i32::try_from(*group).ok()?),
            _ => None,
        });
        kill_process_group(group.expect("a step"), Signal::KILL).expect("it lives");
    }

    /// The IDs of a service's containers, running or not.
    #[track_caller]
    pub fn all(&self, service: &str) -> Vec<String> {
        // Compose asks for each container after it has listed them, and fails where one has gone meanwhile.
        let project = self.project();
        let ids = run(&mut self.docker(&[
            "ps",
            "-aq",
            "--no-trunc",
            "--filter",
            &format!("label=com.docker.compose.project={project}"),
            "--filter",
            &format!("label=com.docker.compose.service={service}"),
        ]));
        ids.lines().map(str::to_owned).collect()
    }

    /// The ID of a service's only container.
    #[track_caller]
    pub fn only(&self, service: &str) -> String {
        let mut ids = self.all(service);
        assert_eq!(ids.len(), 1, "containers of {service}: {ids:?}");
        ids.remove(0)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        let _ = self
            .compose(&["down", "-v", "--remove-orphans", "--timeout", "1"])
            .output();
        let kept = format!("reference=flightdeck.keep/{}/*", self.project());
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

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// How often nobody answered.
pub fn nobody(answers: &[String]) -> usize {
    answers.iter().filter(|answer| *answer == "nobody").count()
}
