//! The scripts under the shells that servers have. A shell that is not installed here is named in the
//! test's output.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use secrecy::ExposeSecret;

use super::*;
use crate::{
    release::plan::{Attachment, Intent, PinFile},
    target::compose::pin::hash::Algorithm,
};

const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

fn is_installed(program: &str) -> bool {
    Command::new(program)
        .arg("--help")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .is_ok()
}

fn shells() -> Vec<&'static [&'static str]> {
    SHELLS
        .into_iter()
        .filter(|shell| {
            let there = is_installed(shell[0]);
            if !there {
                println!("not tried under {}: it is not installed", shell.join(" "));
            }
            there
        })
        .collect()
}

/// A project's directory with an operation's folder in it, and a `docker` that answers from a file.
struct Server {
    _root: tempfile::TempDir,
    directory: PathBuf,
    folder: PathBuf,
    programs: PathBuf,
}

impl Server {
    fn new(world: &World) -> Self {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().canonicalize().unwrap();
        let directory = base.join("srv with space");
        let folder = directory.join(".flightdeck/shop/operations/000042");
        let programs = base.join("bin");
        for path in [
            &folder.join("attachments"),
            &directory.join(".flightdeck/shop/releases"),
            &programs,
        ] {
            fs::create_dir_all(path).unwrap();
        }
        let library =
            super::super::library::text(&world.config.environments[0], &world.config.services)
                .unwrap();
        fs::write(folder.join("steps.sh"), library).unwrap();
        Self {
            _root: root,
            directory,
            folder,
            programs,
        }
    }

    /// Makes `docker` a script.
    fn docker(&self, script: &str) {
        let path = self.programs.join("docker");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, shell: &[&str], script: &str) -> Output {
        self.run_limited(shell, script, "")
    }

    fn run_limited(&self, shell: &[&str], script: &str, before: &str) -> Output {
        let path = format!(
            "{}:{}",
            self.programs.display(),
            std::env::var("PATH").unwrap()
        );
        fs::write(self.folder.join("step.sh"), script).unwrap();
        Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &format!("{before}\n. ./step.sh")])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("FD_FOLDER", &self.folder)
            .env("FD_OPERATION", "42")
            .env("FD_DIRECTION", "forward")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_script_is_clean_under_shellcheck() {
    if !is_installed("shellcheck") {
        println!("not tried: shellcheck is not installed");
        return;
    }
    let (world, _) = promotion();
    let environment = &world.config.environments[0];
    let head = super::super::library::head(environment, &world.config.services).unwrap();
    let mut text = format!(
        "#!/bin/sh\n{head}{}",
        super::super::library::FRAGMENTS.concat()
    );
    text.push_str(include_str!("../sh/basis.sh"));
    for (world, plan) in all() {
        let environment = &world.config.environments[0];
        for direction in [Direction::Forward, Direction::Back] {
            for step in plan.steps(direction) {
                let script =
                    super::super::scripts::of(step, direction, &plan, environment).unwrap();
                text.push_str(&format!("# {direction:?} {}\n(\n{script})\n", step.id));
            }
        }
        let basis = super::super::basis::script(&plan, environment).unwrap();
        let calls = basis.rfind("\nsame 'last operation'").unwrap();
        text.push_str(&format!("(\n{})\n", &basis[calls..]));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, text).unwrap();
    // What one of them does not use another does; values stand in single quotes on purpose.
    let output = Command::new("shellcheck")
        .args([
            "--shell=sh",
            "--exclude=SC2034,SC2016,SC1091",
            "--severity=info",
        ])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// A plan that pins one file: `before` → `after`, where `None` is no file.
fn pinning(server: &Server, before: Option<&str>, after: Option<&str>) -> String {
    let (world, mut plan) = promotion();
    let algorithm = Algorithm::Sha256;
    plan.attachments = after
        .map(|text| Attachment {
            name: "candidate-1".to_owned(),
            bytes: text.as_bytes().to_vec().into(),
        })
        .into_iter()
        .collect();
    for attachment in &plan.attachments {
        let path = server.folder.join("attachments").join(&attachment.name);
        fs::write(path, attachment.bytes.expose_secret()).unwrap();
    }
    let file = PinFile {
        path: server.directory.join(".env").to_str().unwrap().to_owned(),
        expected: before.map(|text| algorithm.fingerprint(text.as_bytes())),
        attachment: after.map(|_| "candidate-1".to_owned()),
        summary: Vec::new(),
    };
    let mut step = plan
        .forward
        .iter()
        .find(|step| step.id == "pin")
        .unwrap()
        .clone();
    step.intent = Intent::Pin { files: vec![file] };
    super::super::scripts::of(
        &step,
        Direction::Forward,
        &plan,
        &world.config.environments[0],
    )
    .unwrap()
}

const OLD: &str = "SECRET=1\nTAG=v1\n";
const NEW: &str = "SECRET=1\nTAG=v2\n";

fn left_over(directory: &Path) -> Vec<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".flightdeck-pin"))
        .collect()
}

#[test]
fn a_pin_is_replaced_with_its_mode_and_a_second_run_finds_it_done() {
    for shell in shells() {
        let server = Server::new(&world());
        let env = server.directory.join(".env");
        fs::write(&env, OLD).unwrap();
        fs::set_permissions(&env, fs::Permissions::from_mode(0o640)).unwrap();
        let script = pinning(&server, Some(OLD), Some(NEW));
        for _ in 0..2 {
            let output = server.run(shell, &script);
            assert!(output.status.success(), "{shell:?}: {}", said(&output));
            assert!(!said(&output).contains("SECRET"));
        }
        assert_eq!(fs::read_to_string(&env).unwrap(), NEW);
        assert_eq!(fs::metadata(&env).unwrap().mode() & 0o777, 0o640);
        assert_eq!(left_over(&server.directory), [""; 0]);
    }
}

#[test]
fn a_pin_that_somebody_else_changed_is_left_alone() {
    for shell in shells() {
        let server = Server::new(&world());
        let env = server.directory.join(".env");
        fs::write(&env, "TAG=theirs\n").unwrap();
        let output = server.run(shell, &pinning(&server, Some(OLD), Some(NEW)));
        assert!(!output.status.success());
        assert!(
            said(&output).contains("changed by somebody else"),
            "{}",
            said(&output)
        );
        assert_eq!(fs::read_to_string(&env).unwrap(), "TAG=theirs\n");
    }
}

#[test]
fn a_pin_behind_a_symlink_stays_behind_it() {
    for shell in shells() {
        let server = Server::new(&world());
        let shared = server.directory.join("shared.env");
        fs::write(&shared, OLD).unwrap();
        symlink("shared.env", server.directory.join(".env")).unwrap();
        let output = server.run(shell, &pinning(&server, Some(OLD), Some(NEW)));
        assert!(output.status.success(), "{}", said(&output));
        assert!(server.directory.join(".env").is_symlink());
        assert_eq!(fs::read_to_string(&shared).unwrap(), NEW);
    }
}

#[test]
fn a_pin_file_can_be_made_and_taken_away() {
    for shell in shells() {
        let server = Server::new(&world());
        let env = server.directory.join(".env");
        let output = server.run(shell, &pinning(&server, None, Some(NEW)));
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(fs::read_to_string(&env).unwrap(), NEW);
        let output = server.run(shell, &pinning(&server, Some(NEW), None));
        assert!(output.status.success(), "{}", said(&output));
        assert!(!env.exists());
    }
}

#[test]
fn a_full_disk_leaves_the_pin_as_it_was() {
    for shell in shells() {
        let server = Server::new(&world());
        let env = server.directory.join(".env");
        fs::write(&env, OLD).unwrap();
        let script = pinning(&server, Some(OLD), Some(NEW));
        // Nothing can be written any more, as on a full disk.
        let output = server.run_limited(shell, &script, "ulimit -f 0");
        assert!(!output.status.success());
        assert_eq!(fs::read_to_string(&env).unwrap(), OLD);
        assert_eq!(left_over(&server.directory), [""; 0], "{}", said(&output));
    }
}

/// A `docker` for a backend that runs `image`, at the head c9e2.
fn backend(image: &str) -> String {
    format!(
        "case $* in\n\
         *service=backend*) echo b1 ;;\n\
         *service=proxy*) ;;\n\
         'inspect --format'*) echo 'b1 {image} /shop-backend-1 0 2026-01-01T00:00:00Z running healthy' ;;\n\
         'exec b1 alembic current') echo 'INFO greets'; echo 'c9e2 (head)' ;;\n\
         *) echo \"unexpected: $*\" >&2; exit 1 ;;\nesac"
    )
}

#[test]
fn a_basis_that_no_longer_holds_is_told_with_what_was_expected_and_found() {
    let (mut world, _) = promotion();
    world
        .survey
        .containers
        .containers
        .retain(|c| c.service.as_str() == "backend");
    for shell in shells() {
        let server = Server::new(&world);
        let env = server.directory.join(".env");
        fs::write(&env, OLD).unwrap();
        world.survey.files = [(
            env.to_str().unwrap().to_owned(),
            Algorithm::Sha256.fingerprint(OLD.as_bytes()),
        )]
        .into();
        let plan = world.plan(promote(2)).unwrap();
        let script = super::super::basis::script(&plan, &world.config.environments[0]).unwrap();
        let runs = crate::plan::fixture::image_id(1).to_string();
        server.docker(&backend(&runs));
        let output = server.run(shell, &script);
        assert!(output.status.success(), "{shell:?}: {}", said(&output));
        assert_eq!(said(&output), "");

        fs::write(&env, "TAG=theirs\n").unwrap();
        let other = crate::plan::fixture::image_id(3).to_string();
        server.docker(&backend(&other));
        let output = server.run(shell, &script);
        assert!(!output.status.success());
        let told = said(&output);
        let lines: Vec<Vec<&str>> = told
            .lines()
            .map(|line| line.split('\t').collect())
            .collect();
        assert_eq!(
            lines[0],
            ["image of backend", runs.as_str(), other.as_str()]
        );
        assert_eq!((lines[1][0], lines.len()), (env.to_str().unwrap(), 2));
    }
}

#[test]
fn words_arrive_in_a_container_byte_for_byte() {
    let hostile = [
        "it's $HOME `id` \"x\"",
        "",
        "--rm",
        "a\nb",
        "*",
        "\\",
        "é;reboot",
        "!x",
    ];
    for shell in shells() {
        let mut world = world();
        let crate::config::Probe::Exec { command, .. } =
            &mut world.config.environments[0].checks[1].probe
        else {
            panic!("not an exec check");
        };
        *command = hostile.map(str::to_owned).into();
        let plan = world.plan(promote(2)).unwrap();
        let step = plan
            .forward
            .iter()
            .find(|step| step.id == "verify-check-2")
            .unwrap();
        let script = super::super::scripts::of(
            step,
            Direction::Forward,
            &plan,
            &world.config.environments[0],
        )
        .unwrap();
        let server = Server::new(&world);
        server.docker("case $1 in ps) echo b1 ;; exec) shift 2; printf '<%s>' \"$@\" ;; esac");
        let output = server.run(shell, &script);
        let expected: String = hostile.iter().map(|word| format!("<{word}>")).collect();
        assert!(
            said(&output).starts_with(&expected),
            "{shell:?}: {}",
            said(&output)
        );
    }
}
