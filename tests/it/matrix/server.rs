//! A server of the matrix: a project on a small disk of its own, behind an sshd of its own, where the
//! commands that operations use stand behind [the hooks](../hooks), and a link that can be cut.

use std::{
    fs,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use serde_json::Value;

use super::{cell::Kind, link::Link};
use crate::support::real_world::{Compose, RealWorld, SpareRegistry};

/// For what hangs; nothing is measured with it.
pub const DEADLINE: Duration = Duration::from_secs(600);

/// Enough for some hundred operations.
const DISK: &str = "size=96m,mode=755";

const HOOKS: [(&str, &str); 5] = [
    ("stop.sh", include_str!("hooks/stop.sh")),
    ("sh", include_str!("hooks/sh")),
    ("docker", include_str!("hooks/docker")),
    ("mv", include_str!("hooks/mv")),
    ("ln", include_str!("hooks/ln")),
];

/// A version of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub tag: String,
    pub digest: String,
    /// The image's ID on every Engine: its configuration's digest.
    pub image: String,
}

pub struct Server {
    pub world: RealWorld,
    pub compose: Compose,
    pub engine: Engine,
    registry: SpareRegistry,
    pub link: Link,
    sshd: Child,
    home: tempfile::TempDir,
    pub is_migrating: bool,
    pub versions: Vec<Version>,
    name: String,
}

/// Which Docker Engine.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its socket, as `DOCKER_HOST` names it.
    pub docker_host: String,
}

/// A container of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub service: String,
    pub name: String,
    pub image: String,
    pub status: String,
    pub health: String,
}

/// What a command of flightdeck's ended with.
#[derive(Debug, Clone)]
pub struct Said {
    pub code: Option<i32>,
    pub text: String,
}

/// A command of flightdeck's that runs.
pub struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
    }

    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    pub fn wait(mut self) -> Result<Said, String> {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ok(Said {
                    code: status.code(),
                    text: self.said(),
                });
            }
            if Instant::now() > until {
                self.kill();
                return Err(format!("a command did not end: {}", self.said()));
            }
            breathe();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at what has no event of its own.
pub fn breathe() {
    std::thread::sleep(Duration::from_millis(30));
}

impl Server {
    /// Lays out a project and brings it up.
    pub fn up(
        world: &RealWorld,
        compose: Compose,
        engine: &Engine,
        is_migrating: bool,
    ) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = tempfile::Builder::new()
            .prefix("matrix-")
            .tempdir()
            .map_err(words)?;
        let name = format!("matrix-{}-{number}", std::process::id());
        let address = free_address().map_err(words)?;
        let link = Link::to(address).map_err(words)?;
        let disk = home.path().join("disk");
        fs::create_dir(&disk).map_err(words)?;
        output(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", DISK, &name])
                .arg(&disk),
        )?;
        let sshd = start_sshd(world, compose, engine, home.path(), address)?;
        let mut server = Self {
            registry: SpareRegistry::open(world),
            world: world.clone(),
            compose,
            engine: engine.clone(),
            link,
            sshd,
            home,
            is_migrating,
            versions: Vec::new(),
            name,
        };
        server.configure().map_err(words)?;
        for tag in ["v20260122.1", "v20260123.1", "v20260124.1"] {
            let version = server.version(tag)?;
            server.versions.push(version);
        }
        server.lay(0)?;
        Ok(server)
    }

    /// The project's directory.
    pub fn directory(&self) -> PathBuf {
        self.home.path().join("disk").join(&self.name)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// flightdeck's own files there.
    pub fn state(&self) -> PathBuf {
        self.directory().join(".flightdeck").join(&self.name)
    }

    pub fn operation(&self, number: u64) -> PathBuf {
        self.state().join("operations").join(format!("{number:06}"))
    }

    pub fn services(&self) -> &'static [&'static str] {
        if self.is_migrating {
            &["backend", "database", "proxy"]
        } else {
            &["backend", "proxy"]
        }
    }

    fn repository(&self) -> &'static str {
        if self.is_migrating {
            "acme/shop-migrating"
        } else {
            "acme/shop-backend"
        }
    }

    /// A fresh project that runs that version, without any record.
    pub fn lay(&self, version: usize) -> Result<(), String> {
        let directory = self.directory();
        if directory.exists() {
            self.kill_all_of_it();
            self.docker(&["compose", "down", "-v", "--remove-orphans", "-t", "1"])?;
            fs::remove_dir_all(&directory).map_err(words)?;
        }
        fs::create_dir(&directory).map_err(words)?;
        let fill = |text: &str| {
            text.replace("@REGISTRY@", &self.registry.address())
                .replace("@NAME@", &self.name)
                .replace(
                    "@APPLICATION@",
                    self.repository().trim_start_matches("acme/"),
                )
        };
        let mut text = fill(include_str!("docker-compose.yml"));
        if self.is_migrating {
            text = text.replace("@DEPENDS@", "{ database: { condition: service_healthy } }");
            text.push_str(&fill(DATABASE));
        } else {
            text = text.replace("@DEPENDS@", "{}");
        }
        fs::write(directory.join("docker-compose.yml"), text).map_err(words)?;
        let tag = &self.versions[version].tag;
        let pins = format!(
            "POSTGRES_PASSWORD='not-a-secret'\nBACKEND_IMAGE_TAG={tag}\nPROXY_IMAGE_TAG=v20260110.1\n"
        );
        fs::write(directory.join(".env"), pins).map_err(words)?;
        if self.is_migrating {
            self.docker(&[
                "compose",
                "run",
                "--rm",
                "--quiet-pull",
                "-T",
                "backend",
                "alembic",
                "upgrade",
                "head",
            ])?;
        }
        self.docker(&["compose", "up", "-d", "--wait", "--quiet-pull"])
            .map(drop)
    }

    fn configure(&self) -> io::Result<()> {
        let ssh = self.world.ssh_config().parent().unwrap_or(Path::new("/"));
        let home = self.home.path();
        let host_key = fs::read_to_string(ssh.join("host.pub"))?;
        fs::write(home.join("known_hosts"), format!("matrix {host_key}"))?;
        let ssh_config = format!(
            "Host matrix\n HostName 127.0.0.1\n Port {}\n HostKeyAlias matrix\n User root\n IdentityFile {}\n \
             IdentitiesOnly yes\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n",
            self.link.port(),
            ssh.join("id").display(),
            home.join("known_hosts").display(),
        );
        fs::write(home.join("ssh_config"), ssh_config)?;
        let migration = if self.is_migrating {
            "migration = { service = \"backend\", tool = \"alembic\" }\n"
        } else {
            ""
        };
        let configuration = format!(
            r#"[github]
repository = "acme/shop"
api = "http://{closed}"

[registries."{registry}"]
user = "{user}"
password = {{ env = "REGISTRY_PASSWORD" }}
plain_http = true

[services.backend]
image = "{registry}/{repository}"
pin = "BACKEND_IMAGE_TAG"

[environments.production]
host = "matrix"
ssh_config = "ssh_config"
directory = "{directory}"
services = ["backend"]
confirm = "prod"
restart = ["proxy"]
health_timeout = "30s"
stable_for = "1s"
{migration}
[[environments.production.checks]]
name = "status"
http = "http://127.0.0.1:8080/api/v1/status/"
body = "ok"
inside = "proxy"
attempts = 5
interval = "1s"
"#,
            closed = self.world.closed(),
            registry = self.registry.address(),
            user = self.world.registry_login().0,
            repository = self.repository(),
            directory = self.directory().display(),
        );
        fs::write(home.join("flightdeck.toml"), configuration)
    }

    fn version(&self, tag: &str) -> Result<Version, String> {
        let (user, password) = self.world.registry_login();
        let said = output(Command::new("curl").args([
            "-fsi",
            "-u",
            &format!("{user}:{password}"),
            "-H",
            "Accept: application/vnd.docker.distribution.manifest.v2+json",
            &format!(
                "http://{}/v2/{}/manifests/{tag}",
                self.world.registry(),
                self.repository()
            ),
        ]))?;
        let digest = said
            .lines()
            .find_map(|line| line.strip_prefix("Docker-Content-Digest: "));
        let body = said.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let manifest: Value = serde_json::from_str(body).map_err(words)?;
        match (
            digest,
            manifest.pointer("/config/digest").and_then(Value::as_str),
        ) {
            (Some(digest), Some(image)) => Ok(Version {
                tag: tag.to_owned(),
                digest: digest.trim().to_owned(),
                image: image.to_owned(),
            }),
            _ => Err(format!("the registry has no {tag}: {said}")),
        }
    }

    /// `docker` as a person there would type it, in the project's directory; no hooks.
    pub fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.world.docker(self.compose);
        command
            .env("DOCKER_HOST", &self.engine.docker_host)
            .args(arguments)
            .current_dir(self.directory());
        output(&mut command)
    }

    /// Starts flightdeck.
    pub fn start(&self, arguments: &[&str]) -> Result<Running, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.home.path().join(format!("said-{number}"));
        let file = fs::File::create(&path).map_err(words)?;
        let (_, password) = self.world.registry_login();
        let program = crate::journeys::program(
            &self.home.path().join("flightdeck.toml"),
            self.home.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        );
        let child = Command::new(&program.file)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment)
            .current_dir(&program.directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(words)?)
            .stderr(file)
            .spawn()
            .map_err(words)?;
        Ok(Running {
            child,
            output: path,
        })
    }

    /// Runs flightdeck to its end.
    pub fn say(&self, arguments: &[&str]) -> Result<Said, String> {
        self.start(arguments)?.wait()
    }

    /// The same, and it has to succeed.
    pub fn must(&self, arguments: &[&str]) -> Result<String, String> {
        let said = self.say(arguments)?;
        if said.code == Some(0) {
            return Ok(said.text);
        }
        Err(format!(
            "flightdeck {}: exit code {:?}\n{}",
            arguments.join(" "),
            said.code,
            said.text
        ))
    }

    /// The command that does this kind, towards that version.
    pub fn command(&self, kind: Kind, version: usize) -> Vec<String> {
        let tag = self.versions[version].tag.clone();
        let words: Vec<&str> = match kind {
            Kind::Adopt => vec!["adopt", "production"],
            Kind::Promote | Kind::PromoteMigrating => vec!["promote", "production", &tag],
            Kind::Rollback => vec!["rollback", "production"],
            Kind::RollbackDowngrading => vec!["rollback", "production", "--downgrade"],
            Kind::Migrate => vec!["migrate", "production", &tag],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// All containers of the project; one-off ones too, without a service that we know.
    pub fn containers(&self) -> Result<Vec<Container>, String> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let ids = self.docker(&["ps", "-aq", "--no-trunc", "--filter", &label])?;
        if ids.trim().is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments = vec!["inspect"];
        arguments.extend(ids.split_whitespace());
        let found: Value = serde_json::from_str(&self.docker(&arguments)?).map_err(words)?;
        let text = |value: &Value, path: &str| {
            value
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut containers: Vec<Container> = found
            .as_array()
            .into_iter()
            .flatten()
            .map(|value| Container {
                service: if value["Config"]["Labels"]["com.docker.compose.oneoff"] == "True" {
                    "one-off".to_owned()
                } else {
                    text(value, "/Config/Labels/com.docker.compose.service")
                },
                name: text(value, "/Name").trim_start_matches('/').to_owned(),
                image: text(value, "/Image"),
                status: text(value, "/State/Status"),
                health: text(value, "/State/Health/Status"),
            })
            .collect();
        containers.sort_by(|a, b| (&a.service, &a.name).cmp(&(&b.service, &b.name)));
        Ok(containers)
    }

    /// The schema's revision, in the database itself.
    pub fn schema(&self) -> Result<String, String> {
        let query = "SELECT version_num FROM alembic_version";
        let words = [
            "compose",
            "exec",
            "-T",
            "-e",
            "PGPASSWORD=not-a-secret",
            "database",
            "psql",
            "-U",
            "shop",
            "-h",
            "127.0.0.1",
            "-Atc",
            query,
            "shop",
        ];
        self.docker(&words).map(|said| said.trim().to_owned())
    }

    pub fn pin(&self) -> Result<String, String> {
        let text = fs::read_to_string(self.directory().join(".env")).map_err(words)?;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("BACKEND_IMAGE_TAG="));
        found
            .map(str::to_owned)
            .ok_or_else(|| format!("no pin in .env: {text:?}"))
    }

    /// Processes whose working directory lies in the project's.
    pub fn processes(&self) -> Vec<(Pid, String)> {
        let directory = self.directory();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
                .and_then(Pid::from_raw)
            else {
                continue;
            };
            let within = fs::read_link(entry.path().join("cwd"))
                .is_ok_and(|cwd| cwd.starts_with(&directory));
            if within {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                // A zombie has no command line.
                if !line.is_empty() {
                    found.push((pid, line));
                }
            }
        }
        found
    }

    /// What a failed cell may have left.
    fn kill_all_of_it(&self) {
        for (pid, _) in self.processes() {
            // It may have ended in between.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    pub fn close_registry(&self) {
        self.registry.close();
    }

    pub fn open_registry(&self) {
        self.registry.reopen();
    }

    /// Leaves no free byte on the disk.
    pub fn fill_disk(&self) -> Result<(), String> {
        let mut file = fs::File::create(self.home.path().join("disk/full")).map_err(words)?;
        let block = vec![b'x'; 1 << 16];
        for size in [1 << 16, 4096, 1] {
            loop {
                match file.write(&block[..size]) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(words(error)),
                }
            }
        }
        Ok(())
    }

    pub fn empty_disk(&self) {
        // Where the fault never came there is nothing to take away.
        let _ = fs::remove_file(self.home.path().join("disk/full"));
    }

    /// A fresh set of stops: what the hooks look for.
    pub fn stops(&self) -> Result<Stops, String> {
        let directory = self.home.path().join("stops");
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(words)?;
        }
        fs::create_dir(&directory).map_err(words)?;
        let open = |name: &str| -> Result<OwnedFd, String> {
            let path = directory.join(name);
            output(Command::new("mkfifo").arg(&path))?;
            // Read and write: neither side waits for the other to open it.
            let file = fs::File::options()
                .read(true)
                .write(true)
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(&path)
                .map_err(words)?;
            Ok(file.into())
        };
        Ok(Stops {
            reached: open("reached")?,
            go: open("go")?,
            directory,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        self.kill_all_of_it();
        self.empty_disk();
        if self.directory().exists() {
            let _ = self.docker(&["compose", "down", "-v", "--remove-orphans", "-t", "1"]);
            let kept = format!("reference=flightdeck.keep/{}/*", self.name);
            let list = [
                "images",
                "--format",
                "{{.Repository}}:{{.Tag}}",
                "--filter",
                &kept,
            ];
            if let Ok(names) = self.docker(&list) {
                let mut remove = vec!["rmi"];
                remove.extend(names.lines());
                let _ = self.docker(&remove);
            }
        }
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
        let _ = output(
            Command::new("umount")
                .arg("-l")
                .arg(self.home.path().join("disk")),
        );
    }
}

/// Where operations stop for the test.
pub struct Stops {
    directory: PathBuf,
    reached: OwnedFd,
    go: OwnedFd,
}

impl Stops {
    /// Lays what the hooks look for.
    pub fn lay(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.directory.join(name), text).map_err(words)
    }

    /// Takes it away again.
    pub fn lift(&self, name: &str) -> Result<(), String> {
        fs::remove_file(self.directory.join(name)).map_err(words)
    }

    /// Waits until somebody has come to a stop, or `gone` says that nobody will; returns the parent of
    /// the one who waits there.
    pub fn wait(&self, mut gone: impl FnMut() -> bool) -> Result<Pid, String> {
        let until = Instant::now() + DEADLINE;
        loop {
            let mut buffer = [0; 256];
            match rustix::io::read(&self.reached, &mut buffer) {
                Ok(read) => {
                    let text = String::from_utf8_lossy(&buffer[..read]);
                    let parent = text
                        .split_whitespace()
                        .nth(1)
                        .and_then(|word| word.parse().ok());
                    return parent
                        .and_then(Pid::from_raw)
                        .ok_or_else(|| format!("a stop said {text:?}"));
                }
                Err(Errno::AGAIN) => breathe(),
                Err(error) => return Err(words(error)),
            }
            if gone() {
                return Err("the stop was never reached".to_owned());
            }
            if Instant::now() > until {
                return Err("the stop was not reached in time".to_owned());
            }
        }
    }

    /// Lets whoever waits go on.
    pub fn go(&self) -> Result<(), String> {
        rustix::io::write(&self.go, b"go\n")
            .map(drop)
            .map_err(words)
    }
}

const DATABASE: &str = "
  database:
    image: @REGISTRY@/acme/shop-database:15.1
    container_name: @NAME@-database
    restart: unless-stopped
    environment:
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
    healthcheck: { interval: 1s, timeout: 5s, retries: 60 }
";

fn start_sshd(
    world: &RealWorld,
    compose: Compose,
    engine: &Engine,
    home: &Path,
    address: SocketAddr,
) -> Result<Child, String> {
    let hooks = home.join("hooks");
    fs::create_dir(&hooks).map_err(words)?;
    for (name, text) in HOOKS {
        let path = hooks.join(name);
        fs::write(&path, text).map_err(words)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(words)?;
    }
    let ssh = world.ssh_config().parent().unwrap_or(Path::new("/"));
    let docker = world.docker(compose);
    let variable = |name: &str| {
        let found = docker.get_envs().find(|(key, _)| *key == name);
        found
            .and_then(|(_, value)| value?.to_str())
            .unwrap_or_default()
            .to_owned()
    };
    let configuration = format!(
        "ListenAddress {address}\nHostKey {ssh}/host\nPidFile none\nAuthorizedKeysFile {ssh}/authorized_keys\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         UsePAM no\nMaxStartups 100\nSetEnv PATH={hooks}:{path} DOCKER_HOST={docker_host} DOCKER_CONFIG={docker_config}\n",
        ssh = ssh.display(),
        hooks = hooks.display(),
        path = variable("PATH"),
        docker_host = engine.docker_host,
        docker_config = variable("DOCKER_CONFIG"),
    );
    let path = home.join("sshd.conf");
    fs::write(&path, configuration).map_err(words)?;
    let log = fs::File::create(home.join("sshd.log")).map_err(words)?;
    // Ends with this test, however that ends.
    let sshd = Command::new("setpriv")
        .args(["--pdeathsig", "TERM", "/usr/sbin/sshd", "-D", "-e", "-f"])
        .arg(&path)
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(words)?;
    let until = Instant::now() + DEADLINE;
    while std::net::TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err("sshd does not answer".to_owned());
        }
        breathe();
    }
    Ok(sshd)
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

pub fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Runs a command to its end; a failure tells all that it said.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{command:?} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
