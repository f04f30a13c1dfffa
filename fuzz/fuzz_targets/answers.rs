//! What scripts, migrations and people say in a line: replies, heads of a schema, references, names.
#![no_main]

use flightdeck::{
    config::{Migration, MigrationTool},
    plan::schema,
    release::{ImageReference, ServiceName, Tag},
    target::compose::script::{cancel_reply, find_reply, quote, start_reply, unlock_reply},
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = start_reply(bytes);
    let _ = find_reply(bytes);
    let _ = cancel_reply(bytes);
    let _ = unlock_reply(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let command = || vec!["tool".to_owned()];
    for tool in [
        MigrationTool::Alembic { command: command() },
        MigrationTool::Django { command: command() },
        MigrationTool::Rails { command: command() },
        MigrationTool::Flyway { command: command(), down: None },
    ] {
        let migration = Migration { service: "backend".parse().expect("a name"), tool };
        for revision in schema::tool(&migration).revisions(text) {
            assert!(schema::is_revision(&revision.revision), "{revision:?}");
        }
    }
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
