mod shells;

use crate::{
    plan::fixture::{World, digest, of, promote, record},
    release::{
        operation::{Direction, Outcome},
        plan::{Deed, Plan, PlanKind, RollbackTo, SchemaChoice},
    },
};

const MORE: &str = r#"
[environments.production.migration]
service = "backend"
tool = "alembic"

[[environments.production.checks]]
name = "it's up"
http = "http://localhost/status?a=1&b=$2"
body = "ok"

[[environments.production.checks]]
name = "selftest"
exec = ["python", "-c", "print('ok')"]
inside = "backend"
"#;

pub(super) fn world() -> World {
    let mut world = World::with(MORE);
    world.survey.means.curl = true;
    world.survey.schema_heads = Some(vec!["c9e2".to_owned()]);
    world.survey.last_operation = Some(crate::release::operation::OperationId(41));
    world
}

fn promotion() -> (World, Plan) {
    let mut world = world();
    let plan = world.plan(promote(2)).unwrap();
    (world, plan)
}

fn full_rollback() -> (World, Plan) {
    let mut world = world();
    world.runs(2);
    let mut first = record(40, PlanKind::Promote, 3, 1, Outcome::Succeeded);
    first
        .results
        .insert("schema_heads".to_owned(), "a1f3".to_owned());
    world.records(vec![
        first,
        record(41, PlanKind::Promote, 1, 2, Outcome::Succeeded),
    ]);
    let plan = world
        .plan(Deed::Rollback {
            to: RollbackTo::LastHealthy,
            schema: SchemaChoice::Downgrade,
        })
        .unwrap();
    (world, plan)
}

fn migration() -> (World, Plan) {
    let mut world = world();
    let plan = world
        .plan(Deed::Migrate {
            versions: Default::default(),
            to: None,
        })
        .unwrap();
    (world, plan)
}

fn adoption() -> (World, Plan) {
    let mut world = world();
    let plan = world.plan(Deed::Adopt).unwrap();
    (world, plan)
}

fn all() -> [(World, Plan); 4] {
    [promotion(), full_rollback(), migration(), adoption()]
}

/// What people read, and what runs.
fn shown((world, plan): &(World, Plan)) -> String {
    let environment = &world.config.environments[0];
    let rendered = super::commands(plan, environment);
    let mut text = String::new();
    for (title, direction, commands) in [
        ("FORWARD", Direction::Forward, &rendered.forward),
        ("BACK", Direction::Back, &rendered.back),
    ] {
        for (step, (id, lines)) in plan.steps(direction).iter().zip(commands) {
            let script = super::scripts::of(step, direction, plan, environment).unwrap();
            text.push_str(&format!("--- {title} {id}\n{}\n", lines.join("\n")));
            text.push_str(&format!("> {}\n", script.trim_end().replace('\n', "\n> ")));
        }
    }
    text
}

#[test]
fn a_promotion_as_commands_and_scripts() {
    insta::assert_snapshot!(shown(&promotion()));
}

#[test]
fn a_full_rollback_as_commands_and_scripts() {
    insta::assert_snapshot!(shown(&full_rollback()));
}

#[test]
fn a_migration_as_commands_and_scripts() {
    insta::assert_snapshot!(shown(&migration()));
}

#[test]
fn an_adoption_as_commands_and_scripts() {
    insta::assert_snapshot!(shown(&adoption()));
}

#[test]
fn the_basis_and_the_head_of_the_library() {
    let (world, plan) = promotion();
    let environment = &world.config.environments[0];
    let head = super::library::head(environment, &world.config.services).unwrap();
    let basis = super::basis::script(&plan, environment).unwrap();
    let calls = basis.rfind("same 'last operation'").unwrap();
    insta::assert_snapshot!(format!("{head}---\n{}", &basis[calls..]));
}

#[test]
fn a_folder_holds_no_secret_but_in_its_attachments() {
    for (world, plan) in all() {
        let environment = &world.config.environments[0];
        let folder = super::folder(&plan, environment, &world.config.services).unwrap();
        assert!(!format!("{folder:?}").contains("SECRET"));
        assert!(!serde_json::to_string(&plan).unwrap().contains("SECRET"));
        assert!(!shown(&(world, plan)).contains("SECRET"));
    }
}

#[test]
fn a_rollback_may_go_over_an_interrupted_operation_and_a_promotion_may_not() {
    use crate::target::compose::script::Pass;
    assert!(super::passes(&full_rollback().1).contains(&Pass::Interrupted));
    assert!(super::passes(&promotion().1).is_empty());
}

#[test]
fn environment_files_are_named_where_compose_does_not_find_them_by_itself() {
    let mut world = world();
    let crate::config::Target::Compose(compose) = &mut world.config.environments[0].target;
    compose.environment_files = vec![".env.docker".to_owned(), ".env".to_owned()];
    compose.host.docker = ["sudo", "-n", "docker"].map(str::to_owned).into();
    compose.host.socket = Some("/run/user/1000/docker.sock".to_owned());
    let words = super::compose_words(compose).join(" ");
    assert_eq!(
        words,
        "sudo -n docker compose -p shop -f docker-compose.yml --env-file .env.docker --env-file .env"
    );
    let head = super::library::head(&world.config.environments[0], &world.config.services).unwrap();
    assert!(head.contains("sudo -n docker -H unix:///run/user/1000/docker.sock"));
    let digest = digest(2);
    let name: crate::release::ImageReference = of(&format!("ghcr.io/acme/shop:v2@{digest}"));
    let name = crate::release::plan::ImageName::Reference(name);
    assert_eq!(
        super::scripts::engine_name(&name),
        format!("ghcr.io/acme/shop@{digest}")
    );
}
