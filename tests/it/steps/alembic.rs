//! The ways down that are planned, gone by Alembic itself: a fork, a merge, a base of its own.

use std::io::Write as _;
use std::process::Stdio;

use flightdeck::{
    config::{Migration, MigrationTool},
    plan::schema::{self, Known, Named},
    release::survey::Undo,
};

use super::{name, words};
use crate::support::{
    project::version,
    real_world::{Compose, RealWorld, run},
};

/// A project of Alembic's on SQLite: `a111` forks into `b222`, whose branch is `left`, and `c333`, `d444`
/// joins them and forks into `e555` and `f666`, which needs `x777`, a base of its own.
const PROJECT: &str = r#"
cd /tmp/schema && mkdir versions && cat >env.py <<'END'
from alembic import context
from sqlalchemy import create_engine
with create_engine("sqlite:////tmp/schema/db").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
END
printf '[alembic]\nscript_location = /tmp/schema\n' >alembic.ini
revision() {
	printf '"""%s\n\nRev: nobody\n"""\nfrom alembic import op\nrevision = "%s"\ndown_revision = %s\ndepends_on = %s\n' "$1 words" "$1" "$2" "$3"
	printf 'def upgrade():\n    op.execute("SELECT 1")\n\ndef downgrade():\n    %s\n' "$4"
}
undo='op.execute("SELECT 2")'
revision a111 None None "$undo" >versions/a.py
revision b222 '"a111"' None "$undo" >versions/b.py
revision c333 '"a111"' None "$undo" >versions/c.py
sed -i '/^depends_on/i branch_labels = ("left",)' versions/b.py
printf '"""join"""\nrevision = "d444"\ndown_revision = ("b222", "c333")\ndef upgrade():\n    pass\ndef downgrade():\n    pass\n' >versions/d.py
revision e555 '"d444"' None "$undo" >versions/e.py
revision f666 '"d444"' '"x777"' "$undo" >versions/f.py
revision x777 None None pass >versions/x.py
"#;

/// A container, taken away when it is dropped.
struct Container<'a>(&'a RealWorld, String);

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.docker(&["rm", "-f", &self.1]);
    }
}

impl Container<'_> {
    fn docker(&self, arguments: &[&str]) -> String {
        run(self.0.docker(Compose::V226).args(arguments))
    }

    fn says(&self, command: &[String]) -> String {
        let mut all = vec!["exec", "-w", "/tmp/schema", &self.1];
        all.extend(command.iter().map(String::as_str));
        self.docker(&all)
    }
}

#[test]
fn alembic_goes_the_planned_ways_between_several_heads() {
    let Some(world) = RealWorld::get() else {
        return;
    };
    let image = format!(
        "{}/acme/shop-migrating:{}",
        world.registry(),
        version::FORMER
    );
    let run_it = ["run", "-d", "--network", "none", "--tmpfs", "/tmp/schema"];
    let mut docker = world.docker(Compose::V226);
    docker.args(run_it).args([&image, "sleep", "3600"]);
    let container = Container(&world, run(&mut docker).trim().to_owned());
    let mut lay = world.docker(Compose::V226);
    let mut child = lay
        .args(["exec", "-i", &container.1, "sh", "-s"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(PROJECT.as_bytes()).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());

    let migration = Migration {
        service: name("backend"),
        tool: MigrationTool::Alembic {
            command: words(&["alembic"]),
        },
    };
    let tool = schema::tool(&migration);
    let history = tool.revisions(&container.says(&tool.history().unwrap()));
    assert_eq!(history.len(), 7, "{history:?}");
    let heads = || -> Vec<String> {
        let told = container.says(&tool.heads().unwrap().command);
        let mut heads: Vec<String> = told
            .lines()
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect();
        heads.sort();
        heads
    };
    for goal in [
        &["e555", "x777"][..],
        &["d444"],
        &["b222", "c333"],
        &["a111", "x777"],
        &["x777"],
        &[],
    ] {
        container.says(&tool.up());
        let now = heads();
        assert_eq!(now, ["e555", "f666", "x777"]);
        let known = Known {
            history: &history,
            now: &now,
        };
        let goal = words(goal);
        let way = tool.way_down(&known, &goal).unwrap();
        for command in &way.commands {
            container.says(command);
        }
        assert_eq!(heads(), goal, "by {:?}", way.commands);
    }

    // A revision that a plan refuses is one that Alembic does not know either.
    for text in [
        "a111", "a1", "left", "le", "heads", "base", "zzzz", "bb", "nobody",
    ] {
        let mut show = world.docker(Compose::V226);
        show.args(["exec", "-w", "/tmp/schema", &container.1]);
        let shown = show.args(["alembic", "show", text]).output().unwrap();
        let is_named = tool.named(&history, text) != Named::Nothing;
        assert_eq!(is_named, shown.status.success(), "{text}: {shown:?}");
    }

    // What cannot be undone is read in the scripts that lie there.
    let now = words(&["e555", "f666", "x777"]);
    let known = Known {
        history: &history,
        now: &now,
    };
    let way = tool.way_down(&known, &[]).unwrap();
    let answers: Vec<Option<String>> = tool
        .ask_undo(&way)
        .iter()
        .map(|question| Some(container.says(question)))
        .collect();
    for judged in tool.judge(way, &answers) {
        let expected = judged.revision != "x777";
        assert_eq!(judged.undo == Undo::Possible, expected, "{judged:?}");
    }
}
