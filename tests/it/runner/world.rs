//! A server's directory, its `sh`, and what the tests do and see there.

use std::{
    ffi::OsString,
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flightdeck::{
    release::{
        operation::{Claim, OperationId},
        record::Record,
    },
    target::compose::script::{
        Folder, Nonce, Place, Refusal, StartReply, cancel, read_ledger, start_reply, upload,
    },
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use super::tail::Tail;
use crate::support::waiting::eventually;

/// A server with one Compose project and one kind of `sh`.
pub struct World {
    pub root: PathBuf,
    path: OsString,
    /// Where the scripts look instead of `/proc`, if somewhere else.
    pub proc: Option<PathBuf>,
    pub place: Place,
    _directory: tempfile::TempDir,
}

impl World {
    /// Runs `test` in a world whose `sh` is `shell`.
    pub fn with(shell: &str, test: fn(&Self)) {
        match Self::new(shell) {
            Some(world) => test(&world),
            None if std::env::var_os("FLIGHTDECK_REAL").is_some() => {
                panic!("{shell} is not installed")
            }
            None => eprintln!("not run: {shell} is not installed"),
        }
    }

    fn new(shell: &str) -> Option<Self> {
        let program = std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|directory| directory.join(shell))
            .find(|path| path.exists())?;
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let path = if shell == "busybox" {
            // A server that has nothing else.
            let installed = Command::new(&program)
                .args(["--install", "-s"])
                .arg(&bin)
                .output()
                .unwrap();
            assert!(installed.status.success());
            bin.clone().into_os_string()
        } else {
            symlink(&program, bin.join("sh")).unwrap();
            std::env::join_paths([&bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap()
        };
        let root = directory.path().join("shop");
        fs::create_dir(&root).unwrap();
        Some(Self {
            place: Place {
                environment: "production".parse().unwrap(),
                directory: root.to_str().unwrap().to_owned(),
                project: "shop".to_owned(),
            },
            root,
            path,
            proc: None,
            _directory: directory,
        })
    }

    /// The same server, another directory of it.
    pub fn at(&self, directory: &str) -> Self {
        self.called(directory, &self.place.project)
    }

    /// Likewise, another project too.
    pub fn called(&self, directory: &str, project: &str) -> Self {
        Self {
            root: self.root.clone(),
            path: self.path.clone(),
            proc: self.proc.clone(),
            place: Place {
                environment: "production".parse().unwrap(),
                directory: directory.to_owned(),
                project: project.to_owned(),
            },
            _directory: tempfile::tempdir().unwrap(),
        }
    }

    /// The same directory, seen through another `/proc`: `change` gets one that shows the real one's
    /// processes, and may replace its `self/ns/pid`, its boot id or its first process.
    pub fn through(&self, change: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let proc = directory.path().to_owned();
        for process in fs::read_dir("/proc").unwrap() {
            let name = process.unwrap().file_name();
            if name.to_str().unwrap().bytes().all(|b| b.is_ascii_digit()) {
                symlink(Path::new("/proc").join(&name), proc.join(&name)).unwrap();
            }
        }
        symlink("/proc/uptime", proc.join("uptime")).unwrap();
        fs::create_dir_all(proc.join("self/ns")).unwrap();
        symlink("/proc/self/stat", proc.join("self/stat")).unwrap();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap();
        symlink(namespace, proc.join("self/ns/pid")).unwrap();
        fs::create_dir_all(proc.join("sys/kernel/random")).unwrap();
        let boot = "sys/kernel/random/boot_id";
        fs::copy(Path::new("/proc").join(boot), proc.join(boot)).unwrap();
        change(&proc);
        Self {
            root: self.root.clone(),
            path: self.path.clone(),
            proc: Some(proc),
            place: self.place.clone(),
            _directory: directory,
        }
    }

    /// Has the server do `first` before each call of one of its programs. Returns whether it does:
    /// busybox calls its own and looks for no file.
    pub fn wrap(&self, program: &str, first: &str) -> bool {
        let wrapper = self.root.parent().unwrap().join("bin").join(program);
        if wrapper.exists() {
            return false;
        }
        let script = format!("#!/bin/sh\n{first}\nexec /bin/{program} \"$@\"\n");
        fs::write(&wrapper, script).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        true
    }

    /// `sh` as a login would start it.
    pub fn sh(&self) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.arg("-i").arg("PATH_IS_SET=1");
        let mut path = OsString::from("PATH=");
        path.push(&self.path);
        command.arg(path).arg("LANG=C.UTF-8");
        if let Some(proc) = &self.proc {
            let mut seam = OsString::from("FD_PROC=");
            seam.push(proc);
            command.arg(seam);
        }
        let mut home = OsString::from("HOME=");
        home.push(self.root.parent().unwrap());
        command
            .arg(home)
            .arg("sh")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a script to its end; what it printed.
    pub fn run(&self, script: &[u8]) -> Vec<u8> {
        let mut child = self.sh().spawn().unwrap();
        // A script that ends early leaves some of it unread.
        drop(child.stdin.take().unwrap().write_all(script));
        child.wait_with_output().unwrap().stdout
    }

    pub fn start(&self, folder: &Folder) -> StartReply {
        let script = upload(folder, &Nonce::random(), &self.place).unwrap();
        start_reply(&self.run(&script)).unwrap()
    }

    /// Starts an operation that must get its claim.
    /// Why it is refused, and the operation that stands in its way.
    pub fn refusal(&self, folder: &Folder) -> (Refusal, u64) {
        match self.start(folder) {
            StartReply::Refused { why, operation, .. } => (why, operation.0),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn started(&self, folder: &Folder) -> Tail {
        match self.start(folder) {
            StartReply::Started(id) => self.tail(id),
            other => panic!("not started: {other:?}"),
        }
    }

    pub fn tail(&self, id: OperationId) -> Tail {
        Tail::of(self, id)
    }

    /// Asks to cancel.
    pub fn cancel(&self, id: OperationId) -> Vec<u8> {
        let who = serde_json::json!({"operator": "it's me"});
        self.run(&cancel(&self.place, id, &who).unwrap())
    }

    /// Where operations are kept, whatever the place is called.
    pub fn state(&self) -> PathBuf {
        let home = self.root.parent().unwrap();
        let directory = match self.place.directory.strip_prefix('~') {
            Some(rest) => home.join(rest.trim_start_matches('/')),
            None => PathBuf::from(&self.place.directory),
        };
        directory.join(".flightdeck").join(&self.place.project)
    }

    pub fn folder(&self, id: OperationId) -> PathBuf {
        self.state().join("operations").join(id.to_string())
    }

    pub fn claim(&self, id: OperationId) -> serde_json::Value {
        let record = fs::read(self.state().join("claims").join(id.to_string())).unwrap();
        assert!(serde_json::from_slice::<Claim>(&record).is_ok());
        serde_json::from_slice(&record).unwrap()
    }

    /// A process of the claim's: `pid` or `supervisor`.
    pub fn process(&self, id: OperationId, role: &str) -> Pid {
        let number = self.claim(id)[role].as_i64().unwrap();
        Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
    }

    pub fn kill(&self, id: OperationId, role: &str) {
        kill_process(self.process(id, role), Signal::KILL).unwrap();
    }

    /// Kills supervisor and runner, and waits until they are gone.
    pub fn kill_both(&self, id: OperationId) {
        let both = ["supervisor", "pid"].map(|role| self.process(id, role));
        for pid in both {
            kill_process(pid, Signal::KILL).unwrap();
        }
        eventually("both are gone", || both.iter().all(|pid| !lives(*pid)));
    }

    /// Kills everything of an operation, as a crash of the server would.
    pub fn crash(&self, tail: &Tail) {
        self.kill_both(tail.id);
        kill_process_group(tail.group(), Signal::KILL).unwrap();
        eventually("its step is gone", || !lives(tail.group()));
    }

    pub fn records(&self) -> Vec<Record> {
        let ledger = read_ledger(&fs::read(self.state().join("ledger.jsonl")).unwrap());
        assert_eq!(ledger.damaged, 0);
        ledger.records
    }
}

/// Whether a process lives; one that only waits to be reaped does not.
pub fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    test_kill_process(pid).is_ok() && stat.is_ok_and(|s| !s.contains(") Z "))
}
