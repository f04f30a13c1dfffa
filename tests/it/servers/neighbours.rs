//! A second Compose project in the same directory.

use super::site::{Layout, Site};
use crate::support::project::version;

/// A site with a second project beside the first: `other`, with files of its own.
#[track_caller]
fn two_projects() -> Option<(Site, String)> {
    let site = Site::lay(&Layout::default())?;
    let other = format!("{}-other", site.name());
    site.write(
        "compose.other.yml",
        &site.compose_file("worker", &other),
        0o644,
    );
    site.write(
        ".env.other",
        &format!("WORKER_IMAGE_TAG={}\n", version::FORMER),
        0o640,
    );
    let text = site
        .read("compose.other.yml")
        .replace("BACKEND_IMAGE_TAG", "WORKER_IMAGE_TAG");
    site.write("compose.other.yml", &text, 0o644);
    site.give_to("fish");
    site.remove_too(&other);
    site.run(
        "fish",
        &format!(
            "docker compose -p {other} -f compose.other.yml --env-file .env.other up -d --wait --quiet-pull \
             </dev/null 2>&1"
        ),
    );
    Some((site, other))
}

/// Both as environments of one configuration, the second with these lines besides.
fn tables(site: &Site, other: &str, pin: &str) -> String {
    let directory = site.directory().to_str().expect("a path in UTF-8");
    let registry = site.world().registry();
    format!(
        "[services.backend]\nimage = \"{registry}/acme/shop-backend\"\npin = \"BACKEND_IMAGE_TAG\"\n\
         [services.worker]\nimage = \"{registry}/acme/shop-backend\"\npin = {pin}\n{}{}",
        site.environment(
            "production",
            "fish",
            directory,
            &format!("project = \"{}\"\nservices = [\"backend\"]", site.name())
        ),
        site.environment(
            "second",
            "fish",
            directory,
            &format!(
                "project = \"{other}\"\nservices = [\"worker\"]\nfiles = [\"compose.other.yml\"]\n\
                 environment_files = [\".env\", \".env.other\"]"
            )
        ),
    )
}

#[test]
fn two_projects_in_one_directory_leave_each_other_alone() {
    let Some((site, other)) = two_projects() else {
        return;
    };
    let tables = tables(
        &site,
        &other,
        "{ variable = \"WORKER_IMAGE_TAG\", file = \".env.other\" }",
    );
    let worker = format!("{other}-worker");
    let does = |arguments: &[&str]| {
        let said = site.flightdeck_configured(&tables, arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.text);
    };
    let (first, second) = (site.container(), site.container_named(&worker));

    does(&["promote", "second", version::CANDIDATE, "--yes"]);
    let promoted = site.container_named(&worker);
    assert!(promoted.image.contains(version::CANDIDATE), "{promoted:?}");
    assert_eq!(site.container(), first);
    assert!(
        site.read(".env")
            .contains(&format!("={}\n", version::FORMER))
    );

    does(&["promote", "production", version::OTHER, "--yes"]);
    assert!(site.container().image.contains(version::OTHER));
    assert_eq!(site.container_named(&worker), promoted);

    does(&["rollback", "second", "--yes"]);
    let back = site.container_named(&worker);
    assert!(
        back.image.contains(version::FORMER),
        "{back:?} after {second:?}"
    );
    assert!(site.container().image.contains(version::OTHER));
    // Each counts its own operations.
    for (project, claims) in [(site.name(), 1), (other.as_str(), 2)] {
        let path = site
            .directory()
            .join(".flightdeck")
            .join(project)
            .join("claims");
        let count = std::fs::read_dir(path).expect("the claims").count();
        assert_eq!(count, claims, "{project}");
    }
}

#[test]
fn two_environments_that_would_share_a_pin_are_refused_with_the_configuration() {
    let Some(site) = Site::lay(&Layout {
        up: false,
        ..Layout::default()
    }) else {
        return;
    };
    let directory = site.directory().to_str().expect("a path in UTF-8");
    let environment = |name: &str| {
        let lines = format!("project = \"{name}\"\nservices = [\"backend\"]");
        site.environment(name, "fish", directory, &lines)
    };
    let tables = format!(
        "[services.backend]\nimage = \"{}/acme/shop-backend\"\npin = \"BACKEND_IMAGE_TAG\"\n{}{}",
        site.world().registry(),
        environment("one"),
        environment("two"),
    );
    let said = site.flightdeck_configured(&tables, &["status"]);
    assert_eq!(said.code, 2, "{}", said.text);
    said.says(&[
        "one and two lie in one directory",
        "BACKEND_IMAGE_TAG there would pin backend for both",
    ]);
}

#[test]
fn a_neighbour_that_takes_the_same_pin_is_named_in_the_plan() {
    let Some((site, other)) = two_projects() else {
        return;
    };
    let promote = ["promote", "production", version::CANDIDATE, "--dry-run"];
    let said = site.does(&promote);
    assert!(!said.text.contains(&other), "{}", said.text);

    let text = site
        .read("compose.other.yml")
        .replace("WORKER_IMAGE_TAG", "BACKEND_IMAGE_TAG");
    site.write("compose.other.yml", &text, 0o644);
    let up = format!(
        "docker compose -p {other} -f compose.other.yml up -d --force-recreate --wait </dev/null 2>&1"
    );
    site.run("fish", &up);
    site.does(&promote).says(&[&format!(
        "the project {other} in the same directory takes its version from BACKEND_IMAGE_TAG too"
    )]);
}
