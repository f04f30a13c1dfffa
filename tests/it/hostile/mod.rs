//! What comes from outside, spoilt at random: no parser panics, what it takes it takes whole, and what
//! people see of it is clean. The fuzz targets in `fuzz/` look longer, from the same examples.

use std::{collections::BTreeMap, path::Path};

use bytes::BytesMut;
use flightdeck::{
    config::{self, Migration, MigrationTool},
    fleet::log_buffer::LineCutter,
    plan::schema,
    release::{ImageReference, ServiceName, Tag, text::clean},
    target::compose::{
        pin::{dotenv, overrides},
        script::{
            Frame, FrameCodec, JournalLines, cancel_reply, find_reply, quote, read_ledger,
            start_reply, unlock_reply,
        },
    },
};
use proptest::{prelude::*, sample::Index};
use tokio_util::codec::Decoder as _;

/// An edit of an example.
#[derive(Debug, Clone)]
enum Edit {
    Put(Index, Vec<u8>),
    Cut(Index, usize),
    Repeat(Index, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let telling =
        prop::sample::select(b"\0\n\r\t\x1b\x9b\"'\\$`{}[]:=#@,;<>%-019eE\xff\xc3".to_vec());
    let bytes = prop::collection::vec(prop_oneof![telling, any::<u8>()], 1..6);
    prop::collection::vec(
        prop_oneof![
            (any::<Index>(), bytes).prop_map(|(at, bytes)| Edit::Put(at, bytes)),
            (any::<Index>(), 1..40usize).prop_map(|(at, length)| Edit::Cut(at, length)),
            (any::<Index>(), 1..30usize, 2..50usize)
                .prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        ],
        0..6,
    )
}

fn edited(example: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = example.to_vec();
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Put(at, more) => {
                let at = place(at);
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Edit::Cut(at, length) => {
                let at = place(at);
                let end = bytes.len().min(at + length);
                drop(bytes.drain(at..end));
            }
            Edit::Repeat(at, length, times) => {
                let at = place(at);
                let end = bytes.len().min(at + length);
                let again = bytes[at..end].repeat(*times);
                drop(bytes.splice(end..end, again));
            }
        }
    }
    bytes
}

fn frames(bytes: &[u8], piece: usize) -> (Vec<Frame>, bool) {
    let (mut codec, mut buffer, mut found) = (FrameCodec::new(), BytesMut::new(), Vec::new());
    for bytes in bytes.chunks(piece) {
        buffer.extend_from_slice(bytes);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, false),
            }
        }
    }
    (found, true)
}

/// The tools that print revisions.
fn tools() -> Vec<Migration> {
    let command = || vec!["tool".to_owned()];
    [
        MigrationTool::Alembic { command: command() },
        MigrationTool::Django { command: command() },
        MigrationTool::Rails { command: command() },
        MigrationTool::Prisma { command: command() },
        MigrationTool::Flyway {
            command: command(),
            down: None,
        },
    ]
    .map(|tool| Migration {
        service: "backend".parse().expect("a name"),
        tool,
    })
    .into()
}

fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

proptest! {
    #[test]
    fn configurations_are_read_or_refused_with_words(edits in edits()) {
        let text = edited(include_bytes!("../../config.example.toml"), &edits);
        if let Err(error) = config::parse(&String::from_utf8_lossy(&text), Path::new("x.toml")) {
            prop_assert!(error.to_string().contains("x.toml"), "{error}");
        }
    }

    #[test]
    fn journals_say_the_same_however_they_are_cut(edits in edits(), piece in 1..90usize) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/records/journal"), &edits);
        let (mut whole, mut cut) = (JournalLines::new(), JournalLines::new());
        let lines = whole.push(&bytes);
        let again: Vec<_> = bytes.chunks(piece).flat_map(|piece| cut.push(piece)).collect();
        prop_assert_eq!(lines, again);
        prop_assert_eq!(whole.damaged(), cut.damaged());
    }

    #[test]
    fn a_damaged_line_takes_no_other_line_of_the_ledger_with_it(edits in edits()) {
        let sound = include_bytes!("../../fuzz/corpus/records/ledger");
        let mut spoilt = edited(sound, &edits);
        // Not the number of the sound ones.
        spoilt = String::from_utf8_lossy(&spoilt).replace(":42,", ":41,").into_bytes();
        let bytes = [&sound[..], &spoilt, b"\n", sound].concat();
        let records = read_ledger(&bytes).records;
        let expected = read_ledger(sound).records.remove(0);
        prop_assert_eq!(records.iter().find(|record| record.operation.0 == 42), Some(&expected));
        for record in records {
            let text = serde_json::to_string(&record).expect("a record that was read can be written");
            prop_assert_eq!(read_ledger(text.as_bytes()).records, vec![record]);
        }
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut(edits in edits(), piece in 1..20usize) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/frames/stream"), &edits);
        prop_assert_eq!(frames(&bytes, bytes.len().max(1)), frames(&bytes, piece));
    }

    #[test]
    fn environment_and_override_files_hold_what_was_set(edits in edits()) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/environment_file/dotenv"), &edits);
        let readable = dotenv::values(&bytes, &BTreeMap::new()).is_ok();
        if let (Ok(after), true) = (dotenv::set(&bytes, "TAG", "v1@sha256:ab"), readable) {
            let values = dotenv::values(&after, &BTreeMap::new()).expect("what was set can be read");
            prop_assert_eq!(values["TAG"].as_str(), "v1@sha256:ab");
        }
        let bytes = edited(include_bytes!("../../fuzz/corpus/environment_file/override"), &edits);
        if let Ok(images) = overrides::read(&bytes) {
            prop_assert_eq!(overrides::read(&overrides::write(&images)), Ok(images));
        }
    }

    #[test]
    fn replies_are_read_or_refused(edits in edits()) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/answers/refused"), &edits);
        for error in [
            start_reply(&bytes).err(),
            find_reply(&bytes).err(),
            cancel_reply(&bytes).err(),
            unlock_reply(&bytes).err(),
        ] {
            prop_assert!(error.is_none_or(|error| is_clean(&error.to_string())));
        }
    }

    #[test]
    fn revisions_of_a_tool_are_no_options(edits in edits()) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/answers/heads"), &edits);
        let printed = String::from_utf8_lossy(&bytes);
        for tool in tools() {
            for revision in schema::tool(&tool).revisions(&printed) {
                prop_assert!(schema::is_revision(&revision.revision) && is_clean(&revision.message), "{revision:?}");
            }
        }
    }

    #[test]
    fn references_and_names_are_harmless_words(edits in edits()) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/answers/reference"), &edits);
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(reference) = text.parse::<ImageReference>() {
            prop_assert_eq!(reference.to_string().parse::<ImageReference>(), Ok(reference));
        }
        // Laid into scripts as they are.
        for name in [
            text.parse::<ServiceName>().map(|name| name.to_string()).ok(),
            text.parse::<Tag>().map(|tag| tag.to_string()).ok(),
        ]
        .into_iter()
        .flatten()
        {
            prop_assert_eq!(quote(&name), Ok(name));
        }
    }

    #[test]
    fn log_lines_hold_nothing_that_a_terminal_obeys(edits in edits(), piece in 1..20usize) {
        let bytes = edited(include_bytes!("../../fuzz/corpus/logs/coloured"), &edits);
        let mut cutter = LineCutter::default();
        for piece in bytes.chunks(piece) {
            for line in cutter.push(piece) {
                prop_assert!(is_clean(&line), "{line:?}");
            }
        }
        let text = clean(&String::from_utf8_lossy(&bytes));
        prop_assert!(is_clean(&text), "{text:?}");
        prop_assert_eq!(clean(&text), text);
    }
}
