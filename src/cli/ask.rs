//! Asks the operator at the terminal for what only the operator knows: a passphrase, a one-time code.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use secrecy::SecretString;

use crate::{release::text, target::Question};

/// Longer answers are no passphrases, in bytes.
const LONGEST: usize = 1024;

/// Answers a question: with what is typed at the terminal, or with "no" where nobody sits at one.
pub async fn answer(question: Question, interactive: bool) {
    if !interactive {
        question.answer.answer(None);
        return;
    }
    let prompt = format!(
        "{} asks: {} ",
        text::clean(&question.host),
        text::clean(&question.prompt)
    );
    let secret = question.secret;
    let typed = tokio::task::spawn_blocking(move || ask(&prompt, secret)).await;
    let typed = match typed {
        Ok(Ok(typed)) => typed,
        Ok(Err(error)) => {
            tracing::warn!(%error, "cannot ask at the terminal");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "the question was not asked");
            None
        }
    };
    question.answer.answer(typed);
}

fn ask(prompt: &str, secret: bool) -> io::Result<Option<SecretString>> {
    let file = File::options().read(true).write(true).open("/dev/tty")?;
    let _restored = Quiet::make(&file, secret)?;
    let mut terminal = &file;
    terminal.write_all(prompt.as_bytes())?;
    terminal.flush()?;
    let mut typed = Vec::new();
    let answered = loop {
        let mut byte = [0];
        if terminal.read(&mut byte)? == 0 {
            break false;
        }
        match byte[0] {
            b'\r' | b'\n' => break true,
            // Ctrl-C and Ctrl-D: no answer.
            3 | 4 => break false,
            // Backspace, as a terminal may send it: the last character, not its last byte.
            8 | 127 => while typed.pop().is_some_and(|b: u8| b & 0xc0 == 0x80) {},
            // Ctrl-U: from the beginning.
            21 => typed.clear(),
            other if typed.len() < LONGEST => typed.push(other),
            _ => {}
        }
    };
    terminal.write_all(b"\n")?;
    let typed = String::from_utf8_lossy(&typed).into_owned();
    Ok(answered.then(|| SecretString::from(typed)))
}

/// A terminal that gives each byte as it is typed, Ctrl-C too: nobody ends us while it shows nothing.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn make(terminal: &'a File, secret: bool) -> io::Result<Quiet<'a>> {
        let before = termios::tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ICANON | LocalModes::ISIG;
        if secret {
            quiet.local_modes -= LocalModes::ECHO;
        }
        // Flush: what was typed before the question was seen is no answer to it.
        termios::tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Err(error) = termios::tcsetattr(self.terminal, OptionalActions::Now, &self.before) {
            tracing::warn!(%error, "the terminal could not be restored");
        }
    }
}
