//! Log lines: cleaned of all that a terminal would obey, and bounded.
#![no_main]

use flightdeck::{fleet::log_buffer::LineCutter, release::text::clean};

fn is_harmless(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut cutter = LineCutter::default();
    for piece in bytes.chunks(11) {
        for line in cutter.push(piece) {
            assert!(is_harmless(&line), "{line:?}");
        }
    }
    assert!(cutter.finish().is_none_or(|line| is_harmless(&line)));
    let text = clean(&String::from_utf8_lossy(bytes));
    assert!(is_harmless(&text), "{text:?}");
    assert_eq!(clean(&text), text);
});
