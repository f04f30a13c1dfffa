//! The real world of `tests/real/world`: what it is made of, as its `env` prints it.
//!
//! Without `FLIGHTDECK_REAL=1` a test that needs it says that it did not run; with it a missing part
//! is a failure. With `FLIGHTDECK_REAL=today` it is the same, but that what takes long has its turns.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::turns;

/// A Docker Engine, three versions of Compose, a registry and ssh, all on loopback.
#[derive(Debug, Clone)]
pub struct RealWorld {
    variables: BTreeMap<String, String>,
}

/// A version of Compose that the real world has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compose {
    /// 2.26, Debian 13's.
    V226,
    /// 2.40.
    V240,
    /// 5.0.
    V500,
}

impl Compose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V226, Self::V240, Self::V500];

    /// As `tests/real/world project --compose` wants it, and as its version begins.
    pub fn series(self) -> &'static str {
        match self {
            Self::V226 => "2.26",
            Self::V240 => "2.40",
            Self::V500 => "5.0",
        }
    }

    fn digits(self) -> &'static str {
        match self {
            Self::V226 => "226",
            Self::V240 => "240",
            Self::V500 => "500",
        }
    }
}

impl RealWorld {
    /// The real world, or `None` and a line that says so where it was not asked for.
    #[track_caller]
    pub fn get() -> Option<Self> {
        // libtest names each test's thread after the test.
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        let asked = std::env::var("FLIGHTDECK_REAL").unwrap_or_default();
        let why = match asked.as_str() {
            "1" => None,
            "today" => turns::is_of_another_day(test)
                .then_some("its turn is another day (FLIGHTDECK_REAL=1 tries all)"),
            _ => Some("real world (set FLIGHTDECK_REAL=1 after tests/real/world up)"),
        };
        if let Some(why) = why {
            // It captures `print!` but not this.
            let _ = writeln!(std::io::stderr(), "not run: {test}: {why}");
            return None;
        }
        let output = Command::new(script())
            .arg("env")
            .output()
            .expect("tests/real/world starts");
        assert!(
            output.status.success(),
            "tests/real/world env: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("the variables are text");
        let variables = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Some(Self { variables })
    }

    fn variable(&self, name: &str) -> &str {
        let name = format!("FLIGHTDECK_REAL_{name}");
        self.variables
            .get(&name)
            .unwrap_or_else(|| panic!("tests/real/world env does not print {name}"))
    }

    /// The registry's address: `127.0.0.1:…`.
    pub fn registry(&self) -> &str {
        self.variable("REGISTRY")
    }

    /// The registry's user name and password.
    pub fn registry_login(&self) -> (&str, &str) {
        (
            self.variable("REGISTRY_USER"),
            self.variable("REGISTRY_PASSWORD"),
        )
    }

    /// The registry that answers at `address`, as flightdeck's configuration has it. The password is to be
    /// in `REGISTRY_PASSWORD`.
    pub fn registry_table(&self, address: &str) -> String {
        format!(
            "[registries.\"{address}\"]\nuser = \"{}\"\n\
             password = {{ env = \"REGISTRY_PASSWORD\" }}\nplain_http = true\n",
            self.registry_login().0
        )
    }

    /// An address of loopback where nobody listens.
    pub fn closed(&self) -> String {
        format!("127.0.0.1:{}", self.variable("CLOSED_PORT"))
    }

    /// The ssh configuration file that knows the hosts.
    pub fn ssh_config(&self) -> &Path {
        Path::new(self.variable("SSH_CONFIG"))
    }

    /// The ssh configuration file that knows the servers of `tests/real/lib/servers.sh`.
    pub fn servers_ssh_config(&self) -> &Path {
        Path::new(self.variable("SERVERS_SSH_CONFIG"))
    }

    /// The Engine's socket.
    pub fn docker_socket(&self) -> &str {
        self.variable("DOCKER_HOST").trim_start_matches("unix://")
    }

    /// Where those servers keep what only they have.
    pub fn servers(&self) -> &Path {
        Path::new(self.variable("SERVERS"))
    }

    /// The host of that configuration whose login finds this version of Compose.
    pub fn host(&self, compose: Compose) -> &str {
        self.variable(&format!("HOST_COMPOSE_{}", compose.digits()))
    }

    /// A command on that host, through ssh as an operator's own would be.
    pub fn ssh(&self, compose: Compose, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.ssh_config()).args([
            "-o",
            "BatchMode=yes",
            self.host(compose),
            command,
        ]);
        ssh
    }

    /// Debian's `docker` with that version of Compose, as a person on the server would type it.
    pub fn docker(&self, compose: Compose) -> Command {
        let mut docker = Command::new("docker");
        docker
            .env_clear()
            .env("HOME", "/root")
            .env("PATH", self.variable("SERVER_PATH"))
            .env("DOCKER_HOST", self.variable("DOCKER_HOST"))
            .env(
                "DOCKER_CONFIG",
                self.variable(&format!("DOCKER_CONFIG_{}", compose.digits())),
            );
        docker
    }
}

/// One more address of the registry, for a test that takes it away. It is closed when it is dropped.
pub struct SpareRegistry {
    port: String,
}

impl SpareRegistry {
    /// Opens one that no other test of this process has.
    #[track_caller]
    pub fn open(world: &RealWorld) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let ports: Vec<&str> = world.variable("SPARE_REGISTRY_PORTS").split(' ').collect();
        // Several test runs may go on at once.
        let first = usize::try_from(std::process::id()).unwrap_or_default();
        let port = ports[(first + NUMBER.fetch_add(1, Ordering::Relaxed)) % ports.len()];
        run(Command::new(script()).args(["registry", "start", port]));
        Self {
            port: port.to_owned(),
        }
    }

    /// Its address: `127.0.0.1:…`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Opens it again.
    #[track_caller]
    pub fn reopen(&self) {
        run(Command::new(script()).args(["registry", "start", &self.port]));
    }

    /// Closes it.
    #[track_caller]
    pub fn close(&self) {
        run(Command::new(script()).args(["registry", "stop", &self.port]));
    }
}

impl Drop for SpareRegistry {
    fn drop(&mut self) {
        // It may be closed already; failing here would hide why the test failed.
        let _ = Command::new(script())
            .args(["registry", "stop", &self.port])
            .output();
    }
}

/// `tests/real/world`.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/world")
}

/// Runs a command to its end and returns what it printed; a failure shows all that it said.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
