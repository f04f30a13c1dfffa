use proptest::prelude::*;

use super::*;

fn value(text: &str, variable: &str) -> Option<String> {
    values(text.as_bytes(), &BTreeMap::new())
        .unwrap()
        .remove(variable)
}

fn after(text: &str) -> String {
    String::from_utf8(set(text.as_bytes(), "TAG", "v2@sha256:ab").unwrap()).unwrap()
}

#[test]
fn values_are_read_as_compose_reads_them() {
    for (text, expected) in [
        ("TAG=v1\n", "v1"),
        ("TAG = v1 \n", "v1"),
        ("TAG: v1\n", "v1"),
        ("export TAG=v1", "v1"),
        ("export\tTAG=v1", "v1"),
        ("\u{feff}TAG=v1\r\n", "v1"),
        ("TAG=v1 # the first\n", "v1"),
        ("TAG=v1#the first\n", "v1#the first"),
        ("TAG='v1' # the first\n", "v1"),
        ("TAG=\"a\\n\\\"b\\\" \\$c\"\n", "a\n\"b\" $c"),
        ("TAG='a\\n$B'\n", "a\\n$B"),
        ("TAG=\"one\ntwo\"\nB=1", "one\ntwo"),
        ("TAG=v1\nTAG=v2\n", "v2"),
        ("A=v1\nTAG=$A-${A}-${B:-${A}x}-${C-}\n", "v1-v1-v1x-"),
        ("TAG=$$A\n", "$A"),
        ("TAG=\nB=1\n", ""),
        ("# TAG=v0\n\n  TAG=v1\n", "v1"),
        ("TAG=v1\nTAG\n", "v1"),
    ] {
        assert_eq!(value(text, "TAG").as_deref(), Some(expected), "{text:?}");
    }
}

#[test]
fn what_compose_refuses_is_refused_with_its_line() {
    for (text, line) in [
        ("A=1\nTA G=v1\n", 2),
        ("A=1\n\nTAG='v1\n", 3),
        ("A=1\nT%G=v1\n", 2),
    ] {
        assert_eq!(
            values(text.as_bytes(), &BTreeMap::new()).map_err(|bad| bad.line),
            Err(line),
            "{text:?}"
        );
    }
}

#[test]
fn values_that_multiply_do_not_fill_the_memory() {
    let mut text = String::from("A0=0123456789\n");
    for level in 1..12 {
        let before = format!("${{A{}}}", level - 1).repeat(10);
        text.push_str(&format!("A{level}={before}\n"));
    }
    let bad = values(text.as_bytes(), &BTreeMap::new()).unwrap_err();
    assert_eq!(
        (bad.line, bad.what),
        (5, "a value becomes longer than 64 KiB")
    );
}

#[test]
fn braces_that_are_never_closed_are_text() {
    let open = "${".repeat(20_000);
    let text = format!("TAG={open}\nB=${{A:-${{TAG}}\n");
    assert_eq!(value(&text, "TAG"), Some(open));
    assert_eq!(value("A=1\nTAG=${${A}\n", "TAG").as_deref(), Some("${1"));
}

#[test]
fn a_last_line_that_no_other_may_follow_is_refused() {
    let text = b"A=1\nnotes of mine";
    assert!(values(text, &BTreeMap::new()).is_ok());
    assert!(matches!(
        set(text, "TAG", "v2"),
        Err(NotSet::File(BadDotenv { line: 2, .. }))
    ));
}

#[test]
fn setting_changes_the_last_assignment_and_nothing_else() {
    for (before, expected) in [
        ("TAG=v1", "TAG=v2@sha256:ab"),
        ("TAG=v1 # why\nB=1\n", "TAG=v2@sha256:ab # why\nB=1\n"),
        ("TAG=\r\nB=1\r\n", "TAG=v2@sha256:ab\r\nB=1\r\n"),
        (
            "export TAG = \"v1\"\r\n",
            "export TAG = \"v2@sha256:ab\"\r\n",
        ),
        ("TAG='a\nb'\nC=1", "TAG='v2@sha256:ab'\nC=1"),
        ("TAG=v0\nTAG=v1\n", "TAG=v0\nTAG=v2@sha256:ab\n"),
        ("B=\"\nTAG=no\n\"\n", "B=\"\nTAG=no\n\"\nTAG=v2@sha256:ab\n"),
        ("# TAG=v1", "# TAG=v1\nTAG=v2@sha256:ab\n"),
        ("B=1\r\nC=2", "B=1\r\nC=2\r\nTAG=v2@sha256:ab\r\n"),
        ("", "TAG=v2@sha256:ab\n"),
        ("\u{feff}", "\u{feff}TAG=v2@sha256:ab\n"),
    ] {
        assert_eq!(after(before), expected, "{before:?}");
    }
}

#[test]
fn a_value_that_would_need_quotes_is_refused() {
    for value in ["", "a b", "a#b", "$A", "a\nB=1", "'a'"] {
        assert_eq!(set(b"", "TAG", value), Err(NotSet::Value), "{value:?}");
    }
    assert!(set(b"", "TAG=1\nB", "v1").is_err());
}

fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["TAG", "TAG_2", "B", "export TAG", " TAG", "TAG "]);
    let sign = prop::sample::select(vec!["=", ": ", " = ", "=  "]);
    let value = prop_oneof![
        "[a-z0-9.@:/-]{0,8}",
        "'[a-z \n#$\"=]{0,8}'",
        "\"[a-z \n#'=]{0,8}\"",
        "[a-z]{1,3} # [a-zé]{0,5}",
        Just("${B:-x}".to_owned()),
        Just("é".to_owned()),
    ];
    let end = prop::sample::select(vec!["\n", "\r\n", "\n\n", " \n"]);
    prop_oneof![
        8 => (name, sign, value, end).prop_map(|(n, s, v, e)| format!("{n}{s}{v}{e}")),
        1 => Just("# TAG=comment\n".to_owned()),
        1 => Just("INHERITED\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn after_setting_the_file_gives_the_value_and_all_else_stays(
        lines in prop::collection::vec(line(), 0..8),
        mark in any::<bool>(),
        cut in 0usize..3,
        new in "[A-Za-z0-9._:/@+-]{1,40}",
    ) {
        let mut text = if mark { "\u{feff}".to_owned() } else { String::new() };
        text.push_str(&lines.concat());
        let text = &text.as_bytes()[..text.len().saturating_sub(cut)];
        let Ok(before) = assignments(text) else {
            prop_assert!(set(text, "TAG", &new).is_err());
            return Ok(());
        };
        let set = set(text, "TAG", &new).unwrap();
        let read = values(&set, &BTreeMap::new()).unwrap();
        prop_assert_eq!(read.get("TAG"), Some(&new));
        match before.iter().rev().find(|a| a.name == "TAG") {
            Some(last) => {
                let tail = text.len() - last.span.end;
                prop_assert_eq!(&set[..last.span.start], &text[..last.span.start]);
                prop_assert_eq!(&set[set.len() - tail..], &text[last.span.end..]);
                prop_assert_eq!(set.len(), last.span.start + new.len() + tail);
            }
            None => {
                prop_assert_eq!(&set[..text.len()], text);
                let added = String::from_utf8(set[text.len()..].to_vec()).unwrap();
                prop_assert_eq!(added.trim(), format!("TAG={new}"));
            }
        }
        // Setting it again changes nothing.
        prop_assert_eq!(super::set(&set, "TAG", &new).unwrap(), set);
    }

    #[test]
    fn no_bytes_make_the_reader_fail_otherwise_than_by_words(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = values(&bytes, &BTreeMap::new());
    }
}
