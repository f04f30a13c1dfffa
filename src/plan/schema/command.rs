//! Any command: what it can do is what the configuration gives it.

use crate::release::plan::{HeadsFormat, HeadsQuery};

use super::{Known, Tool, WayDown, filled, is_revision};

pub struct Command<'a> {
    /// What migrates to the newest revision.
    pub up: &'a [String],
    /// What prints the heads, one a line.
    pub heads: Option<&'a [String]>,
    /// What goes down to a revision.
    pub down: Option<&'a [String]>,
}

impl Tool for Command<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        self.heads.map(|command| HeadsQuery {
            command: command.to_vec(),
            format: HeadsFormat::Lines,
        })
    }

    fn up(&self) -> Vec<String> {
        self.up.to_vec()
    }

    fn up_to(&self, _: &str) -> Result<Vec<String>, String> {
        Err("the configured migration command goes up to the newest revision only".to_owned())
    }

    fn way_down(&self, _: &Known<'_>, goal: &[String]) -> Result<WayDown, String> {
        let down = self.down.ok_or(
            "the configured migration command cannot go down: add down = [\"…\", \"{revision}\"] to the \
             migration's configuration, if there is a command that can",
        )?;
        match goal {
            [revision] if is_revision(revision) => Ok(WayDown {
                undone: Vec::new(),
                commands: vec![filled(down, revision)],
            }),
            [] => Err(
                "that release ran without any revision, which no command is given for".to_owned(),
            ),
            _ => Err(
                "that release ran at several heads, and the configured command goes down to one"
                    .to_owned(),
            ),
        }
    }
}
