//! What scripts, migrations and people say in a line: replies, heads of a schema, references, names.
#![no_main]

use flightdeck::{
    plan::schema,
    release::{ImageReference, ServiceName, Tag},
    target::compose::script::{cancel_reply, find_reply, quote, start_reply, unlock_reply},
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = start_reply(bytes);
    let _ = find_reply(bytes);
    let _ = cancel_reply(bytes);
    let _ = unlock_reply(bytes);
    for head in schema::heads_of_output(bytes) {
        assert!(!head.chars().any(char::is_control), "{head:?}");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(reference) = text.parse::<ImageReference>() {
        let again = reference.to_string().parse::<ImageReference>();
        assert_eq!(again.expect("a reference that was read can be written"), reference);
    }
    // Names that are laid into scripts as they are.
    for name in [
        text.parse::<ServiceName>().map(|name| name.to_string()).ok(),
        text.parse::<Tag>().map(|tag| tag.to_string()).ok(),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(quote(&name), Ok(name));
    }
});
