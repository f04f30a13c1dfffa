//! What migration tools print, read by the shells that servers have.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::prelude::*;

use crate::{
    hostile::spoilt::{edited, edits},
    runner::hostile::of_some,
};

const HEADS: &str = include_str!("../../../src/target/compose/render/sh/heads.sh");
const MIGRATE: &str = include_str!("../../../src/target/compose/render/sh/migrate.sh");

/// `heads` and `ahead` as each shell reads them of what a tool prints; `unknown` where they cannot be told.
fn told(format: &str, printed: &[u8]) -> Vec<(&'static str, String)> {
    let mut told = Vec::new();
    for shell in ["dash", "busybox", "bash"] {
        let applet: &[&str] = if shell == "busybox" { &["sh"] } else { &[] };
        let script = format!(
            "set -u\nnewline='\n'\n{HEADS}\ntool() {{ cat; }}\n\
             if read_heads {format} tool; then printf '%s ahead=%s' \"$heads\" \"$ahead\"; else printf unknown; fi\n"
        );
        let Ok(mut child) = Command::new(shell)
            .args(applet)
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        else {
            continue;
        };
        let mut input = child.stdin.take().unwrap();
        input.write_all(printed).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        told.push((shell, String::from_utf8(output.stdout).unwrap()));
    }
    told
}

#[track_caller]
fn holds(format: &str, printed: &str, expected: &str) {
    for (shell, told) in told(format, printed.as_bytes()) {
        assert_eq!(told, expected, "{shell}: {printed:?}");
    }
}

#[test]
fn whatever_is_printed_is_revisions_or_unknown() {
    let examples = vec![
        ("lines", include_str!("../../../fuzz/corpus/answers/heads")),
        (
            "django",
            include_str!("../../../fuzz/corpus/answers/django"),
        ),
        ("rails", include_str!("../../../fuzz/corpus/answers/rails")),
        (
            "flyway",
            include_str!("../../../fuzz/corpus/answers/flyway"),
        ),
    ];
    let given = (prop::sample::select(examples), edits());
    of_some(60, given, |((format, example), edits)| {
        let printed = edited(example.as_bytes(), &edits);
        let is_revision = |word: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            !word.is_empty() && word.bytes().all(is_plain)
        };
        for (shell, told) in told(format, &printed) {
            let is_told = told.split_once(" ahead=").is_some_and(|(heads, ahead)| {
                heads.split(',').all(is_revision) && (ahead.is_empty() || is_revision(ahead))
            });
            let shown = String::from_utf8_lossy(&printed);
            assert!(is_told || told == "unknown", "{shell}: {told:?} of {shown}");
        }
    });
}

#[test]
fn alembic_prints_a_head_a_line_and_greetings_are_none() {
    holds("lines", "", "base ahead=");
    holds("lines", "c9e2b4a86f13 (head)\n", "c9e2b4a86f13 ahead=");
    holds(
        "lines",
        "Loading settings\ne555 (head)\nx777 (effective head)\nd4 (branchpoint) (mergepoint)\n",
        "e555,x777,d4 ahead=",
    );
    holds("lines", "Welcome, friend\n", "unknown");
    holds(
        "lines",
        "$(reboot)\n`id` (head)\n--sql\n* (head)\n",
        "unknown",
    );
}

#[test]
fn django_prints_its_plan_and_the_last_of_each_app_counts() {
    let plan = "[X]  contenttypes.0001_initial\n[X]  auth.0001_initial\n[X]  shop.0001_orders\n\
                [X]  auth.0002_alter\n[X]  shop.0002_price\n[ ]  shop.0003_data\n";
    holds(
        "django",
        plan,
        "contenttypes.0001_initial,auth.0002_alter,shop.0002_price ahead=",
    );
    holds("django", "[ ]  shop.0001_orders\n", "base ahead=");
    // One app's name ends with another's.
    holds(
        "django",
        "[X]  shop.0001_a\n[X]  workshop.0001_b\n[X]  shop.0002_c\n",
        "workshop.0001_b,shop.0002_c ahead=",
    );
    // As Django 3.2 prints it: names are those of files, and may have spaces, which no record holds.
    let spaces = "[X]  shop.0001_orders\n[X]  shop.0002_the price list\n";
    holds("django", spaces, "unknown");
    let below = format!("{spaces}[X]  shop.0003_data\n[ ]  shop.0003_other\n");
    holds("django", &below, "shop.0003_data ahead=");
    // The migrations that a squashed one replaces are not named any more.
    holds(
        "django",
        "[X]  shop.0001_squashed_0003\n",
        "shop.0001_squashed_0003 ahead=",
    );
    holds("django", "[X]  $(reboot).x\n", "unknown");
    holds("django", "no such command\n", "unknown");
}

#[test]
fn rails_prints_what_is_up_and_what_has_no_file() {
    let status = |rows: &str| {
        format!(
            "\ndatabase: shop_production\n\n Status   Migration ID    Migration Name\n\
             --------------------------------------------------\n{rows}\n"
        )
    };
    let known = "   up     20240101000000  Create orders\n  down    20240201000000  Add price\n";
    holds("rails", &status(known), "20240101000000 ahead=");
    let newer = format!("{known}   up     20240301000000  ********** NO FILE **********\n");
    holds(
        "rails",
        &status(&newer),
        "20240301000000 ahead=20240301000000",
    );
    // An old one without a file was tidied away.
    let tidied = format!("   up     20230301000000  ********** NO FILE **********\n{known}");
    holds("rails", &status(&tidied), "20240101000000 ahead=");
    holds("rails", &status(""), "base ahead=");
    let two = status(known) + &status(known);
    holds("rails", &two, "unknown");
}

#[test]
fn flyway_prints_json() {
    let told = |version: &str, state: &str| {
        format!(
            "{{\n  \"schemaVersion\": {version},\n  \"migrations\": [\n    {{ \"version\": \"1\", \"state\": \"{state}\" }}\n  ]\n}}\n"
        )
    };
    holds("flyway", &told("\"2.1\"", "Success"), "2.1 ahead=");
    holds("flyway", &told("null", "Pending"), "base ahead=");
    holds("flyway", &told("\"3\"", "Future"), "3 ahead=3");
    holds("flyway", "{\"schemaVersion\":\"7\"}", "7 ahead=");
    holds("flyway", &told("\"$(reboot)\"", "Success"), "unknown");
    holds("flyway", "ERROR: no connection\n", "unknown");
}

/// What an operation that has noted `before` has noted once a tool has printed `printed` and complained of
/// `complained`, and what is said of it, in each shell. The tool fails where it complains.
#[track_caller]
fn noted(format: &str, before: &str, [printed, complained]: [&str; 2], expected: [&str; 2]) {
    for shell in ["dash", "busybox", "bash"] {
        let applet: &[&str] = if shell == "busybox" { &["sh"] } else { &[] };
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("results/schema_heads");
        fs::create_dir(folder.path().join("results")).unwrap();
        if !before.is_empty() {
            fs::write(&note, format!("{before}\n")).unwrap();
        }
        let script = format!(
            "set -u\nnewline='\n'\n{HEADS}\n{MIGRATE}\n\
             say() {{ printf 'said: %s\\n' \"$1\"; }}\n\
             result() {{ printf '%s\\n' \"$2\" >\"$FD_FOLDER/results/$1\"; }}\n\
             migrations() {{ migrations=; }}\n\
             tool() {{ printf %s \"$PRINTED\"; printf %s \"$COMPLAINED\" >&2; [ -z \"$COMPLAINED\" ]; }}\n\
             note_heads schema_heads {format} tool\n"
        );
        let output = Command::new(shell)
            .args(applet)
            .args(["-c", &script])
            .env("FD_FOLDER", folder.path())
            .env("PRINTED", printed)
            .env("COMPLAINED", complained)
            .output();
        let Ok(output) = output else {
            continue;
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let said = said.lines().filter_map(|line| line.strip_prefix("said: "));
        let found = fs::read_to_string(&note).unwrap_or_default();
        assert_eq!(
            [found.trim_end(), &said.collect::<String>()],
            expected,
            "{shell}: {printed:?} {complained:?} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn what_an_older_image_cannot_tell_stays_as_the_newer_one_told_it() {
    let complaint = "FAILED: Can't locate revision identified by 'c9e2'\n";
    let ahead = |at: &str| {
        format!("the database is ahead of this image: it is at {at}, which the image does not have")
    };
    let alembic = |before: &str, printed: [&str; 2], found: &str, said: &str| {
        noted("lines", before, printed, [found, said]);
    };
    alembic("e555,c9e2", ["", complaint], "e555,c9e2", &ahead("c9e2"));
    // Nobody has told of it, or it has moved since.
    alembic("", ["", complaint], "", &ahead("c9e2"));
    alembic("d4b7,xc9e2", ["", complaint], "", &ahead("c9e2"));
    let untold = "where the schema is could not be told: see above";
    alembic("c9e2", ["", "connection refused\n"], "", untold);
    alembic("c9e2", ["a1f3\n", ""], "a1f3", "schema at a1f3");

    let django = |before: &str, printed: &str, found: &str, said: &str| {
        noted("django", before, [printed, ""], [found, said]);
    };
    let older = "[X]  auth.0001_initial\n[X]  shop.0001_orders\n";
    let newer = "auth.0001_initial,shop.0002_price";
    django(newer, older, newer, &ahead("shop.0002_price"));
    let told = "auth.0001_initial,shop.0001_orders";
    django("", older, told, &format!("schema at {told}"));
    django(told, older, told, &format!("schema at {told}"));
}
