//! Surveys by the shells that servers have, of a directory here and a `docker` that answers as told.

mod hostile;
mod newer;
mod server;
mod shellcheck;

use std::{fs, os::unix::fs::PermissionsExt, sync::Mutex};

use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use serde_json::json;

use self::server::{DOCKER, ENVIRONMENT_FILE, REPOSITORY, Server, servers};
use super::*;
use crate::{
    plan::fixture::{digest, image_id, of, promote},
    release::{
        operation::Liveness,
        plan::{Request, RollbackTo, SchemaChoice},
    },
    target::compose::pin::hash::Algorithm,
};

#[test]
fn a_promotion_is_surveyed_in_two_trips_and_its_pins_are_rendered() {
    for server in servers() {
        let survey = server.survey(promote(2)).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 2);
        assert_eq!(survey.directory, server.directory.to_str().unwrap());
        assert_eq!(survey.schema_heads, Some(vec!["c9e2".to_owned()]));
        let backend = |services: &BTreeMap<ServiceName, crate::release::survey::ComposeService>| {
            services[&of::<ServiceName>("backend")].image.clone()
        };
        assert_eq!(backend(&survey.services), format!("{REPOSITORY}:v1"));
        assert_eq!(
            backend(&survey.candidate_services),
            format!("{REPOSITORY}:v2@{}", digest(2))
        );
        let env = format!("{}/.env", survey.directory);
        let known = Algorithm::Sha256.fingerprint(ENVIRONMENT_FILE.as_bytes());
        assert_eq!(survey.files[&env], known);
        let candidate = &survey.candidate_pins[0];
        assert_eq!((&candidate.path, &candidate.expected), (&env, &Some(known)));
        let bytes = |name: &str| {
            let found = survey.attachments.iter().find(|a| a.name == name).unwrap();
            String::from_utf8(found.bytes.expose_secret().to_vec()).unwrap()
        };
        let becomes = format!("SECRET='it is'\nBACKEND_IMAGE_TAG=v2@{}\n", digest(2));
        assert_eq!(bytes("candidate-1"), becomes);
        assert_eq!(bytes("former-1"), ENVIRONMENT_FILE);
        assert_eq!(
            survey.former_pins[0].expected,
            Some(Algorithm::Sha256.fingerprint(becomes.as_bytes()))
        );
        assert!(!format!("{survey:?}").contains("SECRET"));
        assert_eq!(
            fs::read_to_string(&env).unwrap(),
            ENVIRONMENT_FILE,
            "it only looks"
        );
    }
}

#[test]
fn a_promotion_asks_what_runs_and_the_candidate_which_revisions_they_know() {
    for server in servers() {
        let survey = server.survey(promote(2)).unwrap();
        let names = |known: &[SchemaRevision]| -> Vec<String> {
            known.iter().map(|known| known.revision.clone()).collect()
        };
        assert_eq!(names(&survey.schema_history), ["c9e2", "a1f3"]);
        assert_eq!(survey.candidate_history, Some(survey.schema_history));
        // It lies on the server no longer, or not yet.
        let script = DOCKER.replace(
            "'image inspect '*)",
            "'image inspect --format '*) exit 1 ;;\n'image inspect '*)",
        );
        server.answer("docker", &script);
        assert_eq!(server.survey(promote(2)).unwrap().candidate_history, None);
    }
}

#[test]
fn revisions_that_would_be_undone_are_asked_whether_they_can() {
    for server in servers() {
        let down = Deed::Migrate {
            versions: BTreeMap::new(),
            to: Some("a1f3".to_owned()),
        };
        let survey = server.survey(down.clone()).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 2);
        assert_eq!(survey.schema_undone[0].revision, "c9e2");
        assert_eq!(
            survey.schema_undone[0].undo,
            crate::release::survey::Undo::Refused(
                "its downgrade() is: raise NotImplementedError".to_owned()
            )
        );
        // The database is ahead of the image that runs.
        let ahead = "FAILED: Can't locate revision identified by 'e5c8'\n";
        server.answer("current", ahead);
        let script = DOCKER.replace("cat \"$here/current\"", "cat \"$here/current\"; exit 255");
        server.answer("docker", &script);
        let survey = server.survey(down).unwrap();
        assert_eq!(survey.schema_heads, None);
        let trouble = survey.schema_trouble.unwrap();
        assert!(trouble.contains("Can't locate revision"), "{trouble}");
    }
}

#[test]
fn adopting_takes_one_trip() {
    for server in servers() {
        let survey = server.survey(Deed::Adopt).unwrap();
        assert_eq!(*server.trips.lock().unwrap(), 1);
        assert_eq!((survey.last_operation, survey.records.len()), (None, 0));
    }
}

#[test]
fn without_sha256sum_files_are_told_apart_by_cksum() {
    for mut server in servers() {
        let tools = server.answers.join("tools");
        fs::create_dir(&tools).unwrap();
        for tool in [
            "cat", "cksum", "head", "id", "ls", "mktemp", "readlink", "rm", "sed", "setsid", "sh",
            "sort", "tail", "wc",
        ] {
            let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|directory| directory.join(tool))
                .find(|path| path.exists());
            std::os::unix::fs::symlink(found.unwrap(), tools.join(tool)).unwrap();
        }
        // busybox looks for its own applets first, sha256sum among them.
        if server.shell[0] == "busybox" {
            continue;
        }
        server.path = format!("{}:{}", server.answers.display(), tools.display());
        let shell = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|directory| directory.join(server.shell[0]))
            .find(|path| path.exists())
            .unwrap();
        std::os::unix::fs::symlink(shell, tools.join(server.shell[0])).unwrap();
        let survey = server.survey(promote(2)).unwrap();
        let known = Algorithm::Cksum.fingerprint(ENVIRONMENT_FILE.as_bytes());
        assert_eq!(survey.candidate_pins[0].expected, Some(known));
        let former = survey.former_pins[0].expected.as_deref().unwrap();
        assert_eq!(Algorithm::of(former), Some(Algorithm::Cksum));
    }
}

#[test]
fn what_speaks_against_any_plan_is_refused_in_words() {
    type Break = fn(&Server);
    let cases: [(&str, Break); 8] = [
        ("podman", |s| s.answer("version", "podman version 4.3.1\n")),
        ("Compose v2 is needed", |s| s.answer("compose-version", "")),
        ("too old", |s| s.answer("compose-version", "1.29.2\n")),
        ("may not speak to the Docker Engine", |s| {
            s.answer(
                "denied",
                "permission denied while trying to connect to the Docker daemon socket\n",
            );
        }),
        ("does not answer", |s| {
            s.answer(
                "denied",
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n",
            );
        }),
        ("runs from", |s| {
            s.answer(
                "containers",
                &json!([s.container("/elsewhere")]).to_string(),
            )
        }),
        ("Compose cannot read its files", |s| {
            s.answer(
                "docker",
                &DOCKER.replace("sed \"s|@TAG@|$tag|\" \"$here/config\"", "exit 15"),
            );
        }),
        ("cannot be entered", |s| {
            fs::rename(&s.directory, s.answers.join("gone")).unwrap()
        }),
    ];
    for (words, make) in cases {
        for server in servers() {
            make(&server);
            let fault = server.survey(promote(2)).unwrap_err();
            assert!(fault.message.contains(words), "{:?}: {fault}", server.shell);
            assert!(!fault.remedy.is_empty(), "{fault}");
        }
    }
}

#[test]
fn what_runs_and_is_not_what_is_pinned_is_what_back_pins() {
    for server in servers() {
        server.lay(".env", "BACKEND_IMAGE_TAG=v9\n");
        let survey = server.survey(promote(2)).unwrap();
        let former = survey
            .attachments
            .iter()
            .find(|a| a.name == "former-1")
            .unwrap();
        let expected = format!("BACKEND_IMAGE_TAG=v1@{}\n", digest(1));
        assert_eq!(former.bytes.expose_secret(), expected.as_bytes());
    }
}

#[test]
fn a_migration_that_still_runs_is_told_before_anything_else_begins() {
    for server in servers() {
        let named = |name: &str, runs: bool| {
            let mut container = server.container("");
            container["Name"] = name.into();
            container["State"]["Running"] = runs.into();
            container["Config"]["Labels"]["com.docker.compose.oneoff"] = "True".into();
            container
        };
        let containers = json!([
            server.container(""),
            named("/fd-shop-7-migrate", true),
            named("/fd-shop-6-migrate", false),
            named("/fd-shop-two-7-migrate", true),
            named("/shop-backend-run-0123", true),
        ]);
        server.answer("containers", &containers.to_string());
        let survey = server.survey(promote(2)).unwrap();
        let told: Vec<&String> = survey
            .warnings
            .iter()
            .filter(|warning| warning.contains("migration still runs"))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("`docker stop fd-shop-7-migrate`"),
            "{told:?}"
        );
    }
}

#[test]
fn who_holds_the_environment_is_told() {
    let claim = |more: &str| {
        format!(
            "{{\"v\":1,\"kind\":\"{more},\"operator\":\"jo\",\"origin\":\"desk\",\"reason\":\"r\",\"nonce\":\"n\",\"over\":0,\"at\":5}}\n"
        )
    };
    for server in servers() {
        server.lay(".flightdeck/shop/claims/000007", &claim("lock\",\"pid\":0"));
        let untold = server.survey(Deed::Adopt).unwrap();
        assert_eq!(untold.operation, None, "nobody has been told of it yet");
        server.lay(".flightdeck/shop/operations/000007/output.log", "");
        let held = server.survey(Deed::Adopt).unwrap();
        let operation = held.operation.unwrap();
        assert_eq!(
            (operation.claim.kind.as_str(), operation.liveness),
            ("lock", Liveness::Alive)
        );
        assert_eq!(held.last_operation.unwrap().0, 7);

        server.lay(
            ".flightdeck/shop/operations/000007/end.json",
            "{\"v\":1,\"outcome\":\"succeeded\"}\n",
        );
        let free = server.survey(Deed::Adopt).unwrap();
        assert_eq!((free.operation, free.last_operation.unwrap().0), (None, 7));
    }
}

#[test]
fn a_container_that_hangs_holds_up_a_rollback_less_than_any_other_plan() {
    let server = Server::new(&["sh"]);
    // Writes down how long which command may take.
    server.answer(
        "timeout",
        "#!/bin/sh\nhere=${0%/*}\necho \"$*\" >>\"$here/limits\"\nshift\nexec \"$@\"\n",
    );
    let program = server.answers.join("timeout");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let rollback = Deed::Rollback {
        to: RollbackTo::Image {
            service: of("backend"),
            image: image_id(2),
        },
        schema: SchemaChoice::ImageOnly,
        files: false,
    };
    for (deed, seconds) in [(promote(2), 40), (rollback, 20)] {
        server.answer("limits", "");
        server.survey(deed).unwrap();
        let limits = fs::read_to_string(server.answers.join("limits")).unwrap();
        let asked: Vec<&str> = limits
            .lines()
            .filter(|line| line.contains("alembic current"))
            .collect();
        let expected = format!("{seconds} docker exec aaaa alembic current");
        assert_eq!(asked, [expected], "{limits}");
    }
}

#[test]
fn a_script_that_was_cut_off_runs_nothing() {
    let server = Server::new(&["sh"]);
    let config = server.config();
    let request = Request {
        environment: of("production"),
        deed: Deed::Adopt,
        reason: String::new(),
        overrides: Vec::new(),
    };
    let script = scripts::first(&config.environments[0], &config.services, &[], &request).unwrap();
    for cut in [
        script.len() / 2,
        script.len() - 1,
        script.len() - 2,
        script.len() - 10,
    ] {
        let output = futures::executor::block_on(server.run(script[..cut].to_vec())).unwrap();
        let whole = frames::read(&output.stdout).is_some();
        assert!(
            !whole || cut == script.len() - 1,
            "cut at {cut} of {}",
            script.len()
        );
    }
}
