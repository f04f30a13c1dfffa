//! A server of the matrix: a project on a small disk of its own, behind an sshd of its own, where the
//! commands that operations use stand behind hooks, and a link that can be cut.

mod command;
mod engine;
mod layout;
mod leftovers;
mod sshd;
mod stops;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Pid;
use serde_json::Value;

use self::layout::Names;
pub use self::{
    command::{Running, Said, output, wait_until, wait_until_every, words},
    engine::{Container, Engine},
    layout::{HEALTH_INTERVAL, Layout},
    leftovers::sweep_disks,
    stops::Stops,
};
use super::link::Link;
use crate::support::real_world::{Compose, RealWorld, SpareRegistry};

/// Enough for some hundred operations.
const DISK: &str = "size=96m,mode=755";

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
    pub layout: Layout,
    pub versions: Vec<Version>,
    name: String,
}

impl Server {
    /// Lays out a project and brings it up.
    pub fn up(
        world: &RealWorld,
        compose: Compose,
        engine: &Engine,
        layout: Layout,
    ) -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = tempfile::Builder::new()
            .prefix("matrix-")
            .tempdir()
            .map_err(words)?;
        let name = leftovers::name(number);
        let address = sshd::free_address().map_err(words)?;
        let link = Link::to(address).map_err(words)?;
        let disk = home.path().join("disk");
        fs::create_dir(&disk).map_err(words)?;
        output(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", DISK, &name])
                .arg(&disk),
        )?;
        let sshd = sshd::start(world, compose, engine, home.path(), address)?;
        let mut server = Self {
            registry: SpareRegistry::open(world),
            world: world.clone(),
            compose,
            engine: engine.clone(),
            link,
            sshd,
            home,
            layout,
            versions: Vec::new(),
            name,
        };
        leftovers::sweep_engine(|arguments| server.ask(arguments))?;
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

    /// A fresh project that runs that version, without any record.
    pub fn lay(&self, version: usize) -> Result<(), String> {
        let directory = self.directory();
        if directory.exists() {
            leftovers::kill_all_in(&self.directory());
            self.docker(&["compose", "down", "-v", "--remove-orphans", "-t", "1"])?;
            fs::remove_dir_all(&directory).map_err(words)?;
        }
        fs::create_dir(&directory).map_err(words)?;
        let compose_file = self.named(|names| self.layout.compose_file(names));
        fs::write(directory.join("docker-compose.yml"), compose_file).map_err(words)?;
        let pins = self.layout.environment_file(&self.versions[version].tag);
        fs::write(directory.join(".env"), pins).map_err(words)?;
        if self.layout == Layout::Migrating {
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
        // The key exchange that ssh prefers takes a sixth of a second on either side, five times a cell.
        let ssh_config = format!(
            "Host matrix\n HostName 127.0.0.1\n Port {}\n HostKeyAlias matrix\n User root\n IdentityFile {}\n \
             KexAlgorithms curve25519-sha256\n IdentitiesOnly yes\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n",
            self.link.port(),
            ssh.join("id").display(),
            home.join("known_hosts").display(),
        );
        fs::write(home.join("ssh_config"), ssh_config)?;
        let configuration = self.named(|names| self.layout.configuration(names));
        fs::write(home.join("flightdeck.toml"), configuration)
    }

    fn named(&self, write: impl FnOnce(&Names<'_>) -> String) -> String {
        let registry = self.registry.address();
        write(&Names {
            project: &self.name,
            directory: &self.directory().display().to_string(),
            registry: &registry,
            login: &self.world.registry_table(&registry),
            closed: &self.world.closed(),
        })
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
                self.layout.repository()
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
        output(self.command(arguments).current_dir(self.directory()))
    }

    /// The same, from anywhere.
    fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        output(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.world.docker(self.compose);
        command
            .env("DOCKER_HOST", &self.engine.docker_host)
            .args(arguments);
        command
    }

    /// Starts flightdeck.
    pub fn start(&self, arguments: &[&str]) -> Result<Running, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.home.path().join(format!("said-{number}"));
        let (_, password) = self.world.registry_login();
        let program = crate::journeys::program(
            &self.home.path().join("flightdeck.toml"),
            self.home.path(),
            &[("REGISTRY_PASSWORD", password)],
            arguments,
        );
        Running::start(program.command(), path)
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

    /// All containers of the project; see [`Engine::containers`].
    pub fn containers(&self) -> Result<Vec<Container>, String> {
        self.engine.containers(&self.name)
    }

    /// The schema's revision, in the database itself.
    pub fn schema(&self) -> Result<String, String> {
        let query = "SELECT version_num FROM alembic_version";
        let database = format!("{}-database", self.name);
        let words = [
            "exec",
            "-e",
            "PGPASSWORD=not-a-secret",
            &database,
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

    /// What `.env` pins each service to.
    pub fn pins(&self) -> Result<BTreeMap<&'static str, String>, String> {
        let text = fs::read_to_string(self.directory().join(".env")).map_err(words)?;
        let pin = |service: &&'static str| {
            let start = format!("{}=", layout::variable(service));
            let found = text.lines().find_map(|line| line.strip_prefix(&start));
            found
                .map(|value| (*service, value.to_owned()))
                .ok_or_else(|| format!("no pin of {service} in .env: {text:?}"))
        };
        self.layout.released().iter().map(pin).collect()
    }

    /// Processes whose working directory lies in the project's.
    pub fn processes(&self) -> Vec<(Pid, String)> {
        leftovers::processes_in(&self.directory())
    }

    /// Whether anything lives that somebody has started over ssh, wherever it works: all of it finds the
    /// hooks first.
    pub fn has_sessions(&self) -> bool {
        leftovers::is_given(&self.home.path().join("hooks").display().to_string())
    }

    /// An image that nothing needs, by the name that it is given.
    pub fn unneeded_image(&self) -> Result<String, String> {
        let name = format!(
            "{}/{}:unneeded",
            self.registry.address(),
            self.layout.repository()
        );
        let empty = self.home.path().join("empty.tar");
        // Two blocks of zeros are an archive without a file.
        fs::write(&empty, [0; 1024]).map_err(words)?;
        let own = format!("LABEL server={}", self.name);
        self.docker(&[
            "import",
            "--change",
            &own,
            &empty.display().to_string(),
            &name,
        ])?;
        Ok(name)
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
}

impl Server {
    /// Stops, none of which is laid.
    pub fn stops(&self) -> Result<Stops, String> {
        Stops::fresh(self.home.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failing here would hide why the test failed.
        leftovers::kill_all_in(&self.directory());
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
