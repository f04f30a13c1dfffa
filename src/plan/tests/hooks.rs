//! Hooks in plans.

use super::*;

const HOOKS: &str = "[[environments.production.hooks]]\nname = \"freeze\"\nwhen = \"before\"\n\
                     command = \"./freeze\"\n\
                     [[environments.production.hooks]]\nwhen = \"after\"\nwebhook = { env = \"HOOK\" }\n";

#[test]
fn hooks_run_before_anything_changes_and_once_it_is_over() {
    let mut world = World::with(HOOKS);
    let fault = world.plan(promote(2)).unwrap_err();
    assert!(
        fault.message.contains("neither curl nor GNU wget"),
        "{fault}"
    );
    world.survey.means.curl = true;
    let plan = world.plan(promote(2)).unwrap();
    let at = |id: &str| ids(&plan.forward).iter().position(|other| *other == id);
    assert!(
        at("pull-backend") < at("hook-freeze"),
        "{:?}",
        ids(&plan.forward)
    );
    assert_eq!(at("hook-freeze").map(|at| at + 1), at("pin"));
    assert_eq!(ids(&plan.closing), ["hook-webhook"]);
    assert!(!ids(&plan.back).iter().any(|id| id.starts_with("hook")));
    let failure = |step: Option<&Step>| step.map(|step| step.failure);
    let before = plan.forward.iter().find(|step| step.id == "hook-freeze");
    assert_eq!(failure(before), Some(OnStepFailure::Stops));
    assert_eq!(failure(plan.closing.first()), Some(OnStepFailure::Reported));
    // Adopting changes nothing, and is no deed that hooks are tied to unless they say so.
    let adoption = world.plan(Deed::Adopt).unwrap();
    assert_eq!(adoption.closing.len(), 0);
}

#[test]
fn no_hook_and_no_check_stops_a_rollback() {
    let check =
        "[[environments.production.checks]]\nname = \"status\"\nhttp = \"http://localhost/\"\n";
    let mut world = World::with(&format!("{HOOKS}{check}"));
    world.runs(2);
    world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
    let plan = world.plan(rollback()).unwrap();
    let before = plan.forward.iter().find(|step| step.id == "hook-freeze");
    assert_eq!(
        before.map(|step| step.failure),
        Some(OnStepFailure::Reported)
    );
    // It has 5 s, and what it prints last is read.
    let limit = before.map(|step| step.limit.as_secs());
    assert_eq!(limit, Some(10), "a hook holds up the rollback");
    let hurried = "nothing holds up a rollback: 5 s at most for \"freeze\"";
    assert!(
        plan.warnings.iter().any(|warning| warning == hurried),
        "{:?}",
        plan.warnings
    );
    // What cannot be asked or told is left out, and the plan says so.
    assert!(!ids(&plan.forward).contains(&"verify-check-status"));
    assert_eq!(plan.closing.len(), 0);
    for left_out in ["\"status\"", "\"webhook\""] {
        let said = |warning: &String| warning.contains("left out") && warning.contains(left_out);
        assert!(plan.warnings.iter().any(said), "{:?}", plan.warnings);
    }
}

#[test]
fn a_hook_stops_a_rollback_only_where_the_configuration_says_both() {
    let rollback_with = |more: &str| {
        let mut world = World::with(&format!(
            "[[environments.production.hooks]]\nname = \"approval\"\nwhen = \"before\"\n\
             command = \"./approval\"\n{more}"
        ));
        world.runs(2);
        world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
        world.plan(rollback()).unwrap()
    };
    let says_so = |plan: &Plan| {
        plan.warnings
            .iter()
            .any(|w| w.contains("stops this rollback"))
    };
    let hook = |plan: &Plan| {
        let steps = plan.forward.iter();
        let hook = steps.filter(|step| matches!(step.intent, Intent::Hook(_)));
        hook.map(|step| (step.failure, step.limit.as_secs())).next()
    };
    for tied in [
        "",
        "blocking = true\n",
        "on = [\"rollback\"]\n",
        "on = [\"rollback\"]\nblocking = false\n",
    ] {
        let plan = rollback_with(tied);
        assert_eq!(hook(&plan), Some((OnStepFailure::Reported, 10)), "{tied}");
        assert!(!says_so(&plan), "{tied}: {:?}", plan.warnings);
    }
    let plan = rollback_with("on = [\"promote\", \"rollback\"]\nblocking = true\n");
    assert_eq!(hook(&plan), Some((OnStepFailure::Stops, 35)));
    assert!(says_so(&plan), "{:?}", plan.warnings);
}

#[test]
fn a_webhook_that_is_to_stop_rollbacks_and_cannot_be_told_is_said_before() {
    let mut world = World::with(
        "[[environments.production.hooks]]\nwhen = \"before\"\nwebhook = { env = \"HOOK\" }\n\
         on = [\"rollback\"]\nblocking = true\n",
    );
    world.runs(2);
    world.records(vec![promoted(1, 3, 1), promoted(2, 1, 2)]);
    let fault = world.plan(rollback()).unwrap_err();
    assert!(
        fault.message.contains("neither curl nor GNU wget"),
        "{fault}"
    );
}

#[test]
fn a_hook_is_called_by_its_name_wherever_its_step_is() {
    let hook = |name: &str, when: &str| {
        format!(
            "[[environments.production.hooks]]\nname = \"{name}\"\nwhen = \"{when}\"\ncommand = \"true\"\n"
        )
    };
    let long = "w".repeat(70);
    let hooks = [
        hook("Tell the team!", "before"),
        hook("tell the team", "after"),
        hook("сообщить", "after"),
        hook(&long, "after"),
    ];
    let mut world = World::with(&hooks.concat());
    let plan = world.plan(promote(2)).unwrap();
    assert!(ids(&plan.forward).contains(&"hook-tell-the-team"));
    // Their secrets lie side by side, whichever list they are in.
    assert_eq!(
        ids(&plan.closing),
        [
            "hook-tell-the-team-2",
            "hook-3",
            &format!("hook-{}", "w".repeat(40)),
        ]
    );
}
