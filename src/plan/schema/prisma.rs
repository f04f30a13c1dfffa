//! Prisma: migrates up, tells neither where the database is in words that can be kept nor a way down.

use crate::release::plan::HeadsQuery;

use super::{Known, Tool, WayDown, with};

pub struct Prisma<'a> {
    /// What starts it: `["npx", "prisma"]`.
    pub command: &'a [String],
}

impl Tool for Prisma<'_> {
    fn heads(&self) -> Option<HeadsQuery> {
        None
    }

    fn up(&self) -> Vec<String> {
        with(self.command, &["migrate", "deploy"])
    }

    fn up_to(&self, _: &str) -> Result<Vec<String>, String> {
        Err("Prisma migrates to the newest revision only".to_owned())
    }

    fn way_down(&self, _: &Known<'_>, _: &[String]) -> Result<WayDown, String> {
        Err("Prisma has no way down: write a migration that undoes it, and promote that".to_owned())
    }
}
