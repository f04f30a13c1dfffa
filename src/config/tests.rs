//! What an operator is told about a configuration.

use std::{path::Path, time::Duration};

use super::*;
use crate::release::{operation::Outcome, plan::PlanKind};

const SERVICE: &str = "[services.backend]\nimage = \"ghcr.io/acme/shop\"\npin = \"TAG\"\n";

fn ok(text: &str) -> Config {
    parse(text, Path::new("/etc/flightdeck/config.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(text: &str) -> String {
    parse(text, Path::new("flightdeck.toml"))
        .expect_err("something is wrong with it")
        .to_string()
}

#[test]
fn two_keys_make_an_environment() {
    let config = ok(&format!(
        "{SERVICE}[environments.production]\nhost = \"deploy@shop\"\ndirectory = \"/srv/Shop.2/\"\n"
    ));
    let [environment] = &config.environments[..] else {
        panic!("{:?}", config.environments)
    };
    let Target::Compose(compose) = &environment.target;
    assert_eq!(compose.project, "shop2");
    assert_eq!(compose.directory, "/srv/Shop.2");
    assert_eq!(compose.files, ["docker-compose.yml"]);
    assert_eq!(compose.environment_files, [".env"]);
    assert_eq!(compose.host.docker, ["docker"]);
    assert_eq!(environment.protection, Protection::Protected { word: None });
    assert_eq!(environment.services.len(), 1);
    assert_eq!(environment.health_timeout, Duration::from_secs(120));
}

#[test]
fn environments_stay_in_the_order_of_the_file() {
    let config = ok(&format!(
        "{SERVICE}[environments.staging]\nhost = \"a\"\ndirectory = \"/a\"\n\
         [environments.alpha]\nhost = \"b\"\ndirectory = \"/b\"\n"
    ));
    let names: Vec<&str> = config
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["staging", "alpha"]);
}

#[test]
fn the_examples_are_configurations() {
    let example = ok(include_str!("../../config.example.toml"));
    assert_eq!(example.environments.len(), 2);
    assert_eq!(
        example.environments[0].target,
        Target::Compose(Compose {
            host: Host {
                reach: Reach::Ssh {
                    destination: "staging".to_owned(),
                    config: Some("/etc/flightdeck/ssh_config".into()),
                },
                docker: vec!["sudo".to_owned(), "-n".to_owned(), "docker".to_owned()],
                socket: Some("/run/user/1000/docker.sock".to_owned()),
            },
            directory: "~/deployments/app-staging".to_owned(),
            files: vec![
                "docker-compose.yml".to_owned(),
                "compose.staging.yml".to_owned(),
                "compose.versions.yml".to_owned()
            ],
            environment_files: vec![".env".to_owned()],
            project: "app-staging".to_owned(),
        })
    );

    let one = ok(include_str!("../../examples/s1-one-server.toml"));
    assert_eq!(one.environments[0].restart[0].as_str(), "nginx");
    let two = ok(include_str!("../../examples/s2-staging-production.toml"));
    assert_eq!(
        two.environments[1].gates[1],
        GateRule::HealthyIn {
            environment: "staging".parse().unwrap(),
            at_least: Duration::from_secs(1800)
        }
    );
}

#[test]
fn the_example_shows_every_key_that_there_is() {
    let example = include_str!("../../config.example.toml");
    for table in keys::TABLES {
        for key in table.keys {
            let shown = example.lines().any(|line| {
                let line = line.split('#').next().unwrap_or_default();
                line.contains(&format!("{key} ")) && line.contains('=')
                    || line.trim_start().starts_with('[') && line.contains(key)
            });
            assert!(shown, "{key} of {} is not shown", table.table);
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_what_was_meant() {
    let told = wrong(
        r#"
[services.backend]
image = "ghcr.io/acme/shop-backend:v1"
pin = "BACKEND-TAG"
tag = "semver"

[services.frontend]
image = "ghcr.io/acme/shop-frontend"
pin = { override = "compose.versions.yml" }

[services.orphan]
image = "redis"
pin = "ORPHAN"

[environments.staging]
hots = "deploy@staging"
directory = "srv/shop"
services = ["backend", "frontent"]
checks = [{ http = "ftp://x/", attempts = 0 }, { status = 200 }]

[environments.production]
host = "-oProxyCommand=reboot"
directory = "/srv/shop"
services = ["backend", "frontend", "backend"]
health_timeout = 120
gates = ["ci", { healthy_in = "stagging", for = "soon" }]
migration = { service = "orphan", tool = "alembik" }
pin = "X"
"#,
    );
    insta::assert_snapshot!(told);
}

#[test]
fn environments_agree_with_each_other() {
    let told = wrong(
        r#"
[services.a]
image = "acme/a"
pin = "TAG"

[services.b]
image = "acme/b"
pin = "TAG"

[services.c]
image = "acme/c"
pin = { variable = "C_TAG", file = ".env.versions" }

[environments.one]
host = "local"
directory = "/srv/one/app"
services = ["a"]

[environments.two]
host = "local"
directory = "/srv/two/app"
services = ["b"]
gates = [{ healthy_in = "one" }, { healthy_in = "two" }]

[environments.beside]
host = "local"
directory = "/srv/two/app"
project = "app-beside"
services = ["b"]

[environments.three]
host = "local"
directory = "/srv/three"
services = ["c"]
ssh_config = "x"
protected = false
confirm = "three"
"#,
    );
    insta::assert_snapshot!(told);
}

#[test]
fn a_file_that_is_not_toml_is_told_with_every_line_that_is_not() {
    let told = wrong(
        "[services.backend\nimage = \"x\"\n[environments.production]\nhost = \nhost = \"y\"\nhost = \"z\"\nunknwon = 1\n",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn a_secret_in_clear_is_refused_and_never_shown() {
    for text in [
        "[github]\nrepository = \"a/b\"\ntoken = \"hunter2\"\n",
        "[github]\nrepository = \"a/b\"\ntoken = \"hunter2\n",
        "[github]\nrepository = \"a/b\"\ntoken = [\"hunter2\"]\n",
        "[github]\nrepository = \"a/b\"\ntoken = { env = \"hunter2-\" }\n",
        "[github]\nrepository = \"a/b\"\ntoken = { env = \"\"\"\nhunter2-\"\"\" }\n",
        "[registries]\n\"ghcr.io\" = { usr = \"a\", password = \"hunter2\" }\n",
        "[registries]\n\"ghcr.io\" = { password = \"hunter2\", usr = \"a\" }\n",
        "[registries.\"ghcr.io\"]\n\"password\" = 'hunter2' = 3\n",
        "[environments.a]\nchecks = [{ http = \"http://me:hunter2@x/\", atempts = 3 }]\n",
    ] {
        let told = wrong(text);
        assert!(!told.contains("hunter2"), "{text}\n{told}");
    }
    let told = wrong("[github]\nrepository = \"a/b\"\ntoken = \"hunter2\"   # from GitHub\n");
    insta::assert_snapshot!(told);
}

#[test]
fn an_empty_file_says_how_to_begin() {
    let told = wrong("");
    insta::assert_snapshot!(told);
}

#[test]
fn any_text_gives_a_configuration_or_problems_with_places() {
    use proptest::prelude::*;
    proptest!(|(text in "([a-z\\[\\]\"={}.\\n é\\x1b#',0-9]|token|password|services|environments){0,80}")| {
        if let Err(error) = parse(&text, Path::new("x.toml")) {
            let lines = text.matches('\n').count() + 1;
            prop_assert!(!error.problems.is_empty());
            for problem in &error.problems {
                prop_assert!((1..=lines).contains(&problem.line));
                prop_assert!(!problem.source.contains('\x1b'));
                prop_assert!(problem.column + problem.width <= problem.source.chars().count().max(problem.column) + 2);
            }
        }
    });
}

#[test]
fn a_backup_that_makes_no_sense_is_told_with_what_was_meant() {
    let environment = format!(
        "{SERVICE}[environments.production]\nhost = \"deploy@shop\"\ndirectory = \"/srv/shop\"\n"
    );
    for (backup, words) in [
        ("tool = \"mysqldump\"", "not a backup tool"),
        ("tool = \"pg_dump\"\nservice = \"db\"", "database"),
        (
            "tool = \"pg_dump\"\nservice = \"db\"\ndatabase = \"host=evil\"\nuser = \"shop\"",
            "cannot be given to pg_dump as a name",
        ),
        (
            "tool = \"pg_dump\"\nservice = \"db\"\ndatabase = \"shop\"\nuser = \"-c\"",
            "cannot be given to pg_dump as a name",
        ),
        (
            "tool = \"command\"\nuser = \"shop\"\ncommand = \"./save\"",
            "command has no \"user\"",
        ),
        ("tool = \"command\"", "command = "),
        ("tool = \"command\"\ncommand = \"./save\"\nkeep = 0", "keep"),
    ] {
        let told = wrong(&format!(
            "{environment}[environments.production.backup]\n{backup}\n"
        ));
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_check_says_what_the_answer_must_be() {
    let config = ok(&format!(
        "{SERVICE}[environments.a]\nhost = \"a\"\ndirectory = \"/a\"\n\
         [[environments.a.checks]]\nhttp = \"http://localhost/s\"\nstatus = [204, \"3xx\"]\n\
         json = {{ \"db.ok\" = true, n = 1 }}\nfrom = \"here\"\ntimeout = \"3s\"\nattempts = 2\n"
    ));
    let check = &config.environments[0].checks[0];
    let Probe::Http(http) = &check.probe else {
        panic!("{check:?}")
    };
    assert!(http.status.holds(204) && http.status.holds(302) && !http.status.holds(200));
    let fields: Vec<String> = http.json.iter().map(ToString::to_string).collect();
    assert_eq!(fields, ["db.ok = true", "n = 1"]);
    assert_eq!(http.from, AskedFrom::Here);
    assert_eq!(check.longest(), Duration::from_secs(16));
}

#[test]
fn a_check_that_makes_no_sense_is_pointed_at() {
    insta::assert_snapshot!(wrong(&format!(
        "{SERVICE}[environments.a]\nhost = \"a\"\ndirectory = \"/a\"\n\
         [[environments.a.checks]]\nname = \"1\"\nhttp = \"http://localhost/s\"\nmethod = \"POST\"\n\
         status = [\"20x\"]\njson = {{ \"a..b\" = 1, c = [] }}\nheaders = {{ \"a b\" = \"c\" }}\n\
         request_headers = {{ Authorization = \"Bearer abc\" }}\n\
         [[environments.a.checks]]\nname = \"2\"\nhttp = \"http://localhost/s\"\nmethod = \"HEAD\"\nbody = \"ok\"\n\
         inside = \"backend\"\nfrom = \"here\"\n\
         [[environments.a.checks]]\nname = \"3\"\ncommand = \"true\"\njson = {{ a = 1 }}\n"
    )));
}

#[test]
fn a_hook_is_tied_to_deeds_and_outcomes() {
    let config = ok(&format!(
        "{SERVICE}[environments.a]\nhost = \"a\"\ndirectory = \"/a\"\n\
         [[environments.a.hooks]]\nwhen = \"before\"\ncommand = \"./stop --now\"\non = [\"adopt\"]\n\
         [[environments.a.hooks]]\nwhen = \"after\"\nwebhook = \"https://hooks.example.com/s3cr3t\"\n\
         outcome = [\"went_back\"]\nformat = \"slack\"\n"
    ));
    let [before, after] = &config.environments[0].hooks[..] else {
        panic!("{:?}", config.environments[0].hooks)
    };
    assert_eq!((before.name.as_str(), before.blocking), ("./stop", true));
    assert!(!before.blocks_rollback);
    assert_eq!(before.on, [PlanKind::Adopt]);
    assert_eq!(after.on.len(), 4);
    assert_eq!(after.outcomes, [Outcome::WentBack]);
    assert!(!format!("{config:?}").contains("s3cr3t"));
}

#[test]
fn a_hook_that_makes_no_sense_is_pointed_at_and_its_secrets_are_not_shown() {
    let problems = wrong(&format!(
        "{SERVICE}[environments.a]\nhost = \"a\"\ndirectory = \"/a\"\n\
         [[environments.a.hooks]]\nname = \"1\"\nwhen = \"during\"\ncommand = \"true\"\n\
         [[environments.a.hooks]]\nname = \"2\"\nwhen = \"after\"\non = [\"rolback\"]\ncommand = \"true\"\n\
         blocking = true\noutcome = [\"succeded\"]\n\
         [[environments.a.hooks]]\nname = \"3\"\nwhen = \"before\"\nwebhook = \"https://a:s3cr3t@example.com/s3cr3t\"\n\
         outcome = [\"stuck\"]\n\
         [[environments.a.hooks]]\nname = \"4\"\nwhen = \"before\"\nexec = [\"a\"]\ninside = \"backend\"\n\
         secrets = {{ A = {{ env = \"A\" }}, B = {{ env = \"B\" }} }}\n\
         [[environments.a.hooks]]\nname = \"5\"\nwhen = \"before\"\ncommand = \"true\"\nsecrets = {{ A = \"s3cr3t\" }}\n\
         [[environments.a.hooks]]\nname = \"5\"\nwhen = \"before\"\ncommand = \"true\"\nwebhook = {{ env = \"A\" }}\n"
    ));
    assert!(!problems.contains("s3cr3t"), "{problems}");
    insta::assert_snapshot!(problems);
}
