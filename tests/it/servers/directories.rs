//! Where a project can lie, and what its files can be.

use std::{fs, os::unix::fs::symlink};

use super::site::{Layout, Site, open};
use crate::support::{project::version, real_world::RealWorld};

#[test]
fn spaces_quotes_and_foreign_letters_in_the_directory() {
    if RealWorld::get().is_none() {
        return;
    }
    let above = tempfile::tempdir().expect("a temporary directory");
    open(above.path(), 0o755);
    let odd = above
        .path()
        .join("it's \"der Läden\" $HOME `id` \\ 日本; #1");
    fs::create_dir(&odd).expect("a directory");
    open(&odd, 0o755);
    let site = Site::lay(&Layout {
        above: Some(odd),
        ..Layout::default()
    });
    if let Some(site) = site {
        site.goes_there_and_back();
    }
}

#[test]
fn a_directory_reached_through_a_link() {
    let Some(site) = Site::lay(&Layout {
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    // What lies beside it is mounted by its absolute path, which is part of what Compose compares.
    let text = site.read("docker-compose.yml");
    site.write(
        "docker-compose.yml",
        &format!("{text}    volumes:\n      - ./data:/data\n"),
        0o644,
    );
    fs::create_dir(site.directory().join("data")).expect("a directory");
    site.compose("up -d --wait --quiet-pull");

    let links = tempfile::tempdir().expect("a temporary directory");
    open(links.path(), 0o755);
    let link = links.path().join("current");
    symlink(site.directory(), &link).expect("a link");
    let lines = format!("project = \"{}\"", site.name());
    let link = link.to_str().expect("a path in UTF-8");
    let promote = ["promote", "production", version::CANDIDATE, "--yes"];
    let said = site.flightdeck_with("fish", link, &lines, &promote);
    assert_eq!(said.code, 0, "{}", said.text);
    let promoted = site.container();
    assert!(promoted.image.contains(version::CANDIDATE), "{promoted:?}");
    site.compose("up -d");
    assert_eq!(site.container().id, promoted.id, "recreated by a plain up");
}

#[test]
fn an_environment_file_that_is_a_link() {
    let Some(site) = Site::lay(&Layout {
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    let settings = site.directory().join("settings");
    fs::create_dir(&settings).expect("a directory");
    let (file, target) = (site.directory().join(".env"), settings.join("production"));
    fs::rename(&file, &target).expect("the file elsewhere");
    symlink("settings/production", &file).expect("a link");
    site.give_to("fish");
    site.compose("up -d --wait --quiet-pull");
    site.goes_there_and_back();
    let link = fs::read_link(&file).expect("still a link");
    assert_eq!(link.to_str(), Some("settings/production"));
    assert!(
        fs::read_to_string(target)
            .expect("the file")
            .contains(version::FORMER)
    );
}
