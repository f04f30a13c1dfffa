//! A small project on one of the logins of `tests/real/lib/servers.sh`, and flightdeck on the way there.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

use crate::support::{
    project::version,
    real_world::{RealWorld, run},
};

/// How a site differs from the plainest one.
#[derive(Debug, Clone)]
pub struct Layout<'a> {
    /// Whose files they are, and who brings the project up.
    pub login: &'static str,
    /// The directory above the project's; a temporary one of that login's where none is said.
    pub above: Option<PathBuf>,
    /// Lines of the environment's table.
    pub lines: &'a str,
    /// The project's name, where it is not the directory's.
    pub project: Option<&'a str>,
    /// The command that runs Docker.
    pub docker: &'a str,
    /// Whether it is brought up.
    pub up: bool,
}

impl Default for Layout<'_> {
    fn default() -> Self {
        Self {
            login: "fish",
            above: None,
            lines: "",
            project: None,
            docker: "docker",
            up: true,
        }
    }
}

/// A project of one service, which runs [`version::FORMER`]. It is removed when it is dropped.
pub struct Site {
    world: RealWorld,
    login: &'static str,
    docker: String,
    lines: String,
    directory: PathBuf,
    name: String,
    /// flightdeck's own home, with a configuration for each login.
    home: tempfile::TempDir,
    /// Other projects in the same directory, to be removed too.
    others: RefCell<BTreeSet<String>>,
    _parent: tempfile::TempDir,
}

/// What a command of flightdeck's came to.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// All that it printed, white space made single.
    pub text: String,
}

impl Said {
    /// Holds that it was refused before anything changed, or could not be reached, in these words.
    #[track_caller]
    pub fn refuses(&self, words: &[&str]) {
        assert_ne!(self.code, 0, "{}", self.text);
        for word in words {
            assert!(
                self.text.contains(word),
                "{word:?} is not in: {}",
                self.text
            );
        }
    }

    /// Holds that these words are in it.
    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(
                self.text.contains(word),
                "{word:?} is not in: {}",
                self.text
            );
        }
    }
}

const COMPOSE_FILE: &str = r#"services:
  backend:
    image: @REGISTRY@/acme/shop-backend:${BACKEND_IMAGE_TAG}
    container_name: @NAME@-backend
    restart: unless-stopped
"#;

impl Site {
    /// Lays it out and brings it up; `None` where no real world was asked for.
    #[track_caller]
    pub fn lay(layout: &Layout<'_>) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let world = RealWorld::get()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("site-{}-{number}", std::process::id());
        let name = layout.project.map_or_else(
            || folder.clone(),
            |project| format!("{project}-{}-{number}", std::process::id()),
        );
        let parent = match &layout.above {
            Some(above) => tempfile::tempdir_in(above),
            None => tempfile::tempdir(),
        }
        .expect("a temporary directory");
        open(parent.path(), 0o755);
        let directory = parent.path().join(folder);
        fs::create_dir(&directory).expect("the project's directory");
        let site = Self {
            world,
            login: layout.login,
            docker: layout.docker.to_owned(),
            lines: layout.lines.to_owned(),
            directory,
            name,
            home: tempfile::tempdir().expect("a temporary directory"),
            others: RefCell::default(),
            _parent: parent,
        };
        site.write(
            "docker-compose.yml",
            &site.compose_file("backend", &site.name),
            0o644,
        );
        site.write(
            ".env",
            &format!("# The shop's.\nBACKEND_IMAGE_TAG={}\n", version::FORMER),
            0o640,
        );
        site.give_to(layout.login);
        if layout.up {
            site.compose("up -d --wait --quiet-pull");
        }
        Some(site)
    }

    /// A compose file with one service of that name, whose container is called after the project.
    pub fn compose_file(&self, service: &str, project: &str) -> String {
        COMPOSE_FILE
            .replace("@REGISTRY@", self.world.registry())
            .replace("@NAME@", project)
            .replace("backend:\n", &format!("{service}:\n"))
            .replace("-backend\n", &format!("-{service}\n"))
    }

    /// The real world.
    pub fn world(&self) -> &RealWorld {
        &self.world
    }

    /// The project's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The project's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes a file beside the compose file.
    pub fn write(&self, file: &str, text: &str, mode: u32) {
        let path = self.directory.join(file);
        fs::write(&path, text).expect("a file of the project");
        open(&path, mode);
    }

    /// Makes the directory and all in it a login's; what a link leads to is not in it.
    pub fn give_to(&self, login: &str) {
        let user = format!("flightdeck-{login}:");
        run(Command::new("chown")
            .args(["-hR", &user])
            .arg(&self.directory));
    }

    /// A script on the server, as a login's `sh` in the project's directory runs it.
    pub fn script(&self, login: &str, text: &str) -> Output {
        let mut ssh = Command::new("ssh")
            .arg("-F")
            .arg(self.world.servers_ssh_config())
            .args(["-o", "BatchMode=yes", &format!("flightdeck-{login}"), "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ssh starts");
        let directory =
            shell_words::quote(self.directory.to_str().expect("a path in UTF-8")).into_owned();
        let mut stdin = ssh.stdin.take().expect("a pipe");
        write!(stdin, "cd {directory} || exit\n{text}\n").expect("a script to hand over");
        drop(stdin);
        ssh.wait_with_output().expect("ssh ends")
    }

    /// The same, which has to succeed; what it printed, without what the login prints before it.
    #[track_caller]
    pub fn run(&self, login: &str, text: &str) -> String {
        let output = self.script(login, &format!("echo ---\n{text}"));
        assert!(
            output.status.success(),
            "{text}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let printed = String::from_utf8_lossy(&output.stdout);
        let (_, printed) = printed.split_once("---\n").expect("a script's own output");
        printed.to_owned()
    }

    /// `docker compose` in the project's directory, as its login would type it.
    #[track_caller]
    pub fn compose(&self, arguments: &str) -> String {
        self.run(
            self.login,
            &format!(
                "{} compose -p {} {arguments} </dev/null 2>&1",
                self.docker, self.name
            ),
        )
    }

    /// flightdeck, which reaches the environment `production` by the site's own login.
    #[track_caller]
    pub fn flightdeck(&self, arguments: &[&str]) -> Said {
        self.flightdeck_as(self.login, arguments)
    }

    /// The same by another login of that server.
    #[track_caller]
    pub fn flightdeck_as(&self, login: &str, arguments: &[&str]) -> Said {
        let lines = format!("project = \"{}\"\n{}", self.name, self.lines);
        self.flightdeck_with(
            login,
            &self.directory.display().to_string(),
            &lines,
            arguments,
        )
    }

    /// The same with a directory and lines of its own in the environment's table.
    #[track_caller]
    pub fn flightdeck_with(
        &self,
        login: &str,
        directory: &str,
        lines: &str,
        arguments: &[&str],
    ) -> Said {
        let tables = format!(
            "[services.backend]\nimage = \"{}/acme/shop-backend\"\npin = \"BACKEND_IMAGE_TAG\"\n\n{}",
            self.world.registry(),
            self.environment("production", login, directory, lines),
        );
        self.flightdeck_configured(&tables, arguments)
    }

    /// An environment's table.
    pub fn environment(&self, name: &str, login: &str, directory: &str, lines: &str) -> String {
        format!(
            "[environments.{name}]\nhost = \"flightdeck-{login}\"\nssh_config = \"{}\"\ndirectory = {}\n\
             protected = false\nhealth_timeout = \"60s\"\nstable_for = \"0s\"\n{lines}\n",
            self.world.servers_ssh_config().display(),
            toml::Value::from(directory),
        )
    }

    /// flightdeck with services and environments as `tables` say.
    #[track_caller]
    pub fn flightdeck_configured(&self, tables: &str, arguments: &[&str]) -> Said {
        let (_, password) = self.world.registry_login();
        let path = self.home.path().join("flightdeck.toml");
        let login = self.world.registry_table(self.world.registry());
        fs::write(&path, format!("{login}\n{tables}")).expect("the configuration");
        let output = Command::new(env!("CARGO_BIN_EXE_flightdeck"))
            .arg("--config")
            .arg(&path)
            .args(arguments)
            .env_clear()
            .envs([("HOME", self.home.path().as_os_str())])
            .envs([("PATH", std::env::var_os("PATH").unwrap_or_default())])
            .envs([
                ("USER", "mira"),
                ("LANG", "C.UTF-8"),
                ("REGISTRY_PASSWORD", password),
            ])
            .stdin(Stdio::null())
            .output()
            .expect("flightdeck starts");
        let text = [&output.stdout[..], b" ", &output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        Said {
            code: output.status.code().unwrap_or(-1),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// The same, which has to succeed.
    #[track_caller]
    pub fn does(&self, arguments: &[&str]) -> Said {
        let said = self.flightdeck(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.text);
        said
    }

    /// Adopts, promotes and rolls back, and holds after each what runs and what is pinned, and that a
    /// plain `docker compose up -d` afterwards recreates nothing.
    #[track_caller]
    pub fn goes_there_and_back(&self) {
        self.does(&["adopt", "production", "--yes"]);
        let begun = self.container();
        assert!(begun.image.ends_with(version::FORMER), "{begun:?}");

        self.does(&["promote", "production", version::CANDIDATE, "--yes"]);
        let promoted = self.container();
        assert_ne!(promoted.id, begun.id);
        assert!(promoted.image.contains(version::CANDIDATE), "{promoted:?}");
        assert_eq!(promoted.health, "healthy");
        self.compose("up -d");
        assert_eq!(self.container().id, promoted.id, "recreated by a plain up");

        self.does(&["rollback", "production", "--yes"]);
        let back = self.container();
        assert!(back.image.contains(version::FORMER), "{back:?}");
        assert_eq!(back.health, "healthy");
        self.compose("up -d");
        assert_eq!(self.container().id, back.id, "recreated by a plain up");
        self.does(&["status", "production"])
            .says(&["healthy", version::FORMER]);
    }

    /// The service's container, by the login's own docker.
    #[track_caller]
    pub fn container(&self) -> Container {
        self.container_named(&format!("{}-backend", self.name))
    }

    /// A container by its name.
    #[track_caller]
    pub fn container_named(&self, name: &str) -> Container {
        let said = self.run(
            self.login,
            &format!("{} inspect {name} </dev/null", self.docker),
        );
        let found: Value = serde_json::from_str(&said).expect("docker prints JSON");
        let field = |path: &str| {
            let value = found.pointer(path).and_then(Value::as_str);
            value
                .unwrap_or_else(|| panic!("docker inspect {name} has no {path}"))
                .to_owned()
        };
        Container {
            id: field("/0/Id"),
            image: field("/0/Config/Image"),
            health: field("/0/State/Health/Status"),
        }
    }

    /// What a file of the project's holds.
    #[track_caller]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Another project in the same directory is removed with this one.
    pub fn remove_too(&self, project: &str) {
        self.others.borrow_mut().insert(project.to_owned());
    }
}

/// A container, as the Engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Another one after it was recreated.
    pub id: String,
    /// The image as it was asked for.
    pub image: String,
    /// `healthy`, `unhealthy`, `starting`.
    pub health: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        // By their label: the files may be as a test has left them. Failing here would hide why the
        // test failed.
        let docker = &self.docker;
        for project in self.others.borrow().iter().chain([&self.name]) {
            let label = format!("label=com.docker.compose.project={project}");
            let _ = self.script(
                self.login,
                &format!(
                    "exec </dev/null\n{docker} rm -f $({docker} ps -aq --filter {label})\n\
                     {docker} network rm $({docker} network ls -q --filter {label})\n\
                     {docker} rmi $({docker} images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' \
                     --filter 'reference=flightdeck.keep/{project}/*')"
                ),
            );
        }
    }
}

/// Gives a path that mode.
pub fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}
