//! What scripts, migration tools and people say in a few lines: replies, what a server tells of itself, the
//! revisions of a schema, references, names.

use flightdeck::{
    config::{Migration, MigrationTool},
    plan::schema::{self, WayDown},
    release::{ImageReference, ServiceName, Tag, survey::Undo, text::clean},
    target::compose::{
        connection::facts::{self, Endpoint},
        script::{cancel_reply, find_reply, quote, start_reply, unlock_reply, verdict_reply},
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
    facts(bytes);
    let text = String::from_utf8_lossy(bytes);
    revisions(&text);
    names(&text);
}

/// What a server tells of itself draws nothing.
fn facts(bytes: &[u8]) {
    let told = facts::read(bytes);
    let endpoint = match told.endpoint {
        Endpoint::Socket { path, .. } => path,
        Endpoint::Other(endpoint) => endpoint,
        Endpoint::Unknown => String::new(),
    };
    for words in [told.system, told.user, endpoint] {
        assert_eq!(clean(&words), words);
    }
}

/// Revisions are no options of the tool that they are given to, and draw nothing.
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
            // Django's are called as their files are, which may have spaces.
            let name = &revision.revision;
            let is_django = matches!(migration.tool, MigrationTool::Django { .. });
            let is_name = is_django && name.len() <= 510 && !name.starts_with('-');
            assert!(is_name || schema::is_revision(name), "{revision:?}");
            assert_eq!(clean(name), *name);
            assert_eq!(clean(&revision.message), revision.message);
        }
        // As an answer to whether they can be undone.
        let undone = schema::tool(&migration).revisions(printed);
        let way = WayDown {
            commands: vec![command(); undone.len()],
            undone,
        };
        for revision in schema::tool(&migration).judge(way, &[Some(printed.to_owned())]) {
            let mut words = vec![revision.revision, revision.message];
            if let Undo::Refused(why) = revision.undo {
                words.push(why);
            }
            for words in words {
                assert_eq!(clean(&words), words);
            }
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
