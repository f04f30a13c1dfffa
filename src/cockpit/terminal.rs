//! The terminal: taken over and given back whatever happens, and one write a frame.
//!
//! Giving it back is a destructor's: the cockpit can be left by a key, an error, a panic that unwinds,
//! or by being dropped when something else panicked.

use std::{
    io::{self, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    clipboard::CopyToClipboard,
    cursor::Show,
    event::{DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
        disable_raw_mode, enable_raw_mode,
    },
};
use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};

/// A frame is rarely larger: a full one of 200×50 is 17 KiB.
const FRAME_BYTES: usize = 64 * 1024;

/// A place to draw on that can do a little more than draw. Tests bring one of their own.
pub trait Screen: Backend<Error: std::error::Error + Send + Sync + 'static> {
    /// Puts `text` on the clipboard of the terminal's user, also over ssh.
    ///
    /// # Errors
    /// Those of writing.
    fn copy(&mut self, text: &str) -> io::Result<()>;

    /// Gives the terminal back, stops the process until somebody continues it, and takes the terminal
    /// again. Returns whether it was stopped: a session without a shell would never be continued.
    ///
    /// # Errors
    /// Those of the terminal.
    fn suspend(&mut self) -> io::Result<bool>;
}

/// What is drawn, gathered until the frame is whole. A second handle to it is the backend's writer.
#[derive(Debug, Clone, Default)]
struct FrameBytes(Arc<Mutex<Vec<u8>>>);

impl FrameBytes {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for FrameBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Does nothing: a frame goes out whole or not at all.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Draws on a writer, one write a frame between synchronized-update markers; nothing at all for a frame
/// that changes nothing.
pub struct FrameBackend<W: Write> {
    backend: CrosstermBackend<FrameBytes>,
    frame: FrameBytes,
    out: W,
    hidden: bool,
    at: Option<Position>,
}

impl<W: Write> FrameBackend<W> {
    /// Draws on `out`.
    pub fn new(out: W) -> Self {
        let frame = FrameBytes(Arc::new(Mutex::new(Vec::with_capacity(FRAME_BYTES))));
        Self {
            backend: CrosstermBackend::new(frame.clone()),
            frame,
            out,
            hidden: false,
            at: None,
        }
    }
}

impl<W: Write> Backend for FrameBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        // Crossterm's backend resets colours even where it draws nothing.
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.at = None;
        self.backend.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.hidden, true) {
            return Ok(());
        }
        self.backend.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.hidden, false) {
            return Ok(());
        }
        self.backend.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Asking the terminal can take seconds if it does not answer; nothing here needs to know.
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.at.replace(position) == Some(position) {
            return Ok(());
        }
        self.backend.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.backend.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.backend.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.backend.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.backend.window_size()
    }

    /// The frame is whole: it goes out.
    fn flush(&mut self) -> io::Result<()> {
        let mut frame = self.frame.bytes();
        if frame.is_empty() {
            return Ok(());
        }
        let mut whole = Vec::with_capacity(frame.len() + 16);
        queue!(whole, BeginSynchronizedUpdate)?;
        whole.append(&mut frame);
        queue!(whole, EndSynchronizedUpdate)?;
        self.out.write_all(&whole)?;
        self.out.flush()
    }
}

/// Whether the operator's terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The operator's terminal, in raw mode and on its alternate screen for as long as this lives.
pub struct OwnTerminal {
    _private: (),
}

impl OwnTerminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// Those of the terminal, above all that there is none.
    pub fn take() -> io::Result<Self> {
        enter()?;
        Ok(Self { _private: () })
    }
}

impl Drop for OwnTerminal {
    fn drop(&mut self) {
        // Nobody is left to be told of an error.
        let _ = leave();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::Release);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)
}

fn leave() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    // All of it is tried: what comes first must not keep the rest from being set right.
    let screen = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    disable_raw_mode().and(screen)
}

/// The operator's terminal as a screen.
pub type TerminalScreen = FrameBackend<io::Stdout>;

impl Screen for TerminalScreen {
    fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(self.out, CopyToClipboard::to_clipboard_from(text))
    }

    fn suspend(&mut self) -> io::Result<bool> {
        // Without a shell in the same session nobody would ever continue us.
        if rustix::process::getsid(None)? == rustix::process::getpid() {
            return Ok(false);
        }
        leave()?;
        let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::STOP);
        enter()?;
        self.hidden = false;
        self.at = None;
        stopped?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, TerminalOptions, Viewport, layout::Rect, text::Line};

    use super::*;

    fn terminal() -> (Terminal<FrameBackend<FrameBytes>>, FrameBytes) {
        let out = FrameBytes::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 20, 2)),
        };
        let backend = FrameBackend::new(out.clone());
        (Terminal::with_options(backend, options).unwrap(), out)
    }

    #[test]
    fn a_frame_is_one_write_between_markers_and_the_same_frame_again_is_none() {
        let (mut terminal, out) = terminal();
        let draw = |terminal: &mut Terminal<_>| {
            terminal
                .draw(|frame| frame.render_widget(Line::raw("hello"), frame.area()))
                .unwrap();
        };
        draw(&mut terminal);
        let first = String::from_utf8(std::mem::take(&mut *out.bytes())).unwrap();
        assert!(first.starts_with("\u{1b}[?2026h") && first.ends_with("\u{1b}[?2026l"));
        assert!(first.contains("hello"));
        draw(&mut terminal);
        assert_eq!(out.bytes().len(), 0);
    }
}
