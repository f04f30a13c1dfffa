//! Log lines: cleaned of all that a terminal would obey, and bounded.

use flightdeck::{fleet::log_buffer::LineCutter, release::text::clean};

pub fn logs(bytes: &[u8]) {
    let mut cutter = LineCutter::default();
    for piece in bytes.chunks(11) {
        cutter.push(piece).iter().for_each(|line| harmless(line));
    }
    if let Some(line) = cutter.finish() {
        harmless(&line);
    }
    let text = clean(&String::from_utf8_lossy(bytes));
    harmless(&text);
    assert_eq!(clean(&text), text);
}

fn harmless(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
