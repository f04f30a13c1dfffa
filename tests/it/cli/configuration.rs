//! `flightdeck config`, and what every command says about a configuration that is wrong.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use assert_cmd::assert::OutputAssertExt;

const WELL: &str = r#"
[services.backend]
image = "ghcr.io/acme/shop"
pin = "BACKEND_IMAGE_TAG"

[environments.production]
host = "deploy@shop.example.com"
directory = "/srv/shop"
"#;

/// flightdeck in a directory of its own, with nothing of the operator's.
fn flightdeck(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flightdeck"));
    command
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .stdin(Stdio::null());
    command
}

fn printed(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn told(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn the_configuration_is_looked_for_in_a_fixed_order() {
    let home = tempfile::tempdir().unwrap();
    let path = |mut command: Command| printed(&command.args(["config", "path"]).assert().success());

    let none = flightdeck(home.path())
        .args(["config", "path"])
        .assert()
        .code(2);
    assert!(told(&none).contains("flightdeck demo"), "{}", told(&none));

    let xdg = home.path().join(".config/flightdeck");
    fs::create_dir_all(&xdg).unwrap();
    fs::write(xdg.join("config.toml"), WELL).unwrap();
    assert_eq!(
        path(flightdeck(home.path())),
        format!("{}\n", xdg.join("config.toml").display())
    );

    fs::write(home.path().join("flightdeck.toml"), WELL).unwrap();
    assert_eq!(path(flightdeck(home.path())), "flightdeck.toml\n");

    let mut by_variable = flightdeck(home.path());
    by_variable.env("FLIGHTDECK_CONFIG", "other.toml");
    assert_eq!(path(by_variable), "other.toml\n");

    let mut by_argument = flightdeck(home.path());
    by_argument
        .env("FLIGHTDECK_CONFIG", "other.toml")
        .args(["--config", "third.toml"]);
    assert_eq!(path(by_argument), "third.toml\n");

    let mut empty = flightdeck(home.path());
    empty.env("FLIGHTDECK_CONFIG", "");
    assert_eq!(path(empty), "flightdeck.toml\n");
}

#[test]
fn a_configuration_that_is_well_is_told_in_short() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("flightdeck.toml"), WELL).unwrap();
    let well = flightdeck(home.path())
        .args(["config", "check"])
        .assert()
        .code(0);
    insta::assert_snapshot!(printed(&well), @r"
    flightdeck.toml is well
      production: backend on deploy@shop.example.com, project shop in /srv/shop
    ");
}

#[test]
fn every_command_says_what_is_wrong_with_the_line() {
    let home = tempfile::tempdir().unwrap();
    let text = WELL.replace("host =", "hots =");
    fs::write(home.path().join("flightdeck.toml"), text).unwrap();
    for arguments in [
        &["config", "check"][..],
        &["status"],
        &["rollback", "production", "--yes"],
        &["watch"],
    ] {
        let wrong = flightdeck(home.path()).args(arguments).assert().code(2);
        assert_eq!(printed(&wrong), "", "{arguments:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(told(&wrong), @r#"
            flightdeck.toml:6:15: [environments.production] has no "host"
              6 | [environments.production]
                |               ^^^^^^^^^^ add host = "user@server", or host = "local"
            flightdeck.toml:7:1: unknown key "hots" in [environments.production]
              7 | hots = "deploy@shop.example.com"
                | ^^^^ did you mean "host"?
            2 problems
            "#);
        }
    }
}

#[test]
fn problems_are_json_for_programs() {
    let home = tempfile::tempdir().unwrap();
    fs::write(
        home.path().join("flightdeck.toml"),
        WELL.replace("pin", "pni"),
    )
    .unwrap();
    let wrong = flightdeck(home.path())
        .args(["config", "check", "--json"])
        .assert()
        .code(2);
    let value: serde_json::Value = serde_json::from_str(&printed(&wrong)).unwrap();
    assert_eq!(value["path"], "flightdeck.toml");
    assert_eq!(value["problems"][1]["line"], 4);
    assert_eq!(value["problems"][1]["help"], "did you mean \"pin\"?");
}

#[test]
fn a_named_configuration_that_is_not_there_is_told_with_who_named_it() {
    let home = tempfile::tempdir().unwrap();
    let missing = flightdeck(home.path())
        .args(["config", "check", "--config", "gone.toml"])
        .assert()
        .code(2);
    assert_eq!(
        told(&missing),
        "error: cannot read the configuration gone.toml (named by --config): No such file or \
         directory (os error 2)\n"
    );
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("flightdeck.toml"), WELL).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let quiet = flightdeck(home.path())
        .args(["config", "check"])
        .stdout(writer)
        .assert()
        .code(0);
    assert_eq!(told(&quiet), "");
}

#[test]
fn a_log_is_written_to_the_state_directory_and_holds_no_secret() {
    let home = tempfile::tempdir().unwrap();
    let text = format!("{WELL}\n[github]\nrepository = \"a/b\"\ntoken = \"hunter2\"\n");
    fs::write(home.path().join("flightdeck.toml"), text).unwrap();
    let wrong = flightdeck(home.path())
        .args(["--log-level", "trace", "config", "check"])
        .assert()
        .code(2);
    assert!(!told(&wrong).contains("hunter2"));
    let state = home.path().join(".local/state/flightdeck");
    let logs: Vec<String> = fs::read_dir(state)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(logs.len(), 1);
    assert!(logs[0].contains("written in clear"), "{}", logs[0]);
    assert!(!logs[0].contains("hunter2"));
}

#[test]
fn the_examples_keys_are_keys_of_the_cockpit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("config.example.toml");
    let text = fs::read_to_string(&path).unwrap();
    let config = flightdeck::config::parse(&text, &path).unwrap();
    flightdeck::cockpit::keymap::Keymap::new(&config.interface.keys).unwrap();
}
