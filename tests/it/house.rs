//! Reads the sources and holds what no compiler does: which room may use which, that the pure rooms
//! do no I/O, and who may mint the right to change things.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms from the ground up: each may use itself and those on the floors below.
const FLOORS: &[&[&str]] = &[
    &["release"],
    &["clock", "config", "process", "retry", "diagnostics"],
    &["plan", "secrets"],
    &["target", "registry", "pipeline"],
    &["fleet"],
    &["operation"],
    &["cli", "cockpit"],
    &["demo"],
];

/// Where nothing may touch the world outside.
const PURE: &[&str] = &[
    "release",
    "plan",
    "config",
    "cockpit/update",
    "cockpit/panes",
    "cockpit/overlays",
    "cockpit/model.rs",
    "cockpit/keymap.rs",
];
/// The doors of the pure rooms.
const DOORS: &[&str] = &["config/locate.rs"];
/// What touches the world outside.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "std::io",
    "tokio::fs",
    "tokio::io",
    "tokio::net",
    "tokio::process",
    "tokio::spawn",
    "tokio::time",
    "axum",
    "bollard",
    "directories",
    "hyper",
    "hyper_util",
    "octocrab",
    "oci_client",
    "openssh",
    "reqwest",
    "rustix",
    "tempfile",
];

/// A source file without its comments and its own tests.
struct Source {
    /// Relative to `src`.
    path: String,
    code: String,
}

impl Source {
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The rooms that it names.
    fn uses(&self) -> Vec<&str> {
        let mut rooms = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => rooms.extend(first_words(list)),
                None => rooms.push(word(rest)),
            }
        }
        rooms
    }

    fn names(&self, path: &str) -> bool {
        self.code.match_indices(path).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + path.len()..].chars().next();
            let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !is_word(before) && before != Some(':') && !is_word(after)
        })
    }
}

/// The word that `text` begins with.
fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// The first word of each item of a `{…}` list, without those inside.
fn first_words(list: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                words.push(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    words
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 20, "the sources are not where they were");
    let texts: Vec<(PathBuf, String)> = files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            (file, text)
        })
        .collect();
    let tests: Vec<PathBuf> = texts
        .iter()
        .flat_map(|(file, text)| test_modules(file, text))
        .collect();
    texts
        .iter()
        .filter(|(file, _)| {
            let module = file.with_extension("");
            !tests.iter().any(|test| module.starts_with(test))
        })
        .map(|(file, text)| {
            let own = text.split(TESTS).next().unwrap_or_default();
            let code = own
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n");
            let path = file
                .strip_prefix(&root)
                .expect("a file lies below its root");
            Source {
                path: path.to_string_lossy().into_owned(),
                code,
            }
        })
        .collect()
}

/// How a file's own tests begin.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// The modules that `text` declares for tests alone, as paths without an ending.
fn test_modules(file: &Path, text: &str) -> Vec<PathBuf> {
    let is_root = ["mod", "lib", "main"]
        .iter()
        .any(|name| file.file_stem().is_some_and(|stem| stem == *name));
    let directory = if is_root {
        file.parent()
            .expect("a file lies in a directory")
            .to_owned()
    } else {
        file.with_extension("")
    };
    text.split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|after| {
            let line = after.lines().next()?.trim();
            let name = line.strip_suffix(';')?.rsplit_once("mod ")?.1;
            Some(directory.join(name))
        })
        .collect()
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a source directory can be read") {
        let path = entry.expect("a source directory can be read").path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let room = source.room();
        if matches!(room, "main" | "lib") {
            continue;
        }
        let Some(own) = floor(room) else {
            panic!(
                "{room} is on no floor of the house: give it one in {}",
                file!()
            );
        };
        for used in source.uses() {
            if used != room && floor(used).is_none_or(|floor| floor >= own) {
                wrong.push(format!("{} uses {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_rooms_do_not_touch_the_world_outside() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_pure = PURE
            .iter()
            .any(|pure| source.path == *pure || source.path.starts_with(&format!("{pure}/")));
        if !is_pure || DOORS.contains(&source.path.as_str()) {
            continue;
        }
        for outside in OUTSIDE {
            if source.names(outside) {
                wrong.push(format!("{} names {outside}", source.path));
            }
        }
        // `use std::{fs, …}` names them too.
        for (at, _) in source.code.match_indices("std::{") {
            for word in first_words(&source.code[at + "std::{".len()..]) {
                if OUTSIDE.contains(&format!("std::{word}").as_str()) {
                    wrong.push(format!("{} names std::{word}", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Who may say `what`, besides tests.
fn only(what: &str, allowed: &[&str]) {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.code.contains(what) && !allowed.contains(&source.path.as_str()))
        .map(|source| source.path)
        .collect();
    assert!(wrong.is_empty(), "{what} in {wrong:?}");
}

#[test]
fn only_the_front_door_mints_the_right_to_change_things() {
    only("Permit::mint", &["main.rs"]);
    only("_only_minted", &["release/confirm.rs"]);
}

#[test]
fn children_are_started_in_one_place() {
    let wrong: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.room() != "process" && source.code.contains("Command::new("))
        .filter(|source| !source.uses().contains(&"process"))
        .map(|source| source.path)
        .collect();
    assert!(wrong.is_empty(), "start children by themselves: {wrong:?}");
}

#[test]
fn clocks_are_read_in_one_place() {
    only("Timestamp::now(", &["clock.rs"]);
}
