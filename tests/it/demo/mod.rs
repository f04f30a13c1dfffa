//! The embedded world, asked as the real parts are asked: by bollard, over HTTP, and by the `docker`
//! command as a child process.

mod command;
mod deeds;
mod doors;
mod unseen;

use std::path::PathBuf;

use flightdeck::{
    clock::Clock,
    demo::{self, Demo, Options},
};

/// A world that stands still but for what is done in it, and does that twenty times as fast.
pub async fn world() -> Demo {
    start(Options {
        speed: 20.0,
        still: true,
        ..Options::default()
    })
    .await
}

/// A world as `options` say, whose `docker` command is the program under test.
pub async fn start(options: Options) -> Demo {
    let options = Options {
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_flightdeck"))),
        ..options
    };
    demo::start(options, Clock::system()).await.unwrap()
}
