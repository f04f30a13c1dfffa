//! A server's directory, its `sh`, and what the tests do and see there.

use std::{
    ffi::OsString,
    fs,
    io::{Read, Write},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

use bytes::BytesMut;
use flightdeck::{
    release::{
        operation::{Claim, End, Event, JournalLine, OperationId},
        record::Record,
    },
    target::compose::script::{
        Access, Folder, Frame, FrameCodec, JournalLines, Nonce, Part, Place, StartReply, cancel,
        read_ledger, start_reply, tail, upload,
    },
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio_util::codec::Decoder as _;

use crate::support::waiting::PATIENCE;

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

/// An operation, read as it goes.
pub struct Tail {
    pub id: OperationId,
    child: Child,
    stdin: Option<ChildStdin>,
    frames: mpsc::Receiver<Frame>,
    journal: JournalLines,
    pub lines: Vec<JournalLine>,
    pub output: Vec<u8>,
    pub difference: Vec<u8>,
    end: Option<End>,
}

impl Tail {
    fn of(world: &World, id: OperationId) -> Self {
        let mut child = world.sh().stderr(Stdio::null()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&tail(&world.place, id).unwrap()).unwrap();
        Self {
            id,
            frames: read_frames(child.stdout.take().unwrap()),
            child,
            stdin: Some(stdin),
            journal: JournalLines::new(),
            lines: Vec::new(),
            output: Vec::new(),
            difference: Vec::new(),
            end: None,
        }
    }

    /// Reads until `seen`, or to the end.
    pub fn until(&mut self, seen: impl Fn(&Self) -> bool) {
        while !seen(self) {
            let Ok(frame) = self.frames.recv_timeout(PATIENCE) else {
                panic!("in vain; so far {:#?}\n{}", self.lines, self.printed());
            };
            match frame.part {
                Part::Journal => self.lines.extend(self.journal.push(&frame.bytes)),
                Part::Output => self.output.extend_from_slice(&frame.bytes),
                Part::Difference => self.difference = frame.bytes.to_vec(),
                Part::End => self.end = Some(serde_json::from_slice(&frame.bytes).unwrap()),
                Part::Plan => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    pub fn until_printed(&mut self, text: &str) {
        self.until(|tail| tail.printed().contains(text));
    }

    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// What is told first, and then nothing more.
    pub fn only(&mut self) -> Part {
        let first = self.frames.recv_timeout(PATIENCE).unwrap();
        assert!(self.frames.recv_timeout(PATIENCE).is_err());
        first.part
    }

    /// How it ended.
    pub fn end(&mut self) -> End {
        self.until(|tail| tail.end.is_some());
        self.child.wait().unwrap();
        self.end.clone().unwrap()
    }

    /// Closes its standard input, and waits for its end.
    pub fn leave(mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
        while self.frames.recv_timeout(PATIENCE).is_ok() {}
    }

    /// The process group of the step that began last.
    pub fn group(&self) -> Pid {
        let group = self.lines.iter().rev().find_map(|line| match line.event {
            Event::StepStart { group, .. } => Some(group),
            _ => None,
        });
        Pid::from_raw(i32::try_from(group.unwrap()).unwrap()).unwrap()
    }

    /// The journal in short: `forward`, `one`, `one=0`, …
    pub fn story(&self) -> Vec<String> {
        self.lines
            .iter()
            .map(|line| match &line.event {
                Event::Begin { direction, .. } => format!("{direction:?}").to_lowercase(),
                Event::StepStart { step, .. } => step.clone(),
                Event::StepEnd {
                    step, exit, why, ..
                } => {
                    let exit = exit.map_or("?".to_owned(), |code| code.to_string());
                    let why = why.as_deref().map(|w| format!(" {w}")).unwrap_or_default();
                    format!("{step}={exit}{why}")
                }
                Event::Recovers { operation, .. } => format!("recovers {operation}"),
                Event::Held { step, .. } => format!("{step} held"),
                Event::Cancel => "cancel".to_owned(),
                Event::RunnerLost => "lost".to_owned(),
                Event::End { outcome, .. } => format!("{outcome:?}"),
                Event::Unknown => "unknown".to_owned(),
            })
            .collect()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It ends with its standard input; this is for tests that fail.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Frames in the order in which they arrive; the channel closes with the stream.
pub fn read_frames(mut stdout: ChildStdout) -> mpsc::Receiver<Frame> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut codec = FrameCodec::new();
        let mut buffer = BytesMut::new();
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = stdout.read(&mut piece) {
            buffer.extend_from_slice(&piece[..n]);
            while let Some(frame) = codec.decode(&mut buffer).unwrap() {
                if sender.send(frame).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// An operation's folder, step by step.
pub struct Operation {
    kind: &'static str,
    forward: Vec<(String, String)>,
    back: Vec<(String, String)>,
    closing: Vec<(String, String)>,
    more: Vec<(&'static str, String)>,
}

impl Operation {
    /// A promotion that goes back where it fails; its first step changes something already.
    pub fn promotion() -> Self {
        Self {
            kind: "promote",
            forward: Vec::new(),
            back: Vec::new(),
            closing: Vec::new(),
            more: vec![
                ("on_failure", "back\n".to_owned()),
                ("grace", "1\n".to_owned()),
            ],
        }
    }

    /// A rollback stays where it fails, and may be started over what was interrupted.
    pub fn rollback() -> Self {
        Self {
            kind: "rollback",
            ..Self::promotion()
        }
        .with("on_failure", "stay\n")
        .with("passes", "interrupted\n")
    }

    /// A step that takes a minute at most and can be interrupted.
    pub fn step(self, id: &str, script: &str) -> Self {
        self.step_as(id, "60 yes safe", script)
    }

    pub fn step_as(mut self, id: &str, how: &str, script: &str) -> Self {
        self.forward
            .push((format!("{id} {how}"), script.to_owned()));
        self
    }

    pub fn back(self, id: &str, script: &str) -> Self {
        self.back_as(id, "60 no safe", script)
    }

    pub fn back_as(mut self, id: &str, how: &str, script: &str) -> Self {
        self.back.push((format!("{id} {how}"), script.to_owned()));
        self
    }

    /// Another file, or another content of one.
    pub fn with(mut self, name: &'static str, text: &str) -> Self {
        self.more.retain(|(other, _)| *other != name);
        self.more.push((name, text.to_owned()));
        self
    }

    /// One step of the closing list.
    pub fn closing(mut self, id: &str, script: &str) -> Self {
        self.closing
            .push((format!("{id} 60 no ask reported"), script.to_owned()));
        self
    }

    /// What the runner has to recover `operation`, with what it may pass besides.
    pub fn recovery_over(operation: OperationId, choice: &str, passes: &str) -> Folder {
        let mut folder = Self::recovery(operation, choice);
        folder.add("passes", Access::Shared, format!("{passes}\n"));
        folder
    }

    /// What the runner has to recover `operation`.
    pub fn recovery(operation: OperationId, choice: &str) -> Folder {
        let wish = match choice.split_once(' ') {
            Some(_) => format!("{operation} {choice}\n"),
            None => format!("{operation} {choice} ask\n"),
        };
        let mut folder = Folder::new();
        for (name, text) in heads("promote") {
            let text = format!("{text},\"recovers\":{}", operation.0);
            folder.add(name, Access::Shared, text);
        }
        folder.add("recovers", Access::Shared, wish);
        folder
    }

    pub fn folder(&self) -> Folder {
        let mut folder = Folder::new();
        for (name, text) in heads(self.kind) {
            folder.add(name, Access::Shared, text);
        }
        for (list, steps) in [
            ("forward", &self.forward),
            ("back", &self.back),
            ("closing", &self.closing),
        ] {
            let mut lines = String::new();
            for (line, script) in steps {
                let id = line.split(' ').next().unwrap();
                folder.add(format!("{list}/{id}.sh"), Access::Shared, script.as_str());
                lines.push_str(line);
                lines.push('\n');
            }
            folder.add(format!("{list}/steps"), Access::Shared, lines);
        }
        for (name, text) in &self.more {
            folder.add(*name, Access::Shared, text.as_str());
        }
        folder
    }
}

/// The first parts of claim and ledger line.
fn heads(kind: &str) -> [(&'static str, String); 2] {
    let who = r#""operator":"Łukasz \"nonce\":\"x\"","origin":"laptop","reason":"it's $HOME `id`""#;
    [
        ("who.json", format!(r#"{{"v":1,"kind":"{kind}",{who}"#)),
        (
            "record.json",
            format!(
                r#"{{"v":1,"environment":"production","kind":"{kind}",{who},"before":{{"services":{{}}}},"after":{{"services":{{}}}}"#
            ),
        ),
    ]
}
