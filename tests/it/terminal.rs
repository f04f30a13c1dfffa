//! The harness itself: what the journeys rely on.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use crate::support::terminal::{ENTER, Program, Terminal};

/// A shell script on a terminal.
fn script(text: &str) -> Program {
    Program {
        file: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), text.into()],
        environment: vec![
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("TERM".into(), "xterm-256color".into()),
        ],
        directory: PathBuf::from("/"),
    }
}

#[test]
fn keys_go_in_and_the_screen_comes_out() {
    let mut terminal = Terminal::start(
        &script(
            "printf 'who? '; read -r name; printf '\\033[2J\\033[3;5Hhello %s' \"$name\"; exit 7",
        ),
        (40, 10),
    );
    terminal.wait_for("who?");
    terminal.press("mira");
    terminal.press(ENTER);
    let ended = terminal.end();
    assert_eq!(ended.code, 7);
    assert_eq!(ended.screen.text().trim(), "hello mira");
    assert_eq!(
        ended.screen.line_with("hello").as_deref(),
        Some("    hello mira")
    );
    assert!(ended.screen.is_restored());
}

#[test]
fn the_last_words_of_a_program_that_ends_are_on_the_screen() {
    let terminal = Terminal::start(
        &script("i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo the end"),
        (80, 24),
    );
    assert!(terminal.end().screen.shows("the end"));
}

#[test]
fn a_new_size_reaches_the_program() {
    // A shell's `read` may sleep through a signal that came just before it; the end of a command wakes it.
    let mut terminal = Terminal::start(
        &script("trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"),
        (80, 24),
    );
    terminal.wait_for("ready");
    terminal.resize((120, 40));
    terminal.wait_for("40 120");
    terminal.kill();
}

#[test]
fn a_text_that_does_not_come_shows_the_screen() {
    let terminal = Terminal::start(&script("echo something else"), (80, 24));
    let failure = catch_unwind(AssertUnwindSafe(|| terminal.wait_for("never")))
        .expect_err("the text is not there");
    let words = failure.downcast_ref::<String>().expect("a message");
    assert!(
        words.contains("waited for \"never\", but the program ended"),
        "{words}"
    );
    assert!(words.contains("│something else"), "{words}");
}
