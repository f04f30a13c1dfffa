//! Each tool's own answers and ways.

use super::*;

pub fn configured(tool: &str) -> Migration {
    Migration {
        service: of("backend"),
        tool: match tool {
            "alembic" => MigrationTool::Alembic {
                command: names(&["alembic"]),
            },
            "django" => MigrationTool::Django {
                command: names(&["python", "manage.py"]),
            },
            "rails" => MigrationTool::Rails {
                command: names(&["bin/rails"]),
            },
            "prisma" => MigrationTool::Prisma {
                command: names(&["npx", "prisma"]),
            },
            "flyway" => MigrationTool::Flyway {
                command: names(&["flyway"]),
                down: None,
            },
            _ => MigrationTool::Command {
                up: names(&["./migrate"]),
                heads: None,
                down: Some(names(&["./migrate", "--to={revision}"])),
            },
        },
    }
}

pub const HISTORY: &str = "\
Rev: f666 (head)
Parent: d444
Also depends on: x777
Branch names: side
Path: /app/versions/f666.py

    after too

    more: text
    Rev: evil

Rev: d444 (branchpoint) (mergepoint)
Merges: b222, c333
Branches into: e555, f666
Path: /app/versions/d444.py

    join \u{1b}[31mthem

Rev: x777 (effective head)
Parent: <base>
Path: /app/versions/x777.py

";

#[test]
fn alembic_tells_its_graph() {
    let migration = configured("alembic");
    let found = tool(&migration).revisions(HISTORY);
    let heads: Vec<&str> = found.iter().map(|known| known.revision.as_str()).collect();
    assert_eq!(heads, ["f666", "d444", "x777"], "a message is no revision");
    assert_eq!(found[0].parents, ["d444"]);
    assert_eq!(found[0].depends_on, ["x777"]);
    assert_eq!(found[0].message, "after too");
    assert_eq!(found[0].script.as_deref(), Some("/app/versions/f666.py"));
    assert_eq!(found[1].parents, ["b222", "c333"]);
    assert!(!found[1].message.contains('\u{1b}'));
    assert_eq!(found[2].parents, [""; 0]);
}

pub const DJANGO: &str = "\
[X]  contenttypes.0001_initial
[X]  auth.0001_initial
[X]  shop.0001_orders
[X]  auth.0002_alter
[X]  shop.0002_price
[X]  shop.0003_data
[ ]  shop.0004_later
";

#[test]
fn django_goes_down_app_by_app_and_says_what_is_irreversible() {
    let migration = configured("django");
    let tool = tool(&migration);
    let history = tool.revisions(DJANGO);
    let told: Vec<(&str, Standing)> = history
        .iter()
        .map(|known| (known.revision.as_str(), known.standing))
        .collect();
    assert_eq!(
        told[..2],
        [
            ("shop.0004_later", Standing::Pending),
            ("shop.0003_data", Standing::Applied)
        ]
    );
    let now = names(&[
        "contenttypes.0001_initial",
        "auth.0002_alter",
        "shop.0003_data",
    ]);
    let known = Known {
        history: &history,
        now: &now,
    };
    let goal = names(&[
        "contenttypes.0001_initial",
        "auth.0001_initial",
        "shop.0001_orders",
    ]);
    let way = tool.way_down(&known, &goal).unwrap();
    let words = |command: &Vec<String>| command.join(" ");
    assert_eq!(
        way.commands.iter().map(words).collect::<Vec<_>>(),
        [
            "python manage.py migrate --noinput shop 0001_orders",
            "python manage.py migrate --noinput auth 0001_initial",
        ]
    );
    let undone: Vec<&str> = way
        .undone
        .iter()
        .map(|known| known.revision.as_str())
        .collect();
    assert_eq!(
        undone,
        ["shop.0003_data", "shop.0002_price", "auth.0002_alter"]
    );
    assert_eq!(
        tool.ask_undo(&way)[0].join(" "),
        "python manage.py migrate --noinput shop 0001_orders --plan"
    );
    let answer = |text: &str| Some(text.to_owned());
    let judged = tool.judge(
        way,
        &[
            answer(
                "Planned operations:\nshop.0003_data\n    Raw Python operation -> IRREVERSIBLE\n    Raw SQL operation -> IRREVERSIBLE\n\
                 shop.0002_price\n    Undo Add field price to order\n",
            ),
            answer("Planned operations:\nauth.0002_alter\n    Undo Alter field\n"),
        ],
    );
    assert_eq!(judged.len(), 3);
    assert!(matches!(&judged[0].undo, Undo::Refused(why) if why.contains("irreversible")));
    assert_eq!(judged[1].undo, Undo::Possible);
    // An app that came later goes to nothing; one that was there and is not now would have to come up.
    let without = names(&["contenttypes.0001_initial", "auth.0002_alter"]);
    let way = tool.way_down(&known, &without).unwrap();
    assert!(words(&way.commands[0]).ends_with("shop zero"));
    let gone = names(&["polls.0001_initial"]);
    assert!(tool.way_down(&known, &gone).is_err());
    let way = tool.down_to(&known, "shop.0002_price").unwrap();
    assert_eq!(way.undone.len(), 1);
    // As Django 3.2 prints it: what cannot be undone is said of that one alone.
    let printed = "Planned operations:\nshop.0003_data\n    Undo Add field note to order\n\
                   shop.0002_the price list\n    Raw Python operation -> IRREVERSIBLE\n";
    let judged = tool.judge(way, &[answer(printed)]);
    assert_eq!(judged[0].undo, Undo::Possible);
    assert_eq!(judged[1].revision, "shop.0002_the price list");
    assert!(matches!(judged[1].undo, Undo::Refused(_)));
}

#[test]
fn rails_goes_to_a_version_and_not_past_a_file_that_is_gone() {
    let migration = configured("rails");
    let tool = tool(&migration);
    let history = tool.revisions(
        "\ndatabase: shop_production\n\n Status   Migration ID    Migration Name\n\
         --------------------------------------------------\n\
         \x20  up     20240101000000  Create orders\n\
         \x20 down    20240201000000  Never came\n\
         \x20  up     20240301000000  ********** NO FILE **********\n\
         \x20  up     20240302000000  Orders have a customer\n\
         \x20  up     20240401000000  Orders have a price\n",
    );
    let known = Known {
        history: &history,
        now: &names(&["20240401000000"]),
    };
    let way = tool.way_down(&known, &names(&["20240302000000"])).unwrap();
    assert_eq!(
        way.commands[0].join(" "),
        "bin/rails db:migrate VERSION=20240302000000"
    );
    assert_eq!(counted(&way.undone), "1 revision");
    assert_eq!(way.undone[0].message, "Orders have a price");
    assert_eq!(obstacle(&way.undone), None);
    let gone = tool.way_down(&known, &names(&["20240301000000"]));
    assert!(gone.unwrap_err().contains("does not have its file"));
    let way = tool.way_down(&known, &names(&["20240101000000"])).unwrap();
    assert!(obstacle(&way.undone).is_some_and(|why| why.contains("does not have its file")));
    assert!(tool.way_down(&known, &names(&["20240201000000"])).is_err());
    assert!(tool.up_to("x; reboot").is_err());
}

#[test]
fn every_tool_says_what_it_cannot_do() {
    let nothing = Known {
        history: &[],
        now: &[],
    };
    let goal = names(&["7"]);
    let down = |name: &str| {
        let migration = configured(name);
        tool(&migration).way_down(&nothing, &goal)
    };
    assert!(down("prisma").unwrap_err().contains("no way down"));
    assert!(down("flyway").unwrap_err().contains("paid edition"));
    let way = down("command").unwrap();
    assert_eq!(way.commands, [names(&["./migrate", "--to=7"])]);
    for (name, tells) in [
        ("alembic", true),
        ("django", true),
        ("rails", true),
        ("flyway", true),
        ("prisma", false),
        ("command", false),
    ] {
        let migration = configured(name);
        assert_eq!(tool(&migration).heads().is_some(), tells, "{name}");
        assert!(!tool(&migration).up().is_empty());
    }
}

#[test]
fn flyway_tells_what_is_applied() {
    let migration = Migration {
        service: of("backend"),
        tool: MigrationTool::Flyway {
            command: names(&["flyway"]),
            down: Some(names(&["flyway", "undo", "-target={revision}"])),
        },
    };
    let tool = tool(&migration);
    let history = tool.revisions(
        r#"WARNING: outdated
        { "schemaVersion": "3", "migrations": [
            { "version": "1", "description": "orders", "state": "Success", "undoable": "Yes" },
            { "version": "2", "description": "price", "state": "Success", "undoable": "Yes" },
            { "version": "", "description": "views", "state": "Success" },
            { "version": "3", "description": "data", "state": "Success", "undoable": "No" },
            { "version": "4", "description": "later", "state": "Pending" } ] }"#,
    );
    let known = Known {
        history: &history,
        now: &names(&["3"]),
    };
    let way = tool.way_down(&known, &names(&["1"])).unwrap();
    assert_eq!(way.commands, [names(&["flyway", "undo", "-target=1"])]);
    assert_eq!(counted(&way.undone), "2 revisions");
    assert!(obstacle(&way.undone).is_some_and(|why| why.starts_with("3 data")));
    assert_eq!(tool.revisions("not JSON {"), []);
}
