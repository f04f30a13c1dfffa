//! A cockpit that runs, and the hands on it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crossterm::event::{Event, KeyEvent};
use ratatui::{Terminal, backend::TestBackend};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{
    screen::{Keyboard, Memory},
    target::FakeTarget,
};
use crate::{
    clock::Clock,
    cockpit::{
        keymap::Chord,
        model::Model,
        run::{Options, Outside, drive},
        signals::Signal,
        tests::fixtures,
    },
    fleet::{
        inbox::Inbox,
        world::{Operator, Settings, World},
    },
    target::{Chunk, Target},
};

/// A cockpit that runs.
pub struct Running {
    pub keyboard: Keyboard,
    pub signals: mpsc::UnboundedSender<Signal>,
    pub inbox: Inbox,
    pub logs: mpsc::UnboundedSender<Chunk>,
    pub frames: mpsc::UnboundedReceiver<String>,
    pub copied: mpsc::UnboundedReceiver<String>,
    pub ended: tokio::task::JoinHandle<color_eyre::Result<Vec<String>>>,
}

impl Running {
    pub fn start(model: Model, clock: Clock) -> Self {
        // Another test may have installed it before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let keyboard = Keyboard::default();
        let input = keyboard.clone();
        let (signals, asked) = mpsc::unbounded_channel();
        let (drawn, frames) = mpsc::unbounded_channel();
        let (copy, copied) = mpsc::unbounded_channel();
        let (logs, lines) = mpsc::unbounded_channel();
        let target: Arc<dyn Target> = Arc::new(FakeTarget {
            logs: Mutex::new(Some(lines)),
        });
        let config = fixtures::config();
        let settings = Settings {
            asking: false,
            cache_directory: "/nonexistent".into(),
            operator: Operator {
                name: "mira".to_owned(),
                origin: "laptop".to_owned(),
            },
            clock,
        };
        let targets = config
            .environments
            .iter()
            .map(|e| (e.name.clone(), target.clone()))
            .collect();
        let inbox = Inbox::default();
        let outside = Outside {
            world: Arc::new(World::new(config, settings).unwrap().with_targets(targets)),
            inbox: inbox.clone(),
            feeds: None,
            between_frames: Duration::from_millis(33),
            browser: false,
        };
        let options = Options::new(model.permit);
        let ended = tokio::spawn(async move {
            let backend = Memory {
                backend: TestBackend::new(model.size.width, model.size.height),
                drawn,
                changed: false,
                copied: copy,
            };
            let mut terminal = Terminal::new(backend).unwrap();
            drive(
                &mut terminal,
                input,
                UnboundedReceiverStream::new(asked),
                model,
                options,
                outside,
            )
            .await
        });
        Self {
            keyboard,
            signals,
            inbox,
            logs,
            frames,
            copied,
            ended,
        }
    }

    pub fn press(&self, key: &str) {
        let event: KeyEvent = key.parse::<Chord>().unwrap().event();
        self.keyboard.press(Event::Key(event));
    }

    /// The next frame that holds `text`.
    pub async fn frame_with(&mut self, text: &str) -> String {
        let mut last = String::new();
        let found = tokio::time::timeout(Duration::from_secs(3_600), async {
            while let Some(frame) = self.frames.recv().await {
                if frame.contains(text) {
                    return Some(frame);
                }
                last = frame;
            }
            None
        });
        match found.await {
            Ok(Some(frame)) => frame,
            _ => panic!("{text:?} did not come; the last frame was\n{last}"),
        }
    }

    pub async fn leave(self) -> Vec<String> {
        self.press("q");
        self.ended.await.unwrap().unwrap()
    }
}
