//! What scripts, migration tools and people say in a line: replies, heads of a schema, references, names.

use flightdeck::{
    config::{Migration, MigrationTool},
    plan::schema,
    release::{ImageReference, ServiceName, Tag, text::clean},
    target::compose::script::{
        cancel_reply, find_reply, quote, start_reply, unlock_reply, verdict_reply,
    },
};

pub fn answers(bytes: &[u8]) {
    for error in [
        start_reply(bytes).err(),
        find_reply(bytes).err(),
        cancel_reply(bytes).err(),
        unlock_reply(bytes).err(),
        verdict_reply(bytes).err(),
    ]
    .into_iter()
    .flatten()
    {
        let words = error.to_string();
        assert!(words.len() < 4096, "{words}");
        assert_eq!(clean(&words), words);
    }
    let text = String::from_utf8_lossy(bytes);
    revisions(&text);
    names(&text);
}

/// Revisions are no options of the tool that they are given to.
fn revisions(printed: &str) {
    let command = || vec!["tool".to_owned()];
    for tool in [
        MigrationTool::Alembic { command: command() },
        MigrationTool::Django { command: command() },
        MigrationTool::Rails { command: command() },
        MigrationTool::Prisma { command: command() },
        MigrationTool::Flyway {
            command: command(),
            down: None,
        },
    ] {
        let migration = Migration {
            service: "backend".parse().expect("a name"),
            tool,
        };
        for revision in schema::tool(&migration).revisions(printed) {
            assert!(schema::is_revision(&revision.revision), "{revision:?}");
            assert_eq!(clean(&revision.message), revision.message);
        }
    }
    for head in schema::heads_of_result(printed) {
        assert_eq!(clean(&head), head);
    }
}

fn names(text: &str) {
    if let Ok(reference) = text.parse::<ImageReference>() {
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }
    // Laid into scripts as they are.
    for name in [
        text.parse::<ServiceName>()
            .map(|name| name.to_string())
            .ok(),
        text.parse::<Tag>().map(|tag| tag.to_string()).ok(),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(quote(&name), Ok(name));
    }
}
