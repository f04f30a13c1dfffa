//! A screen and a keyboard in memory.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use crossterm::event::Event;
use futures::Stream;
use ratatui::{
    backend::{Backend, ClearType, TestBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};
use tokio::sync::mpsc;

use crate::cockpit::{terminal::Screen, tests::lines};

/// A screen in memory that tells of each frame that changed something.
pub struct Memory {
    pub backend: TestBackend,
    pub drawn: mpsc::UnboundedSender<String>,
    pub changed: bool,
    pub copied: mpsc::UnboundedSender<String>,
}

impl Backend for Memory {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, content: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        self.changed |= content.peek().is_some();
        self.backend.draw(content)
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        self.backend.hide_cursor()
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        self.backend.show_cursor()
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        panic!("asking a terminal for its cursor can take seconds");
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Result<(), Infallible> {
        self.backend.set_cursor_position(position)
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        self.backend.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> Result<(), Infallible> {
        self.backend.clear_region(clear_type)
    }

    fn size(&self) -> Result<Size, Infallible> {
        self.backend.size()
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        self.backend.window_size()
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        if std::mem::take(&mut self.changed) {
            let text = lines(self.backend.buffer(), |cell| cell.symbol().to_owned());
            let _ = self.drawn.send(text);
        }
        self.backend.flush()
    }
}

impl Screen for Memory {
    fn copy(&mut self, text: &str) -> io::Result<()> {
        let _ = self.copied.send(text.to_owned());
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// A keyboard that is read as crossterm's: the first waker that it is given stays until it has been
/// used, whoever asks in between.
#[derive(Clone, Default)]
pub struct Keyboard(Arc<Mutex<Keys>>);

#[derive(Default)]
struct Keys {
    pressed: VecDeque<Event>,
    waker: Option<Waker>,
}

impl Keyboard {
    pub fn press(&self, event: Event) {
        let mut keys = self.0.lock().unwrap();
        keys.pressed.push_back(event);
        if let Some(waker) = keys.waker.take() {
            waker.wake();
        }
    }
}

impl Stream for Keyboard {
    type Item = io::Result<Event>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut keys = self.0.lock().unwrap();
        match keys.pressed.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None => {
                keys.waker.get_or_insert_with(|| context.waker().clone());
                Poll::Pending
            }
        }
    }
}
