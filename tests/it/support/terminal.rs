//! A program in a pseudo-terminal: keys in, screen out.
//!
//! It knows nothing of flightdeck. Everything that waits has a deadline and shows the screen when it
//! passes. What is read after the program's end is complete: the reader is joined first.

use std::{
    ffi::OsString,
    fmt,
    io::{Read, Write},
    path::PathBuf,
    process::Command,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take unless a test says otherwise: a deadline for what hangs, not a measure.
const DEADLINE: Duration = Duration::from_secs(60);

/// The Enter key.
pub const ENTER: &str = "\r";

/// What is started, and where.
#[derive(Debug, Clone)]
pub struct Program {
    /// The file, or a name to be found in `PATH`.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment: nothing comes from the test's own.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
}

impl Program {
    /// To be run without a terminal.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(&self.directory);
        command
    }
}

/// A running program and the terminal that it draws on.
pub struct Terminal {
    shared: Arc<Shared>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    deadline: Duration,
    reader: Option<JoinHandle<()>>,
}

struct Shared {
    output: Mutex<Output>,
    changed: Condvar,
}

struct Output {
    parser: vt100::Parser,
    ended: bool,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; 1 for one that a signal killed.
    pub code: u32,
    /// The last screen.
    pub screen: Screen,
}

/// What the terminal shows at one moment.
#[derive(Clone)]
pub struct Screen(vt100::Screen);

impl Screen {
    /// The text, without trailing blanks.
    pub fn text(&self) -> String {
        self.0.contents()
    }

    /// Whether the text stands somewhere on one line.
    pub fn shows(&self, text: &str) -> bool {
        self.line_with(text).is_some()
    }

    /// The first line that holds the text.
    pub fn line_with(&self, text: &str) -> Option<String> {
        let (_, columns) = self.0.size();
        self.0.rows(0, columns).find(|line| line.contains(text))
    }

    /// Whether these words stand on the screen one after another, wherever the lines break and whatever
    /// frames stand between them.
    pub fn says(&self, words: &str) -> bool {
        let text = self.text();
        let plain: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || ('\u{2500}'..='\u{257f}').contains(&c))
            .filter(|word| !word.is_empty())
            .collect();
        plain.join(" ").contains(words)
    }

    /// Whether the program has left the terminal as it found it.
    pub fn is_restored(&self) -> bool {
        !self.0.alternate_screen() && !self.0.hide_cursor() && !self.0.bracketed_paste()
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, columns) = self.0.size();
        let edge = "─".repeat(columns.into());
        writeln!(f, "{columns}×{rows}\n┌{edge}┐")?;
        for line in self.0.rows(0, columns) {
            writeln!(f, "│{line}")?;
        }
        write!(f, "└{edge}┘")
    }
}

impl Terminal {
    /// Starts the program on a terminal of that many columns and rows.
    pub fn start(program: &Program, (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(&program.file);
        command.args(&program.arguments);
        command.cwd(&program.directory);
        command.env_clear();
        for (name, value) in &program.environment {
            command.env(name, value);
        }
        let child = pair
            .slave
            .spawn_command(command)
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.file.display()));
        // While this end is open, the reader would never see the program's end.
        drop(pair.slave);

        let shared = Arc::new(Shared {
            output: Mutex::new(Output {
                parser: vt100::Parser::new(rows, columns, 0),
                ended: false,
            }),
            changed: Condvar::new(),
        });
        let source = pair
            .master
            .try_clone_reader()
            .expect("the terminal's output");
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.read(source)
        });
        Self {
            shared,
            keys: pair.master.take_writer().expect("the terminal's keyboard"),
            master: pair.master,
            child,
            deadline: DEADLINE,
            reader: Some(reader),
        }
    }

    /// The same, and what is waited for may take that long.
    #[must_use]
    pub fn patient(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Types. Keys that are no characters are the bytes that a terminal sends for them.
    pub fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .and_then(|()| self.keys.flush())
            .unwrap_or_else(|error| {
                panic!("{keys:?} cannot be typed: {error}\n{:?}", self.screen())
            });
    }

    /// Waits until the text stands on one line of the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) -> Screen {
        self.wait_until(&format!("{text:?}"), |screen| screen.shows(text))
    }

    /// Waits until the screen says these words, on one line or on several.
    #[track_caller]
    pub fn wait_for_words(&self, words: &str) -> Screen {
        self.wait_until(&format!("{words:?}"), |screen| screen.says(words))
    }

    /// Waits until the screen is as it should be; `what` says that in words for the failure.
    #[track_caller]
    pub fn wait_until(&self, what: &str, holds: impl Fn(&Screen) -> bool) -> Screen {
        let reached = self.shared.wait(self.deadline, |output| {
            let screen = Screen(output.parser.screen().clone());
            holds(&screen).then_some(screen)
        });
        reached.unwrap_or_else(|ended| {
            let why = if ended {
                "the program ended"
            } else {
                "the deadline passed"
            };
            panic!("waited for {what}, but {why}:\n{:?}", self.screen())
        })
    }

    /// What the terminal shows now.
    pub fn screen(&self) -> Screen {
        Screen(self.shared.lock().parser.screen().clone())
    }

    /// Gives the terminal another size, as a window manager would.
    pub fn resize(&mut self, (columns, rows): (u16, u16)) {
        self.shared
            .lock()
            .parser
            .screen_mut()
            .set_size(rows, columns);
        self.master
            .resize(PtySize {
                rows,
                cols: columns,
                pixel_width: 0,
                pixel_height: 0,
            })
            .expect("a new size");
    }

    /// Sends a signal to the program, and to nothing that it started.
    pub fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .process_id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .expect("the program's pid");
        kill_process(pid, signal).expect("a process of ours");
    }

    /// Kills the program with SIGKILL and waits for its end.
    #[track_caller]
    pub fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.end()
    }

    /// Waits for the program's end, and for everything that it wrote.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let ended = self
            .shared
            .wait(self.deadline, |output| output.ended.then_some(()));
        assert!(
            ended.is_ok(),
            "the program does not end:\n{:?}",
            self.screen()
        );
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        let status = self.child.wait().expect("a child of ours");
        Ended {
            code: status.exit_code(),
            screen: self.screen(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.reader.is_some() {
            // A test that fails in the middle; the program may have ended by itself meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Shared {
    fn read(&self, mut source: Box<dyn Read + Send>) {
        let mut buffer = vec![0; 64 * 1024];
        // The end is EIO on Linux: the last process that had the terminal open has gone.
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            let mut output = self.lock();
            output.parser.process(&buffer[..count]);
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until `look` finds something; else tells whether the program has ended.
    fn wait<T>(&self, time: Duration, look: impl Fn(&Output) -> Option<T>) -> Result<T, bool> {
        let deadline = Instant::now() + time;
        let mut output = self.lock();
        loop {
            if let Some(found) = look(&output) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if output.ended || left.is_zero() {
                return Err(output.ended);
            }
            output = self
                .changed
                .wait_timeout(output, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// A panic elsewhere leaves the screen as it was, which is what the failure has to show.
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
