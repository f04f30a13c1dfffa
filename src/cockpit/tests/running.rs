//! The loop itself, with keys, signals and facts from a test and a screen in memory.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crossterm::event::{Event, KeyEvent};
use futures::{Stream, StreamExt, future::BoxFuture, stream};
use ratatui::{
    Terminal,
    backend::{Backend, ClearType, TestBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{
    clock::Clock,
    cockpit::{
        keymap::Chord,
        model::Model,
        run::{Options, Outside, drive},
        signals::Signal,
        terminal::Screen,
    },
    fleet::{
        Fact,
        inbox::Inbox,
        world::{Operator, Settings, World},
    },
    release::{
        Confirmed, Fault, FaultKind,
        check::CheckAnswer,
        operation::{Liveness, OperationId, Progress},
        plan::{Plan, Request},
        record::Ledger,
        recovery::{LockRequest, RecoveryRequest, UnlockRequest},
        survey::Survey,
    },
    target::{BoxStream, Chunk, LogQuery, Observe, Operate, Reading, RenderedPlan, Target},
};

use super::fixtures;

/// A screen in memory that tells of each frame that changed something.
struct Memory {
    backend: TestBackend,
    drawn: mpsc::UnboundedSender<String>,
    changed: bool,
    copied: mpsc::UnboundedSender<String>,
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
            let text = super::lines(self.backend.buffer(), |cell| cell.symbol().to_owned());
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
struct Keyboard(Arc<Mutex<Keys>>);

#[derive(Default)]
struct Keys {
    pressed: VecDeque<Event>,
    waker: Option<Waker>,
}

impl Keyboard {
    fn press(&self, event: Event) {
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

/// A target whose logs a test writes.
#[derive(Default)]
struct FakeTarget {
    logs: Mutex<Option<mpsc::UnboundedReceiver<Chunk>>>,
}

fn not_here<T: Send + 'static>() -> BoxFuture<'static, Result<T, Fault>> {
    Box::pin(async {
        Err(Fault::new(
            FaultKind::Unsupported,
            "test",
            "is not part of this test",
        ))
    })
}

impl Observe for FakeTarget {
    fn readings(&self) -> BoxStream<Reading> {
        stream::pending().boxed()
    }

    fn retry_now(&self) {}

    fn logs(&self, _: LogQuery) -> BoxStream<Chunk> {
        match self.logs.lock().unwrap().take() {
            Some(receiver) => UnboundedReceiverStream::new(receiver).boxed(),
            None => stream::pending().boxed(),
        }
    }

    fn follow(&self, _: OperationId) -> BoxStream<Progress> {
        stream::pending().boxed()
    }

    fn history(&self, _: usize) -> BoxFuture<'_, Result<Ledger, Fault>> {
        not_here()
    }

    fn survey(&self, _: Request) -> BoxFuture<'_, Result<Survey, Fault>> {
        not_here()
    }

    fn commands(&self, _: &Plan) -> RenderedPlan {
        fixtures::commands()
    }
}

impl Operate for FakeTarget {
    fn start(&self, _: Confirmed<Plan>) -> BoxFuture<'_, Result<OperationId, Fault>> {
        not_here()
    }

    fn recover(
        &self,
        _: Confirmed<RecoveryRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<Option<OperationId>, Fault>> {
        not_here()
    }

    fn lock(
        &self,
        _: Confirmed<LockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<OperationId, Fault>> {
        not_here()
    }

    fn answer_check(&self, _: Confirmed<CheckAnswer>) -> BoxFuture<'_, Result<bool, Fault>> {
        not_here()
    }

    fn unlock(
        &self,
        _: Confirmed<UnlockRequest>,
        _: &Operator,
    ) -> BoxFuture<'_, Result<(), Fault>> {
        not_here()
    }
}

/// A cockpit that runs.
struct Running {
    keyboard: Keyboard,
    signals: mpsc::UnboundedSender<Signal>,
    inbox: Inbox,
    logs: mpsc::UnboundedSender<Chunk>,
    frames: mpsc::UnboundedReceiver<String>,
    copied: mpsc::UnboundedReceiver<String>,
    ended: tokio::task::JoinHandle<color_eyre::Result<Vec<String>>>,
}

impl Running {
    fn start(model: Model, clock: Clock) -> Self {
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

    fn press(&self, key: &str) {
        let event: KeyEvent = key.parse::<Chord>().unwrap().event();
        self.keyboard.press(Event::Key(event));
    }

    /// The next frame that holds `text`.
    async fn frame_with(&mut self, text: &str) -> String {
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

    async fn leave(self) -> Vec<String> {
        self.press("q");
        self.ended.await.unwrap().unwrap()
    }
}

/// A clock that goes as the runtime's does, which stands still while nothing happens and jumps to the
/// next deadline.
fn clock() -> Clock {
    let began = tokio::time::Instant::now();
    Clock::of(move || {
        let elapsed = began.elapsed();
        let start = fixtures::now();
        crate::release::Now {
            moment: start.moment.after(elapsed),
            wall: start.wall + jiff::SignedDuration::try_from(elapsed).unwrap(),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_comes_before_any_fact_and_facts_are_drawn_as_they_arrive() {
    let mut cockpit = Running::start(fixtures::empty(true, 80, 24), clock());
    cockpit.frame_with("connecting…").await;
    for fact in fixtures::facts() {
        cockpit.inbox.put(fact);
    }
    let frame = cockpit.frame_with("healthy").await;
    assert!(
        frame.contains("v20260122.1"),
        "one frame for all of them: {frame}"
    );
    assert!(cockpit.leave().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_idle_cockpit_draws_when_a_text_changes_and_not_before() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(80, 24), clock.clone());
    cockpit.frame_with("14:02 UTC").await;
    // A retry counts down by the second until it is due.
    cockpit.frame_with("retry in now").await;
    let mut drawn_at = Vec::new();
    for _ in 0..3 {
        cockpit.frames.recv().await.unwrap();
        drawn_at.push(clock.now().wall.strftime("%H:%M:%S").to_string());
    }
    // Two minutes, and the moment at which silence for 90 s makes what is shown old.
    assert_eq!(drawn_at, ["14:03:00", "14:04:00", "14:04:01"]);
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_lines_is_drawn_thirty_times_a_second_and_keys_are_answered_in_it() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(80, 24), clock.clone());
    cockpit.press("5");
    cockpit.frame_with("5 Logs").await;
    let began = clock.moment();
    let mut frames = 0;
    for n in 0..200 {
        let bytes = format!("2026-01-24T14:02:30Z flood {n}\n").repeat(500);
        let chunk = Chunk::Lines {
            container: "shop-backend-1".into(),
            bytes: bytes.into(),
        };
        cockpit.logs.send(chunk).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        while cockpit.frames.try_recv().is_ok() {
            frames += 1;
        }
    }
    let seconds = clock.moment().since(began).as_millis() / 1000;
    assert_eq!(seconds, 1);
    assert!((20..=31).contains(&frames), "{frames} frames in a second");
    cockpit.press("?");
    cockpit.frame_with("Keys").await;
    cockpit.press("esc");
    let frame = cockpit.frame_with("dropped").await;
    assert!(frame.contains("flood 199"), "{frame}");
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_answered_at_once_one_after_the_other() {
    let clock = clock();
    let mut cockpit = Running::start(fixtures::full(160, 45), clock.clone());
    cockpit.frame_with("PRODUCTION").await;
    let began = clock.moment();
    for (key, title) in [
        ("?", "Keys"),
        ("esc", "Pipelines"),
        (":", "Actions"),
        ("esc", "Pipelines"),
    ] {
        cockpit.press(key);
        cockpit.frame_with(title).await;
    }
    assert_eq!(
        clock.moment(),
        began,
        "no key waited for anything else to happen"
    );
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_leaves_and_what_goes_on_is_said() {
    let mut cockpit = Running::start(fixtures::full(80, 24), clock());
    cockpit.inbox.put(Fact::Environment(
        fixtures::environment("production"),
        fixtures::held(Liveness::Alive),
    ));
    cockpit.frame_with("under way").await;
    cockpit.signals.send(Signal::Leave).unwrap();
    let farewell = cockpit.ended.await.unwrap().unwrap();
    assert_eq!(
        farewell,
        ["promote 000042 on production goes on without the cockpit; open it again to follow it"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_browser_an_address_is_copied_and_that_is_said() {
    let mut cockpit = Running::start(fixtures::full(160, 45), clock());
    cockpit.press("3");
    cockpit.press("o");
    let frame = cockpit.frame_with("no browser here").await;
    assert!(
        frame.contains("copied https://github.com/acme/shop"),
        "{frame}"
    );
    assert_eq!(
        cockpit.copied.recv().await.as_deref(),
        Some("https://github.com/acme/shop/actions/runs/9482")
    );
    cockpit.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_redraw_or_a_return_from_the_shell_does_not_ask_the_terminal_anything() {
    let mut cockpit = Running::start(fixtures::full(80, 24), clock());
    cockpit.frame_with("PRODUCTION").await;
    cockpit.press("ctrl-l");
    cockpit.frame_with("PRODUCTION").await;
    cockpit.press("ctrl-z");
    cockpit.frame_with("PRODUCTION").await;
    cockpit.leave().await;
}
