//! What travels arrives byte for byte, or does nothing at all.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use flightdeck::{
    release::operation::{OperationId, Outcome},
    target::compose::script::{
        Access, Nonce, Pin, Place, StartFailure, StartReply, Watched, follow, quote, upload,
    },
};

use super::{operation::Operation, under_each_shell};
use crate::support::shellcheck::shellcheck;

/// Everything that one could stumble over.
fn hostile() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend((0..=255).rev());
    bytes.extend_from_slice(
        b"\xef\xbb\xbfA='x'\r\nB=\"$HOME `id` $(id) \\n \\0 \\\\ %s %%\"\n# '\\''\n-n\n",
    );
    bytes.extend_from_slice("déjà vu 日本 \u{202e}".as_bytes());
    bytes
}

fn words() -> [&'static str; 12] {
    [
        "",
        "plain",
        "two words",
        "it's",
        "\"double\"",
        "$HOME",
        "`id`",
        "a\nb\n",
        "\\",
        "-n",
        "déjà vu Ł 日本 \u{81}\u{88}",
        "*[!a]~;&|<>(){}#!",
    ]
}

under_each_shell! {
    fn files_arrive_byte_for_byte(world) {
        let mut folder = Operation::promotion().step("look", "echo looked").folder();
        folder.add("attachments/hostile", Access::Secret, hostile());
        folder.add("attachments/empty", Access::Secret, "");
        folder.add("attachments/dash", Access::Shared, "-e \\c");
        let mut tail = world.started(&folder);
        tail.end();
        let attachments = world.folder(tail.id).join("attachments");
        assert_eq!(fs::read(attachments.join("hostile")).unwrap(), hostile());
        assert_eq!(fs::read(attachments.join("empty")).unwrap(), b"");
        assert_eq!(fs::read(attachments.join("dash")).unwrap(), b"-e \\c");
        let mode = fs::metadata(attachments.join("hostile")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    fn words_arrive_byte_for_byte(world) {
        for word in words() {
            let script = format!("printf '%s' {}", quote(word).unwrap());
            assert_eq!(world.run(script.as_bytes()), word.as_bytes(), "{word:?}");
        }
    }

    fn any_directory_will_do(world) {
        let odd = world.root.join("it's a $dir `id` \"x\" \\ Ł\n日本");
        fs::create_dir(&odd).unwrap();
        let world = world.at(odd.to_str().unwrap());
        let mut tail = world.started(&Operation::promotion().step("look", "cat \"$FD_FOLDER/who.json\"").folder());
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert!(tail.printed().starts_with("{\"v\":1"));
        assert!(odd.join(".flightdeck/shop/claims/000001").exists());
    }

    fn home_is_the_servers(world) {
        let world = world.at("~/shop");
        let mut tail = world.started(&Operation::promotion().step("look", "echo looked").folder());
        assert_eq!(tail.end().outcome, Outcome::Succeeded);
        assert!(world.folder(OperationId(1)).exists());
    }

    fn a_script_that_was_cut_off_runs_nothing(world) {
        let folder = Operation::promotion().step("look", "echo looked").folder();
        let script = upload(&folder, &Nonce::random(), &world.place).unwrap();
        // Every byte of both ends, and some between.
        let ends = (0..64).chain(script.len() - 64..script.len() - 1);
        for cut in ends.chain((64..script.len() - 64).step_by(1499)) {
            assert_eq!(world.run(&script[..cut]), b"", "cut at {cut}");
            assert!(!world.root.join(".flightdeck").exists(), "cut at {cut}");
        }
        // Only the line end is missing: that is all of it.
        assert_ne!(world.run(&script[..script.len() - 1]), b"");
        world.tail(OperationId(1)).end();
    }

    fn who_may_write_the_directory_may_take_part(world) {
        for (mode, expected, file) in [(0o755, 0o2750, 0o640), (0o775, 0o2770, 0o660)] {
            let directory = world.root.join(format!("{mode:o}"));
            fs::create_dir(&directory).unwrap();
            fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
            let world = world.at(directory.to_str().unwrap());
            world.started(&Operation::promotion().step("look", ":").folder()).end();
            let state = directory.join(".flightdeck");
            assert_eq!(fs::read(state.join(".gitignore")).unwrap(), b"*\n");
            let above = fs::metadata(&directory).unwrap().gid();
            for (path, mode) in [("", expected), ("shop/claims", expected), ("shop/claims/000001", file), ("shop/ledger.jsonl", file), ("shop/operations/000001/journal.jsonl", file)] {
                let metadata = fs::metadata(state.join(path)).unwrap();
                assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
                assert_eq!(metadata.gid(), above);
            }
        }
    }

    fn what_is_missing_is_named(world) {
        let nowhere = world.at("/nowhere");
        let folder = Operation::promotion().step("look", ":").folder();
        assert_eq!(nowhere.start(&folder), StartReply::Failed(StartFailure::Directory));
        let script = upload(&folder, &Nonce::random(), &world.place).unwrap();
        let without = [b"command() { false; }\n", &script[..]].concat();
        assert_eq!(world.run(&without), b"{\"failed\":\"setsid\"}\n");
        let seen = "id() { echo 1000; }; cat() { echo 0::/user.slice/session-7.scope; };";
        for (kills, reply) in [(0, "{\"failed\":\"logind\"}\n"), (1, "{\"started\":1}\n")] {
            let server = format!("{seen} grep() {{ return {kills}; }}\n").into_bytes();
            let replied = world.run(&[&server[..], &script].concat());
            assert_eq!(String::from_utf8_lossy(&replied), reply);
        }
        world.tail(OperationId(1)).end();
    }
}

#[test]
fn no_path_of_the_follower_holds_a_line_end() {
    let place = Place {
        environment: "production".parse().unwrap(),
        directory: "/srv".to_owned(),
        project: "x".to_owned(),
    };
    let pin = Pin {
        file: "a\nb".to_owned(),
        variable: None,
    };
    let watched = Watched {
        place,
        pins: vec![pin],
        files: Vec::new(),
    };
    assert!(follow(&[watched]).is_err());
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let read = |name: &str| fs::read_to_string(assets.join(name)).unwrap();
    let place = "directory=/srv project=shop nonce=n\n".to_owned();
    let parts = ["hold", "recover", "steps", "lists", "end"];
    let parts: String = parts
        .iter()
        .map(|part| read(&format!("runner/{part}.sh")))
        .collect();
    let claim = || read("newer.sh") + &read("claim.sh");
    let runner = claim() + &read("ledger.sh") + &parts + &read("runner.sh");
    let scripts = [
        ("runner.sh", runner),
        (
            "follower.sh",
            claim() + &read("ledger_shape.sh") + &read("follower.sh"),
        ),
        ("history.sh", read("ledger_shape.sh") + &read("history.sh")),
        ("start.sh", place + &read("start.sh")),
        ("tail.sh", claim() + &read("tail.sh")),
        (
            "unlock.sh",
            claim() + &read("ledger.sh") + &read("unlock.sh"),
        ),
        ("find.sh", read("find.sh")),
        ("cancel.sh", read("newer.sh") + &read("cancel.sh")),
        ("verdict.sh", read("newer.sh") + &read("verdict.sh")),
    ];
    for (name, text) in scripts {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let Some(mut shellcheck) = shellcheck() else {
            return;
        };
        let output = shellcheck.arg(file.path()).output().unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
