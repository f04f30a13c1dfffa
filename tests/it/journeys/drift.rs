//! Compose and environment files that somebody changes after a release: said until a release is made with
//! them.

use std::{fs, io::Write};

use super::{
    cockpit::Cockpit,
    embedded::Embedded,
    world::{Which, World},
};

/// Adds a comment to one of the project's files.
fn touched(world: &impl World, file: &str) {
    let path = world.directory().join(file);
    let mut file = fs::OpenOptions::new().append(true).open(path);
    let file = file.as_mut().expect("a file of the project's");
    writeln!(file, "# tidied up").expect("a comment");
}

#[test]
fn a_changed_file_is_said_until_a_release_is_made_with_it() {
    let world = Embedded::production();
    let candidate = world.version(Which::Candidate);
    let version = format!("backend={}", candidate.tag);
    world.command(&["promote", "production", &version, "--yes"]);
    let status = || world.command(&["status", "production"]);
    let quiet = status();
    assert!(!quiet.contains("changed since"), "{quiet}");

    touched(&world, "docker-compose.yml");
    touched(&world, ".env");
    let told = status();
    let operation = world.last_record().operation;
    for file in ["docker-compose.yml", ".env"] {
        let line = told
            .lines()
            .find(|line| line.contains(&format!("drift: {file} changed since")));
        let line = line.unwrap_or_else(|| panic!("{file} is not told of: {told}"));
        assert!(line.contains(&format!("(operation {operation})")), "{line}");
    }
    let cockpit = Cockpit::open(&world);
    cockpit
        .terminal
        .wait_for_words("docker-compose.yml changed since");
    cockpit.quit();

    let back = ["rollback", "production", "--schema", "image-only", "--yes"];
    world.command(&back);
    let quiet = status();
    assert!(!quiet.contains("changed since"), "{quiet}");
}
