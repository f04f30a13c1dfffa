//! Several services as one release, on real servers: together forward, together back, with their files.

use super::shop::{Shop, nobody};
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
};

#[test]
fn where_one_service_fails_all_of_the_release_go_back() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let shop = Shop::up(&world, Compose::V240, "", "");
    let env = shop.read(".env");
    let versions = [
        format!("backend={}", version::CANDIDATE),
        format!("frontend={}", version::UNHEALTHY),
    ];
    let said = shop.ends_with(
        1,
        &["promote", "staging", &versions[0], &versions[1], "--yes"],
    );
    assert!(said.contains("went back at switch-2"), "{said}");
    assert_eq!(shop.read(".env"), env);
    for service in ["backend", "frontend"] {
        shop.one(service, version::FORMER);
    }
    assert_eq!(nobody(&shop.answers()), 0, "{said}");
}

#[test]
fn a_rollback_takes_the_files_back_where_the_operator_says_so() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let shop = Shop::up(&world, Compose::V226, "", "");
    shop.ends_with(0, &["adopt", "staging", "--yes"]);
    let file = shop.read("docker-compose.yml");
    // Somebody changes the files, and releases with them.
    let changed = file.replace(
        "      MAIL_FROM:",
        "      API_TOKEN: hush-7f3a\n      MAIL_FROM:",
    );
    shop.write("docker-compose.yml", &changed);
    let env = shop.read(".env");
    shop.write(
        ".env",
        &env.replace("shop@example.com", "secret-9c41@example.com"),
    );
    shop.ends_with(0, &["promote", "staging", version::CANDIDATE, "--yes"]);

    let said = shop.ends_with(0, &["rollback", "staging", "--dry-run"]);
    assert!(
        said.contains("changed since that release, and kept"),
        "{said}"
    );
    assert!(said.contains("MAIL_FROM was another"), "{said}");
    let said = shop.ends_with(0, &["rollback", "staging", "--with-files", "--dry-run"]);
    assert!(
        said.contains("services.backend.environment.API_TOKEN"),
        "{said}"
    );
    assert!(
        !said.contains("hush-7f3a") && !said.contains("secret-9c41"),
        "{said}"
    );
    assert_eq!(shop.read("docker-compose.yml"), changed);

    shop.ends_with(0, &["rollback", "staging", "--with-files", "--yes"]);
    assert_eq!(shop.read("docker-compose.yml"), file);
    let now = shop.read(".env");
    assert!(now.contains("MAIL_FROM=shop@example.com\n"), "{now}");
    assert!(
        now.contains(&format!("BACKEND_IMAGE_TAG={}@sha256:", version::FORMER)),
        "{now}"
    );
    let backend = shop.one("backend", version::FORMER);
    let variables = run(&mut shop.docker(&["inspect", "--format", "{{.Config.Env}}", &backend]));
    assert!(!variables.contains("API_TOKEN"), "{variables}");
    run(&mut shop.compose(&["up", "-d"]));
    assert_eq!(shop.only("backend"), backend);
}
