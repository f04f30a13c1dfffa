//! One deploy directory, several Unix users: ada (umask 002) and ben (umask 077) deploy together, eve
//! may only look.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use serde_json::Value;

use super::site::{Layout, Said, Site, open};
use crate::support::{project::version, real_world::run, waiting::eventually};

/// A project of ada's; its directory and files have that group and these modes.
#[track_caller]
fn shared(directory: u32, environment_file: u32) -> Option<Site> {
    let site = Site::lay(&Layout {
        login: "ada",
        ..Layout::default()
    })?;
    run(Command::new("chgrp")
        .args(["-R", "flightdeck-team"])
        .arg(site.directory()));
    open(&site.directory().join(".env"), environment_file);
    open(site.directory(), directory);
    Some(site)
}

fn whose(path: &Path) -> (u32, u32, u32) {
    let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

#[track_caller]
fn does(site: &Site, login: &str, arguments: &[&str]) {
    let said = site.flightdeck_as(login, arguments);
    assert_eq!(said.code, 0, "{login} {arguments:?}: {}", said.text);
}

#[track_caller]
fn adopts(site: &Site, login: &str) {
    does(site, login, &["adopt", "production", "--yes"]);
}

#[track_caller]
fn promotes(site: &Site, login: &str, version: &str) {
    does(site, login, &["promote", "production", version, "--yes"]);
}

/// Begins what will never be healthy, and does not stay to see it.
#[track_caller]
fn leaves_behind(site: &Site, login: &str) {
    let promote = [
        "promote",
        "production",
        version::UNHEALTHY,
        "--yes",
        "--detach",
    ];
    does(site, login, &promote);
}

fn planned(site: &Site, login: &str) -> Said {
    let promote = ["promote", "production", version::CANDIDATE, "--dry-run"];
    site.flightdeck_as(login, &promote)
}

/// What runs is the former version, and well.
#[track_caller]
fn is_back(site: &Site) {
    let back = site.container();
    assert!(back.image.contains(version::FORMER), "{back:?}");
    assert_eq!(back.health, "healthy");
}

#[test]
fn what_one_promotes_another_rolls_back_and_promotes_again() {
    let Some(site) = shared(0o2775, 0o660) else {
        return;
    };
    let file = site.directory().join(".env");
    let before = whose(&file);
    adopts(&site, "ada");
    promotes(&site, "ada", version::CANDIDATE);
    assert_eq!(whose(&file), before);
    does(&site, "ben", &["rollback", "production", "--yes"]);
    assert!(site.container().image.contains(version::FORMER));
    assert_eq!(whose(&file), before, "ben keeps whose it is");
    promotes(&site, "ben", version::OTHER);
    does(&site, "ada", &["rollback", "production", "--yes"]);
    assert_eq!(whose(&file), before);
    let left = fs::read_dir(site.directory()).expect("the directory");
    let names: Vec<_> = left
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 3, "something was left: {names:?}");
}

#[test]
fn what_one_began_another_cancels_and_passes_when_it_is_dead() {
    let Some(site) = shared(0o2770, 0o660) else {
        return;
    };
    adopts(&site, "ada");
    promotes(&site, "ada", version::CANDIDATE);
    leaves_behind(&site, "ada");
    let said = site.flightdeck_as("ben", &["recover", "production", "cancel", "--yes"]);
    assert_eq!(said.code, 0, "{}", said.text);
    said.says(&["000003 cancelled"]);
    assert!(site.container().image.contains(version::CANDIDATE));

    leaves_behind(&site, "ada");
    kill(&site, 4);
    does(
        &site,
        "ben",
        &["rollback", "production", "--to", "1", "--yes"],
    );
    is_back(&site);
    promotes(&site, "ada", version::CANDIDATE);
}

#[test]
fn what_one_left_behind_another_takes_back() {
    let Some(site) = shared(0o2770, 0o660) else {
        return;
    };
    let before = whose(&site.directory().join(".env"));
    adopts(&site, "ada");
    leaves_behind(&site, "ada");
    kill(&site, 2);
    let said = site.flightdeck_as("ben", &["recover", "production", "back", "--yes"]);
    assert!(said.text.contains("000003"), "{}", said.text);
    assert!(
        site.read(".env")
            .contains(&format!("BACKEND_IMAGE_TAG={}", version::FORMER))
    );
    assert_eq!(whose(&site.directory().join(".env")), before);
    is_back(&site);
    promotes(&site, "ada", version::CANDIDATE);
}

#[test]
fn what_one_alone_may_read_another_does_not_recover() {
    let Some(site) = shared(0o2770, 0o660) else {
        return;
    };
    does(&site, "ada", &["adopt", "production", "--yes"]);
    let promote = [
        "promote",
        "production",
        version::UNHEALTHY,
        "--yes",
        "--detach",
    ];
    does(&site, "ada", &promote);
    kill(&site, 2);
    // As a directory leaves it that the group was let into only afterwards.
    let folder = format!(".flightdeck/{}/operations/000002", site.name());
    site.run("ada", &format!("chmod 600 {folder}/attachments/*"));
    for choice in ["resume", "back", "abandon"] {
        let recover = ["recover", "production", choice, "--yes"];
        let said = site.flightdeck_as("ben", &recover);
        said.refuses(&[
            "can be read by the Unix user of mira",
            "let them recover it",
        ]);
        assert_eq!(said.code, 3, "{}", said.text);
    }
    let claims = site.run("ada", &format!("ls .flightdeck/{}/claims", site.name()));
    assert_eq!(claims.split_whitespace().last(), Some("000002"), "{claims}");
    let said = site.flightdeck_as("ada", &["recover", "production", "back", "--yes"]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(site.container().image.contains(version::FORMER));
}

#[test]
fn a_pin_that_was_being_written_where_it_lies_is_written_again() {
    let Some(site) = shared(0o2770, 0o660) else {
        return;
    };
    adopts(&site, "ada");
    promotes(&site, "ben", version::CANDIDATE);
    let whole = site.read(".env");
    assert!(whole.contains(version::CANDIDATE), "{whole}");

    // Half of it is there, as after a death in the middle.
    let half = |note: &str| {
        let write = format!(
            "head -c 30 .env >half && cat half >.env && rm half
             cd .flightdeck/{}/operations/000002 && {note}
             FD_OPERATION=2 FD_FOLDER=$PWD FD_DIRECTION=forward sh ./forward/pin.sh",
            site.name()
        );
        site.script("ben", &write)
    };
    let refused = half(":");
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(words.contains("was changed by somebody"), "{words}");
    let file = site.directory().join(".env").display().to_string();
    let done = half(&format!("echo {file} >attachments/in-place"));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(site.read(".env"), whole);
}

/// Kills all that an operation has started on the server, the supervisor first, once a step of it runs.
fn kill(site: &Site, operation: u32) {
    let id = format!("{operation:06}");
    let state = site.directory().join(".flightdeck").join(site.name());
    let claim = fs::read_to_string(state.join("claims").join(&id)).expect("the claim");
    let claim: Value = serde_json::from_str(&claim).expect("a claim is JSON");
    let journal = state.join("operations").join(&id).join("journal.jsonl");
    let steps = || {
        let text = fs::read_to_string(&journal).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["event"] == "step_start")
            .collect::<Vec<_>>()
    };
    eventually("a step of it begins", || !steps().is_empty());
    let kill = |target: String| {
        // What has ended meanwhile is no failure.
        let _ = Command::new("kill").args(["-KILL", "--", &target]).output();
    };
    for role in ["supervisor", "pid"] {
        kill(claim[role].to_string());
    }
    for line in steps() {
        kill(format!("-{}", line["group"]));
    }
}

#[test]
fn who_may_only_read_looks_on_and_is_refused_in_words() {
    let Some(site) = shared(0o2750, 0o640) else {
        return;
    };
    adopts(&site, "ada");
    promotes(&site, "ada", version::CANDIDATE);
    let said = site.flightdeck_as("eve", &["status", "production"]);
    assert_eq!(said.code, 0, "{}", said.text);
    said.says(&["healthy", version::CANDIDATE]);
    let said = site.flightdeck_as("eve", &["history", "production"]);
    said.says(&["promote", "adopt", "mira"]);
    let said = site.flightdeck_as("eve", &["logs", "production", "--operation", "2"]);
    assert_eq!(said.code, 0, "{}", said.text);
    site.flightdeck_as("eve", &["rollback", "production", "--dry-run"])
        .refuses(&["may not be written by this user", "write permission"]);
}

#[test]
fn an_environment_file_that_only_its_owner_may_write_is_refused_to_others() {
    let Some(site) = shared(0o2775, 0o640) else {
        return;
    };
    adopts(&site, "ada");
    planned(&site, "ben").refuses(&[
        "/.env belongs to another user",
        "group write permission on the file",
    ]);
    // What somebody else has made is named.
    run(Command::new("chmod")
        .arg("g-w")
        .arg(site.directory().join(".flightdeck")));
    planned(&site, "ben").refuses(&["/.flightdeck may not be written by this user", "chgrp -R"]);
}
