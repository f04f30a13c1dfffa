//! What a survey's script printed, in its parts.

use std::collections::BTreeMap;

use crate::release::text;

/// What begins the answer: a server's start-up files may print before it.
const MARK: &[u8] = b"flightdeck survey 1\n";

/// What one command printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Its exit status.
    pub status: i32,
    /// What it printed; it may hold secrets.
    pub bytes: Vec<u8>,
    /// The end of what it complained of, each line cleaned.
    pub complaint: String,
}

/// The parts by name; `None` if the answer is none of ours, or was cut off.
pub(super) fn read(answer: &[u8]) -> Option<BTreeMap<String, Part>> {
    let begin = answer
        .windows(MARK.len())
        .position(|window| window == MARK)?;
    let mut rest = &answer[begin + MARK.len()..];
    let mut parts = BTreeMap::new();
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n')?;
        let mut words = std::str::from_utf8(&rest[..end]).ok()?.split(' ');
        let name = words.next()?.to_owned();
        let status = words.next()?.parse().ok()?;
        let length: usize = words.next()?.parse().ok()?;
        let complaint: usize = words.next()?.parse().ok()?;
        let body = rest.get(end + 1..)?;
        let bytes = body.get(..length)?.to_vec();
        let said = body.get(length..length.checked_add(complaint)?)?;
        rest = body.get(length + complaint..)?.strip_prefix(b"\n")?;
        parts.insert(
            name,
            Part {
                status,
                bytes,
                complaint: complaint_of(said),
            },
        );
    }
    Some(parts)
}

fn complaint_of(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<String> = text.trim().lines().map(text::clean).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_arrive_byte_for_byte_whatever_is_in_them(
            sent in prop::collection::btree_map(
                "[a-z][a-z0-9-]{0,8}",
                (any::<i32>(), prop::collection::vec(any::<u8>(), 0..60), any::<String>()),
                0..5,
            ),
            noise in "[a-z @0-9\n]{0,40}",
        ) {
            let mut answer = noise.into_bytes();
            answer.extend_from_slice(MARK);
            for (name, (status, bytes, said)) in &sent {
                let head = format!("{name} {status} {} {}\n", bytes.len(), said.len());
                answer.extend_from_slice(&[head.as_bytes(), bytes, said.as_bytes(), b"\n"].concat());
            }
            let parts = read(&answer).unwrap();
            prop_assert_eq!(parts.len(), sent.len());
            for (name, (status, bytes, _)) in &sent {
                let part = &parts[name];
                prop_assert_eq!((part.status, &part.bytes), (*status, bytes));
                prop_assert!(part.complaint.lines().all(|line| text::clean(line) == line));
            }
        }

        #[test]
        fn a_head_that_claims_more_than_there_is_is_no_answer(length in any::<u64>(), said in any::<u64>()) {
            let answer = format!("flightdeck survey 1\na 0 {length} {said}\nxyz\n");
            let is_true = length.checked_add(said) == Some(3);
            prop_assert_eq!(read(answer.as_bytes()).is_some(), is_true);
        }
    }

    #[test]
    fn parts_are_read_behind_noise_and_with_any_bytes() {
        let answer = b"Welcome!\nflightdeck survey 1\na 0 3 0\n\x00\n\n\nb 1 0 2\nno\n";
        let parts = read(answer).unwrap();
        assert_eq!(parts["a"].bytes, b"\x00\n\n");
        assert_eq!((parts["b"].status, &*parts["b"].complaint), (1, "no"));
    }

    #[test]
    fn an_answer_that_was_cut_off_is_none() {
        let answer = b"flightdeck survey 1\na 0 3 0\nxyz\n";
        for cut in 21..answer.len() {
            assert_eq!(read(&answer[..cut]), None, "cut at {cut}");
        }
        assert_eq!(read(b""), None);
    }
}
