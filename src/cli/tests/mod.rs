//! What a script and a person see of commands, with servers that answer what the test says.

mod server;
mod status;
mod terminal;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use clap::Parser;

use self::server::{Server, V1, V2, at, running, unreachable, well};
use super::{output::tests::Printed, *};
use crate::{
    fleet::world::{Operator, Settings},
    release::{
        Moment, Now,
        observation::Health,
        operation::{End, Event, JournalLine, OperationId, Outcome, Progress},
    },
    target::Chunk,
};

const CONFIGURATION: &str = r#"
[registries."127.0.0.1:1"]
plain_http = true

[services.backend]
image = "127.0.0.1:1/shop"
pin = "TAG"

[environments.staging]
host = "local"
directory = "/srv/staging"

[environments.production]
host = "local"
directory = "/srv/production"
migration = { service = "backend", tool = "alembic" }
backup = { service = "db", tool = "pg_dump", database = "shop", user = "shop" }
"#;

/// Runs a command line in a pipe; gives what it printed and how it ended.
async fn run(staging: Server, production: Server, line: &str) -> (String, Result<Next, Failure>) {
    run_with(staging, production, line, false).await
}

/// The same; at a `terminal`, where somebody can be asked.
async fn run_with(
    staging: Server,
    production: Server,
    line: &str,
    terminal: bool,
) -> (String, Result<Next, Failure>) {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Arc::new(crate::config::parse(CONFIGURATION, Path::new("f.toml")).unwrap());
    let clock = Clock::of(|| Now {
        moment: Moment(1000),
        wall: at(0),
    });
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        asking: false,
        cache_directory: directory.path().to_owned(),
        operator: Operator {
            name: "mira".to_owned(),
            origin: "laptop".to_owned(),
        },
        clock: clock.clone(),
    };
    let target = |server: Server| -> Arc<dyn crate::target::Target> { Arc::new(server) };
    let targets = BTreeMap::from([
        ("staging".parse().unwrap(), target(staging)),
        ("production".parse().unwrap(), target(production)),
    ]);
    let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
    let printed = Printed::default();
    let mut session = Session {
        world: Arc::new(World::new(config, settings).unwrap().with_targets(targets)),
        clock,
        output: Output::to(printed.clone(), arguments.json, terminal),
        interactive: terminal,
    };
    let ended = session
        .run(arguments.command.unwrap(), Permit::mint())
        .await;
    (printed.text(), ended)
}

fn exit(ended: Result<Next, Failure>) -> Exit {
    match ended {
        Ok(Next::Exit(exit)) => exit,
        Ok(asked) => panic!("the cockpit was asked for: {asked:?}"),
        Err(failure) => failure.exit(),
    }
}

#[tokio::test]
async fn status_shows_what_runs_what_drifts_and_where_a_rollback_goes() {
    let (text, ended) = run(well(V2), well(V1), "flightdeck status").await;
    insta::assert_snapshot!(text);
    assert_eq!(exit(ended), Exit::Ok);
}

#[tokio::test]
async fn status_says_why_an_environment_cannot_be_seen() {
    let (text, ended) = run(unreachable(), well(V2), "flightdeck status staging").await;
    insta::assert_snapshot!(text);
    assert_eq!(exit(ended), Exit::Unreachable);
}

#[tokio::test]
async fn status_for_programs_tells_unknown_from_none() {
    let (text, ended) = run(unreachable(), well(V2), "flightdeck status --json").await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let [staging, production] = &value["environments"].as_array().unwrap()[..] else {
        panic!("{text}")
    };
    assert_eq!(staging["condition"], "unreachable");
    assert!(staging["services"].is_null());
    assert_eq!(staging["faults"][0]["kind"], "unreachable");
    assert_eq!(production["condition"], "well");
    assert_eq!(production["services"][0]["digest"], V2);
    assert_eq!(production["services"][0]["health"], "healthy");
    assert_eq!(production["rollback"]["operation"], 4);
    assert_eq!(exit(ended), Exit::Unreachable);
}

#[tokio::test]
async fn an_unwell_environment_is_an_exit_code() {
    let mut server = well(V2);
    server.readings[1] = running(V2, Health::Unhealthy);
    let (_, ended) = run(well(V1), server, "flightdeck status production").await;
    assert_eq!(exit(ended), Exit::Failed);
}

#[tokio::test]
async fn history_is_a_table_with_who_and_why() {
    let (text, ended) = run(well(V1), well(V2), "flightdeck history production").await;
    insta::assert_snapshot!(text);
    assert_eq!(exit(ended), Exit::Ok);
}

#[tokio::test]
async fn logs_are_cleaned_and_carry_their_container() {
    let server = || Server {
        logs: vec![
            Chunk::Lines {
                container: "shop-backend-1".into(),
                bytes: "2026-01-23T14:02:30.5Z GET /\u{1b}[2J 200\nno time\n".into(),
            },
            Chunk::Note("shop-backend-1 ended".to_owned()),
        ],
        ..Server::default()
    };
    let line = "flightdeck logs production backend";
    let (text, ended) = run(well(V1), server(), line).await;
    assert_eq!(
        text,
        "shop-backend-1 | GET / 200\nshop-backend-1 | no time\n-- shop-backend-1 ended\n"
    );
    assert_eq!(exit(ended), Exit::Ok);

    let (text, _) = run(
        well(V1),
        server(),
        "flightdeck --json logs production backend",
    )
    .await;
    assert_eq!(
        text.lines().next().unwrap(),
        r#"{"container":"shop-backend-1","at":"2026-01-23T14:02:30.5Z","text":"GET / 200"}"#
    );
}

#[tokio::test]
async fn an_operation_is_followed_to_its_end_and_tells_it_in_the_exit_code() {
    let server = Server {
        progress: vec![
            Progress::Journal(JournalLine {
                v: 1,
                at: 5,
                event: Event::Cancel,
            }),
            Progress::End(End {
                outcome: Outcome::WentBack,
                step: Some("verify-status".to_owned()),
                exit: Some(1),
                why: None,
                back_step: None,
                changed: true,
                started: 0,
                ended: 41,
            }),
        ],
        ..Server::default()
    };
    let line = "flightdeck logs production --operation 7";
    let (text, ended) = run(well(V1), server, line).await;
    assert_eq!(
        text,
        "cancelling: somebody asked for it\n000007 went back at verify-status after 41 s\n"
    );
    assert_eq!(exit(ended), Exit::Failed);
}

#[tokio::test]
async fn without_somebody_to_confirm_nothing_is_even_looked_at() {
    for line in [
        "flightdeck rollback production",
        "flightdeck adopt production --json",
        "flightdeck recover production cancel",
    ] {
        let (_, ended) = run(well(V1), well(V2), line).await;
        let failure = ended.unwrap_err();
        assert!(failure.to_string().contains("--yes"), "{line}: {failure}");
        assert_eq!(failure.exit(), Exit::Usage);
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_with_the_nearest() {
    let (_, ended) = run(well(V1), well(V2), "flightdeck history prodution").await;
    assert_eq!(
        ended.unwrap_err().words().unwrap(),
        "error: prodution: is no environment of the configuration\n  next: did you mean \
         \"production\"?"
    );
}

#[tokio::test]
async fn a_registry_that_is_away_does_not_hide_what_runs() {
    let (text, ended) = run(well(V1), unreachable(), "flightdeck versions --json").await;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["repositories"][0]["versions"].is_null());
    assert!(value["repositories"][0]["fault"].is_object());
    assert_eq!(value["unseen_environments"][0], "production");
    assert_eq!(exit(ended), Exit::Unreachable);
}

#[test]
fn the_command_line_holds_together() {
    use clap::CommandFactory;
    Arguments::command().debug_assert();
    for line in [
        "flightdeck rollback production --to 000041 --schema downgrade --yes",
        "flightdeck promote production v1 --override ci --reason why --dry-run --json",
        "flightdeck demo --seed 3 --speed 20 --still",
    ] {
        assert!(Arguments::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "flightdeck promote production",
        "flightdeck logs production",
        "flightdeck rollback production --yes --dry-run",
        "flightdeck recover production back --yes --dry-run",
        "flightdeck demo --speed 0",
    ] {
        assert!(
            Arguments::try_parse_from(line.split(' ')).is_err(),
            "{line}"
        );
    }
}
