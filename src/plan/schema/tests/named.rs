//! `migrate --to`: what a text names to each tool, and that a revision which nobody knows is refused.

use super::{tools::*, *};

fn asked(world: &mut World, tag: Option<u8>, to: &str) -> Result<Plan, String> {
    let versions = tag.map(|n| (of("backend"), version(n)));
    let deed = Deed::Migrate {
        versions: versions.into_iter().collect(),
        to: Some(to.to_owned()),
    };
    world.plan(deed).map_err(|fault| fault.to_string())
}

/// Version 1 runs at `a1f3` and knows the line of three.
fn knowing() -> World {
    let mut world = World::with(ALEMBIC);
    world.survey.schema_heads = Some(names(&["a1f3"]));
    world.survey.schema_history = line();
    world
}

#[test]
fn a_revision_that_the_image_does_not_know_is_refused_by_its_name() {
    let refused = asked(&mut knowing(), None, "ffff").unwrap_err();
    for words in ["v1 has no revision ffff", "d4b7 an index", "c9e2 orders"] {
        assert!(refused.contains(words), "{refused}");
    }
    // Another image is asked itself, where it lies on the server.
    let mut world = knowing();
    world.survey.candidate_history = Some(line()[1..].to_vec());
    let refused = asked(&mut world, Some(2), "d4b7").unwrap_err();
    assert!(refused.contains("v2 has no revision d4b7"), "{refused}");
    let plan = asked(&mut world, Some(2), "c9e2").unwrap();
    assert!(!warns(&plan, "cannot be told"), "{:?}", plan.warnings);
}

#[test]
fn what_nobody_can_tell_is_said_and_left_to_the_migration() {
    // It is not there yet: what the image that runs knows says nothing of it.
    let plan = asked(&mut knowing(), Some(2), "ffff").unwrap();
    assert_eq!(commands(&plan), ["alembic upgrade ffff"]);
    let words =
        "whether v2 has the revision ffff cannot be told (its image does not lie on the server yet";
    assert!(warns(&plan, words), "{:?}", plan.warnings);
    let mut world = knowing();
    world.survey.schema_history.clear();
    let plan = asked(&mut world, None, "ffff").unwrap();
    assert!(warns(&plan, "did not name its revisions"));
    for word in ["heads", "base"] {
        let plan = asked(&mut world, None, word).unwrap();
        assert!(!warns(&plan, "cannot be told"), "{:?}", plan.warnings);
    }
    // Django has to ask its database, and only what runs can.
    let mut world = knowing();
    world.config.environments[0].migration = Some(configured("django"));
    let plan = asked(&mut world, Some(2), "shop.0009_x").unwrap();
    assert!(warns(&plan, "only in a container that runs"));
    // Those that cannot be sent to a revision say that.
    for (tool, words) in [
        ("prisma", "newest revision only"),
        ("command", "newest revision only"),
    ] {
        let mut world = knowing();
        world.config.environments[0].migration = Some(configured(tool));
        let refused = asked(&mut world, None, "ffff").unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn a_downgrade_says_where_nobody_can_tell_whether_the_image_knows_its_goal() {
    let mut world = at("c9e2", "a1f3", Vec::new());
    let plan = world.plan(rollback(SchemaChoice::Downgrade)).unwrap();
    assert_eq!(commands(&plan), ["alembic downgrade a1f3"]);
    let words = "whether v2 has the revision a1f3 cannot be told";
    assert!(warns(&plan, words), "{:?}", plan.warnings);
    // Once it was asked, it is known.
    let mut world = at("c9e2", "a1f3", line()[..2].to_vec());
    let refused = world.plan(rollback(SchemaChoice::Downgrade)).unwrap_err();
    let words = "a1f3 is no revision that the image that runs knows";
    assert!(refused.message.contains(words), "{refused}");
    let plan = at("c9e2", "a1f3", line())
        .plan(rollback(SchemaChoice::Downgrade))
        .unwrap();
    assert!(!warns(&plan, "cannot be told"));
}

#[test]
fn an_abbreviation_is_written_out_and_refused_where_it_means_several() {
    let mut world = knowing();
    let plan = asked(&mut world, None, "d4").unwrap();
    assert_eq!(commands(&plan), ["alembic upgrade d4b7"]);
    world.survey.schema_history.push(revision("d4c8", &[], ""));
    let refused = asked(&mut world, None, "d4").unwrap_err();
    assert!(refused.contains("d4 can mean several revisions of v1"));
    assert!(refused.contains("d4b7, d4c8"), "{refused}");
}

/// What each text names to a tool: a revision, `several`, `word`, or `nothing`.
#[track_caller]
fn names_to(tool: &str, history: &[SchemaRevision], expected: &[(&str, &str)]) {
    let migration = configured(tool);
    let tool = super::tool(&migration);
    for (text, meant) in expected {
        let named = match tool.named(history, text) {
            Named::One(known) => known.revision.as_str(),
            Named::Several(_) => "several",
            Named::Word => "word",
            Named::Nothing => "nothing",
        };
        assert_eq!(named, *meant, "{text}");
    }
}

#[test]
fn alembic_takes_branches_and_words_of_its_own() {
    let history = tool(&configured("alembic")).revisions(HISTORY);
    let words = [
        ("f666", "f666"),
        ("f6", "f666"),
        ("head", "word"),
        ("heads", "word"),
        ("base", "word"),
        ("side", "word"),
        ("sid", "word"),
        ("aside", "nothing"),
        ("evil", "nothing"),
    ];
    names_to("alembic", &history, &words);
}

#[test]
fn django_takes_what_is_pending_too_and_an_app_at_nothing() {
    let printed = format!("{DJANGO}[X]  shop.0005_the price list\n");
    let history = tool(&configured("django")).revisions(&printed);
    let words = [
        ("shop.0004_later", "shop.0004_later"),
        ("shop.0003", "shop.0003_data"),
        ("shop.0005", "shop.0005_the price list"),
        ("shop.000", "several"),
        ("shop.zero", "word"),
        ("shop.0009", "nothing"),
        ("polls.zero", "nothing"),
        ("shop", "nothing"),
    ];
    names_to("django", &history, &words);
}

#[test]
fn rails_and_flyway_take_versions_in_full() {
    let status = "  up     20240101000000  Create orders\n down    20240201000000  Add price\n";
    let history = tool(&configured("rails")).revisions(status);
    let words = [
        ("20240201000000", "20240201000000"),
        ("2024", "nothing"),
        ("0", "word"),
    ];
    names_to("rails", &history, &words);
    let info = r#"{"migrations": [{"version": "1", "state": "Success"}, {"version": "2.1", "state": "Pending"}]}"#;
    let history = tool(&configured("flyway")).revisions(info);
    let words = [
        ("1.0", "1"),
        ("02.1", "2.1"),
        ("2", "nothing"),
        ("10", "nothing"),
        ("latest", "word"),
    ];
    names_to("flyway", &history, &words);
}

#[test]
fn a_revision_below_is_gone_down_to_with_every_tool() {
    let cases: [(&str, &str, &str, &str, &str); 5] = [
        (
            "django",
            DJANGO,
            "contenttypes.0001_initial,auth.0002_alter,shop.0003_data",
            "shop.0001",
            "python manage.py migrate --noinput shop 0001_orders",
        ),
        (
            "django",
            DJANGO,
            "contenttypes.0001_initial,auth.0002_alter,shop.0003_data",
            "shop.zero",
            "python manage.py migrate --noinput shop zero",
        ),
        (
            "rails",
            " up 20240101000000 Orders\n up 20240201000000 Price\n",
            "20240201000000",
            "20240101000000",
            "bin/rails db:migrate VERSION=20240101000000",
        ),
        (
            "rails",
            " up 20240101000000 Orders\n",
            "20240101000000",
            "0",
            "bin/rails db:migrate VERSION=0",
        ),
        ("flyway", FLYWAY, "2", "1", "paid edition"),
    ];
    for (name, printed, now, to, expected) in cases {
        let migration = configured(name);
        let mut world = World::with(ALEMBIC);
        world.survey.schema_heads = Some(heads_of_result(now));
        world.survey.schema_history = tool(&migration).revisions(printed);
        world.config.environments[0].migration = Some(migration);
        match asked(&mut world, None, to) {
            Ok(plan) => {
                assert_eq!(commands(&plan), [expected]);
                let lost = "the schema goes down from";
                assert!(warns(&plan, lost), "{:?}", plan.warnings);
            }
            Err(refused) => assert!(refused.contains(expected), "{name} {to}: {refused}"),
        }
    }
}

const FLYWAY: &str = r#"{"migrations": [{"version": "1", "state": "Success"}, {"version": "2", "state": "Success"}]}"#;
