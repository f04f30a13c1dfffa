//! Where commands print: tables for people, JSON for programs.

use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

use serde::Serialize;
use tokio::{io::Interest, net::unix::pipe};
use unicode_width::UnicodeWidthStr;

use crate::release::text::clean;

/// Standard output, and how it wants to be written to.
pub struct Output {
    /// Whether JSON was asked for.
    pub json: bool,
    /// Whether a person sees it as it is written.
    pub terminal: bool,
    writer: Box<dyn Write + Send>,
}

impl Output {
    /// The process's standard output.
    pub fn standard(json: bool) -> Self {
        Self {
            json,
            terminal: io::stdout().is_terminal() && !json,
            writer: Box::new(io::BufWriter::new(io::stdout())),
        }
    }

    /// Any writer, for tests.
    #[cfg(test)]
    pub fn to(writer: impl Write + Send + 'static, json: bool, terminal: bool) -> Self {
        Self {
            json,
            terminal,
            writer: Box::new(writer),
        }
    }

    /// Prints one line, or several where the text has line breaks; cleaned, whoever wrote it.
    ///
    /// # Errors
    /// If nobody reads any more, or there is no room.
    pub fn line(&mut self, text: impl AsRef<str>) -> io::Result<()> {
        text.as_ref()
            .split('\n')
            .try_for_each(|line| writeln!(self.writer, "{}", clean(line)))
    }

    /// Prints a value as one line of JSON.
    ///
    /// # Errors
    /// If nobody reads any more, or there is no room.
    pub fn value(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, value)?;
        writeln!(self.writer)
    }

    /// Prints text as it is, without a line break.
    ///
    /// # Errors
    /// If nobody reads any more, or there is no room.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())
    }

    /// Prints rows in columns as wide as their widest cell, the last one open. Without rows, nothing.
    ///
    /// # Errors
    /// If nobody reads any more, or there is no room.
    pub fn table<const N: usize>(
        &mut self,
        head: [&str; N],
        rows: &[[String; N]],
    ) -> io::Result<()> {
        let head = head.map(str::to_owned);
        let mut widths = [0; N];
        for row in std::iter::once(&head).chain(rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for (width, cell) in widths.iter().zip(row) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width + 2 - cell.width()));
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Waits until nobody reads standard output any more, as after `| head`: a log that says nothing for
    /// hours would not find out. For ever where that cannot be told, as of a file.
    pub async fn reader_gone() {
        // The kernel tells it of a pipe; of a file it refuses to be asked.
        let watched = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .and_then(pipe::Sender::from_owned_fd_unchecked);
        if let Ok(stdout) = watched
            && stdout.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending().await
    }

    /// Sends off what was printed so far.
    ///
    /// # Errors
    /// If nobody reads any more, or there is no room.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was printed, to be read while the output is still written to.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Printed {
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_others_have_written_draws_nothing() {
        let printed = Printed::default();
        let mut output = Output::to(printed.clone(), false, true);
        output
            .line("gate \u{1b}[2Jopen\n  directory /srv/\u{9b}31mshop")
            .unwrap();
        assert_eq!(printed.text(), "gate open\n  directory /srv/shop\n");
    }

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let printed = Printed::default();
        let mut output = Output::to(printed.clone(), false, false);
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        let rows = [row("日本", "x"), row("a", "long, and the last one is open")];
        output.table(["HEAD", "B"], &rows).unwrap();
        assert_eq!(
            printed.text(),
            "HEAD  B\n日本  x\na     long, and the last one is open\n"
        );
    }
}
