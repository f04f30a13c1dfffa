//! What a frame costs: time and allocations, with 100,000 log lines and 1,000 tags behind it.
//!
//! `cargo bench --bench frame` prints both.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use divan::{AllocProfiler, Bencher};
use flightdeck::{
    clock::Clock,
    cockpit::{
        ages::Ages,
        keymap::Keymap,
        model::{Model, Msg},
        theme::Theme,
        update::update,
        view::view,
    },
    config,
    fleet::{Fact, log_buffer::LogLine},
    registry::VersionsReading,
    release::{
        Digest, Now,
        observed::Link,
        version::{Known, Version, VersionDetails, Versions},
    },
};
use ratatui::{Terminal, backend::TestBackend, layout::Size};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

const CONFIG: &str = r#"
[services.backend]
image = "ghcr.io/acme/shop-backend"
pin = "BACKEND_IMAGE_TAG"

[environments.production]
host = "shop.example.com"
directory = "/srv/shop"
confirm = "prod"
protected = true

[environments.staging]
host = "staging"
directory = "/srv/shop"

[interface]
log_lines = 100000
"#;

const WIDTH: u16 = 200;
const HEIGHT: u16 = 50;

fn main() {
    divan::main();
}

fn model(now: Now) -> Model {
    let config =
        config::parse(CONFIG, Path::new("flightdeck.toml")).expect("it is a configuration");
    let mut model = Model::new(
        Arc::new(config),
        None,
        Keymap::new(&BTreeMap::new()).expect("the keys are our own"),
        Theme::built_in("default").expect("it comes along"),
        now,
        Size::new(WIDTH, HEIGHT),
    );
    let repository: flightdeck::release::Repository = "ghcr.io/acme/shop-backend"
        .parse()
        .expect("it is a repository");
    let versions = Versions {
        repository: repository.clone(),
        versions: (0..1_000).rev().map(version).collect(),
        complete: true,
    };
    let facts = vec![
        Fact::Versions(repository.clone(), VersionsReading::Link(Link::Live)),
        Fact::Versions(repository, VersionsReading::Versions(Arc::new(versions))),
    ];
    update(&mut model, Msg::Facts(facts), now);
    model.logs.buffer().push((0..100_000).map(|n| {
        LogLine {
            at: Some(now.wall),
            from: "shop-backend-1".into(),
            text: format!(
                "INFO  GET /api/v1/orders/{n} 200 3ms and some more words to fill the line"
            )
            .into(),
        }
    }));
    model
}

fn version(n: u32) -> Version {
    let mut hex = String::new();
    for _ in 0..8 {
        let _ = write!(hex, "{n:08x}");
    }
    let digest: Digest = format!("sha256:{hex}").parse().expect("it is a digest");
    Version {
        tag: format!("v20260101.{n}").parse().expect("it is a tag"),
        digest: Known::Known(digest),
        details: Known::Known(VersionDetails::default()),
    }
}

struct Drawn {
    model: Model,
    terminal: Terminal<TestBackend>,
    now: Now,
}

impl Drawn {
    fn new() -> Self {
        let now = Clock::system().now();
        let backend = TestBackend::new(WIDTH, HEIGHT);
        let mut drawn = Self {
            model: model(now),
            terminal: Terminal::new(backend).expect("memory cannot fail"),
            now,
        };
        drawn.draw();
        drawn
    }

    fn draw(&mut self) {
        let ages = Ages::new(self.now, self.model.policy);
        let model = &self.model;
        self.terminal
            .draw(|frame| {
                let area = frame.area();
                view(model, &ages, area, frame.buffer_mut());
            })
            .expect("memory cannot fail");
    }

    fn press(&mut self, key: char) {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        update(&mut self.model, Msg::Input(Event::Key(key)), self.now);
    }
}

/// Nothing has changed.
#[divan::bench]
fn the_same_frame(bencher: Bencher) {
    let mut drawn = Drawn::new();
    bencher.bench_local(|| drawn.draw());
}

/// One line more among 100,000.
#[divan::bench]
fn a_log_line_more(bencher: Bencher) {
    let mut drawn = Drawn::new();
    let at = Some(drawn.now.wall);
    bencher.bench_local(|| {
        drawn.model.logs.buffer().push([LogLine {
            at,
            from: "shop-backend-1".into(),
            text: "INFO  one line more".into(),
        }]);
        drawn.draw();
    });
}

/// Scrolled back by a line among 100,000.
#[divan::bench]
fn scrolled_back(bencher: Bencher) {
    let mut drawn = Drawn::new();
    drawn.press('5');
    bencher.bench_local(|| {
        drawn.press('k');
        drawn.draw();
    });
}

/// The cursor among 1,000 tags.
#[divan::bench]
fn the_cursor_moves(bencher: Bencher) {
    let mut drawn = Drawn::new();
    drawn.press('2');
    let mut down = true;
    bencher.bench_local(|| {
        drawn.press(if down { 'j' } else { 'k' });
        down = !down;
        drawn.draw();
    });
}

/// The help opens and closes.
#[divan::bench]
fn an_overlay_opens(bencher: Bencher) {
    let mut drawn = Drawn::new();
    bencher.bench_local(|| {
        drawn.press('?');
        drawn.draw();
        drawn.model.overlays.clear();
        drawn.draw();
    });
}
