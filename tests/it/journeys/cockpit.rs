//! The cockpit as an operator has it before them: the keys of each deed, and what they wait for.

use std::time::Duration;

use rustix::process::Signal;

use super::world::{Version, World};
use crate::support::terminal::{ENTER, Screen, Terminal};

/// One column of panes: what is wrapped in one stands below itself, not beside another's.
const SIZE: (u16, u16) = (100, 45);
/// For the slowest of all steps on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(180);

/// A cockpit over a world.
pub struct Cockpit<'w, W: World> {
    pub terminal: Terminal,
    world: &'w W,
}

impl<'w, W: World> Cockpit<'w, W> {
    /// Opens it, with the environment of the journey under the cursor.
    #[track_caller]
    pub fn open(world: &'w W) -> Self {
        Self::with(world, &[])
    }

    /// The same by a command of flightdeck's.
    #[track_caller]
    pub fn with(world: &'w W, arguments: &[&str]) -> Self {
        let terminal = Terminal::start(&world.program(arguments), SIZE).patient(DEADLINE);
        let mut cockpit = Self { terminal, world };
        cockpit.terminal.wait_for("flightdeck");
        if !world.way().is_empty() {
            cockpit.terminal.press("1");
            cockpit.terminal.press(world.way());
        }
        cockpit
    }

    /// Waits until the environment is known to be healthy.
    #[track_caller]
    pub fn healthy(&self) {
        let name = self.drawn_name();
        self.terminal
            .wait_until(&format!("{name} healthy"), |screen| {
                screen
                    .line_with(&name)
                    .is_some_and(|line| line.contains("healthy"))
            });
    }

    /// The environment's name as the cockpit writes it: a protected one in capitals.
    fn drawn_name(&self) -> String {
        match self.world.word() {
            Some(_) => self.world.environment().to_uppercase(),
            None => self.world.environment().to_owned(),
        }
    }

    /// Brings the version under pane 2's cursor.
    #[track_caller]
    pub fn choose(&mut self, version: &Version) {
        self.terminal.press("2/");
        self.terminal.press(&version.tag);
        self.terminal.press(ENTER);
        let offered = format!("p: {} to {}", version.tag, self.drawn_name());
        self.terminal.wait_for(&offered);
    }

    /// Presses a key that opens a plan, and waits for the plan.
    #[track_caller]
    pub fn plan(&mut self, key: &str) -> Screen {
        self.terminal.press(key);
        self.terminal.wait_for("c continue")
    }

    /// Confirms the plan that is shown, by the word if that is asked for.
    #[track_caller]
    pub fn confirm(&mut self) {
        self.terminal.press("c");
        match self.world.word() {
            Some(word) => {
                self.terminal.wait_for("and press Enter");
                self.terminal.press(word);
            }
            None => self.agree(),
        }
        self.terminal.press(ENTER);
    }

    /// Has the environment's operation recovered by the choice that stands `below` the first.
    #[track_caller]
    pub fn recover(&mut self, below: usize) {
        self.terminal.press("u");
        self.terminal.wait_for("[ leave it ]");
        self.terminal.press(&"j".repeat(below));
        self.terminal.press(ENTER);
        match self.world.word() {
            Some(word) => {
                self.terminal.wait_for("and press Enter");
                self.terminal.press(word);
            }
            None => self.agree(),
        }
        self.terminal.press(ENTER);
    }

    /// Moves from Cancel to the other button of a dialog.
    #[track_caller]
    fn agree(&mut self) {
        self.terminal.wait_for("Cancel");
        self.terminal.press("\t");
    }

    /// Records what runs, to its end.
    #[track_caller]
    pub fn adopt(&mut self) {
        self.plan("A");
        self.terminal.press("c");
        self.agree();
        self.terminal.press(ENTER);
        self.terminal.wait_for(" done: ");
    }

    /// Promotes a version, up to the confirmation.
    #[track_caller]
    pub fn promote(&mut self, version: &Version) {
        self.choose(version);
        self.plan("p");
        self.confirm();
    }

    /// Waits until a step runs.
    #[track_caller]
    pub fn in_step(&self, step: &str) -> Screen {
        self.terminal
            .wait_until(&format!("the step {step} under way"), |screen| {
                screen
                    .text()
                    .lines()
                    .any(|line| line.split_whitespace().nth(1) == Some(step) && line.contains("> "))
            })
    }

    /// Waits until the operation that is open ends well with that version running.
    #[track_caller]
    pub fn done(&self, version: &Version) -> Screen {
        let words = format!("done: {} runs", version.tag);
        self.terminal.wait_for_words(&words)
    }

    /// Waits until the operation that is open has gone back to that version, because of that step.
    #[track_caller]
    pub fn went_back(&self, step: &str, version: &Version) -> Screen {
        let words = format!("; went back: {} runs", version.tag);
        let screen = self.terminal.wait_for_words(&words);
        assert!(screen.says(&format!(" {step} ")), "{screen:?}");
        screen
    }

    /// Opens the newest operation of the environment, which promotes that version.
    #[track_caller]
    pub fn open_promotion(&mut self, version: &Version) {
        self.terminal.press("4");
        let row = format!("promote {} {}", version.tag, self.drawn_name());
        self.terminal.wait_for(&row);
        self.terminal.press(ENTER);
    }

    /// Kills it, as a machine that loses its power does.
    pub fn kill(self) {
        self.terminal.signal(Signal::KILL);
        self.terminal.end();
    }

    /// Leaves it.
    #[track_caller]
    pub fn quit(mut self) {
        self.terminal.press("q");
        let ended = self.terminal.end();
        assert_eq!(ended.code, 0, "{:?}", ended.screen);
        assert!(ended.screen.is_restored());
    }
}
