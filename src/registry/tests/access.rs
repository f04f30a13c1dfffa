use super::*;
use crate::release::FaultKind;

#[tokio::test]
async fn a_login_is_sent_to_who_asks_for_it() {
    for access in [Access::Basic, Access::TokenForLogin] {
        let world = World::new(access, 10, Password::Is("s3cret\n")).await;
        world.fake.push("v20260123.1", &image("abc"));
        let versions = world.list().await.unwrap();
        assert_eq!(revision(&versions, "v20260123.1"), Some("abc"));
    }
}

#[tokio::test]
async fn a_wrong_password_says_which_key_to_correct_and_is_not_tried_again() {
    for access in [Access::Basic, Access::TokenForLogin] {
        let world = World::new(access, 10, Password::Is("wrong")).await;
        let mut watched = world.watch("v{date}.{n}");
        let fault = watched.lost().await;
        assert_eq!(fault.kind, FaultKind::Authentication);
        let key = format!("registries.\"{}\".password", world.fake.host());
        assert!(fault.remedy.contains(&key), "{fault}");
        assert!(!fault.to_string().contains("wrong"), "{fault}");

        // The operator corrects it and asks for a refresh.
        std::fs::write(world.cache.path().join("password"), "s3cret").unwrap();
        world.fake.push("v20260123.1", &image("abc"));
        watched.refresh();
        assert_eq!(tags(&*watched.all().await), ["v20260123.1"]);
    }
}

#[tokio::test]
async fn without_a_login_the_fault_says_how_to_set_one() {
    for access in [Access::Basic, Access::TokenForLogin] {
        let world = World::new(access, 10, Password::None).await;
        let fault = world.list().await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Authentication);
        assert!(fault.remedy.contains("set registries."), "{fault}");
    }
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_is_renewed_once() {
    let world = World::new(Access::TokenForLogin, 1000, Password::Is("s3cret")).await;
    for n in 1..=50 {
        world
            .fake
            .push(&format!("v20260123.{n}"), &image(&n.to_string()));
    }
    let blobs = world.fake.gate("/blobs/");
    let mut watched = world.watch("v{date}.{n}");
    // Eight requests are under way together when the tokens are revoked.
    world.fake.wait_for("GET /v2/shop/blobs/", 8).await;
    world.fake.revoke_tokens();
    blobs.add_permits(1000);
    let all = watched.all().await;
    assert_eq!(all.versions.len(), 50);
    assert_eq!(world.fake.scopes().len(), 2);
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_the_operators_to_mend() {
    let world = World::new(Access::Basic, 10, Password::Is("s3cret")).await;
    std::fs::remove_file(world.cache.path().join("password")).unwrap();
    let fault = world.list().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Invalid);
    assert!(fault.to_string().contains("cannot read"), "{fault}");
}

#[tokio::test]
async fn a_tag_or_a_repository_that_is_not_there_is_missing() {
    let world = World::new(Access::Anybody, 10, Password::None).await;
    world.fake.push("v20260123.1", &image("abc"));
    let tag = |tag: &str| tag.parse().unwrap();
    let (digest, details) = world
        .catalogue
        .resolve(&world.repository(), &tag("v20260123.1"))
        .await
        .unwrap();
    assert!(digest.as_str().starts_with("sha256:"));
    assert_eq!(details.revision.as_deref(), Some("abc"));

    let missing = world
        .catalogue
        .resolve(&world.repository(), &tag("v9"))
        .await;
    let fault = missing.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Missing);
    assert!(fault.subject.ends_with("/shop:v9"), "{fault}");

    let other: Repository = format!("{}/other", world.fake.host()).parse().unwrap();
    let missing = world.catalogue.resolve(&other, &tag("v1")).await;
    assert_eq!(missing.unwrap_err().kind, FaultKind::Missing);
}
